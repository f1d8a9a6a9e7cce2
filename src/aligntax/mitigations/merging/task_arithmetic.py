"""Task arithmetic: the changes of one or several aligned models are added up and scaled."""

from dataclasses import dataclass

import torch

from aligntax.mitigations.merging.linear import linear
from aligntax.mitigations.merging.method import Chunk, Chunks, Place
from aligntax.mitigations.merging.task_vectors import add, task_vectors

__all__ = ["TaskArithmetic"]


@dataclass(frozen=True, slots=True)
class TaskArithmetic:
    """pre + (1 - pre_weight) * sum of task vectors; with one aligned model the same as `linear`.

    Attributes:
        pre_weight: 1 less the paper's scaling coefficient lambda, in [0, 1].

    Source: Ilharco et al. (2023), arXiv 2212.04089, section 2.
    """

    pre_weight: float = 0.2
    name: str = "task_arithmetic"

    def pre_share(self, place: Place) -> float | None:
        """At 1 nothing is added."""
        return 1.0 if self.pre_weight == 1 else None

    def survey(self, place: Place, chunks: Chunks) -> None:
        """Nothing has to be known."""

    def mix(self, place: Place, chunk: Chunk, surveyed: None, out: torch.Tensor) -> None:
        """Adds them up."""
        if len(chunk.aligned) == 1:
            linear(chunk.pre, chunk.aligned[0], self.pre_weight, out)
            return
        vectors = task_vectors(chunk)
        add(chunk.pre, vectors, [1 - self.pre_weight] * len(vectors), out)
