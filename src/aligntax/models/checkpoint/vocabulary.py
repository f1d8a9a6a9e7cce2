"""Vocabularies of two checkpoints: whether a row of the embedding means the same token in both."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from aligntax.errors import UnreadableInput
from aligntax.models.checkpoint.checkpoint import Checkpoint
from aligntax.models.checkpoint.numbers import Numbers

__all__ = ["Rearranged", "rows_of", "vocabulary"]

_TOKENIZER = "tokenizer.json"


def vocabulary(checkpoint: Checkpoint) -> Mapping[str, int] | None:
    """Token -> id, added tokens included; None where the checkpoint has no `tokenizer.json`.

    Raises:
        UnreadableInput: a file that is no tokenizer.
    """
    path = checkpoint.directory / _TOKENIZER
    if not path.exists():
        return None
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exceptions
        raise UnreadableInput(f"{path}: not a tokenizer: {error}") from error
    return dict(tokenizer.get_vocab(with_added_tokens=True))


def rows_of(pre: Mapping[str, int], aligned: Mapping[str, int], pre_rows: int, rows: int) -> torch.Tensor:
    """For each row of the aligned embedding the row of the pre-alignment one with the same token, or -1.

    Args:
        pre: token -> id.
        aligned: token -> id.
        pre_rows: rows of the pre-alignment embedding.
        rows: rows of the aligned embedding.

    Returns:
        (rows,) int64. Rows without a token (padding) have -1.
    """
    found = torch.full((rows,), -1, dtype=torch.int64)
    for token, at in aligned.items():
        other = pre.get(token, -1)
        if at < rows and other < pre_rows:
            found[at] = other
    return found


@dataclass(frozen=True, slots=True)
class Rearranged:
    """The pre-alignment embedding in the aligned one's order of tokens.

    Rows of tokens that the pre-alignment model does not have are the aligned model's own, so that no method
    changes them.

    Attributes:
        pre: (pre_rows, width).
        aligned: (rows, width).
        rows: (rows,) row of `pre` for each row of `aligned`, -1 where it has none.
    """

    pre: Numbers
    aligned: Numbers
    rows: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the aligned embedding."""
        return self.aligned.shape

    @property
    def dtype(self) -> torch.dtype:
        """Wide enough for both."""
        return torch.promote_types(self.pre.dtype, self.aligned.dtype)

    def read(self, first: int, last: int) -> torch.Tensor:
        """Whole rows are gathered, and the stretch cut from them."""
        width = self.shape[-1]
        top, bottom = first // width, -(-last // width)
        wanted = self.rows[top:bottom]
        numbers = self.aligned.read(top * width, bottom * width).to(self.dtype, copy=True).view(-1, width)
        for at in torch.nonzero(wanted >= 0).view(-1).tolist():
            row = int(wanted[at])
            numbers[at] = self.pre.read(row * width, (row + 1) * width)
        return numbers.view(-1)[first - top * width : last - top * width]

    def release(self, first: int, last: int) -> None:
        """Lets the aligned pages go; the other rows lie anywhere, so all of theirs go."""
        self.aligned.release(first, last)
        self.pre.release(0, self.pre.shape[0] * self.shape[-1])
