"""From a file of labels to a labelled set: fields found, label words understood, texts made whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.scoring.labelled import NO_LABEL, LabelledSet, LabelWords, symptoms_from
from aligntax.errors import UnreadableInput, UsageError
from aligntax.records import EXCHANGE
from aligntax.traffic.rows import Row, rows_of

__all__ = ["MOST_GROUPS", "Fields", "read_labelled"]

MOST_GROUPS = 100
"""Values a dimension may have."""
_BATCH_ROWS = 4096
_BATCH_CHARS = 16_000_000
_NOWHERE = "(none)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Where in a row the parts of a labelled response stand.

    Attributes:
        label: what became of the response.
        prompt: the words of the user; a set may have none.
        response: the words of the model.
        model: who answered; a set may not say.
        symptoms: other things people marked, a word or a list of words; a set may have none.
    """

    label: str = "label"
    prompt: str = "prompt"
    response: str = "response"
    model: str = "model"
    symptoms: str = "native_label"


@dataclass(slots=True)
class _Columns:
    """The rows of a file, a column at a time."""

    prompt: list[str | None] = field(default_factory=list)
    response: list[str | None] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    symptoms: list[object] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)


def read_labelled(
    path: Path,
    *,
    fields: Fields | None = None,
    words: LabelWords | None = None,
    flags: Mapping[str, str] | None = None,
    by: Sequence[str] | None = None,
) -> LabelledSet:
    """Reads a file of labelled responses.

    Args:
        path: JSON lines, CSV or Parquet.
        fields: where things stand.
        words: what the labels' words mean.
        flags: further words of the symptoms field -> flag, or flags joined by "+".
        by: dimensions to part the set by: "model", the name of another field, or several joined by "+".
            Without any, model and prompt_type, where the file has them.

    Raises:
        UnreadableInput: a row that cannot be used, with file, line and cause.
        UsageError: a field or a class that there is not.
    """
    fields, words = fields or Fields(), words or LabelWords()
    wanted = ("model", "prompt_type") if by is None else tuple(by)
    names = {name: fields.model if name == "model" else name for d in wanted for name in d.split("+")}
    columns = _Columns(groups={name: [] for name in names})
    for row in rows_of(path):
        _take(row, columns, fields, words, names)
    required = [fields.label, fields.response, *(names[n] for n in names if by is not None)]
    defaults = Fields()
    required += [
        getattr(fields, n) for n in ("prompt", "model") if getattr(fields, n) != getattr(defaults, n)
    ]
    if columns.truth:
        _require(path, required, columns)
    there = [d for d in wanted if all(names[name] in columns.seen for name in d.split("+"))]
    return LabelledSet(
        name=path.name,
        exchanges=list(_batches(columns)),
        truth=np.array(columns.truth, np.int64),
        prompt=_codes(columns.prompt),
        groups={d: _joined(path, d, columns) for d in there},
        symptoms=symptoms_from(columns.symptoms, flags),
        notes=_notes(columns, fields),
    )


def _take(row: Row, columns: _Columns, fields: Fields, words: LabelWords, names: Mapping[str, str]) -> None:
    where, values = row
    columns.seen |= dict.fromkeys(values)
    label = words.code(values.get(fields.label))
    if label is None:
        word = values[fields.label]
        raise UnreadableInput(
            f"{where}: the label {word!r} is not known; known are {words.known}",
            hint=f"--map '{word}=refused' says what it means; =none leaves such rows out",
        )
    columns.truth.append(label)
    columns.prompt.append(_text(where, fields.prompt, values.get(fields.prompt)))
    columns.response.append(_text(where, fields.response, values.get(fields.response)))
    columns.symptoms.append(values.get(fields.symptoms))
    for name, at in names.items():
        value = values.get(at)
        columns.groups[name].append(_NOWHERE if value is None else str(value))


def _text(where: str, name: str, value: object) -> str | None:
    """A text without halves of surrogate pairs, which JSON can spell but UTF-8 cannot."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnreadableInput(f"{where}: {name!r} is not text but {type(value).__name__}")
    return value.encode("utf-8", "replace").decode("utf-8")


def _require(path: Path, required: Sequence[str], columns: _Columns) -> None:
    for name in required:
        if name not in columns.seen:
            option = "--label-field and --response-field" if name in ("label", "response") else "the options"
            raise UsageError(
                f"{path}: no row has a field {name!r}; there are {', '.join(map(str, columns.seen))}",
                hint=f"{option} say where things stand",
            )


def _codes(prompts: Sequence[str | None]) -> npt.NDArray[np.int64]:
    """(rows,) the same code for the same prompt; a missing one is like no other."""
    codes: dict[object, int] = {}
    keys = (at if prompt is None else prompt for at, prompt in enumerate(prompts))
    return np.array([codes.setdefault(key, len(codes)) for key in keys], np.int64)


def _joined(path: Path, dimension: str, columns: _Columns) -> npt.NDArray[np.object_]:
    parts = [columns.groups[name] for name in dimension.split("+")]
    values = np.array([" + ".join(row) for row in zip(*parts, strict=True)], object)
    if len(set(values)) > MOST_GROUPS:
        raise UsageError(
            f"{path}: {dimension} has {len(set(values)):,} values", hint=f"--by takes at most {MOST_GROUPS}"
        )
    return values


def _batches(columns: _Columns) -> Iterator[pa.RecordBatch]:
    """Batches of the EXCHANGE schema, small enough for 32-bit offsets."""
    first, chars = 0, 0
    for at, (prompt, response) in enumerate(zip(columns.prompt, columns.response, strict=True)):
        chars += len(prompt or "") + len(response or "")
        if at + 1 - first >= _BATCH_ROWS or chars >= _BATCH_CHARS or at + 1 == len(columns.truth):
            yield _batch(columns, first, at + 1)
            first, chars = at + 1, 0


def _batch(columns: _Columns, first: int, end: int) -> pa.RecordBatch:
    known = {
        "id": pa.array([str(at) for at in range(first, end)], pa.string()),
        "prompt": pa.array(columns.prompt[first:end], pa.string()),
        "response": pa.array([text or "" for text in columns.response[first:end]], pa.string()),
        "kind": pa.array(["text"] * (end - first), pa.string()),
    }
    arrays = [known.get(f.name, pa.nulls(end - first, f.type)) for f in EXCHANGE]
    return pa.RecordBatch.from_arrays(arrays, schema=EXCHANGE)


def _notes(columns: _Columns, fields: Fields) -> list[str]:
    notes = []
    truth = np.array(columns.truth, np.int64)
    if without := int((truth == NO_LABEL).sum()):
        notes.append(f"{without:,} of {len(truth):,} rows have no label and are left out")
    if columns.truth and fields.prompt not in columns.seen:
        notes.append("no prompts: detectors see the responses alone, and rows are taken as independent")
    if len(set(truth[truth != NO_LABEL].tolist())) == 1:
        notes.append("the labels are of one class alone: kappa and half of the rates cannot be known")
    return notes
