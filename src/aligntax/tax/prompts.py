"""The texts two models are compared on: prompts, with or without responses, and documents."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput
from aligntax.labels.lines import json_lines

__all__ = ["Prompt", "read_documents", "read_prompts"]

_JSON = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One line of a file of prompts.

    Attributes:
        text: what is asked.
        response: an answer to it; None where the file has none.
        group: prompt type, "" where there is none.
        cluster: what tells prompts apart: its id, or its text.
        place: file and line, for messages.
    """

    text: str
    response: str | None
    group: str
    cluster: str
    place: str


def read_prompts(path: Path, *, group: str = "prompt_type") -> list[Prompt]:
    """Prompts of a file, in its order.

    Args:
        path: JSON lines (.jsonl, .ndjson, .json) with `prompt`, and where they are known `response`, `id` and
            a field for the group; otherwise plain text, one prompt a line.
        group: the field with the prompt type.

    Raises:
        UnreadableInput: it cannot be read, a line is not an object or has no prompt, there is none at all.
    """
    if path.suffix.lower() in _JSON:
        hint = 'a line is {"prompt": "...", "response": "..."}'
        found = [_prompt(row, f"{path}:{number}", group) for number, row in json_lines(path, hint=hint)]
    else:
        lines = enumerate(_text(path).splitlines(), 1)
        found = [Prompt(line, None, "", line, f"{path}:{number}") for number, line in lines if line.strip()]
    if not found:
        raise UnreadableInput(f"{path}: no prompts in it", hint="one prompt a line")
    return found


def read_documents(path: Path) -> list[str]:
    """Documents of a file, in its order.

    Args:
        path: JSON lines with `text`; otherwise plain text, with blank lines between documents.

    Raises:
        UnreadableInput: it cannot be read, a line has no text, there is none at all.
    """
    if path.suffix.lower() in _JSON:
        found = list(_texts(path))
    else:
        found = [block.strip() for block in re.split(r"\n\s*\n", _text(path)) if block.strip()]
    if not found:
        raise UnreadableInput(f"{path}: no text in it", hint="blank lines between documents, or JSON lines")
    return found


def _texts(path: Path) -> Iterator[str]:
    for number, row in json_lines(path, hint='a line is {"text": "..."}'):
        text = row.get("text")
        if not isinstance(text, str):
            raise UnreadableInput(f"{path}:{number}: no `text`", hint='a line is {"text": "..."}')
        if text.strip():
            yield text


def _prompt(row: Mapping[str, Any], place: str, group: str) -> Prompt:
    text, response = row.get("prompt"), row.get("response")
    if not isinstance(text, str):
        raise UnreadableInput(f"{place}: no `prompt`, or one that is no text", hint='{"prompt": "..."}')
    if response is not None and not isinstance(response, str):
        raise UnreadableInput(f"{place}: `response` is no text", hint='{"prompt": "...", "response": "..."}')
    kind, name = row.get(group), row.get("id")
    return Prompt(
        text, response, "" if kind is None else str(kind), text if name is None else str(name), place
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path}: not UTF-8 text", hint="save it as UTF-8") from error
