"""Windows of time: "24h", "28d", "4w"."""

import datetime as dt
import re

from aligntax.errors import UsageError

__all__ = ["PATTERN", "parse_window", "window_text"]

PATTERN = r"^[1-9][0-9]{0,3}[hdw]$"
_UNITS = {"h": dt.timedelta(hours=1), "d": dt.timedelta(days=1), "w": dt.timedelta(weeks=1)}


def parse_window(window: str) -> dt.timedelta:
    """The length of a window.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(PATTERN, window):
        raise UsageError(f"{window!r} is no window of time", hint="such as 24h, 28d or 4w")
    return int(window[:-1]) * _UNITS[window[-1]]


def window_text(window: str) -> str:
    """A window in words: "28 days"."""
    length = parse_window(window)
    number, unit = int(window[:-1]), {"h": "hour", "d": "day", "w": "week"}[window[-1]]
    return f"{number} {unit}" + ("" if length == _UNITS[window[-1]] else "s")
