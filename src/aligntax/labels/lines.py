"""Lines of JSON that any program reads back as the same lines."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput

__all__ = ["json_line", "json_lines"]

# what some programs take for the end of a line, and what UTF-8 cannot say
_DELICATE = re.compile("[\x7f\x85\u2028\u2029\ud800-\udfff]")


def json_line(row: dict[str, Any]) -> str:
    """One row, with its newline."""
    text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    return _DELICATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text) + "\n"


def json_lines(path: Path, *, hint: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file with their line numbers, from 1; blank lines are passed over.

    Args:
        path: of a file in UTF-8, with or without byte order mark.
        hint: what to say where the file cannot be read.

    Raises:
        UnreadableInput: the file or a line of it cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _parsed(line, f"{path}:{number}")
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path}: not UTF-8 text", hint=hint or "save it as UTF-8") from error


def _parsed(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{place}: not valid JSON ({error})", hint="one JSON object a line") from error
    if not isinstance(row, dict):
        raise UnreadableInput(f"{place}: not a JSON object", hint="one JSON object a line")
    return row
