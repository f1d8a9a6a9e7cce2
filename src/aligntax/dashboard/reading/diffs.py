"""What changed from one text to the next, line by line."""

import difflib
from dataclasses import dataclass
from typing import Literal

__all__ = ["Changed", "changed_lines"]

_MOST = 4000
"""Lines of a text that are compared; more would take longer than a page may."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A line: added, removed, kept, or a mark of a gap."""

    kind: Literal["added", "removed", "kept", "gap"]
    text: str


def changed_lines(before: str, after: str) -> list[Changed]:
    """Lines that differ, with three around them; empty where none does."""
    old, new = before.splitlines()[:_MOST], after.splitlines()[:_MOST]
    found: list[Changed] = []
    for line in difflib.unified_diff(old, new, lineterm="", n=3):
        if line.startswith(("---", "+++")) and not found:
            continue
        kind = {"+": "added", "-": "removed", "@": "gap"}.get(line[:1], "kept")
        found.append(Changed(kind, "" if kind == "gap" else line[1:]))  # type: ignore[arg-type]
    return found
