"""How often one client may ask: a bucket of requests that fills up again at a steady rate."""

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]

_CLIENTS = 10_000  # the longest idle are forgotten, so that memory stays bounded


class Buckets:
    """A bucket for every client.

    Args:
        rate: requests a second that flow back, > 0.
        burst: requests a full bucket holds, >= 1.
        clock: seconds, never going back.
    """

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Takes a request out of a client's bucket.

        Returns:
            0.0 where there was one; else the seconds until there will be, > 0, and nothing is taken.
        """
        now = self._clock()
        left, since = self._left.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._rate)
        taken = left >= 1.0
        self._left[client] = (left - 1.0 if taken else left, now)
        if len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if taken else (1.0 - left) / self._rate
