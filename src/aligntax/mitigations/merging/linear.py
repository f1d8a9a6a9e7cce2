"""Linear interpolation of pre-alignment and aligned weights: one knob, no training, no data."""

from dataclasses import dataclass

import torch

from aligntax.mitigations.merging.method import Chunk, Chunks, Place

__all__ = ["Linear", "linear"]


def linear(pre: torch.Tensor, aligned: torch.Tensor, pre_weight: float, out: torch.Tensor) -> None:
    """Writes pre_weight * pre + (1 - pre_weight) * aligned to `out`.

    Args:
        pre: (n,) of any floating type.
        aligned: (n,).
        pre_weight: share of the pre-alignment model, in [0, 1].
        out: (n,) of any floating type; sums are in float32 (float64 for float64), rounded once.

    Source: Wortsman et al. (2022), WiSE-FT, arXiv 2109.01903, eq. (1); for alignment Lin et al. (2024),
    arXiv 2309.06256v4, section 4, whose printed alpha is the aligned model's share and whose code's is not.
    """
    if pre.dtype == aligned.dtype == out.dtype:
        torch.lerp(pre, aligned, 1 - pre_weight, out=out)  # its arithmetic is float32 for half precision
        return
    wide = torch.float64 if torch.float64 in (pre.dtype, aligned.dtype) else torch.float32
    out.copy_(torch.lerp(pre.to(wide), aligned.to(wide), 1 - pre_weight))


@dataclass(frozen=True, slots=True)
class Linear:
    """The same share of the pre-alignment model everywhere.

    Attributes:
        pre_weight: that share, in [0, 1].
    """

    pre_weight: float = 0.2
    name: str = "linear"

    def pre_share(self, place: Place) -> float:
        """The same everywhere."""
        return self.pre_weight

    def survey(self, place: Place, chunks: Chunks) -> None:
        """Nothing has to be known."""

    def mix(self, place: Place, chunk: Chunk, surveyed: None, out: torch.Tensor) -> None:
        """Interpolates."""
        linear(chunk.pre, chunk.aligned[0], self.pre_weight, out)
