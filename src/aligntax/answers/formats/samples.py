"""Sample files: one answer a row, by field names (JSON lines, JSON, CSV, Parquet)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aligntax.answers.chance import chance_of
from aligntax.answers.conditions import digest, settings
from aligntax.answers.fields import AnswerFields, guessed, lookup
from aligntax.answers.request import AnswerFormat, Request
from aligntax.answers.selector import nothing_selected, plain, see, several
from aligntax.answers.table import TableBuilder, outcome_of, score_of, text_of, with_lengths
from aligntax.errors import UnreadableInput, UsageError
from aligntax.records import Answers, LengthUnit, PromptType
from aligntax.traffic.formats import FORMATS
from aligntax.traffic.rows import rows_of

__all__ = ["SAMPLES"]

_CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "harness": ("harness",),
    "task_version": ("task_version",),
    "shots": ("shots", "num_fewshot", "n_shot"),
    "template": ("template", "chat_template"),
    "generation": ("generation_config", "sampling_config", "decoding"),
    "judge": ("judge", "judge_model", "grader"),
    "detector": ("detector", "label_source"),
}
"""Condition -> fields that tell it, if they say the same in every row."""
_LONG = 60


@dataclass(slots=True)
class _Group:
    """The answers to one benchmark, of one prompt type.

    Attributes:
        rows: what has been read.
        scored: whether any row has a score.
        counted: rows with a response whose length in tokens the file tells.
        worded: rows with a response.
    """

    rows: TableBuilder = field(default_factory=TableBuilder)
    scored: bool = False
    counted: int = 0
    worded: int = 0


@dataclass(slots=True)
class _Reading:
    """What has been seen of a file.

    Attributes:
        fields: where the file keeps what.
        aliases: our name of a field -> the file's, for the selector.
        models: model -> rows, among those selected.
        groups: benchmark and prompt type -> answers.
        types: prompt types in the whole file, so that a benchmark is called the same for all of its models.
        seen: field of the selector -> value -> rows, whether selected or not.
        worded: whether the outcome field holds outcomes; None before its first value.
        told: condition -> what the rows say of it.
    """

    fields: AnswerFields
    aliases: Mapping[str, str | None]
    models: Counter[str] = field(default_factory=Counter)
    groups: dict[tuple[str, str], _Group] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    seen: dict[str, Counter[str]] = field(default_factory=dict)
    worded: bool | None = None
    told: dict[str, set[str]] = field(default_factory=dict)


def recognises(record: Mapping[str, object]) -> bool:
    """Whether a row looks like a sample: an answer with a score or an outcome, or with the item's name."""
    found = guessed(record, AnswerFields())
    if found.score is not None or (
        found.response and outcome_of(record.get(found.outcome or "")) is not None
    ):
        return True
    words = found.response is not None and isinstance(record[found.response], str)
    named = (found.id or found.model) and found.prompt and isinstance(record[found.prompt], str)
    return bool(words and named) and not any(known.recognises([record]) for known in FORMATS)


def read(request: Request) -> list[Answers]:
    """The answers of one model, one entry a benchmark; `FILE:metric=FIELD` scores by that field.

    Raises:
        UsageError: several models, or a field or a selected value that there is not.
        UnreadableInput: a row that cannot be read.
    """
    reading: _Reading | None = None
    if metric := request.selector.on("metric").conditions:
        fields, rest = replace(request.fields, score=metric[0].value), request.selector.rest("metric")
        return [
            replace(a, source=request.source) for a in read(replace(request, fields=fields, selector=rest))
        ]
    for where, row in rows_of(request.path):
        reading = reading or _begun(request, row)
        _take(reading, request, where, row)
    if reading is None:
        raise UnreadableInput(f"{request.path}: there is no row in it", hint="is this the right file?")
    if not reading.groups:
        raise nothing_selected(str(request.path), request.selector, reading.seen)
    if len(reading.models) > 1:
        name = reading.fields.model or "model"
        raise several(str(request.path), name, reading.models, lambda value: request.typed(name, value))
    return [_answers(reading, request, key, group) for key, group in reading.groups.items()]


def _begun(request: Request, row: Mapping[str, object]) -> _Reading:
    fields = _fields(request, row)
    return _Reading(fields, {**fields.chosen(), "task": fields.benchmark, "item": fields.id})


def _fields(request: Request, row: Mapping[str, object]) -> AnswerFields:
    for name, path in request.fields.chosen().items():
        if lookup(row, path) is None and path.partition(".")[0] not in row:
            hint = f"the fields are: {', '.join(map(str, list(row)[:20]))}"
            raise UsageError(f"{request.path}: no field {path!r} for the {name}", hint=hint)
    fields = guessed(row, request.fields)
    if fields.score is None and fields.response is None and fields.outcome is None:
        hint = f"name one; the fields are: {', '.join(map(str, list(row)[:20]))}"
        raise UsageError(f"{request.path}: no field holds a response, a score or an outcome", hint=hint)
    return fields


def _take(reading: _Reading, request: Request, where: str, row: Mapping[str, object]) -> None:
    aliases = reading.aliases
    see(reading.seen, request.selector, row, aliases)
    reading.types.add(plain(lookup(row, reading.fields.prompt_type) or ""))
    if not request.selector.holds(row, aliases):
        return
    reading.models[plain(lookup(row, reading.fields.model) or "")] += 1
    if len(reading.models) == 1:  # with several it ends in an error, and only their counts matter
        _add(reading, request, where, row)


def _add(reading: _Reading, request: Request, where: str, row: Mapping[str, object]) -> None:
    fields = reading.fields
    for name, keys in _CONDITIONS.items():
        told = next((row[key] for key in keys if row.get(key) is not None), None)
        if told is not None:
            reading.told.setdefault(name, set()).add(_short(told))
    benchmark = request.benchmark or plain(lookup(row, fields.benchmark) or request.stem)
    group = reading.groups.setdefault((benchmark, plain(lookup(row, fields.prompt_type) or "")), _Group())
    prompt = text_of(lookup(row, fields.prompt), where, fields.prompt or "")
    response = text_of(lookup(row, fields.response), where, fields.response or "")
    score = score_of(lookup(row, fields.score), where, fields.score or "")
    tokens = _tokens(lookup(row, fields.tokens))
    group.rows.add(
        where,
        item=_item(row, fields, where, prompt, len(group.rows)),
        cluster=_word(lookup(row, fields.cluster)),
        prompt=prompt,
        response=response,
        score=score,
        parsed=None if fields.prediction is None else lookup(row, fields.prediction) not in (None, ""),
        length=tokens,
        outcome=_outcome(reading, row, where),
    )
    group.scored |= score is not None
    group.worded += response is not None
    group.counted += response is not None and tokens is not None


def _short(value: object) -> str:
    text = settings(value) if isinstance(value, Mapping) else plain(value)
    return text if len(text) <= _LONG else digest(text)


def _item(
    row: Mapping[str, object], fields: AnswerFields, where: str, prompt: str | None, number: int
) -> str:
    """The item's own name, else its prompt, else its number."""
    if fields.id is None:
        return prompt if prompt is not None else str(number + 1)
    value = lookup(row, fields.id)
    if value is None:
        raise UnreadableInput(f"{where}: the item has no {fields.id!r}")
    return plain(value)


def _word(value: object) -> str | None:
    return None if value is None else plain(value)


def _tokens(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _outcome(reading: _Reading, row: Mapping[str, object], where: str) -> str | None:
    """The outcome the row names. A field whose first word is none holds something else, a gold answer say."""
    name = reading.fields.outcome
    value = lookup(row, name)
    if value in (None, "") or reading.worded is False:
        return None
    outcome = outcome_of(value)
    if reading.worded is None:
        reading.worded = outcome is not None
    if reading.worded and outcome is None:
        hint = "complete, partial or hedged, refused, undetermined"
        raise UnreadableInput(f"{where}: the {name} {str(value)[:40]!r} is no outcome", hint=hint)
    return outcome


def _answers(reading: _Reading, request: Request, key: tuple[str, str], group: _Group) -> Answers:
    benchmark, prompt_type = key
    table = group.rows.table()
    tokens = 0 < group.worded == group.counted
    if not tokens:
        table = with_lengths(table, anew=True)
    unit: LengthUnit = "tokens" if tokens else "characters"
    metric = (reading.fields.score or "") if group.scored else ""
    return Answers(
        benchmark=f"{benchmark} ({prompt_type})" if len(reading.types) > 1 and prompt_type else benchmark,
        metric=metric,
        model=next(iter(reading.models)) or request.stem,
        source=request.source,
        table=table,
        conditions={name: next(iter(said)) for name, said in reading.told.items() if len(said) == 1},
        chance=chance_of(benchmark) if metric else None,
        prompt_type=_prompt_type(prompt_type),
        length_unit=unit,
    )


def _prompt_type(word: str) -> PromptType | None:
    return "benign" if word == "benign" else "harmful" if word == "harmful" else None


SAMPLES = AnswerFormat(
    name="samples",
    describes="sample files: one answer a row, with its id, prompt, response, model, score or outcome",
    looks_for="a score (correct, score, …), an outcome (label), or prompt and response with an id or a model",
    recognises=recognises,
    read=read,
)
