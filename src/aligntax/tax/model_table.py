"""A table with one row a model, read: which columns hold what, and in which unit."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from aligntax.errors import UnreadableInput, UsageError
from aligntax.traffic.rows import rows_of

__all__ = ["Columns", "ModelTable", "Scale", "read_models"]

Floats = npt.NDArray[np.float64]
Scale = Literal["percent", "share"]

_MODEL = ("model", "model_name", "model_id", "models", "name", "generator")
_HARMFUL = "toxic|harmful|harm|unsafe|malicious|jailbreak"
_REFUSED = "rejection|rejected|refusal|refusals|refused|refuse"
_ACCEPTED = "acceptance|accepted|compliance|complied|compliant|success"
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "over_refusal": re.compile(rf"\b(over ?({_REFUSED})|(false|benign|safe|seemingly toxic) ({_REFUSED}))\b"),
    "safety": re.compile(rf"\b(({_HARMFUL}) ({_REFUSED})|safety|safe rate)\b"),
    "harm": re.compile(rf"\b(({_HARMFUL}) ({_ACCEPTED}|rate|score)|attack success|asr|harm|harmfulness)\b"),
}
_PERCENT = re.compile(r"\b(pct|percent|percentage)\b|%")
_MISSING = {"", "-", "\u2013", "\u2014", "na", "n/a", "nan", "none", "null", "?"}
_OPTIONS = {
    "model": "--model-column",
    "over_refusal": "--over-refusal",
    "safety": "--safety",
    "harm": "--harm",
}
_WORDS = {
    "over_refusal": "over-refusal",
    "safety": "refused harmful prompts",
    "harm": "answered harmful prompts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what; None to tell from the names.

    Attributes:
        model: name of the model.
        over_refusal: share of harmless prompts refused.
        safety: share of harmful prompts refused.
        harm: share of harmful prompts answered, which is turned round; instead of `safety`.
    """

    model: str | None = None
    over_refusal: str | None = None
    safety: str | None = None
    harm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTable:
    """Models and how they answer harmless and harmful prompts.

    Attributes:
        source: the file.
        columns: what -> the column it was found in: model, over_refusal, and either safety or harm.
        models: names, each once.
        over_refusal: (models,) share of harmless prompts refused, in [0, 1]; low is good.
        safety: (models,) share of harmful prompts refused, in [0, 1]; high is good.
        units: column -> percent or share, as it was read.
        notes: what a reader must know of how the file was read.
    """

    source: str
    columns: Mapping[str, str]
    models: tuple[str, ...]
    over_refusal: Floats
    safety: Floats
    units: Mapping[str, Scale]
    notes: tuple[str, ...] = ()

    def rows(self, kept: Sequence[int]) -> "ModelTable":
        """The same table with these rows only."""
        at = np.asarray(kept, np.int64)
        models = tuple(self.models[row] for row in kept)
        return replace(self, models=models, over_refusal=self.over_refusal[at], safety=self.safety[at])


@dataclass(frozen=True, slots=True)
class _Cell:
    """A figure as the file has it; nan where it is missing."""

    where: str
    value: float
    percent: bool


def read_models(path: Path, *, columns: Columns | None = None, scale: Scale | None = None) -> ModelTable:
    """Reads a table with one row a model.

    Args:
        path: CSV, TSV, JSON lines or Parquet, text also packed.
        columns: where things stand; what is None is told from the names.
        scale: unit of both figures; told from each column when None: percent if its name or a cell says so
            or a value is above 1, else shares.

    Raises:
        UnreadableInput: the file or a cell of it cannot be read, a model comes twice, or no row is complete.
        UsageError: a column that is not there, or one that cannot be told from the names.
    """
    rows = _rows(path)
    found = _columns(path, list(dict.fromkeys(name for _, row in rows for name in row)), columns or Columns())
    names, (first, second) = _names(rows, found["model"]), list(found.values())[1:]
    cells = {name: _cells(rows, name) for name in (first, second)}
    units = {name: scale or _scale(name, column) for name, column in cells.items()}
    x, y = (_shares(name, cells[name], units[name]) for name in (first, second))
    whole = ~(np.isnan(x) | np.isnan(y))
    if not whole.any():
        raise UnreadableInput(f"{path}: no row has both {first!r} and {second!r}", hint="name other columns")
    incomplete = [name for name, kept in zip(names, whole, strict=True) if not kept]
    table = ModelTable(
        source=path.name,
        columns=found,
        models=tuple(names),
        over_refusal=x,
        safety=1 - y if "harm" in found else y,
        units=units,
        notes=tuple(_notes(found, units, incomplete)),
    )
    return table.rows([int(at) for at in np.flatnonzero(whole)])


def _rows(path: Path) -> list[tuple[str, Mapping[str, object]]]:
    rows = list(rows_of(path))
    if not rows:
        raise UnreadableInput(f"{path}: no rows in it", hint="a header, and one row a model")
    return rows


def _columns(path: Path, names: Sequence[str], chosen: Columns) -> dict[str, str]:
    """The columns to read, in the order of `Columns`: those a person named, the others told from names."""
    if chosen.safety and chosen.harm:
        raise UsageError("--safety and --harm name the same thing, one turned round", hint="give one of them")
    for part, option in _OPTIONS.items():
        given = getattr(chosen, part)
        if given is not None and given not in names:
            raise UsageError(f"{path}: no column {given!r} ({option})", hint=_listing(names))
    model = chosen.model or _model_column(names)
    if model is None:
        raise UsageError(f"{path}: no column holds the model", hint=f"--model-column NAME; {_listing(names)}")
    free = [name for name in names if name not in (model, chosen.over_refusal, chosen.safety, chosen.harm)]
    over = chosen.over_refusal or _told(path, free, "over_refusal")
    if over is None:
        hint = f"--over-refusal NAME; {_listing(names)}"
        raise UsageError(f"{path}: no column holds the share of harmless prompts refused", hint=hint)
    what, column = _second(path, [name for name in free if name != over], chosen)
    if column is None:
        hint = f"--safety NAME, or --harm NAME for the share answered; {_listing(names)}"
        raise UsageError(f"{path}: no column holds the share of harmful prompts refused", hint=hint)
    return {"model": model, "over_refusal": over, what: column}


def _second(path: Path, free: Sequence[str], chosen: Columns) -> tuple[str, str | None]:
    """The column about harmful prompts: refused if there is one, else answered."""
    if chosen.harm:
        return "harm", chosen.harm
    if safety := chosen.safety or _told(path, free, "safety"):
        return "safety", safety
    return "harm", _told(path, free, "harm")


def _model_column(names: Sequence[str]) -> str | None:
    folded = {name.strip().casefold().replace(" ", "_"): name for name in reversed(names)}
    return next((folded[known] for known in _MODEL if known in folded), None)


def _told(path: Path, names: Iterable[str], part: str) -> str | None:
    """The one column whose name says that it holds this."""
    fitting = [name for name in names if _PATTERNS[part].search(_spoken(name))]
    if len(fitting) > 1:
        raise UsageError(
            f"{path}: {len(fitting)} columns may hold {_WORDS[part]}: {', '.join(fitting)}",
            hint=f"{_OPTIONS[part]} {fitting[0]}",
        )
    return fitting[0] if fitting else None


def _spoken(name: str) -> str:
    """A column's name in words: "toxicRejection_pct" is "toxic rejection pct"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[^\w%]|_", " ", apart).casefold().split())


def _names(rows: Sequence[tuple[str, Mapping[str, object]]], column: str) -> list[str]:
    seen: dict[str, str] = {}
    for where, row in rows:
        value = row.get(column)
        name = "" if value is None else str(value).strip()
        if not name:
            raise UnreadableInput(f"{where}: no model in {column!r}", hint="name it, or take the row out")
        if name in seen:
            raise UnreadableInput(
                f"{where}: {name!r} stands in {seen[name]} already",
                hint="one row a model: take one out, or tell the two apart by name",
            )
        seen[name] = where
    return list(seen)


def _cells(rows: Sequence[tuple[str, Mapping[str, object]]], column: str) -> list[_Cell]:
    return [_cell(where, column, row.get(column)) for where, row in rows]


def _cell(where: str, column: str, value: object) -> _Cell:
    text = "" if value is None else str(value).strip()
    if text.casefold() in _MISSING:
        return _Cell(where, math.nan, False)
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(text.removesuffix("%").strip())
    except ValueError:
        hint = "a share (0.43) or percent (43, 43 %); leave the cell empty where nothing was measured"
        raise UnreadableInput(f"{where}: {column!r} is {text!r}, not a number", hint=hint) from None
    return _Cell(where, number, text.endswith("%"))


def _scale(name: str, cells: Sequence[_Cell]) -> Scale:
    said = bool(_PERCENT.search(_spoken(name))) or any(cell.percent for cell in cells)
    return "percent" if said or any(cell.value > 1 for cell in cells) else "share"


def _shares(name: str, cells: Sequence[_Cell], unit: Scale) -> Floats:
    most = 100 if unit == "percent" else 1
    for cell in cells:
        if not math.isnan(cell.value) and not 0 <= cell.value <= most:
            raise UnreadableInput(
                f"{cell.where}: {name!r} is {cell.value:g}, not between 0 and {most}",
                hint="--unit share or --unit percent says what the figures are",
            )
    return np.array([cell.value / most for cell in cells])


def _notes(found: Mapping[str, str], units: Mapping[str, Scale], incomplete: Sequence[str]) -> Iterable[str]:
    said = [f"{name} as {_unit_words(unit)}" for name, unit in units.items()]
    if len(set(units.values())) > 1:
        read = " and ".join(said)
        yield f"read {read}; if they are the same, say so with --unit. Ranks do not depend on it"
    if "harm" in found:
        yield f"safety is 100 % less {found['harm']}, the share of harmful prompts answered"
    if incomplete:
        listed = ", ".join(incomplete[:5]) + (", …" if len(incomplete) > 5 else "")
        yield f"left out because a figure is missing: {len(incomplete)} ({listed})"


def _unit_words(unit: Scale) -> str:
    return "percent" if unit == "percent" else "shares"


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"the columns are: {shown}"
