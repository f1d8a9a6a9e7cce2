"""Windows of time."""

import datetime as dt

import pytest

from aligntax.errors import UsageError
from aligntax.policy.window import parse_window, window_text


def test_windows_are_read_and_said() -> None:
    """Hours, days and weeks."""
    assert parse_window("24h") == dt.timedelta(days=1)
    assert parse_window("28d") == parse_window("4w") == dt.timedelta(days=28)
    assert [window_text(one) for one in ("1h", "28d", "4w")] == ["1 hour", "28 days", "4 weeks"]


@pytest.mark.parametrize("window", ["", "28", "d", "0d", "-1d", "28 d", "28d\n", "99999d", "1m", "٣d"])
def test_what_is_no_window_is_refused(window: str) -> None:
    """With what one looks like."""
    with pytest.raises(UsageError, match="28d"):
        parse_window(window)
