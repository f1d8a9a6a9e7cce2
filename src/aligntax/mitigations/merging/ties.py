"""TIES: trim the small changes, elect a sign, average the changes that agree with it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import torch

from aligntax.errors import UsageError
from aligntax.mitigations.merging.method import Chunk, Chunks, Place
from aligntax.mitigations.merging.task_vectors import add, task_vectors

__all__ = ["Ties", "elect", "thresholds"]

_HALF = 1 << 16


def elect(vectors: Sequence[torch.Tensor], least: Sequence[float]) -> torch.Tensor:
    """The merged task vector: trimmed, sign elected by summed mass, mean of those that agree.

    Args:
        vectors: (n,) task vectors, one a model.
        least: magnitude below which each model's changes are dropped.

    Returns:
        (n,); 0 where nothing is left.

    Source: Yadav et al. (2023), TIES-Merging, arXiv 2306.01708, algorithm 1.
    """
    trimmed = torch.stack(
        [torch.where(vector.abs() >= low, vector, 0) for vector, low in zip(vectors, least, strict=True)]
    )
    sign = torch.sign(trimmed.sum(0))
    agrees = (torch.sign(trimmed) == sign) & (trimmed != 0)
    return torch.where(agrees, trimmed, 0).sum(0) / agrees.sum(0).clamp(min=1)


def thresholds(magnitudes: Callable[[], Iterator[list[torch.Tensor]]], keep: int) -> list[float]:
    """The keep-th largest magnitude of each vector, exact to float32, in two passes and constant memory.

    Non-negative floats order as their bits do: the first pass counts the upper half of the bits, the second
    the lower half of those that share the upper half of the value looked for.

    Args:
        magnitudes: gives (n,) chunks >= 0 of each vector, as often as it is called.
        keep: how many numbers are to be at or above the threshold, >= 1.
    """
    upper: list[torch.Tensor] = []
    for chunks in magnitudes():
        counts = [_count(_bits(chunk) >> 16) for chunk in chunks]
        upper = [a + b for a, b in zip(upper, counts, strict=True)] if upper else counts
    tops, rests = zip(*(_reach(count, keep) for count in upper), strict=True)
    lower: list[torch.Tensor] = []
    for chunks in magnitudes():
        counts = []
        for chunk, top in zip(chunks, tops, strict=True):
            bits = _bits(chunk)
            counts.append(_count(bits[(bits >> 16) == top] & (_HALF - 1)))
        lower = [a + b for a, b in zip(lower, counts, strict=True)] if lower else counts
    lows = [_reach(count, rest)[0] for count, rest in zip(lower, rests, strict=True)]
    found = torch.tensor([(top << 16) | low for top, low in zip(tops, lows, strict=True)], dtype=torch.int32)
    return [float(value) for value in found.view(torch.float32)]


def _bits(chunk: torch.Tensor) -> torch.Tensor:
    return chunk.float().contiguous().view(torch.int32)


def _count(parts: torch.Tensor) -> torch.Tensor:
    return torch.bincount(parts, minlength=_HALF)


def _reach(counts: torch.Tensor, keep: int) -> tuple[int, int]:
    """Highest value at or above which `keep` numbers lie, and how many of them at that value itself."""
    above = counts.flip(0).cumsum(0)
    place = int(torch.searchsorted(above, keep))
    value = len(counts) - 1 - place
    return value, keep - int(above[place] - counts[value])


@dataclass(frozen=True, slots=True)
class Ties:
    """pre + (1 - pre_weight) * what TIES makes of the task vectors.

    Made for many models; with one it only drops the small changes. Trims each tensor by itself, as the common
    implementations do, where the paper trims over the whole model.

    Attributes:
        pre_weight: 1 less the paper's lambda, in [0, 1].
        density: share of changes kept, in (0, 1]; the paper keeps .2.

    Raises:
        UsageError: a density outside (0, 1].
    """

    pre_weight: float = 0.2
    density: float = 0.2
    name: str = "ties"

    def __post_init__(self) -> None:
        check_density(self.density)

    def pre_share(self, place: Place) -> float | None:
        """At 1 nothing is added."""
        return 1.0 if self.pre_weight == 1 else None

    def survey(self, place: Place, chunks: Chunks) -> list[float]:
        """The magnitude from which on each model's changes are kept."""
        keep = max(1, round(self.density * prod(place.shape)))
        return thresholds(
            lambda: ([vector.abs() for vector in task_vectors(chunk)] for chunk in chunks()), keep
        )

    def mix(self, place: Place, chunk: Chunk, surveyed: list[float], out: torch.Tensor) -> None:
        """Trims, elects, averages."""
        add(chunk.pre, [elect(task_vectors(chunk), surveyed)], [1 - self.pre_weight], out)


def check_density(density: float) -> None:
    """Refuses a density that keeps nothing, or more than there is."""
    if not 0 < density <= 1:
        raise UsageError(
            f"a density lies in (0, 1], not {density:g}", hint="0.2 keeps a fifth of the changes"
        )
