"""Spherical interpolation of task vectors, tensor by tensor.

Of task vectors, not of weights: weights before and after alignment point almost the same way (cosine above
.9995, where implementations fall back on lines), so that on whole weights slerp is lerp under another name.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from aligntax.mitigations.merging.method import Chunk, Chunks, Place
from aligntax.mitigations.merging.task_vectors import add, task_vectors

__all__ = ["Slerp", "slerp_factors"]

_PARALLEL = 0.9995
Gram = Sequence[Sequence[float]]


def slerp_factors(gram: Gram) -> tuple[float, ...]:
    """Factors of each vector in their spherical mean.

    Two vectors at an angle omega are weighted by sin(omega / 2) / sin(omega) each; the m-th vector is brought
    in at t = 1 / m. Vectors that are zero, or parallel (|cosine| above .9995), are averaged along the line.

    Args:
        gram: (models, models) inner products of the vectors.

    Returns:
        (models,) factors.

    Source: Shoemake (1985), SIGGRAPH 19:245; for policies Rame et al. (2024), WARP, arXiv 2406.16768.
    """
    factors = [1.0]
    for count in range(1, len(gram)):
        t = 1 / (count + 1)
        norm = math.sqrt(max(0.0, _product(gram, factors, factors)))
        other = math.sqrt(max(0.0, gram[count][count]))
        mixed = sum(factor * gram[at][count] for at, factor in enumerate(factors))
        old, new = _weights(norm, other, mixed, t)
        factors = [factor * old for factor in factors] + [new]
    return tuple(factors)


def _weights(norm: float, other: float, product: float, t: float) -> tuple[float, float]:
    cosine = product / (norm * other) if norm > 0 and other > 0 else 1.0
    if abs(cosine) > _PARALLEL:
        return 1 - t, t
    omega = math.acos(cosine)
    return math.sin((1 - t) * omega) / math.sin(omega), math.sin(t * omega) / math.sin(omega)


def _sum(left: list[list[float]], right: list[list[float]]) -> list[list[float]]:
    return [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]


def _product(gram: Gram, left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b * gram[i][j] for i, a in enumerate(left) for j, b in enumerate(right))


@dataclass(frozen=True, slots=True)
class Slerp:
    """pre + (1 - pre_weight) * spherical mean of the task vectors (WARP's second and third step).

    Attributes:
        pre_weight: how far back towards the start, in [0, 1]; 1 less WARP's eta.
    """

    pre_weight: float = 0.2
    name: str = "slerp"

    def pre_share(self, place: Place) -> float | None:
        """At 1 nothing is added."""
        return 1.0 if self.pre_weight == 1 else None

    def survey(self, place: Place, chunks: Chunks) -> tuple[float, ...]:
        """The factors of the tensor, from the inner products of its task vectors in float64."""
        gram: list[list[float]] = []
        for chunk in chunks():
            vectors = torch.stack([vector.double() for vector in task_vectors(chunk)])
            products = (vectors @ vectors.T).tolist()
            gram = _sum(gram, products) if gram else products
        return slerp_factors(gram)

    def mix(self, place: Place, chunk: Chunk, surveyed: tuple[float, ...], out: torch.Tensor) -> None:
        """Adds the spherical mean."""
        add(chunk.pre, task_vectors(chunk), [(1 - self.pre_weight) * factor for factor in surveyed], out)
