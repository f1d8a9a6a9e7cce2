"""`aligntax compare`: what changed between two models, or between two audits."""

import datetime as dt
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aligntax.cli.answers import by_benchmark, check_benchmarks, detector_when_needed, with_chance
from aligntax.cli.compare_bills import compare_bills, is_bill
from aligntax.cli.compare_shown import MARGIN, show
from aligntax.cli.output import status
from aligntax.detectors import DEFAULT
from aligntax.errors import UsageError
from aligntax.report.compared import comparison
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.compared import compare as compare_answers
from aligntax.tax.pairs.differences import Precision
from aligntax.tax.pairs.matching import Match, match, refuse
from aligntax.tax.pairs.sides import sides
from aligntax.traffic.redaction import Redactor

__all__ = ["run"]

_LIVE = ("model", "prompts", "purpose", "log", "judge", "system", "second_system", "second_temperature")
"""Options that only mean something where models are asked."""
_FILES = ("benchmark", "metric", "chance")
"""Options that only mean something where files are read."""


def run(*, first: str | None, second: str | None, **given: Any) -> None:  # noqa: ANN401 - of the command
    """Compares two files, or two models asked now; see the options of the command."""
    if any(given[name] is not None for name in _LIVE):
        if first is not None:
            raise UsageError(
                f"{first}: a file, and options of asking", hint="either two files, or --model twice"
            )
        if told := [name for name in _FILES if given.pop(name)]:
            raise UsageError(f"--{told[0]}: there are no benchmarks to ask", hint=f"leave out --{told[0]}")
        from aligntax.cli.compare_live import ask

        ask(**given)
        return
    if first is None:
        raise UsageError("nothing to compare", hint="compare A B, or --model A --model B --prompts FILE")
    own = set(inspect.signature(_files).parameters) - {"first", "second"}
    _files(first, second, **{name: value for name, value in given.items() if name in own})


def _files(
    first: str,
    second: str | None,
    *,
    benchmark: Sequence[str] | None,
    metric: Sequence[str] | None,
    margin: Sequence[str] | None,
    chance: Sequence[str] | None,
    detector: str | None,
    level: float,
    seed: int,
    flips: int,
    force: bool,
    chart: Path | None,
    as_json: bool,
    keep_text: bool,
    quiet: bool,
) -> None:
    """Reads both sides, compares what stands against each other, prints."""
    if is_bill(first) or (second is not None and is_bill(second)):
        _bills(first, second, force=force, chart=chart, as_json=as_json)
        return
    margins = by_benchmark("--margin", margin, least=0.0)
    settings = Settings(
        margin=margins.pop("", MARGIN),
        margins=margins,
        chances=by_benchmark("--chance", chance),
        precision=Precision(level=level, seed=seed),
        detector=detector_when_needed(detector or DEFAULT),
        detector_leads=detector is not None,
        redactor=None if keep_text else Redactor(),
    )
    with status(quiet=quiet) as tell:
        matches, unmatched = _matches(first, second, settings, benchmark or (), metric or (), tell)
        given = {"--margin": margins, "--chance": settings.chances}
        check_benchmarks(given, (one.first.benchmark for one in matches))
        forced = refuse(matches, force=force)
        compared = compare_answers(matches, settings, lambda done: tell(f"{done} of {len(matches)} compared"))
    contents = comparison(
        compared, settings, created=dt.datetime.now(dt.UTC), forced=forced, unmatched=unmatched
    )
    show(contents, chart=chart, as_json=as_json, flips=flips, quiet=quiet)


def _bills(first: str, second: str | None, *, force: bool, chart: Path | None, as_json: bool) -> None:
    if second is None:
        raise UsageError(f"{first}: a bill is compared with another one", hint=f"compare {first} OTHER.json")
    if chart is not None:
        raise UsageError("there is no chart of two bills", hint="leave out --chart")
    compare_bills(Path(first), Path(second), force=force, as_json=as_json)


def _matches(
    first: str,
    second: str | None,
    settings: Settings,
    benchmarks: Sequence[str],
    metrics: Sequence[str],
    tell: Callable[[str], None],
) -> tuple[list[Match], list[str]]:
    """What stands against what: a file of pairs has a match for every pair of models."""
    found, notes = list[Match](), list[str]()
    tell(f"reading {first}" + (f" and {second}" if second else ""))
    for one, other in sides(first, second, benchmarks=benchmarks, metrics=metrics):
        ours, theirs = ([with_chance(a, settings.chances) for a in side] for side in (one, other))
        matched, left = match(ours, theirs, benchmarks=benchmarks, metrics=metrics)
        found += matched
        notes += left
    return found, notes
