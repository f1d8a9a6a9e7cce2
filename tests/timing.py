"""Claims about time that hold on a busy, noisy machine: in CPU seconds, and by the best of several tries."""

import time
from collections.abc import Callable

__all__ = ["TRIES", "cpu_seconds", "ratio_within", "within"]

TRIES = 5
LEAST = 0.02
"""CPU seconds below which the clock decides, more than what is timed."""

Call = Callable[[], object]


def cpu_seconds(call: Call) -> float:
    """Of one call, all its threads together: waiting for a core does not count."""
    start = time.process_time()
    call()
    return time.process_time() - start


def within(seconds: float, call: Call, tries: int = TRIES) -> bool:
    """Whether one of several tries stays below some CPU seconds: noise makes a try longer, never shorter."""
    return any(cpu_seconds(call) < seconds for _ in range(tries))


def ratio_within(factor: float, longer: Call, shorter: Call, tries: int = TRIES) -> bool:
    """Whether one call takes less than so many times as long as another, by the best of tries of both."""
    least = min(cpu_seconds(shorter) for _ in range(tries))
    return within(factor * max(least, LEAST), longer, tries)
