"""A sample of a log that anyone can draw again: by the hash of the id, in proportion to the use cases."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import pyarrow as pa

from aligntax.traffic.read import Log

__all__ = ["Sample", "allocate", "draw", "rank"]

_COLUMNS = ("id", "use_case")


@dataclass(frozen=True, slots=True)
class Sample:
    """Which exchanges are in.

    Attributes:
        population: exchanges of the log.
        size: exchanges in the sample.
        limits: use case -> greatest rank that is in.
    """

    population: int
    size: int
    limits: Mapping[str | None, int]

    def of(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The exchanges of the sample, in the order of the log."""
        for batch in batches:
            rows = zip(batch.column("id").to_pylist(), batch.column("use_case").to_pylist(), strict=True)
            yield batch.filter(pa.array([rank(i) <= self.limits.get(u, -1) for i, u in rows]))


def rank(identifier: str) -> int:
    """A place in the order samples are drawn in: the same on every machine, in every version."""
    return int.from_bytes(blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def draw(log: Log, size: int) -> Sample:
    """Draws a sample, stratified by use case in proportion to its share.

    Args:
        log: read once for this, ids and use cases alone.
        size: exchanges wanted, > 0; all of them where the log has fewer.

    Returns:
        A sample of about `size`: exactly, unless ids repeat.
    """
    lowest: dict[str | None, list[int]] = {}
    counts: dict[str | None, int] = {}
    batches, _ = log.batches(_COLUMNS)
    for batch in batches:
        for identifier, use_case in zip(*(batch.column(name).to_pylist() for name in _COLUMNS), strict=True):
            counts[use_case] = counts.get(use_case, 0) + 1
            _keep_lowest(lowest.setdefault(use_case, []), rank(identifier), size)
    shares = allocate(counts, size)
    ordered = {use_case: sorted(-negated for negated in heap) for use_case, heap in lowest.items()}
    limits = {use_case: ordered[use_case][share - 1] for use_case, share in shares.items() if share}
    return Sample(population=sum(counts.values()), size=sum(shares.values()), limits=limits)


def _keep_lowest(heap: list[int], value: int, size: int) -> None:
    """Keeps the `size` lowest values, negated, in a heap whose top is the highest of them."""
    if len(heap) < size:
        heapq.heappush(heap, -value)
    elif -value > heap[0]:
        heapq.heapreplace(heap, -value)


def allocate(counts: Mapping[str | None, int], size: int) -> dict[str | None, int]:
    """How many to take from each stratum: its share, by largest remainder.

    Args:
        counts: size of each stratum.
        size: how many to take in all.
    """
    total = sum(counts.values())
    if size >= total:
        return dict(counts)
    exact = {name: size * count / total for name, count in counts.items()}
    taken = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (taken[name] - exact[name], str(name)))
    for name in by_remainder[: size - sum(taken.values())]:
        taken[name] += 1
    return taken
