"""Configurations of methods measured on three axes: harm, over-refusal, capability."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.frontier.collected import CAPABILITY, HARM, OVER_REFUSAL, Collected, Measured, Run

__all__ = ["Cell", "Configuration", "Floats", "Runs", "runs_of"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Configuration:
    """One setting of one method.

    Attributes:
        method: its name.
        knob: the value of what is turned (pre_weight, rank, ...), as text; "" where nothing is.
    """

    method: str
    knob: str

    def __str__(self) -> str:
        return f"{self.method} {self.knob}".strip()


@dataclass(frozen=True, slots=True)
class Cell:
    """One configuration on one axis.

    Attributes:
        seeds: (seeds,) names of the training runs.
        rates: (seeds,) in [0, 1].
        n: items behind each rate; the fewest, where seeds differ.
        values: (seeds, n) in [0, 1], item by item, the same items in the same order for every cell of the
            axis that has values; None where only rates are known.
    """

    seeds: tuple[str, ...]
    rates: Floats
    n: int
    values: Floats | None


@dataclass(frozen=True, slots=True)
class Runs:
    """Everything measured, ready to be resampled.

    Attributes:
        configurations: in the order methods were met and knobs rise, without the reference.
        reference: the model before alignment.
        benchmarks: of capability.
        cells: (configuration, axis) -> what was measured; whole but for the reference's harm and
            over-refusal, which may be missing.
        budgets: method -> column -> total over its runs, where every one of its runs tells.
        notes: what was left out or averaged on the way.
    """

    configurations: tuple[Configuration, ...]
    reference: Configuration
    benchmarks: tuple[str, ...]
    cells: Mapping[tuple[Configuration, str], Cell]
    budgets: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, each once."""
        return tuple(dict.fromkeys(c.method for c in self.configurations))

    @property
    def paired(self) -> bool:
        """Whether every axis is known item by item."""
        return all(cell.values is not None for cell in self.cells.values())

    @property
    def fewest_seeds(self) -> int:
        """Training runs of the configuration that has fewest."""
        return min(len(self.cells[c, HARM].seeds) for c in self.configurations)

    def of(self, method: str) -> npt.NDArray[np.int64]:
        """Where the configurations of a method stand."""
        return np.array([at for at, c in enumerate(self.configurations) if c.method == method], np.int64)


def runs_of(collected: Collected, *, reference: str = "reference", splits: Iterable[str] = ("",)) -> Runs:
    """What was measured in some splits, checked for being whole.

    Args:
        collected: what files said.
        reference: the method whose only configuration is the model before alignment.
        splits: which to take; several are pooled item by item.

    Raises:
        UsageError: no reference or several, no method besides, an axis that a configuration lacks, or no
            items in common.
    """
    taken = set(splits)
    chosen = {run: measured for run, measured in collected.items() if run.split in taken}
    configurations = _configurations(chosen)
    before = [c for c in configurations if c.method == reference]
    others = tuple(c for c in configurations if c.method != reference)
    _check_methods(before, others, reference)
    benchmarks = _benchmarks(chosen, before[0], others)
    axes = (HARM, OVER_REFUSAL, *(CAPABILITY + name for name in benchmarks))
    cells: dict[tuple[Configuration, str], Cell] = {}
    notes = []
    for axis in axes:
        found, told = _cells(axis, chosen, configurations)
        cells |= {(configuration, axis): cell for configuration, cell in found.items()}
        notes += told
    return Runs(others, before[0], benchmarks, cells, _budgets(chosen, reference), tuple(notes))


def _configurations(chosen: Collected) -> list[Configuration]:
    """Methods as they were met, knobs in the order of numbers where they are numbers."""
    by_method: dict[str, dict[str, None]] = {}
    for run in chosen:
        by_method.setdefault(run.method, {})[run.configuration] = None
    return [Configuration(method, knob) for method, knobs in by_method.items() for knob in _rising(knobs)]


def _rising(knobs: Iterable[str]) -> list[str]:
    knobs = list(knobs)
    try:
        return sorted(knobs, key=float)
    except ValueError:
        return knobs


def _check_methods(before: Sequence[Configuration], others: Sequence[Configuration], reference: str) -> None:
    if len(before) != 1:
        there = ", ".join(dict.fromkeys(c.method for c in others)) or "none"
        cause = f"{len(before)} configurations" if before else f"no rows, methods are {there}"
        raise UsageError(
            f"the reference, method {reference!r}, has {cause}",
            hint="a tax is what is lost of the model before alignment: add its row, or --reference METHOD",
        )
    if not others:
        raise UsageError("no method besides the reference", hint="add the runs to compare")


def _benchmarks(chosen: Collected, before: Configuration, others: Sequence[Configuration]) -> tuple[str, ...]:
    """Benchmarks that were measured, if they were for every run; harm and over-refusal likewise."""
    names = dict.fromkeys(
        axis.removeprefix(CAPABILITY)
        for measured in chosen.values()
        for axis in (*measured.rates, *measured.items)
        if axis.startswith(CAPABILITY)
    )
    if not names:
        raise UsageError("no capability was measured", hint="columns capability.NAME and capability_n.NAME")
    for run, measured in chosen.items():
        wanted = [CAPABILITY + name for name in names]
        if run.method != before.method:
            wanted = [HARM, OVER_REFUSAL, *wanted]
        missing = [axis for axis in wanted if axis not in measured.rates and axis not in measured.items]
        if missing:
            raise UsageError(
                f"{_described(run)} has no {' and no '.join(missing)} ({measured.where})",
                hint="every run is measured on all axes; leave out a benchmark that some runs lack",
            )
    return tuple(names)


def _described(run: Run) -> str:
    parts = [f"method {run.method}"]
    parts += [
        f"{name} {value}" for name in ("configuration", "seed", "split") if (value := getattr(run, name))
    ]
    return ", ".join(parts)


def _cells(
    axis: str, chosen: Collected, configurations: Sequence[Configuration]
) -> tuple[dict[Configuration, Cell], list[str]]:
    there = {run: m for run, m in chosen.items() if axis in m.rates or axis in m.items}
    items, notes = _common(axis, there)
    found = {}
    for configuration in configurations:
        runs = {r: m for r, m in there.items() if Configuration(r.method, r.configuration) == configuration}
        if runs:
            found[configuration] = _cell(axis, runs, items)
    return found, notes


def _by_seed(runs: Collected) -> dict[str, list[Measured]]:
    """Seed -> what was measured, one for each split."""
    seeds: dict[str, list[Measured]] = {}
    for run, measured in runs.items():
        seeds.setdefault(run.seed, []).append(measured)
    return dict(sorted(seeds.items()))


def _cell(axis: str, runs: Collected, items: Sequence[str]) -> Cell:
    seeds = _by_seed(runs)
    itemised = [axis in measured.items for several in seeds.values() for measured in several]
    if all(itemised):
        values = np.array([_values(axis, several, items) for several in seeds.values()])
        return Cell(tuple(seeds), values.mean(axis=1), len(items), values)
    if any(itemised):
        raise UsageError(
            f"{_described(next(iter(runs)))}: {axis} is known item by item for some seeds or splits only",
            hint="give items for all of them, or rates for all",
        )
    counts = np.array([sum(m.rates[axis][1] for m in several) for several in seeds.values()])
    events = np.array(
        [sum(m.rates[axis][0] * m.rates[axis][1] for m in several) for several in seeds.values()]
    )
    return Cell(tuple(seeds), events / counts, int(counts.min()), None)


def _values(axis: str, several: Sequence[Measured], items: Sequence[str]) -> list[float]:
    """(items,) mean value of each item."""
    sums = {item: pair for measured in several for item, pair in measured.items[axis].items()}
    return [sums[item][0] / sums[item][1] for item in items]


def _common(axis: str, there: Collected) -> tuple[list[str], list[str]]:
    """Items that every run of an axis has, of those that have any, and what became of the others."""
    answered: dict[tuple[str, str, str], set[str]] = {}
    rows = 0
    for run, measured in there.items():
        if axis in measured.items:
            key = (run.method, run.configuration, run.seed)
            answered.setdefault(key, set()).update(measured.items[axis])
            rows += sum(count > 1 for _, count in measured.items[axis].values())
    if not answered:
        return [], []
    every, common = set().union(*answered.values()), set.intersection(*answered.values())
    if not common:
        raise UsageError(
            f"{axis}: no item was answered by every run",
            hint="runs are compared on the same items; do the ids of items agree?",
        )
    notes = []
    if left := len(every) - len(common):
        notes.append(f"{axis}: {left:,} of {len(every):,} items were not answered by every run; left out")
    if rows:
        notes.append(f"{axis}: {rows:,} items of a run have several values, which are averaged")
    return sorted(common), notes


def _budgets(chosen: Collected, reference: str) -> dict[str, dict[str, float]]:
    """Totals over the runs of a method; a run in several splits counts once."""
    told: dict[str, dict[Run, Mapping[str, float]]] = {}
    for run, measured in chosen.items():
        if run.method != reference:
            once = Run(run.method, run.configuration, run.seed, "")
            told.setdefault(run.method, {})[once] = measured.budget
    return {method: _totals(list(runs.values())) for method, runs in told.items()}


def _totals(budgets: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = [name for name in budgets[0] if all(name in budget for budget in budgets)]
    return {name: sum(budget[name] for budget in budgets) for name in names}
