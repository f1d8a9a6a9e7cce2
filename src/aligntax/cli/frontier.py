"""`aligntax frontier`: methods on three axes, compared at the same harm."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aligntax.cli.keeping import keep
from aligntax.cli.output import print_json, stages
from aligntax.errors import UsageError
from aligntax.frontier.budgets import unequal_budgets
from aligntax.frontier.collected import CAPABILITY
from aligntax.frontier.figures import Point, Question
from aligntax.frontier.measure import measure
from aligntax.frontier.splits import read_runs
from aligntax.report.charts import save_chart
from aligntax.report.charts.frontier import frontier_chart
from aligntax.report.frontier import frontier_document, second_point
from aligntax.report.frontier_tables import print_frontier

__all__ = ["run"]

_WIDTH = 80


def run(
    *,
    runs: Sequence[Path],
    harm: float | None,
    over_refusal: float | None,
    chance: Sequence[str] | None,
    reference: str,
    reference_point: Sequence[str] | None,
    vanilla: str | None,
    harm_range: str | None,
    select: str | None,
    force: bool,
    level: float,
    replicates: int,
    random_seed: int,
    chart: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Reads runs, measures, prints; see the options of the command."""
    points = [_point(text) for text in reference_point or ()]
    derived = [second_point(points[0])] if len(points) == 1 else []
    question = Question(
        harm=None if harm is None else _share("--harm", harm),
        over_refusal=None if over_refusal is None else _share("--over-refusal", over_refusal),
        reference_points=(*points, *derived),
        vanilla=vanilla,
        harm_range=None if harm_range is None else _range(harm_range),
        chance=dict(_chance(text) for text in chance or ()),
        level=level,
        replicates=replicates,
        random_seed=random_seed,
    )
    measured, chooser = read_runs(runs, reference=reference, select=select)
    unequal = unequal_budgets(measured, force=force)
    with (
        stages(quiet=quiet) as stage,
        stage("drawing replicates", 2 + len(measured.benchmarks)) as tell,
    ):
        found = measure(measured, question, chooser=chooser, tell=tell)
    document = frontier_document(
        found, declared=len(points), unequal=unequal, chosen_apart=chooser is not None
    )
    if chart is not None:
        save_chart(frontier_chart(document), chart)
    keep(document)
    if as_json:
        print_json(document)
    else:
        console = Console(highlight=False)
        if not console.is_terminal:  # a pipe has no width of its own
            console = Console(highlight=False, width=_WIDTH)
        print_frontier(document, console)


def _chance(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    if not name:
        raise UsageError(f"--chance {text}: no '=' with a benchmark before it", hint="--chance mmlu=0.25")
    return name.removeprefix(CAPABILITY), _numbers("--chance", value, 1, "mmlu=0.25")[0]


def _point(text: str) -> Point:
    harm, over_refusal, capability = _numbers("--reference-point", text, 3, "0.20,0.30,0.8")
    if capability >= 1:
        raise UsageError(
            f"--reference-point {text}: no capability of {capability:g} or less is below the reference's",
            hint="the third is the least share of the reference's capability that counts, such as 0.8",
        )
    if not (0 < harm <= 1 and 0 < over_refusal <= 1):
        raise UsageError(
            f"--reference-point {text}: worst harm and worst over-refusal lie between 0 and 1, above 0",
            hint="--reference-point 0.20,0.30,0.8",
        )
    return harm, over_refusal, capability


def _range(text: str) -> tuple[float, float]:
    low, high = (_share("--harm-range", end) for end in _numbers("--harm-range", text, 2, "0.02,0.20"))
    if low >= high:
        raise UsageError(f"--harm-range {text}: no range", hint="--harm-range 0.02,0.20")
    return low, high


def _numbers(option: str, text: str, count: int, example: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(abs(number) < 1e9 for number in numbers):
        many = "a number" if count == 1 else f"{count} numbers with commas between them"
        raise UsageError(f"{option}: {text!r} is not {many}", hint=f"{option} {example}")
    return numbers


def _share(option: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise UsageError(f"{option}: {value:g} is not between 0 and 1", hint="5 % is 0.05")
    return value
