"""Label Studio: tasks to import there with the interface to show them in, and its export read back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from aligntax.errors import UnreadableInput
from aligntax.labels.lines import json_line
from aligntax.labels.policy import MEANING
from aligntax.labels.tasks import Answer, Task, answer

__all__ = ["interface", "read", "write"]

_HINT = "export from Label Studio as JSON or JSON-MIN"
_SHOWN = ("use_case", "prompt", "response", "finish_reason", "labels_given")
_FILLED_IN = ("outcome", "note", "annotator")


def write(tasks: Sequence[Task], path: Path) -> list[Path]:
    """An array of tasks, and beside it, with the ending .xml, the labelling interface to paste."""
    rows = [{k: v for k, v in task.row().items() if k not in _FILLED_IN} for task in tasks]
    lines = (json_line({"data": row}).rstrip("\n") for row in rows)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8", newline="\n")
    config = path.with_suffix(".xml")
    config.write_text(interface(rows[0] if rows else {}), encoding="utf-8", newline="\n")
    return [path, config]


def interface(row: Mapping[str, str]) -> str:
    """The labelling interface (Settings > Labeling Interface > Code) for tasks with these fields."""
    shown = [name for name in _SHOWN if name in row] or ["exchange_id"]
    parts = ["<View>", "  <Style>.lsf-richtext, .htx-text { white-space: pre-wrap; }</Style>"]
    for name in shown:
        parts.append(f'  <Header value="{name.replace("_", " ")}" size="5"/>')
        parts.append(f'  <Text name="{name}" value="${name}"/>')
    judged = "response" if "response" in shown else shown[0]
    parts.append(f'  <Choices name="outcome" toName="{judged}" choice="single" required="true">')
    for key, (outcome, meaning) in enumerate(MEANING.items(), 1):
        parts.append(f'    <Choice value="{outcome}" hotkey="{key}" hint={quoteattr(meaning)}/>')
    parts.append("  </Choices>")
    parts.append(
        f'  <TextArea name="note" toName="{judged}" placeholder="note" rows="2" maxSubmissions="1"/>'
    )
    return "\n".join([*parts, "</View>", ""])


def read(path: Path) -> Iterator[Answer]:
    """The answers in an export, full JSON or JSON-MIN, one for each annotation.

    An annotation marked as ground truth counts as an adjudication; the time is that of the last change.

    Raises:
        UnreadableInput: the file or a task of it cannot be read.
    """
    for number, task in enumerate(_tasks(path), 1):
        place = f"{path}: task {number}"
        if not isinstance(task, dict):
            raise UnreadableInput(f"{place}: not an object", hint=_HINT)
        if "annotations" not in task and "data" not in task:
            yield answer(task, place)  # JSON-MIN
            continue
        data, annotations = task.get("data"), task.get("annotations") or []
        if not isinstance(data, dict) or not isinstance(annotations, list):
            raise UnreadableInput(f"{place}: no data or annotations in it", hint=_HINT)
        for annotation in annotations:
            yield _answer(data, annotation, place)


def _tasks(path: Path) -> list[Any]:
    try:
        tasks = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{path}: not valid JSON ({error})", hint=_HINT) from error
    return tasks if isinstance(tasks, list) else [tasks]


def _answer(data: dict[str, Any], annotation: object, place: str) -> Answer:
    if not isinstance(annotation, dict):
        raise UnreadableInput(f"{place}: an annotation that is not an object", hint=_HINT)
    key = data.get("exchange_id")
    if not key:
        raise UnreadableInput(f"{place}: its data has no exchange_id", hint="import the tasks as exported")
    outcomes = _said(annotation, "outcome", "choices")
    if len(outcomes) > 1:
        said = ", ".join(outcomes)
        raise UnreadableInput(f"{place}: one annotation with several outcomes ({said})", hint="choose one")
    stated = annotation.get("updated_at") or annotation.get("created_at") or ""
    ground_truth = annotation.get("ground_truth") or data.get("adjudicated") == "yes"
    row = {
        "exchange_id": key,
        "outcome": outcomes[0] if outcomes else "",
        "annotator": _who(annotation.get("completed_by")),
        "time": stated,
        "note": "\n".join(_said(annotation, "note", "text")),
        "adjudicated": "yes" if ground_truth else "no",
        "policy_version": data.get("policy_version"),
    }
    return replace(answer(row, place), cancelled=bool(annotation.get("was_cancelled")))


def _said(annotation: dict[str, Any], name: str, kind: str) -> list[str]:
    """The values of one control of the interface."""
    found = list[str]()
    for result in annotation.get("result") or []:
        if isinstance(result, dict) and result.get("from_name", name) == name:
            value = (result.get("value") or {}).get(kind) or []
            found += [str(v) for v in (value if isinstance(value, list) else [value])]
    return found


def _who(completed_by: object) -> str:
    """An annotator's e-mail address, else the number Label Studio gives them."""
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or completed_by.get("id") or "")
    return "" if completed_by is None else str(completed_by)
