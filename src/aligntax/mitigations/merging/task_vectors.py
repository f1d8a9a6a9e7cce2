"""Task vectors: what training added to the pre-alignment weights. All but interpolation works on them."""

from collections.abc import Sequence

import torch

from aligntax.mitigations.merging.method import Chunk

__all__ = ["add", "task_vectors"]


def task_vectors(chunk: Chunk) -> list[torch.Tensor]:
    """Aligned less pre of each aligned model, (n,) in float32 (float64 where a model is stored so)."""
    every = (chunk.pre, *chunk.aligned)
    wide = torch.float64 if any(tensor.dtype == torch.float64 for tensor in every) else torch.float32
    pre = chunk.pre.to(wide)
    return [tensor.to(wide) - pre for tensor in chunk.aligned]


def add(
    pre: torch.Tensor, vectors: Sequence[torch.Tensor], factors: Sequence[float], out: torch.Tensor
) -> None:
    """Writes pre + sum(factor * vector) to `out`, (n,), rounded once."""
    total = pre.to(vectors[0].dtype, copy=True)
    for vector, factor in zip(vectors, factors, strict=True):
        total.add_(vector, alpha=factor)
    out.copy_(total)
