"""Traffic logs: what a model answered to requests, unscored, item by item of the same prompts."""

import hashlib
from collections import Counter
from collections.abc import Mapping

from aligntax.answers.request import AnswerFormat, Request
from aligntax.answers.selector import Selector, plain, several
from aligntax.answers.table import TableBuilder, with_lengths
from aligntax.errors import UsageError
from aligntax.records import Answers
from aligntax.traffic.formats import FORMATS
from aligntax.traffic.formats.tabular import FieldMap, guess_fields
from aligntax.traffic.read import Log

__all__ = ["LOG"]

_COLUMNS = (
    "system",
    "prompt",
    "response",
    "kind",
    "refusal_text",
    "block_reason",
    "finish_reason",
    "error_code",
)
_ABOUT = ("id", "use_case", "model_requested", "model_served", "cluster", "tokens_out")
_FILTERED = (
    "content_filter",
    "refusal",
    "SAFETY",
    "PROHIBITED_CONTENT",
    "content_filtered",
    "guardrail_intervened",
)
"""Finish reasons that alone tell of a refusal where no text came with them."""
_FIELDS = ("id", "prompt", "response", "model", "cluster")


def recognises(record: Mapping[str, object]) -> bool:
    """Whether an importer of traffic knows the record, or it is a flat one with a response."""
    known = any(log_format.recognises([record]) for log_format in FORMATS)
    return known or guess_fields(record).response is not None


def read(request: Request) -> list[Answers]:
    """The answers of one model, as one benchmark.

    The item is a hash of system prompt and prompt, since two logs of the same prompts have different ids.
    A prompt that is asked again is another sample of the item. Rows that failed technically are left out
    of the answers, as are those whose text the log did not keep.

    Raises:
        UsageError: several models, or a selected value that there is not.
        UnreadableInput: nothing in the log can be read.
        MalformedRecords: in strict mode.
    """
    fields = FieldMap(**{n: p for n, p in request.fields.chosen().items() if n in _FIELDS})
    if request.fields.tokens:
        fields = FieldMap(**{**fields.chosen(), "tokens_out": request.fields.tokens})
    log = Log(
        [str(path) for path in request.paths],
        choice=request.log_format,
        fields=fields,
        threads=request.threads,
        strict=request.strict,
    )
    try:
        return [_answers(log, request)]
    finally:
        log.close()


def _answers(log: Log, request: Request) -> Answers:
    rows, models, counts = TableBuilder(), Counter[str](), Counter[str]()
    batches, _ = log.batches([*_COLUMNS, *_ABOUT])
    for batch in batches:
        for row in batch.to_pylist():
            model = row["model_served"] or row["model_requested"] or ""
            if not _meant(row | {"model": model}, request.selector) or row["kind"] in ("error", "no_text"):
                continue
            models[model] += 1
            if len(models) == 1:
                _add(rows, row, counts)
    if not models:
        raise UsageError(f"{request.argument}: nothing matches {str(request.selector)!r}")
    if len(models) > 1:
        raise several(request.argument, "model", models, lambda value: request.typed("model", value))
    tokens = 0 < counts["answered"] == counts["counted"]
    return Answers(
        benchmark=request.benchmark or request.stem,
        metric="",
        model=next(iter(models)) or request.stem,
        source=request.source,
        table=rows.table() if tokens else with_lengths(rows.table(), anew=True),
        length_unit="tokens" if tokens else "characters",
    )


def _meant(row: Mapping[str, object], selector: Selector) -> bool:
    unknown = [c.field for c in selector.conditions if c.field not in row]
    if unknown:
        hint = f"in a log: model, {', '.join((*_ABOUT, *_COLUMNS))}"
        raise UsageError(f"a log has no field {unknown[0]!r} to select by", hint=hint)
    return selector.holds(row)


def _add(rows: TableBuilder, row: Mapping[str, object], counts: Counter[str]) -> None:
    response, refused = row["response"] or row["refusal_text"], _refused(row)
    counts["answered"] += response is not None
    counts["counted"] += response is not None and row["tokens_out"] is not None
    rows.add(
        plain(row["id"]),
        item=_item(row["system"], row["prompt"]),
        cluster=row["cluster"],
        prompt=row["prompt"],
        response=response,
        length=row["tokens_out"],
        outcome="refused" if refused else None,
    )


def _refused(row: Mapping[str, object]) -> bool:
    """Whether the provider says so; a text that goes with it is left to a detector, unless it is reserved."""
    if row["refusal_text"]:
        return True
    silent = not row["response"]
    return silent and bool(row["block_reason"] or row["error_code"] or row["finish_reason"] in _FILTERED)


def _item(system: object, prompt: object) -> str:
    text = f"{system or ''}\x00{prompt or ''}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


LOG = AnswerFormat(
    name="log",
    describes="any log `aligntax audit` reads: exchanges with a model, not scored",
    looks_for="a record of a known log format (`aligntax formats`), or a field with the response",
    recognises=recognises,
    read=read,
    many=True,
)
