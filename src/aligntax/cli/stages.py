"""`aligntax stages`: what every stage of a training cost and what safety it bought."""

import contextlib
import datetime as dt
import io
import itertools
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console

from aligntax.cli.log import stderr
from aligntax.detectors import DEFAULT, DETECTORS
from aligntax.detectors import detector as named_detector
from aligntax.errors import UnwritableOutput, UsageError, needs
from aligntax.extension_points import Detector
from aligntax.report.charts import save_chart
from aligntax.report.charts.stages import stages_chart
from aligntax.report.document import save_document
from aligntax.report.stages import stages_document
from aligntax.report.stages_tables import print_stages
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.differences import Precision
from aligntax.tax.stages.drift import StepDrift, drift_of_steps, read_drift
from aligntax.tax.stages.sources import Stage, read_stages
from aligntax.tax.stages.stages import measure_stages, refuse_stages, tracks

__all__ = ["run"]


def run(
    *,
    typed: Sequence[str],
    drift: Sequence[Path] | None,
    checkpoint: Sequence[str] | None,
    prompts: Path | None,
    chance: Sequence[str] | None,
    detector: str | None,
    level: float,
    seed: int,
    force: bool,
    chart: Path | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Reads the stages, measures, keeps, draws, prints; see the options of the command."""
    settings = Settings(
        chances=_chances(chance),
        precision=Precision(level=level, seed=seed),
        detector=_detector(detector or DEFAULT),
        detector_leads=detector is not None,
    )
    _check_drift(typed, drift or (), checkpoint or (), prompts)
    with _status(quiet) as tell:
        tell(f"reading {len(typed)} stages")
        stages = [_with_chances(stage, settings) for stage in read_stages(typed)]
        names = [stage.name for stage in stages]
        found, unmatched = tracks(stages)
        _check_names(settings.chances, [track.benchmark for track in found])
        forced = refuse_stages(found, names, force=force)
        documents = [read_drift(path) for path in drift or ()]
        moved = drift_of_steps(documents, stages)
        measured = measure_stages(
            found, names, settings, lambda done: tell(f"{done} of {len(found)} benchmarks measured")
        )
    if checkpoint and prompts:
        moved = _measured_drift(checkpoint, prompts, level=level, seed=seed, quiet=quiet)
    contents = stages_document(
        stages,
        measured,
        moved,
        settings,
        created=dt.datetime.now(dt.UTC),
        forced=forced,
        unmatched=unmatched,
    )
    if out is not None:
        _keep(contents, out)
    if chart is not None:
        save_chart(stages_chart(contents), chart)
    if not quiet:
        for path in (out, chart):
            if path is not None:
                stderr().print(f"wrote {path}", markup=False)
    if as_json:
        json.dump(contents, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
        sys.stdout.write("\n")
    else:
        print_stages(contents, Console(highlight=False))


def _detector(name: str) -> Callable[[], Detector]:
    """What makes the detector when it is first needed: many files have nothing to detect in."""
    if name not in DETECTORS:
        named_detector(name)  # which says what is wrong with it
    return cache(lambda: named_detector(name))


def _with_chances(stage: Stage, settings: Settings) -> Stage:
    """With the chance a person gave, which holds for all stages."""
    answers = [replace(one, chance=settings.chances.get(one.benchmark, one.chance)) for one in stage.answers]
    return replace(stage, answers=answers)


def _chances(given: Sequence[str] | None) -> dict[str, float]:
    found = dict[str, float]()
    for text in given or ():
        name, _, value = text.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = math.nan
        if not name or not math.isfinite(found[name]):
            raise UsageError(f"--chance {text}: not understood", hint="--chance mmlu=0.25")
    return found


def _check_names(chances: Mapping[str, float], known: Sequence[str]) -> None:
    if unknown := [name for name in chances if name not in known]:
        listed = ", ".join(list(dict.fromkeys(known))[:12])
        raise UsageError(f"--chance: no benchmark is called {unknown[0]!r}", hint=f"one of: {listed}")


def _check_drift(
    typed: Sequence[str], drift: Sequence[Path], checkpoint: Sequence[str], prompts: Path | None
) -> None:
    if drift and (checkpoint or prompts):
        raise UsageError(
            "drift is either read or measured", hint="--drift FILE, or --checkpoint with --prompts"
        )
    if bool(checkpoint) != bool(prompts):
        raise UsageError(
            "drift is measured between checkpoints on prompts",
            hint="--prompts FILE and one --checkpoint for each stage",
        )
    if checkpoint and len(checkpoint) != len(typed):
        raise UsageError(
            f"{len(checkpoint)} checkpoints for {len(typed)} stages",
            hint="one --checkpoint for each, in order",
        )


def _measured_drift(
    checkpoints: Sequence[str], prompts: Path, *, level: float, seed: int, quiet: bool
) -> list[StepDrift]:
    """Every checkpoint against the one before."""
    return [
        StepDrift(
            before=at,
            after=at + 1,
            document=_drift_document(before, after, prompts, level=level, seed=seed, quiet=quiet),
            by="measured",
        )
        for at, (before, after) in enumerate(itertools.pairwise(checkpoints))
    ]


def _drift_document(
    reference: str, model: str, prompts: Path, *, level: float, seed: int, quiet: bool
) -> Mapping[str, Any]:
    """What `aligntax drift REF MODEL --prompts FILE --no-weights --json` prints."""
    with needs("weights"):
        from aligntax.cli.drift import run as drift
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        drift(
            reference=reference,
            model=model,
            prompts=prompts,
            text=None,
            samples=1,
            max_new_tokens=64,
            max_length=1024,
            seed=seed,
            limit=None,
            chat=False,
            group="prompt_type",
            vocab="exact",
            weights=False,
            rank=0,
            best_of_n=None,
            cache=None,
            device="cpu",
            dtype="auto",
            batch=8,
            level=level,
            as_json=True,
            chart=None,
            quiet=quiet,
        )
    found: Mapping[str, Any] = json.loads(printed.getvalue())
    return found


def _keep(contents: Mapping[str, object], path: Path) -> None:
    try:
        save_document(dict(contents), path)
    except OSError as error:
        raise UnwritableOutput(f"{path}: cannot be written: {error.strerror}", hint="--out FILE") from error


@contextlib.contextmanager
def _status(quiet: bool) -> Iterator[Callable[[str], None]]:
    console = stderr()
    if quiet or not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as status:
        yield status.update
