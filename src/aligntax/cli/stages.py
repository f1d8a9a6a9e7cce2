"""`aligntax stages`: what every stage of a training cost and what safety it bought."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from aligntax.cli.answers import by_benchmark, check_benchmarks, detector_when_needed, with_chance
from aligntax.cli.keeping import keep
from aligntax.cli.output import print_json, status, stderr
from aligntax.cli.output import stages as progress
from aligntax.detectors import DEFAULT
from aligntax.errors import UnwritableOutput, UsageError, needs
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
        chances=by_benchmark("--chance", chance),
        precision=Precision(level=level, seed=seed),
        detector=detector_when_needed(detector or DEFAULT),
        detector_leads=detector is not None,
    )
    _check_drift(typed, drift or (), checkpoint or (), prompts)
    with status(quiet=quiet) as tell:
        tell(f"reading {len(typed)} stages")
        stages = [_with_chances(stage, settings) for stage in read_stages(typed)]
        names = [stage.name for stage in stages]
        found, unmatched = tracks(stages)
        check_benchmarks({"--chance": settings.chances}, (track.benchmark for track in found))
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
    keep(contents)
    if as_json:
        print_json(contents)
    else:
        print_stages(contents, Console(highlight=False))


def _with_chances(stage: Stage, settings: Settings) -> Stage:
    """With the chance a person gave, which holds for all stages."""
    return replace(stage, answers=[with_chance(one, settings.chances) for one in stage.answers])


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
    with needs("weights"):
        from aligntax.cli.drift import Options, measure
    found = list[StepDrift]()
    with progress(quiet=quiet) as stage:
        for at, (before, after) in enumerate(itertools.pairwise(checkpoints)):
            options = Options(
                reference=before, model=after, prompts=prompts, weights=False, level=level, seed=seed
            )
            document = measure(options, stage)
            found.append(StepDrift(before=at, after=at + 1, document=document, by="measured"))
    return found


def _keep(contents: Mapping[str, object], path: Path) -> None:
    try:
        save_document(dict(contents), path)
    except OSError as error:
        raise UnwritableOutput(f"{path}: cannot be written: {error.strerror}", hint="--out FILE") from error
