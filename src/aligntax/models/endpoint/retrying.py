"""When a request is tried again: as the server asks, else after growing pauses."""

import json
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from inspect_ai.model import Model
from tenacity import RetryCallState
from tenacity.wait import wait_base, wait_exponential_jitter

__all__ = ["Obedient", "asked_to_wait", "patient"]

_LONGEST = 600.0
"""Seconds; a server that asks for a longer pause is tried again after this one."""


class Obedient(wait_base):
    """Pauses as long as the server says in Retry-After; where it says nothing about 1, 2, 4, ... 60 s."""

    def __init__(self, first: float = 1.0) -> None:
        self._growing = wait_exponential_jitter(initial=first, max=60.0, jitter=first)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait after a failed try."""
        asked = asked_to_wait(retry_state.outcome.exception()) if retry_state.outcome else None
        return float(self._growing(retry_state)) if asked is None else min(asked, _LONGEST)


def patient(live: Model) -> Model:
    """Has a model tried again as often as it was told to, and as the server asks.

    The clients of some providers try again on their own account, without Inspect's knowing; they are told not
    to, so that a limit on tries and a limit on time mean what they say. Half an answer (a body that is not
    JSON) is tried again as a connection that broke is.
    """
    api: Any = live.api
    if isinstance(getattr(getattr(api, "client", None), "max_retries", None), int):
        api.client.max_retries = 0
    known, wait = api.should_retry, Obedient()

    def should_retry(error: Exception) -> Any:  # noqa: ANN401 - Inspect's decision, or yes
        return isinstance(error, json.JSONDecodeError) or known(error)

    if api.retry_wait() is None:
        api.retry_wait = lambda: wait
    api.should_retry = should_retry
    return live


def asked_to_wait(error: BaseException | None) -> float | None:
    """Seconds that a failed response asks to wait; None where it does not.

    Source: RFC 9110, 10.2.3, Retry-After is a number of seconds or a date; retry-after-ms is OpenAI's.
    """
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        said = headers.get(name)
        if said is not None and (seconds := _seconds(said, unit)) is not None:
            return max(0.0, seconds)
    return None


def _seconds(said: str, unit: float) -> float | None:
    try:
        return float(said) * unit
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(said).timestamp() - time()
    except ValueError:
        return None
