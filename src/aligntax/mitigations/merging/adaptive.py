"""Block-wise ratios with a fixed mean: the same interpolation, not the same everywhere (HMA)."""

from dataclasses import dataclass

import torch

from aligntax.errors import UsageError
from aligntax.mitigations.merging.linear import linear
from aligntax.mitigations.merging.method import Chunk, Chunks, Place

__all__ = ["Adaptive", "group_of"]


def group_of(block: int, blocks: int, groups: int) -> int:
    """Which of `groups` equal stretches of the model a block belongs to, from 0 for the input side.

    26 blocks in 3 groups are 0-8, 9-16 and 17-25, as the paper has it.

    Source: Lin et al. (2024), arXiv 2309.06256v4, section 5.
    """
    edges = [round(blocks * group / groups) for group in range(1, groups)]
    return sum(block >= edge for edge in edges)


@dataclass(frozen=True, slots=True)
class Adaptive:
    """A share of the pre-alignment model for each stretch of blocks.

    What belongs to no block (embeddings, last norm, head) takes the mean share, and so does everything in
    a model without blocks.

    Attributes:
        shares: of the pre-alignment model, input side first, each in [0, 1].

    Raises:
        UsageError: no shares, or one outside [0, 1].

    Source: Lin et al. (2024), arXiv 2309.06256v4, eq. (3); shares are of the pre-alignment model, as in the
    authors' code and not as printed.
    """

    shares: tuple[float, ...]
    name: str = "adaptive"

    def __post_init__(self) -> None:
        if not self.shares or not all(0 <= share <= 1 for share in self.shares):
            raise UsageError(f"shares of the pre-alignment model lie in [0, 1], not {list(self.shares)}")

    @property
    def pre_weight(self) -> float:
        """The mean share."""
        return sum(self.shares) / len(self.shares)

    def pre_share(self, place: Place) -> float:
        """The group's share."""
        if place.block is None:
            return self.pre_weight
        return self.shares[group_of(place.block, place.blocks, len(self.shares))]

    def survey(self, place: Place, chunks: Chunks) -> None:
        """Nothing has to be known."""

    def mix(self, place: Place, chunk: Chunk, surveyed: None, out: torch.Tensor) -> None:
        """Interpolates with the group's share."""
        linear(chunk.pre, chunk.aligned[0], self.pre_share(place), out)
