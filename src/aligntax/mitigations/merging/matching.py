"""Which tensor of one model answers to which of another, and what to do where none does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from aligntax.errors import UnreadableInput, UsageError
from aligntax.mitigations.merging.method import Place, blocks_of, place_of
from aligntax.models.checkpoint.numbers import Numbers, Weights
from aligntax.models.checkpoint.vocabulary import Rearranged, rows_of, vocabulary

__all__ = ["Part", "VocabularyRule", "matched"]

VocabularyRule = Literal["same", "intersect", "ids"]
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
_HEADS = ("lm_head.weight", "embed_out.weight", "output.weight")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A tensor of the merged model and where its numbers come from.

    Attributes:
        place: in the model.
        dtype: it is stored in.
        pre: the pre-alignment model's numbers.
        aligned: each aligned model's, of the same shape.
        mixed: False where it is not of floating numbers and is taken as it stands.
    """

    place: Place
    dtype: torch.dtype
    pre: Numbers
    aligned: tuple[Numbers, ...]
    mixed: bool = True


def matched(
    pre: Weights,
    aligned: Sequence[Weights],
    *,
    vocab: VocabularyRule = "same",
    dtype: torch.dtype | None = None,
) -> tuple[list[Part], list[str]]:
    """Lines the models up, tensor by tensor, in the order of the first aligned model's.

    Args:
        pre: the pre-alignment model.
        aligned: the aligned models.
        vocab: "same" wants the same token for every row of the embeddings; "intersect" mixes the rows of
            tokens that both models have and keeps the aligned model's others; "ids" goes by row number.
        dtype: stored type of the merged floating tensors; None as in the first aligned checkpoint.

    Returns:
        The parts, and notes on what was done where the models differ.

    Raises:
        UnreadableInput: the models do not fit each other; names the tensor.
        UsageError: their vocabularies differ and nobody said what to do.
    """
    first, notes = aligned[0], [note for weights in (pre, *aligned) for note in weights.notes]
    _check_kinds(pre, aligned)
    sides = []
    for weights in aligned:
        tensors = _tied(pre, weights, notes)
        tensors = _vocabulary(pre, tensors, weights, vocab, notes)
        _check_names(pre.name, tensors, weights)
        sides.append(tensors)
    for other in aligned[1:]:
        _check_names(other.name, other.tensors, first)
    blocks = blocks_of(first.tensors)
    parts = []
    for name, numbers in first.tensors.items():
        every = tuple(weights.tensors[name] for weights in aligned)
        _check_shapes(name, (sides[0][name], *every), (pre, *aligned))
        kept = getattr(numbers, "base", numbers).dtype  # an adapter's sum is stored as its base is
        mixed = kept.is_floating_point
        if mixed and kept.itemsize == 1:
            raise UnreadableInput(
                f"{first.name}: {name} is stored in eight bits, which cannot be averaged",
                hint="merge the checkpoints before they are quantised",
            )
        place = place_of(name, numbers.shape, blocks)
        parts.append(Part(place, dtype if dtype and mixed else kept, sides[0][name], every, mixed))
    return parts, notes


def _check_kinds(pre: Weights, aligned: Sequence[Weights]) -> None:
    kinds = [_kind(weights) for weights in (pre, *aligned)]
    for weights, kind in zip(aligned, kinds[1:], strict=True):
        if kind and kinds[0] and kind != kinds[0]:
            raise UnreadableInput(
                f"{pre.name} is a {kinds[0]} and {weights.name} a {kind}: two architectures cannot be merged"
            )


def _kind(weights: Weights) -> str:
    config = weights.checkpoint.config
    return str(config.get("model_type") or next(iter(config.get("architectures") or []), ""))


def _tied(pre: Weights, aligned: Weights, notes: list[str]) -> dict[str, Numbers]:
    """The pre-alignment tensors, with the embedding standing for a head that is tied to it."""
    tensors = dict(pre.tensors)
    embedding, head = (
        _found(aligned.tensors, names) or _found(tensors, names) for names in (_EMBEDDINGS, _HEADS)
    )
    if head and embedding and head in aligned.tensors and head not in tensors and embedding in tensors:
        tensors[head] = tensors[embedding]
        notes.append(f"{pre.name} ties {head} to {embedding}: its embedding stands for its head")
    elif head and head in tensors and head not in aligned.tensors:
        raise UnreadableInput(
            f"{pre.name} has {head}, which {aligned.name} ties to its embedding: the merge would lose it",
            hint=f"store {aligned.name} with tie_word_embeddings false and a head of its own",
        )
    return tensors


def _vocabulary(
    pre: Weights, tensors: dict[str, Numbers], aligned: Weights, rule: VocabularyRule, notes: list[str]
) -> dict[str, Numbers]:
    """The pre-alignment tensors with the rows of embeddings in the aligned model's order."""
    named = [name for names in (_EMBEDDINGS, _HEADS) if (name := _found(aligned.tensors, names)) in tensors]
    if not named:
        return tensors
    rows, others = aligned.tensors[named[0]].shape[0], tensors[named[0]].shape[0]
    first, second = vocabulary(pre.checkpoint), vocabulary(aligned.checkpoint)
    moved = _moved(first, second)
    if rows == others and (not moved or rule == "ids"):
        return tensors
    if rule == "same":
        raise UsageError(_vocabularies(pre, aligned, others, rows, moved), hint=_RULES)
    if rule == "ids" or first is None or second is None:
        where = torch.arange(rows)
        where[others:] = -1
        how = "row by row"
    else:
        where, how = rows_of(first, second, others, rows), "token by token"
    kept = int((where < 0).sum())
    notes.append(
        f"vocabularies of {others:,} and {rows:,} rows matched {how}; {kept:,} rows are {aligned.name}'s own"
    )
    return tensors | {name: Rearranged(tensors[name], aligned.tensors[name], where) for name in named}


_RULES = (
    "--vocab intersect mixes the rows of tokens both have and keeps the aligned model's others; "
    "--vocab ids goes by row number"
)


def _moved(first: Mapping[str, int] | None, second: Mapping[str, int] | None) -> list[str]:
    """Tokens of the aligned vocabulary that the other has not, or elsewhere."""
    if first is None or second is None:
        return []
    return [token for token, at in second.items() if first.get(token) != at]


def _vocabularies(pre: Weights, aligned: Weights, others: int, rows: int, moved: Sequence[str]) -> str:
    if others != rows:
        return f"{pre.name} has a vocabulary of {others:,} rows, {aligned.name} one of {rows:,}"
    shown = ", ".join(repr(token) for token in moved[:_SHOWN])
    return f"the tokenizers of {pre.name} and {aligned.name} differ in {len(moved):,} tokens, such as {shown}"


def _check_names(name: str, tensors: Mapping[str, Numbers], aligned: Weights) -> None:
    for have, lack, keys, other in (
        (aligned.name, name, aligned.tensors.keys(), tensors.keys()),
        (name, aligned.name, tensors.keys(), aligned.tensors.keys()),
    ):
        if alone := [key for key in keys if key not in other]:
            shown = ", ".join(alone[:_SHOWN])
            raise UnreadableInput(
                f"{have} has {len(alone):,} tensors that {lack} lacks: {shown}",
                hint="both have to be checkpoints of the same architecture",
            )


def _check_shapes(name: str, every: Sequence[Numbers], models: Sequence[Weights]) -> None:
    for numbers, weights in zip(every, models, strict=True):
        if numbers.shape != every[-1].shape:
            raise UnreadableInput(
                f"{name} is {list(numbers.shape)} in {weights.name} and {list(every[-1].shape)} "
                f"in {models[-1].name}"
            )
        if numbers.dtype.is_floating_point != every[-1].dtype.is_floating_point:
            raise UnreadableInput(
                f"{name} is {numbers.dtype} in {weights.name} and {every[-1].dtype} elsewhere"
            )


def _found(tensors: Mapping[str, Numbers], names: Sequence[str]) -> str | None:
    return next(
        (name for name in tensors if name.endswith(names if isinstance(names, tuple) else tuple(names))), None
    )
