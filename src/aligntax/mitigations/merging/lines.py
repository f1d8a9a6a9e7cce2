"""LiNeS: the change of early blocks is scaled down, that of late blocks kept."""

from dataclasses import dataclass

import torch

from aligntax.mitigations.merging.linear import linear
from aligntax.mitigations.merging.method import Chunk, Chunks, Place

__all__ = ["Lines", "lines"]


def lines(block: int | None, blocks: int, pre_weight: float) -> float:
    """Share of the pre-alignment model in a block: pre_weight in the first, 0 in the last, linear between.

    The paper scales the task vector of block l of L by alpha + beta l / (L - 1) with beta = 1 - alpha, so
    alpha = 1 - pre_weight. What belongs to no block is scaled by alpha.

    Args:
        block: from 0; None outside the blocks.
        blocks: of the model.
        pre_weight: share in the first block, in [0, 1].

    Source: Wang et al. (2024), LiNeS, arXiv 2410.17146, eq. (4), for a single task.
    """
    if block is None or blocks < 2:
        return pre_weight
    return pre_weight * (1 - block / (blocks - 1))


@dataclass(frozen=True, slots=True)
class Lines:
    """More of the pre-alignment model the earlier the block.

    Attributes:
        pre_weight: its share in the first block, in [0, 1].
    """

    pre_weight: float = 0.2
    name: str = "lines"

    def pre_share(self, place: Place) -> float:
        """By depth."""
        return lines(place.block, place.blocks, self.pre_weight)

    def survey(self, place: Place, chunks: Chunks) -> None:
        """Nothing has to be known."""

    def mix(self, place: Place, chunk: Chunk, surveyed: None, out: torch.Tensor) -> None:
        """Interpolates with the block's share."""
        linear(chunk.pre, chunk.aligned[0], self.pre_share(place), out)
