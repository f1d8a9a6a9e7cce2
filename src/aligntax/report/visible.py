"""Text of others as a page may show it: nothing in it unseen, nothing that turns its direction around."""

import re

from markupsafe import Markup

__all__ = ["clipped", "visible"]

_LONG = 120
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
"""Control characters, and those that turn the direction of text around: unseen, they make a text lie."""


def visible(value: object) -> object:
    """What goes into a page, with a replacement for each unseen character; markup of ours as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", value)
    return value


def clipped(text: str, most: int = _LONG) -> str:
    """A text short enough for a page; both ends are kept, since names often differ in the last part."""
    if len(text) <= most:
        return text
    tail = most // 4
    return f"{text[: most - tail]} … {text[-tail:]}"
