"""A batch function over a stream of batches, on this machine: reading and judging overlap."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["map_batches"]

In = TypeVar("In")
Out = TypeVar("Out")

_AHEAD = 2


def map_batches(function: Callable[[In], Out], batches: Iterator[In]) -> Iterator[Out]:
    """Applies a function to each batch, in order, while the next batches are being read.

    One worker thread is right here: DuckDB reads on threads of its own, and hyperscan takes the
    interpreter lock for every match, so that a second judging thread would only wait for the first.
    At most two batches are in flight, which bounds memory.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting: list[Future[Out]] = [pool.submit(function, batch) for batch in islice(batches, _AHEAD)]
        while waiting:
            done = waiting.pop(0).result()
            waiting += [pool.submit(function, batch) for batch in islice(batches, 1)]
            yield done
