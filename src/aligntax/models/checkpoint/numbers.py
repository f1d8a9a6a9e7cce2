"""Tensors that are read a stretch at a time, wherever their numbers come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch

from aligntax.models.checkpoint.checkpoint import Checkpoint
from aligntax.models.checkpoint.header import Entry

__all__ = ["CHUNK", "Numbers", "Stored", "Weights", "stored"]

CHUNK = 1 << 21
"""Numbers handled at a time: 4 MiB of bfloat16 stay in a processor's cache from source to output."""


class Numbers(Protocol):
    """A tensor read a stretch at a time.

    Attributes:
        shape: of the tensor.
        dtype: of what `read` returns.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102 - said above, as for the next
    @property
    def dtype(self) -> torch.dtype: ...  # noqa: D102

    def read(self, first: int, last: int) -> torch.Tensor:
        """(last - first,) numbers in row-major order; perhaps a view, not to be written to."""
        ...

    def release(self, first: int, last: int) -> None:
        """Says that these numbers are not needed again soon."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor as it stands in a checkpoint."""

    checkpoint: Checkpoint
    entry: Entry

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.entry.shape

    @property
    def dtype(self) -> torch.dtype:
        """As stored."""
        return self.entry.dtype

    def read(self, first: int, last: int) -> torch.Tensor:
        """A view of the mapped file."""
        return self.checkpoint.numbers(self.entry, first, last)

    def release(self, first: int, last: int) -> None:
        """Lets the pages go."""
        self.checkpoint.release(self.entry, first, last)


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's tensors by name, from a checkpoint or worked out from several.

    Attributes:
        name: what a person calls it.
        checkpoint: whose settings and tokenizer stand for it; of an adapter, its base.
        own: whose files make it this model; of an adapter, the adapter.
        tensors: name -> numbers.
        notes: what was done to read it so.
    """

    name: str
    checkpoint: Checkpoint
    own: Checkpoint
    tensors: Mapping[str, Numbers]
    notes: tuple[str, ...] = ()


def stored(checkpoint: Checkpoint) -> Weights:
    """A checkpoint's tensors as they stand."""
    tensors = {name: Stored(checkpoint, entry) for name, entry in checkpoint.entries.items()}
    return Weights(checkpoint.name, checkpoint, checkpoint, tensors)
