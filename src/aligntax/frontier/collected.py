"""From the rows of files to what was measured: rates with their counts, or outcomes item by item."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aligntax.errors import UnreadableInput, UsageError
from aligntax.traffic.rows import rows_of

__all__ = ["BUDGETS", "CAPABILITY", "HARM", "OVER_REFUSAL", "Collected", "Measured", "Run", "collect"]

HARM = "harm"
"""Axis: share of harmful prompts complied with; lower is better."""
OVER_REFUSAL = "over_refusal"
"""Axis: share of harmless prompts refused; lower is better."""
CAPABILITY = "capability."
"""What the name of a benchmark's axis begins with; higher is better."""
BUDGETS = ("trials", "gpu_hours", "cost")
"""Columns that tell what a run took."""
_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_PACKED = (".gz", ".zst", ".bz2")
_NOWHERE = ""


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """What a row is about: a configuration of a method, one seed of it, one split of the items.

    Attributes:
        method: its name.
        configuration: the value of the method's knob, as text; "" for a method without one.
        seed: of the training run; "" where rows name none.
        split: which part of the items; "" where rows name none.
    """

    method: str
    configuration: str
    seed: str
    split: str


@dataclass(slots=True)
class Measured:
    """What rows say of one run.

    Attributes:
        where: the first row that names it.
        rates: axis -> (rate in [0, 1], items behind it).
        items: axis -> item -> [sum of its values, how many there were].
        budget: column -> what the run took.
    """

    where: str
    rates: dict[str, tuple[float, int]] = field(default_factory=dict)
    items: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    budget: dict[str, float] = field(default_factory=dict)


Collected = dict[Run, Measured]


def collect(paths: Sequence[Path]) -> Collected:
    """Reads tables of rates and JSON lines of outcomes, in any mixture.

    A row with an `axis` is the outcome of one item: method, configuration, axis (harm, over_refusal or
    capability), benchmark (for capability), item, value. Any other row is a run with its rates: method,
    configuration, harm, harm_n, over_refusal, over_refusal_n, capability.NAME, capability_n.NAME. Either may
    have seed, split, trials, gpu_hours and cost.

    Args:
        paths: CSV, TSV, JSON lines or Parquet; a directory stands for all such files below it.

    Raises:
        UnreadableInput: with file, line and cause: a number that is none or outside [0, 1], a rate without
            its count, two rows that say the same thing twice.
        UsageError: nothing to read.
    """
    collected: Collected = {}
    for path in _files(paths):
        for where, row in rows_of(path):
            row = {name: value for name, value in _flat(row) if value is not None}
            run = _run(where, row)
            measured = collected.setdefault(run, Measured(where))
            if "axis" in row:
                _take_item(where, row, measured)
            else:
                _take_rates(where, row, measured)
            _take_budget(where, row, measured)
    if not collected:
        raise UsageError(f"{', '.join(map(str, paths))}: no rows", hint="one row a run, or one an item")
    return collected


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        found = [path] if not path.is_dir() else sorted(p for p in path.rglob("*") if _readable(p))
        if not found:
            raise UsageError(f"{path}: no runs in this directory", hint=f"files are {', '.join(_SUFFIXES)}")
        if not path.is_dir() and path.exists() and not _readable(path):
            raise UnreadableInput(f"{path}: not a file of runs", hint=f"files are {', '.join(_SUFFIXES)}")
        yield from found


def _readable(path: Path) -> bool:
    plain = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    return path.is_file() and plain.suffix.lower() in _SUFFIXES


def _flat(row: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """A nested object as dotted names: {"capability": {"mmlu": .6}} is capability.mmlu."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            for inner, below in value.items():
                yield f"{name}.{inner}", below
        else:
            yield name, value


def _run(where: str, row: Mapping[str, object]) -> Run:
    if "method" not in row:
        raise UnreadableInput(
            f"{where}: no method; there are {', '.join(row) or 'no fields'}",
            hint="every row names a method, and reference is the model before alignment",
        )
    names = (_name(row.get(field)) for field in ("method", "configuration", "seed", "split"))
    return Run(*names)


def _name(value: object) -> str:
    """A name or the value of a knob as text, the same for 0.2, "0.2" and "0.20"."""
    if value is None or isinstance(value, bool):
        return _NOWHERE if value is None else str(value).lower()
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:.10g}" if math.isfinite(number) else text


def _take_item(where: str, row: Mapping[str, object], measured: Measured) -> None:
    axis = _axis(where, row)
    if "item" not in row or "value" not in row:
        missing = "item" if "item" not in row else "value"
        raise UnreadableInput(f"{where}: the outcome of an item has no {missing}")
    value = _share(where, "value", row["value"])
    if axis in measured.rates:
        raise UnreadableInput(
            f"{where}: {axis} is here item by item, and elsewhere as a rate", hint="keep one of the two"
        )
    sums = measured.items.setdefault(axis, {}).setdefault(str(row["item"]), [0.0, 0])
    sums[0] += value
    sums[1] += 1


def _axis(where: str, row: Mapping[str, object]) -> str:
    axis, benchmark = str(row["axis"]), row.get("benchmark")
    if axis in (HARM, OVER_REFUSAL):
        return axis
    if axis != CAPABILITY[:-1]:
        raise UnreadableInput(
            f"{where}: no axis is called {axis!r}", hint="axes are harm, over_refusal and capability"
        )
    if benchmark is None:
        raise UnreadableInput(f"{where}: capability without a benchmark")
    return f"{CAPABILITY}{benchmark}"


def _take_rates(where: str, row: Mapping[str, object], measured: Measured) -> None:
    axes = [n for n in row if n in (HARM, OVER_REFUSAL) or n.startswith(CAPABILITY)]
    if not axes:
        raise UnreadableInput(
            f"{where}: neither rates nor the outcome of an item; there are {', '.join(row)}",
            hint="rates are harm, over_refusal and capability.NAME; an item has axis, item and value",
        )
    for axis in axes:
        if axis in measured.rates or axis in measured.items:
            raise UnreadableInput(
                f"{where}: {axis} of this method, configuration and seed was read before, "
                f"from {measured.where}",
                hint="give each training run its own seed",
            )
        measured.rates[axis] = _share(where, axis, row[axis]), _count(where, _counted(axis), row)


def _counted(axis: str) -> str:
    """The column with the number of items behind an axis."""
    benchmark = axis.removeprefix(CAPABILITY)
    return f"{axis}_n" if benchmark == axis else f"{CAPABILITY[:-1]}_n.{benchmark}"


def _count(where: str, name: str, row: Mapping[str, object]) -> int:
    if name not in row:
        raise UnreadableInput(
            f"{where}: no {name}", hint=f"{name} is the number of items, without which there is no interval"
        )
    number = _number(where, name, row[name])
    if number < 1 or number != int(number):
        raise UnreadableInput(f"{where}: {name} is {number:g}, not a number of items")
    return int(number)


def _take_budget(where: str, row: Mapping[str, object], measured: Measured) -> None:
    for name in BUDGETS:
        if name in row:
            number = _number(where, name, row[name])
            if number < 0 or measured.budget.get(name, number) != number:
                before = measured.budget.get(name)
                cause = "negative" if number < 0 else f"and was {before:g} in another row of the same run"
                raise UnreadableInput(f"{where}: {name} is {number:g}, {cause}")
            measured.budget[name] = number


def _share(where: str, name: str, value: object) -> float:
    number = _number(where, name, value)
    if not 0 <= number <= 1:
        raise UnreadableInput(
            f"{where}: {name} is {number:g}, not between 0 and 1", hint="write 62 % as 0.62"
        )
    return number


def _number(where: str, name: str, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UnreadableInput(f"{where}: {name} is {value!r}, not a number") from None
    if not math.isfinite(number):
        raise UnreadableInput(
            f"{where}: {name} is {number}", hint="leave out the run, or measure the axis again"
        )
    return number
