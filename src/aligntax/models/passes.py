"""Two models over the same passages: one pass each, and what they make of every token."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from aligntax.errors import UnreadableInput
from aligntax.models.divergence import Divergence, divergence
from aligntax.models.halves import Halves
from aligntax.models.kept import Kept

__all__ = ["Passage", "Readings", "read_passages"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Passage:
    """Tokens, of which those from `start` on are looked at.

    Attributes:
        tokens: ids.
        start: first token that is predicted, >= 1 and < len(tokens).
        source: number of the prompt or document it belongs to.
    """

    tokens: tuple[int, ...]
    start: int
    source: int

    @property
    def predicted(self) -> int:
        """How many tokens are looked at."""
        return len(self.tokens) - self.start


@dataclass(frozen=True, slots=True)
class Readings:
    """What both models make of every predicted token, passage after passage, in nats.

    Attributes:
        forward: (tokens,) KL(reference || model) of the next token.
        reverse: (tokens,) KL(model || reference).
        reference_loss: (tokens,) -ln of the probability that the reference gave.
        model_loss: (tokens,) the same of the model.
        passage: (tokens,) number of the passage.
        position: (tokens,) place in the passage, from 1 at its start.
    """

    forward: Floats
    reverse: Floats
    reference_loss: Floats
    model_loss: Floats
    passage: Integers
    position: Integers


def read_passages(
    reference: Halves,
    model: Halves,
    passages: Sequence[Passage],
    *,
    vocabulary: int | None = None,
    batch: int = 8,
    kept: Kept | None = None,
    advance: Callable[[int], None] = lambda tokens: None,
) -> Readings:
    """Runs both models over passages.

    Args:
        reference: p.
        model: q.
        passages: every one with tokens below `vocabulary`.
        vocabulary: tokens that are compared; see `divergence`.
        batch: passages a pass.
        kept: where the reference's hidden states are kept between runs; without it nothing is.
        advance: told how many predicted tokens were read.

    Raises:
        UnreadableInput: logits that are not finite, a cache that cannot be written.
    """
    order = sorted(range(len(passages)), key=lambda at: len(passages[at].tokens))
    starts = np.cumsum([0, *(passage.predicted for passage in passages)])
    values = np.zeros((4, starts[-1]))
    with ExitStack() as stack:
        states = stack.enter_context(kept.states(reference, [passages[at] for at in order])) if kept else None
        for chosen in (order[first : first + batch] for first in range(0, len(order), batch)):
            some = [passages[at] for at in chosen]
            ids, rows, columns = _padded(some)
            if states is not None and states.complete:
                theirs = states.next(len(rows)).to(reference.causal.device)
            else:
                theirs = reference.hidden(ids)[rows, columns]
                if states is not None:
                    states.add(theirs)
            targets = ids[rows, columns + 1]
            ours = model.hidden(ids)[rows, columns]
            found = divergence(reference, model, theirs, ours, targets, vocabulary=vocabulary)
            _check(found, reference, model)
            _place(values, found, some, chosen, starts)
            advance(len(rows))
    return _readings(values, passages)


def _padded(passages: Sequence[Passage]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids (batch, length) padded on the right; row and column of all positions that predict something.

    No mask is needed: a causal model does not see what stands behind.
    """
    longest = max(len(passage.tokens) for passage in passages)
    ids = torch.zeros(len(passages), longest, dtype=torch.int64)
    rows, columns = list[torch.Tensor](), list[torch.Tensor]()
    for row, passage in enumerate(passages):
        ids[row, : len(passage.tokens)] = torch.tensor(passage.tokens)
        rows.append(torch.full((passage.predicted,), row))
        columns.append(torch.arange(passage.start - 1, len(passage.tokens) - 1))
    return ids, torch.cat(rows), torch.cat(columns)


def _check(found: Divergence, reference: Halves, model: Halves) -> None:
    if torch.isfinite(found.forward).all() and torch.isfinite(found.reverse).all():
        return
    name = reference.causal.name if not torch.isfinite(found.reference_loss).all() else model.causal.name
    raise UnreadableInput(
        f"{name}: its logits are not finite",
        hint="weights with NaN or Inf, or a dtype too narrow: --dtype float32",
    )


def _place(
    values: Floats, found: Divergence, passages: Sequence[Passage], chosen: Sequence[int], starts: Integers
) -> None:
    together = torch.stack([found.forward, found.reverse, found.reference_loss, found.model_loss]).numpy()
    first = 0
    for at, passage in zip(chosen, passages, strict=True):
        values[:, starts[at] : starts[at + 1]] = together[:, first : first + passage.predicted]
        first += passage.predicted


def _readings(values: Floats, passages: Sequence[Passage]) -> Readings:
    counts = [passage.predicted for passage in passages]
    positions = (
        np.concatenate([np.arange(1, count + 1) for count in counts]) if counts else np.zeros(0, np.int64)
    )
    forward, reverse, theirs, ours = values
    return Readings(forward, reverse, theirs, ours, np.repeat(np.arange(len(counts)), counts), positions)
