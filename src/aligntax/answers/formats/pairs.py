"""Files of pairs: one row an item, with what two models made of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aligntax.answers.chance import chance_of
from aligntax.answers.fields import AnswerFields, guessed
from aligntax.answers.request import AnswerFormat, Request
from aligntax.answers.selector import nothing_selected, plain, see
from aligntax.answers.table import TableBuilder, outcome_of, score_of, text_of, with_lengths
from aligntax.errors import UnreadableInput, UsageError
from aligntax.records import Answers, LengthUnit
from aligntax.traffic.rows import rows_of

__all__ = ["PAIRS", "pairs_in", "recognises"]

_SCORES = ("correct", "score")
_SIDES = ("base", "aligned")


@dataclass(slots=True)
class _Group:
    """The rows of one pair of models.

    Attributes:
        names: of the two.
        sides: answers of the first and of the second.
    """

    names: tuple[str, str]
    sides: tuple[TableBuilder, TableBuilder] = field(default_factory=lambda: (TableBuilder(), TableBuilder()))


def recognises(record: Mapping[str, object]) -> bool:
    """Whether a row holds the scores of two models."""
    return any(all(f"{side}_{name}" in record for side in _SIDES) for name in _SCORES)


def read(request: Request) -> list[Answers]:
    """Refuses: a file of pairs is both sides at once."""
    raise UsageError(
        f"{request.path}: a file of pairs holds both sides of a comparison",
        hint="give it alone, without a second file",
    )


def pairs_in(request: Request) -> list[tuple[Answers, Answers]]:
    """The two sides of every pair of models in a file, in the order they come.

    Reads `base_correct` and `aligned_correct` (or `base_score`, `aligned_score`); of either side also
    `_pred` (null where nothing could be read out of the response), `_response`, `_chars` or `_tokens`,
    `_label`. `pair` names the models, "A|B".

    Raises:
        UnreadableInput: a row that cannot be read, or lacks a score field.
        UsageError: no row is selected.
    """
    groups: dict[str, _Group] = {}
    record: Mapping[str, object] = {}
    metric, fields, seen = "correct", AnswerFields(), dict[str, Counter[str]]()
    for where, row in rows_of(request.path):
        if not record:
            record, fields = row, guessed(row, request.fields)
            metric = next((m for m in _SCORES if f"base_{m}" in row and f"aligned_{m}" in row), metric)
        see(seen, request.selector, row)
        if request.selector.holds(row):
            _add(groups, where, row, metric, fields)
    if not record:
        raise UnreadableInput(f"{request.path}: there is no row in it", hint="is this the right file?")
    if not groups:
        raise nothing_selected(str(request.path), request.selector, seen)
    return [_answers(group, request, metric, record) for group in groups.values()]


def _add(
    groups: dict[str, _Group], where: str, row: Mapping[str, object], metric: str, fields: AnswerFields
) -> None:
    pair = plain(row.get("pair") or "")
    group = groups.setdefault(pair, _Group(_names(pair, row)))
    item = row.get(fields.id) if fields.id else None
    if fields.id and item is None:
        raise UnreadableInput(f"{where}: the item has no {fields.id!r}")
    prompt = text_of(row.get(fields.prompt), where, fields.prompt) if fields.prompt else None
    for side, rows in zip(_SIDES, group.sides, strict=True):
        if f"{side}_{metric}" not in row:
            raise UnreadableInput(f"{where}: there is no field '{side}_{metric}'")
        rows.add(
            where,
            item=plain(item) if item is not None else str(len(rows) + 1),
            cluster=plain(row[fields.cluster]) if fields.cluster else None,
            prompt=prompt,
            response=text_of(row.get(f"{side}_response"), where, f"{side}_response"),
            score=score_of(row[f"{side}_{metric}"], where, f"{side}_{metric}"),
            parsed=row[f"{side}_pred"] not in (None, "") if f"{side}_pred" in row else None,
            length=_length(row, side, where),
            outcome=outcome_of(row.get(f"{side}_label")),
        )


def _names(pair: str, row: Mapping[str, object]) -> tuple[str, str]:
    first, bar, second = pair.partition("|")
    if bar:
        return first.strip(), second.strip()
    return plain(row.get("base_model") or "base"), plain(row.get("aligned_model") or "aligned")


def _length(row: Mapping[str, object], side: str, where: str) -> int | None:
    tokens = f"{side}_tokens" in row
    name = f"{side}_tokens" if tokens else f"{side}_chars"
    number = score_of(row.get(name), where, name)
    return None if number is None else int(number)


def _answers(
    group: _Group, request: Request, metric: str, record: Mapping[str, object]
) -> tuple[Answers, Answers]:
    unit: LengthUnit = "tokens" if "base_tokens" in record else "characters"
    tables = [rows.table() for rows in group.sides]
    benchmark = request.benchmark or request.stem
    first = Answers(
        benchmark=benchmark,
        metric=metric,
        model=group.names[0],
        source=request.source,
        table=tables[0] if unit == "tokens" else with_lengths(tables[0]),
        chance=chance_of(benchmark),
        length_unit=unit,
    )
    second = tables[1] if unit == "tokens" else with_lengths(tables[1])
    return first, replace(first, model=group.names[1], table=second)


PAIRS = AnswerFormat(
    name="pairs",
    describes="files of pairs: base_correct and aligned_correct in one row, grouped by pair",
    looks_for="base_correct and aligned_correct, or base_score and aligned_score",
    recognises=recognises,
    read=read,
)
