"""Whether a token means the same to two models: without that, there is no divergence between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aligntax.errors import UnreadableInput, UsageError
from aligntax.models.halves import Halves

__all__ = ["Shared", "VocabularyRule", "shared_vocabulary"]

VocabularyRule = Literal["exact", "intersect"]
_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Shared:
    """The tokens two models are compared over.

    Attributes:
        size: ids 0 to size - 1.
        notes: what a reader must know of it; empty where both models have these tokens and no others.
    """

    size: int
    notes: tuple[str, ...] = ()


def shared_vocabulary(reference: Halves, model: Halves, rule: VocabularyRule = "exact") -> Shared:
    """The ids that are the same token in both.

    With one tokenizer and heads of different size (rows added to round the size up) the common ids are
    compared, and it is said. With different tokenizers there is no common event whose probability could be
    compared, unless `rule` is "intersect" and one vocabulary begins as the other does, which is how tokens
    are added for chat.

    Args:
        reference: one model.
        model: the other.
        rule: "exact", or "intersect" to compare over the ids that agree from 0 on.

    Raises:
        UsageError: tokenizers that differ, under "exact" or beyond what "intersect" can mend.
        UnreadableInput: no tokenizer to compare heads of different size by.
    """
    ours, theirs = _tokens(reference), _tokens(model)
    rows = min(reference.vocabulary, model.vocabulary)
    sizes = ", ".join(f"{half.vocabulary:,} rows in {half.causal.name}" for half in (reference, model))
    if ours is None or theirs is None:
        lacking = reference if ours is None else model
        if reference.vocabulary != model.vocabulary:
            raise UnreadableInput(
                f"vocabularies differ ({sizes}), and {lacking.causal.name} has no tokenizer to tell which "
                "rows agree",
                hint="copy tokenizer.json beside the weights",
            )
        return Shared(rows, (f"{lacking.causal.name} has no tokenizer; it is taken to be the other's",))
    if ours == theirs:
        return _same_tokenizer(max(ours, default=-1) + 1, rows, reference, model, sizes)
    return _different(ours, theirs, rows, rule, (reference, model))


def _tokens(half: Halves) -> Mapping[int, str] | None:
    tokenizer = half.causal.tokenizer
    return None if tokenizer is None else {at: token for token, at in tokenizer.get_vocab().items()}


def _same_tokenizer(used: int, rows: int, reference: Halves, model: Halves, sizes: str) -> Shared:
    if reference.vocabulary == model.vocabulary:
        return Shared(rows)
    if rows < used:
        raise UsageError(
            f"the tokenizer has {used:,} tokens, more than one of the heads has rows: {sizes}",
            hint="is this the tokenizer of both?",
        )
    return Shared(rows, (f"compared over the first {rows:,} tokens, renormalised: {sizes}, one tokenizer",))


def _different(
    ours: Mapping[int, str],
    theirs: Mapping[int, str],
    rows: int,
    rule: VocabularyRule,
    pair: tuple[Halves, Halves],
) -> Shared:
    same = next((at for at in range(rows) if ours.get(at) != theirs.get(at)), rows)
    names = " and ".join(half.causal.name for half in pair)
    what = f"token {same:,} is {ours.get(same)!r} in one and {theirs.get(same)!r} in the other"
    if same < _LEAST_SHARE * rows:
        raise UsageError(
            f"{names} have different tokenizers ({what}): KL between them is undefined",
            hint="compare models that share a tokenizer; otherwise compare scores (`aligntax compare`)",
        )
    if rule == "exact":
        raise UsageError(
            f"the tokenizers of {names} differ: {what}",
            hint=f"--vocab intersect compares over the first {same:,} tokens, renormalised",
        )
    beyond = [len(tokens) - sum(at < same for at in tokens) for tokens in (ours, theirs)]
    return Shared(
        same,
        (
            f"compared over the first {same:,} tokens, renormalised; left out: {beyond[0]:,} of the "
            f"reference's, {beyond[1]:,} of the model's",
        ),
    )
