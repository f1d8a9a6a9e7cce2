"""Sample logs of lm-evaluation-harness (`samples_TASK_DATE.jsonl`, written by --log_samples)."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aligntax.answers.chance import chance_of
from aligntax.answers.conditions import digest
from aligntax.answers.formats.lm_eval import (
    best_metric,
    conditions_of,
    higher_is_better,
    metric_name,
    model_of,
)
from aligntax.answers.request import AnswerFormat, Request
from aligntax.answers.selector import nothing_selected, see
from aligntax.answers.shapes import mapping
from aligntax.answers.table import TableBuilder, is_binary, score_of, text_of, with_lengths
from aligntax.errors import UnreadableInput
from aligntax.records import Answers
from aligntax.traffic.rows import document, rows_of

__all__ = ["LM_EVAL_SAMPLES"]

_KNOWN = frozenset(
    [
        *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
        *("doc_hash", "prompt_hash", "target_hash"),
    ]
)
_UNPARSED = "[invalid]"
"""What the harness puts where its pattern finds no answer."""
_NAME = re.compile(r"(?:(?P<model>.+?)_+)?samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+))?")
_NUMBER = re.compile(r"-?(\d[\d.]*(e[+-]?\d+)?|inf|nan)", re.IGNORECASE)
_ASKED = ("question", "query", "problem", "prompt", "instruction", "sentence", "input", "goal", "ctx", "text")
_SHARED = ("passage", "article", "context", "story", "background")
"""Fields of an item that several items may have in common, and hang together by."""
_VIRTUAL = ("task", "benchmark", "model", "metric", "filter")


@dataclass(slots=True)
class _Reading:
    """What has been read of a file.

    Attributes:
        metric: without its filter.
        kept: the filter.
        rows: the answers.
        guesses: sum of 1/options over the items that show them.
        shown: items that show their options.
    """

    metric: str
    kept: str
    rows: TableBuilder = field(default_factory=TableBuilder)
    guesses: float = 0.0
    shown: int = 0


def recognises(record: Mapping[str, object]) -> bool:
    """Whether a row is an item of the harness with its responses."""
    return {"doc_id", "resps", "arguments"} <= record.keys() or {"doc", "resps", "target"} <= record.keys()


def read(request: Request) -> list[Answers]:
    """The answers to one task. The item is the hash of the document, for other versions may number them anew.

    `FILE:metric=NAME` and `FILE:filter=NAME` choose among several; other fields select items
    (`doc.subject=law`).

    Raises:
        UnreadableInput: a row that cannot be read, or has no score.
        UsageError: no such metric, filter, or item.
    """
    task, model, results = _about(request.path)
    metric, kept = _choice(request, task)
    reading = _Reading(metric, kept)
    selector, seen = request.selector.rest(*_VIRTUAL), dict[str, Counter[str]]()
    for where, row in rows_of(request.path):
        see(seen, selector, row)
        if row.get("filter", "none") == kept and selector.holds(row):
            _add(reading, where, row)
    names = {"task": task, "benchmark": task, "model": model}
    if not request.selector.on(*names).holds(names) or not len(reading.rows):
        told = {c.field: [names[c.field]] for c in request.selector.on(*names).conditions}
        raise nothing_selected(str(request.path), request.selector, {**told, **seen})
    table = with_lengths(reading.rows.table())
    higher = higher_is_better(metric, mapping(mapping(results.get("higher_is_better")).get(task)))
    options = (
        reading.guesses / reading.shown if reading.shown == len(reading.rows) and is_binary(table) else None
    )
    return [
        Answers(
            benchmark=request.benchmark or task,
            metric=metric_name(metric, kept),
            model=model,
            source=request.source,
            table=table,
            conditions=conditions_of(results, [task]) if results else {},
            chance=None if not higher else options if options is not None else chance_of(task),
            higher_is_better=higher,
        )
    ]


def _about(path: Path) -> tuple[str, str, Mapping[str, Any]]:
    """Task, model and results of a file: from the results beside it, else from its name and folder."""
    stem = re.sub(r"\.(jsonl|json|ndjson)(\.gz|\.zst)?$", "", path.name)
    named = _NAME.fullmatch(stem)
    task, date = (named["task"], named["date"]) if named else (stem, None)
    results = _results_beside(path, task, date)
    model = model_of(results) or (named["model"] if named else "") or path.absolute().parent.name
    return task, model if "/" in model else model.replace("__", "/"), results


def _results_beside(path: Path, task: str, date: str | None) -> Mapping[str, Any]:
    """The results of the same run: of the same date, else the only ones there with this task."""
    same = path.with_name(f"results_{date}.json")
    beside = [same] if date and same.is_file() else sorted(path.absolute().parent.glob("results*.json"))
    found = [results for results in map(_read, beside) if task in mapping(results.get("results"))]
    return found[0] if len(found) == 1 else {}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return document(path)
    except UnreadableInput:  # the samples can be read without it
        return {}


def _choice(request: Request, task: str) -> tuple[str, str]:
    """The metric and the filter to read: those asked for, else those people quote."""
    there = _metrics(request)
    wanted = request.selector.on("metric", "filter")
    rows = [{"metric": metric, "filter": kept} for metric, kept in there]
    full = [{**row, "metric": metric_name(row["metric"], row["filter"])} for row in rows]
    found = {
        metric_name(row["metric"], row["filter"]): (row["metric"], row["filter"])
        for row, whole in zip(rows, full, strict=True)
        if wanted.holds(row) or wanted.holds(whole)
    }
    if not found:
        seen = {
            "metric": [metric_name(*pair) for pair in there],
            "filter": list(dict.fromkeys(kept for _, kept in there)),
        }
        raise nothing_selected(str(request.path), wanted, {c.field: seen[c.field] for c in wanted.conditions})
    return found[best_metric(task, found)]


def _metrics(request: Request) -> list[tuple[str, str]]:
    """Metrics with their filters, in the order of the file.

    The harness writes one filter after the other, so that all rows have to be seen, unless the first
    ones are of the filter that is preferred to every other.
    """
    found: dict[tuple[str, str], None] = {}
    rows = Counter[str]()
    for where, row in rows_of(request.path):
        kept = str(row.get("filter", "none"))
        rows[kept] += 1
        if rows[kept] == 1:
            found |= dict.fromkeys((name, kept) for name in _scored(row, where))
        if "filter" not in row or (kept == "strict-match" and not request.selector.on("filter", "metric")):
            break
    return list(found)


def _scored(row: Mapping[str, object], where: str) -> list[str]:
    listed = row.get("metrics")
    names = map(str, listed) if isinstance(listed, list) else (name for name in row if name not in _KNOWN)
    scored = [n for n in names if isinstance(row.get(n), bool | int | float) or row.get(n, 0) is None]
    if not scored:
        hint = "metrics over the whole file, such as perplexity, are in the summary (results_*.json)"
        raise UnreadableInput(f"{where}: no score of the single item", hint=hint)
    return scored


def _add(reading: _Reading, where: str, row: Mapping[str, object]) -> None:
    if reading.metric not in row:
        raise UnreadableInput(
            f"{where}: no score {reading.metric!r}", hint="was the file put together of two runs?"
        )
    response = _response(row)
    options = 0 if response is not None else _options(row.get("arguments"))
    reading.guesses += 1 / options if options > 1 else 0.0
    reading.shown += options > 1
    reading.rows.add(
        where,
        item=_item(row, where),
        cluster=_cluster(row.get("doc")),
        prompt=text_of(_prompt(row), where, "doc"),
        response=text_of(response, where, "resps"),
        score=score_of(row[reading.metric], where, reading.metric),
        parsed=None
        if response is None or reading.kept == "none"
        else not _invalid(row.get("filtered_resps")),
    )


def _item(row: Mapping[str, object], where: str) -> str:
    name = row.get("doc_hash") or row.get("doc_id")
    if name is None:
        raise UnreadableInput(f"{where}: neither doc_hash nor doc_id")
    return str(name)


def _prompt(row: Mapping[str, object]) -> str | None:
    """The question of the item, the same under any template; else the end of the first prompt."""
    doc = mapping(row.get("doc"))
    asked = next((doc[name] for name in _ASKED if isinstance(doc.get(name), str) and doc[name]), None)
    if asked is not None:
        return str(asked)
    first = next(iter(_arguments(row.get("arguments"))), [])
    return first[0].rpartition("\n\n")[2] if first and isinstance(first[0], str) else None


def _cluster(doc: object) -> str | None:
    shared = next((t for n in _SHARED if isinstance(t := mapping(doc).get(n), str) and t), None)
    return None if shared is None else digest(shared)


def _arguments(value: object) -> list[list[object]]:
    """The arguments of each request of an item, in either of the two ways they have been written."""
    if isinstance(value, Mapping):
        return [list(mapping(each).values()) for each in value.values()]
    return [each if isinstance(each, list) else [each] for each in value] if isinstance(value, list) else []


def _options(value: object) -> int:
    """Options the model chose from; a request without context only serves to normalise another."""
    requests = _arguments(value)
    normalising = sum(1 for each in requests if each and each[0] == "")
    return len(requests) - (normalising if normalising * 2 == len(requests) else 0)


def _response(row: Mapping[str, object]) -> str | None:
    """What the model wrote, the first time of several; None where it only rated options."""
    value: object = row.get("resps")
    while isinstance(value, list) and value:
        if len(value) == 2 and str(value[1]) in ("True", "False") and _NUMBER.fullmatch(str(value[0])):
            return None  # a log-likelihood, and whether it was the likeliest
        value = value[0]
    return value if isinstance(value, str) else None


def _invalid(value: object) -> bool:
    while isinstance(value, list) and value:
        value = value[0]
    return value == _UNPARSED or value in ("", None)


LM_EVAL_SAMPLES = AnswerFormat(
    name="lm-eval-samples",
    describes="sample logs of lm-evaluation-harness (samples_TASK_DATE.jsonl)",
    looks_for="`doc_id`, `arguments` and `resps`",
    recognises=recognises,
    read=read,
)
