"""What a merge method is: a function of a stretch of numbers, told where in the model they stand."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

__all__ = ["Chunk", "Chunks", "Method", "Place", "blocks_of", "place_of"]

_BLOCK = re.compile(r"(?:^|\.)(?:layers|h|blocks|block|layer)\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a model a tensor stands.

    Attributes:
        name: of the tensor.
        shape: of the tensor.
        block: number of the transformer block it belongs to, from 0; None outside the blocks.
        blocks: transformer blocks the model has.
    """

    name: str
    shape: tuple[int, ...]
    block: int | None
    blocks: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """The same stretch of a tensor in every model.

    Attributes:
        start: number of its first element in the tensor.
        pre: (n,) of the pre-alignment model.
        aligned: (n,) of each aligned model.
    """

    start: int
    pre: torch.Tensor
    aligned: tuple[torch.Tensor, ...]

    @property
    def alike(self) -> bool:
        """Whether all are of one type, so that nothing has to be converted."""
        return all(tensor.dtype == self.pre.dtype for tensor in self.aligned)


Chunks = Callable[[], Iterator[Chunk]]
"""A tensor stretch by stretch, as often as it is asked for."""


class Method(Protocol):
    """How numbers of several models become one model's.

    Attributes:
        name: what `--method` takes.
        pre_weight: share of the pre-alignment model, in [0, 1].
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - said above, as for the next
    @property
    def pre_weight(self) -> float: ...  # noqa: D102

    def pre_share(self, place: Place) -> float | None:
        """Share of the pre-alignment model in this tensor; None where it differs within the tensor.

        At exactly 0 and 1 the bytes of the one model are copied.
        """
        ...

    def survey(self, place: Place, chunks: Chunks) -> Any:  # noqa: ANN401 - the method's own
        """What has to be known of the whole tensor before any part of it is mixed; None where nothing has."""
        ...

    def mix(self, place: Place, chunk: Chunk, surveyed: Any, out: torch.Tensor) -> None:  # noqa: ANN401
        """Writes the merged numbers to `out`, (n,), rounding once, at the end."""
        ...


def place_of(name: str, shape: tuple[int, ...], blocks: int) -> Place:
    """Where a tensor of this name stands."""
    found = _BLOCK.search(name)
    return Place(name, shape, int(found[1]) if found else None, blocks)


def blocks_of(names: Mapping[str, object]) -> int:
    """Transformer blocks of a model, told from the names of its tensors."""
    numbers = [int(found[1]) for name in names if (found := _BLOCK.search(name))]
    return max(numbers, default=-1) + 1
