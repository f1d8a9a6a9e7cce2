"""A server is waited for as long as it asks; where it says nothing, longer each time."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

pytest.importorskip("inspect_ai")

from tenacity import Future, RetryCallState

from aligntax.models.endpoint.retrying import Obedient, asked_to_wait


def failed(**headers: str) -> Exception:
    error = RuntimeError("no")
    error.response = SimpleNamespace(headers={name.replace("_", "-"): text for name, text in headers.items()})
    return error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.25"}, 0.25),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_seconds(headers: dict, seconds: float | None) -> None:
    assert asked_to_wait(failed(**headers)) == seconds


def test_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert asked_to_wait(failed(retry_after=date)) == pytest.approx(90, abs=3)
    assert asked_to_wait(RuntimeError("no response at all")) is None


@pytest.mark.parametrize(
    ("attempt", "error", "least", "most"),
    [
        (1, failed(retry_after="0.3"), 0.3, 0.3),
        (5, failed(retry_after="0.3"), 0.3, 0.3),
        (1, failed(retry_after="86400"), 600, 600),
        (1, RuntimeError(), 1, 2),
        (4, RuntimeError(), 8, 9),
        (40, RuntimeError(), 60, 60),
    ],
)
def test_pauses(attempt: int, error: Exception, least: float, most: float) -> None:
    state = RetryCallState(None, None, (), {})
    state.attempt_number, state.outcome = attempt, Future(attempt)
    state.outcome.set_exception(error)
    wait = Obedient()
    assert least <= wait(state) <= most
    state.outcome.exception()
