"""A gate as GitHub workflow commands, which mark the lines of the policy in a pull request."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from aligntax.report.document import Document
from aligntax.report.gate_words import held_entries

__all__ = ["annotations"]

_LEVELS = {"fail": "error", "inconclusive": "warning"}
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = _DATA | {":": "%3A", ",": "%2C"}


def annotations(contents: Document) -> Iterator[str]:
    """One command for each thing that does not pass: `::error file=aligntax.toml,line=12,title=...::text`.

    What cannot be told is an error where it stops a release, else a warning.

    Args:
        contents: of `gate_document`.
    """
    path = str(cast(Mapping[str, Any], contents["policy"])["path"])
    for one in held_entries(contents):
        if one.verdict == "pass" and not one.finding:
            continue
        stops = one.verdict == "inconclusive" and contents["mode"] == "release"
        level = "error" if stops else "warning" if one.aside else _LEVELS.get(one.verdict, "notice")
        title = f"alignment tax: {one.subject} {one.name}"
        place = f"file={_escaped(path, _PROPERTY)},line={one.line},title={_escaped(title, _PROPERTY)}"
        yield f"::{level} {place}::{_escaped(one.sentence, _DATA)}"


def _escaped(text: str, signs: Mapping[str, str]) -> str:
    """Text that cannot end the command or begin another; unseen characters replaced."""
    visible = (c if c.isprintable() or c in "\r\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return "".join(signs.get(c, c) for c in visible)
