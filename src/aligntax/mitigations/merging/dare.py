"""DARE: changes are dropped at random and the rest scaled up, so that their sum stays the same on average."""

import hashlib
from dataclasses import dataclass

import torch

from aligntax.mitigations.merging.method import Chunk, Chunks, Place
from aligntax.mitigations.merging.task_vectors import add, task_vectors
from aligntax.mitigations.merging.ties import check_density

__all__ = ["Dare", "dare"]


def dare(vector: torch.Tensor, density: float, generator: torch.Generator) -> torch.Tensor:
    """Each change kept with probability `density` and divided by it; 0 otherwise.

    Args:
        vector: (n,) task vector.
        density: share kept, in (0, 1]; 1 less the paper's drop rate.
        generator: of the draws.

    Source: Yu et al. (2024), arXiv 2311.03099, eq. (2).
    """
    kept = torch.empty(vector.shape, dtype=torch.float32).bernoulli_(density, generator=generator)
    return vector * kept / density


@dataclass(frozen=True, slots=True)
class Dare:
    """pre + (1 - pre_weight) * sum of randomly thinned task vectors.

    The draws hang on the seed, the tensor's name and the place in it, so that a merge taken up again, or done
    by more threads, gives the same numbers.

    Attributes:
        pre_weight: 1 less the scaling coefficient, in [0, 1].
        density: share of changes kept, in (0, 1]; .1 is the paper's drop rate of .9.
        seed: of the draws.

    Raises:
        UsageError: a density outside (0, 1].
    """

    pre_weight: float = 0.2
    density: float = 0.1
    seed: int = 0
    name: str = "dare"

    def __post_init__(self) -> None:
        check_density(self.density)

    def pre_share(self, place: Place) -> float | None:
        """At 1 nothing is added."""
        return 1.0 if self.pre_weight == 1 else None

    def survey(self, place: Place, chunks: Chunks) -> None:
        """Nothing has to be known."""

    def mix(self, place: Place, chunk: Chunk, surveyed: None, out: torch.Tensor) -> None:
        """Thins and adds up."""
        thinned = [
            dare(vector, self.density, _generator(self.seed, place.name, chunk.start, model))
            for model, vector in enumerate(task_vectors(chunk))
        ]
        add(chunk.pre, thinned, [1 - self.pre_weight] * len(thinned), out)


def _generator(*what: object) -> torch.Generator:
    digest = hashlib.sha256(repr(what).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
