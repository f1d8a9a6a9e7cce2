"""What a file given to `aligntax record` is: a document, labels or a policy."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aligntax.errors import UnreadableInput
from aligntax.labels.labels import load_labels
from aligntax.ledger.documents import check, created_of
from aligntax.records import Label

__all__ = ["Found", "find"]

_OUTCOMES = "outcomes.parquet"
_NO_RUNS = ("aligntax.run/", "aligntax.asking_plan/")
"""Beginnings of schemas that tell of a command and not of anything measured."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Something to record.

    Attributes:
        path: of the file.
        kind: what it is.
        document: of a document.
        created: when that was measured, UTC without zone; None where it does not say.
        files: name -> file to keep beside it.
        labels: of a file of labels.
        text: of a policy.
    """

    path: Path
    kind: Literal["document", "labels", "policy"]
    document: Mapping[str, Any] = field(default_factory=dict)
    created: dt.datetime | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    labels: Sequence[Label] = ()
    text: str = ""


def find(path: Path) -> list[Found]:
    """What is in a file, or in the files of a directory.

    Raises:
        UnreadableInput: it is not there, cannot be read, or is nothing to record.
    """
    if path.is_dir():
        found = list(_within(path))
        if not found:
            raise UnreadableInput(
                f"{path}: there is no document in this directory",
                hint="name the one that `aligntax audit --out` wrote to",
            )
        return found
    if not path.exists():
        raise UnreadableInput(f"{path}: there is no such file", hint="check the path")
    if path.suffix == ".toml":
        return [_policy(path)]
    if path.suffix == ".json":
        return [_document(path)]
    if path.suffix == ".jsonl":
        return [Found(path=path, kind="labels", labels=load_labels([path]).labels)]
    raise UnreadableInput(
        f"{path}: neither a document (.json), labels (.jsonl) nor a policy (.toml)",
        hint="of other labels `aligntax label import` makes a labels.jsonl",
    )


def _within(directory: Path) -> Iterator[Found]:
    """The documents in a directory, and outcomes.parquet beside the bill."""
    for path in sorted(directory.glob("*.json")):
        contents = _json(path)
        schema = contents.get("schema") if isinstance(contents, Mapping) else None
        if not isinstance(schema, str) or not schema.startswith("aligntax.") or schema.startswith(_NO_RUNS):
            continue
        outcomes = directory / _OUTCOMES
        beside = schema.startswith("aligntax.bill/") and outcomes.is_file()
        yield _found(path, contents, {_OUTCOMES: outcomes} if beside else {})


def _document(path: Path) -> Found:
    contents = _json(path)
    schema = contents.get("schema") if isinstance(contents, Mapping) else None
    if isinstance(schema, str) and schema.startswith(_NO_RUNS):
        raise UnreadableInput(f"{path}: {schema} tells of a command, and nothing was measured")
    return _found(path, contents, {})


def _found(path: Path, contents: object, files: Mapping[str, Path]) -> Found:
    document = check(contents, str(path))
    return Found(path=path, kind="document", document=document, created=created_of(document), files=files)


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read: {error.strerror}", hint="check the path") from error
    except json.JSONDecodeError as error:
        raise UnreadableInput(
            f"{path}: line {error.lineno}: no JSON: {error.msg}",
            hint="record what a command's --json or --out wrote",
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path}: no UTF-8: {error.reason}", hint="is it a document?") from error
    except RecursionError as error:
        raise UnreadableInput(f"{path}: nested too deep to be read", hint="is it a document?") from error


def _policy(path: Path) -> Found:
    from aligntax.policy.read import load_policy

    return Found(path=path, kind="policy", text=load_policy(path).text)
