"""Moving average over the checkpoints of a run, and back towards its start (WARP's first and third step)."""

from dataclasses import dataclass

import torch

from aligntax.errors import UsageError
from aligntax.mitigations.merging.method import Chunk, Chunks, Place
from aligntax.mitigations.merging.task_vectors import add, task_vectors

__all__ = ["Ema", "ema_factors"]


def ema_factors(count: int, decay: float) -> tuple[float, ...]:
    """What each of `count` checkpoints, the first one first, weighs in their moving average.

    The average starts at the first checkpoint and becomes decay * average + (1 - decay) * next with each one.

    Returns:
        (count,) factors that sum to 1.
    """
    later = [(1 - decay) * decay ** (count - 1 - at) for at in range(1, count)]
    return (decay ** (count - 1), *later)


@dataclass(frozen=True, slots=True)
class Ema:
    """pre_weight * start + (1 - pre_weight) * moving average of the checkpoints, in the order given.

    Attributes:
        pre_weight: how far back towards the start, in [0, 1]; 1 less WARP's eta.
        decay: of the average, in [0, 1); near 1 remembers long. WARP's mu is 1 - decay.

    Raises:
        UsageError: a decay outside [0, 1).

    Source: Rame et al. (2024), WARP, arXiv 2406.16768, section 3.
    """

    pre_weight: float = 0.2
    decay: float = 0.5
    name: str = "ema"

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise UsageError(f"a decay lies in [0, 1), not {self.decay:g}")

    def pre_share(self, place: Place) -> float | None:
        """At 1 only the start is left."""
        return 1.0 if self.pre_weight == 1 else None

    def survey(self, place: Place, chunks: Chunks) -> None:
        """Nothing has to be known."""

    def mix(self, place: Place, chunk: Chunk, surveyed: None, out: torch.Tensor) -> None:
        """Averages, and goes back."""
        factors = ema_factors(len(chunk.aligned), self.decay)
        add(chunk.pre, task_vectors(chunk), [(1 - self.pre_weight) * factor for factor in factors], out)
