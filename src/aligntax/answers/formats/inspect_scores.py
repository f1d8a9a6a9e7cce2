"""Inspect logs with scores (`.eval`, or JSON): one answer a sample and epoch."""

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aligntax.answers.chance import chance_of
from aligntax.answers.conditions import digest, settings
from aligntax.answers.request import AnswerFormat, Request
from aligntax.answers.selector import Condition, Selector, nothing_selected, plain, see
from aligntax.answers.shapes import mapping, sequence
from aligntax.answers.table import TableBuilder, score_of, text_of, with_lengths
from aligntax.errors import UnreadableInput
from aligntax.records import Answers
from aligntax.traffic.formats import inspect as inspect_log
from aligntax.traffic.lines import compression_of, head

__all__ = ["INSPECT_SCORES", "is_log"]

_DAMAGED = (NotImplementedError, RecursionError, EOFError, zlib.error, zipfile.BadZipFile)
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partially correct, incorrect, no answer: as Inspect counts them."""
_BEGINS = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"version":.{0,400}"eval":\s*\{', re.DOTALL)
_TEXT_BLOCKS = ("text", None)
_VIRTUAL = ("metric", "scorer", "model", "task", "benchmark")


@dataclass(slots=True)
class _Reading:
    """What has been read of a log.

    Attributes:
        metric: name of the scorer, with the key where it gives several values; "" where nothing was scored.
        rows: the answers.
        reads: whether the scorer tells of any sample what answer it read.
        epochs: whether any sample ran more than once.
        worded: samples with a response.
        counted: those with its length in tokens.
    """

    metric: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    reads: bool = False
    epochs: bool = False
    worded: int = 0
    counted: int = 0


def recognises(record: Mapping[str, object]) -> bool:
    """Whether a document is an Inspect log."""
    return (
        "version" in record
        and "model" in mapping(record.get("eval"))
        and "task" in mapping(record.get("eval"))
    )


def is_log(path: Path) -> bool:
    """Whether a file is an Inspect log, by its first bytes: one may be too long to be read for that."""
    if not path.is_file() or compression_of(path, str(path)) != "none":
        return False
    start = head(path, "none", 4096)
    return zipfile.is_zipfile(path) if start.startswith(b"PK") else bool(_BEGINS.match(start))


def read(request: Request) -> list[Answers]:
    """The answers of a log, scored by its first scorer unless `FILE:metric=NAME` names another.

    Epochs of a sample are items of their own, "id#2", that share the sample as their cluster. A sample
    that failed has no score.

    Raises:
        UnreadableInput: it is damaged, or has no samples.
        UsageError: nothing is selected.
    """
    wanted, rest = request.selector.on("metric", "scorer"), request.selector.rest(*_VIRTUAL)
    seen: dict[str, Counter[str]] = {}
    reading: _Reading | None = None
    header: Mapping[str, Any] = {}
    names: dict[str, None] = {}
    for about_all, sample in _samples(request.path):
        header = about_all
        names |= dict.fromkeys(_values(sample))
        reading = reading or _Reading("")
        reading.metric = reading.metric or _metric(wanted, names)
        see(seen, rest, sample)
        if rest.holds(sample):
            _take(reading, request.path, sample)
    if reading is None:
        raise UnreadableInput(
            f"{request.path}: there is no sample in the log", hint="has the evaluation failed?"
        )
    about = _about(header)
    if not reading.rows or not request.selector.on(*about).holds(about) or (wanted and not reading.metric):
        known = {"metric": names, "scorer": names, **{name: [value] for name, value in about.items()}}
        told = {c.field: known[c.field] for c in request.selector.on(*_VIRTUAL).conditions}
        raise nothing_selected(str(request.path), request.selector, {**told, **seen})
    return [_answers(request, reading, header, about)]


def _samples(path: Path) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    try:
        for header, sample in inspect_log.samples_of(path):
            if not isinstance(sample, Mapping) or not {"model", "task"} <= header["eval"].keys():
                raise ValueError("no evaluation, or a sample that is no object")
            yield header, sample
    except (OSError, ValueError, LookupError, TypeError, AttributeError, *_DAMAGED) as error:
        place = f", line {error.lineno:,}" if isinstance(error, json.JSONDecodeError) else ""
        hint = "`inspect log convert --to json` writes a log that can be read"
        raise UnreadableInput(f"{path}{place}: not a readable Inspect log: {error}", hint=hint) from error


def _about(header: Mapping[str, Any]) -> dict[str, str]:
    task = str(header["eval"]["task"])
    return {"model": str(header["eval"]["model"]), "task": task, "benchmark": task}


def _values(sample: Mapping[str, Any]) -> dict[str, object]:
    """Metric -> value, of every scorer; a scorer that gives several values has one a key."""
    found: dict[str, object] = {}
    for scorer, score in mapping(sample.get("scores")).items():
        value = mapping(score).get("value")
        if isinstance(value, Mapping):
            found |= {f"{scorer}/{key}": inner for key, inner in value.items()}
        elif not isinstance(value, list):
            found[str(scorer)] = value
    return found


def _metric(wanted: Selector, names: Mapping[str, None]) -> str:
    """The first metric that is asked for; one may name the scorer alone."""
    for name in names:
        scorer = name.partition("/")[0]
        if all(_named(condition, name, scorer) for condition in wanted.conditions):
            return name
    return ""


def _named(condition: Condition, metric: str, scorer: str) -> bool:
    return condition.holds(scorer) or (condition.field == "metric" and condition.holds(metric))


def _take(reading: _Reading, path: Path, sample: Mapping[str, Any]) -> None:
    where = f"{path}, sample {plain(sample.get('id'))}, epoch {_epoch(sample)}"
    answer = mapping(mapping(sample.get("scores")).get(reading.metric.partition("/")[0])).get("answer")
    value = _values(sample).get(reading.metric)
    response, tokens = (
        _response(sample),
        mapping(mapping(sample.get("output")).get("usage")).get("output_tokens"),
    )
    item, epoch = plain(sample.get("id")), _epoch(sample)
    reading.rows.append(
        {
            "where": where,
            "item": item,
            "epoch": epoch,
            "prompt": text_of(_asked(sample.get("input")), where, "input"),
            "response": text_of(response, where, "output"),
            "score": _GRADES[value]
            if isinstance(value, str) and value in _GRADES
            else score_of(value, where, reading.metric),
            "parsed": None if value is None else answer not in (None, "") and value != "N",
            "length": tokens if isinstance(tokens, int) else None,
            "outcome": "refused" if _filtered(sample) else None,
        }
    )
    reading.reads |= answer not in (None, "") or value == "N"
    reading.epochs |= epoch > 1
    reading.worded += response is not None
    reading.counted += response is not None and isinstance(tokens, int)


def _epoch(sample: Mapping[str, Any]) -> int:
    return sample["epoch"] if isinstance(sample.get("epoch"), int) else 1


def _asked(asked: object) -> str | None:
    """The last words of the user."""
    if isinstance(asked, str):
        return asked
    messages = [mapping(m) for m in asked] if isinstance(asked, list) else []
    return next((_text(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), None)


def _response(sample: Mapping[str, Any]) -> str | None:
    """The words of the model; None where none came, as after an error."""
    output = mapping(sample.get("output"))
    first = next(iter(sequence(output.get("choices"))), None)
    said = _text(mapping(mapping(first).get("message")).get("content"))
    return said or (output.get("completion") or None)


def _text(content: object) -> str | None:
    if isinstance(content, str):
        return content
    blocks = [mapping(block) for block in content] if isinstance(content, list) else []
    return "".join(str(b.get("text") or "") for b in blocks if b.get("type") in _TEXT_BLOCKS) or None


def _filtered(sample: Mapping[str, Any]) -> bool:
    """Whether the provider stepped in, by the reason for which generation stopped."""
    first = next(iter(sequence(mapping(sample.get("output")).get("choices"))), None)
    return mapping(first).get("stop_reason") == "content_filter" and not _response(sample)


def _answers(
    request: Request, reading: _Reading, header: Mapping[str, Any], about: Mapping[str, str]
) -> Answers:
    builder, tokens = TableBuilder(), 0 < reading.worded == reading.counted
    for row in reading.rows:
        where, epoch = row.pop("where"), row.pop("epoch")
        if not reading.reads:
            row["parsed"] = None
        if reading.epochs:
            row |= {"item": f"{row['item']}#{epoch}", "cluster": row["item"]}
        builder.add(where, **row)
    table = builder.table()
    scored = table.column("score").null_count < len(table)
    return Answers(
        benchmark=request.benchmark or about["task"],
        metric=reading.metric if scored else "",
        model=about["model"],
        source=request.source,
        table=table if tokens else with_lengths(table, anew=True),
        conditions=_conditions(header),
        chance=chance_of(about["task"]) if scored else None,
        length_unit="tokens" if tokens else "characters",
    )


def _conditions(header: Mapping[str, Any]) -> dict[str, str]:
    evaluation, plan = mapping(header.get("eval")), mapping(header.get("plan"))
    arguments = {k: v for k, v in mapping(evaluation.get("task_args")).items() if not k.endswith("model")}
    shots = next(
        (arguments.pop(k) for k in ("fewshot", "num_fewshot", "n_shot", "shots") if k in arguments), None
    )
    version = mapping(evaluation.get("packages")).get("inspect_ai")
    generation = {**mapping(evaluation.get("model_generate_config")), **mapping(plan.get("config"))}
    found = {
        "harness": f"inspect_ai {version}" if version else None,
        "task_version": plain(evaluation["task_version"])
        if evaluation.get("task_version") is not None
        else None,
        "task_arguments": settings(arguments) or None,
        "shots": plain(shots) if shots is not None else None,
        "solver": _solver(evaluation, plan),
        "generation": settings(generation) or "defaults" if "plan" in header else None,
        "judge": _judge(evaluation),
    }
    return {name: value for name, value in found.items() if value is not None}


def _solver(evaluation: Mapping[str, Any], plan: Mapping[str, Any]) -> str | None:
    """The steps by name, with a hash of their settings, prompts and templates among them."""
    steps = [mapping(step) for step in sequence(plan.get("steps"))]
    names = " → ".join(str(step.get("solver")) for step in steps) or evaluation.get("solver")
    params = [mapping(step.get("params")) for step in steps]
    return f"{names} ({digest(json.dumps(params, sort_keys=True, default=str))})" if any(params) else names


def _judge(evaluation: Mapping[str, Any]) -> str | None:
    """The model that graded, where one did and the log names it."""
    roles = mapping(mapping(evaluation.get("model_roles")).get("grader")).get("model")
    options = [mapping(mapping(scorer).get("options")) for scorer in sequence(evaluation.get("scorers"))]
    named = next((option["model"] for option in options if option.get("model")), None)
    return plain(roles or named) if roles or named else None


INSPECT_SCORES = AnswerFormat(
    name="inspect",
    describes="Inspect logs with scores (.eval, or JSON)",
    looks_for="`version` and `eval` with its model and task",
    recognises=recognises,
    read=read,
)
