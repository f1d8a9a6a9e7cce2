"""A causal language model in two halves: the body, from tokens to hidden states, and the head, to logits.

Logits over a vocabulary of 128,000 are the largest thing a forward pass makes. Whoever needs only sums over
them takes the hidden states from the body and goes through the head piece by piece.
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from aligntax.errors import UnreadableInput
from aligntax.models.causal import Causal

__all__ = ["Halves", "halves"]


@dataclass(slots=True)
class Halves:
    """A model whose body and head are called one after the other.

    Attributes:
        causal: the model.
        body: from token ids to hidden states.
        head: the output embedding.
        linear: whether logits are the head's product with the hidden state and nothing else; false where the
            model caps, scales or otherwise changes them afterwards.
        vocabulary: rows of the head.
        passes: calls of the body so far.
        tokens: positions that went through the body so far, padding included.
    """

    causal: Causal
    body: Any
    head: Any
    linear: bool
    vocabulary: int
    passes: int = 0
    tokens: int = 0

    @torch.inference_mode()
    def hidden(self, ids: torch.Tensor) -> torch.Tensor:
        """Hidden states of right-padded sequences.

        Args:
            ids: (batch, length) int64. What stands after the end of a sequence does not reach what is before.

        Returns:
            (batch, length, width), in the model's dtype.
        """
        return self.step(ids, None)[0]

    @torch.inference_mode()
    def step(self, ids: torch.Tensor, past: Any, *, keep: bool = False) -> tuple[torch.Tensor, Any]:  # noqa: ANN401
        """Hidden states of `ids`, which follow what is in `past`, and the past including them.

        Args:
            ids: (batch, length) int64.
            past: what the last step returned; None at the start.
            keep: whether to make a past at all.

        Returns:
            (batch, length, width), and the past: None where the model keeps none.
        """
        self.passes += 1
        self.tokens += ids.numel()
        given = {"past_key_values": past} if past is not None else {}
        out = self.body(input_ids=ids.to(self.causal.device), use_cache=keep, **given)
        return out.last_hidden_state, getattr(out, "past_key_values", None) if keep else None

    @torch.inference_mode()
    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """What the model makes of hidden states, as it does it itself.

        Args:
            hidden: (n, width).

        Returns:
            (n, vocabulary), float32 or wider.
        """
        made = self.head(hidden) if self.linear else _tail(self.causal.model, self.body, hidden)
        return made if made.dtype == torch.float64 else made.float()


def halves(causal: Causal) -> Halves:
    """Splits a model, and finds out whether its head is a matrix and nothing else.

    Raises:
        UnreadableInput: a model without a body and an output embedding of their own.
    """
    model = causal.model
    body, head = getattr(model, model.base_model_prefix, None), model.get_output_embeddings()
    if body is None or body is model or head is None:
        raise UnreadableInput(
            f"{causal.name}: {type(model).__name__} has no body and output embedding to tell apart",
            hint="drift reads causal language models of transformers",
        )
    linear = type(head) is torch.nn.Linear and _is_plain(model, body, head)
    return Halves(causal=causal, body=body, head=head, linear=linear, vocabulary=int(head.weight.shape[0]))


class _Given(torch.nn.Module):
    """A body that has its hidden states already."""

    def __init__(self, hidden: torch.Tensor) -> None:
        super().__init__()
        self.given = hidden

    def forward(self, *args: object, **kwargs: object) -> BaseModelOutputWithPastAndCrossAttentions:
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=self.given)


def _tail(model: Any, body: Any, hidden: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """Logits (n, vocabulary) of hidden states (n, width), by the model's own forward with its body left out.

    Caps and scales of logits go by many names in many architectures; this needs to know none of them.
    """
    ids = torch.zeros(1, len(hidden), dtype=torch.int64, device=hidden.device)
    setattr(model, model.base_model_prefix, _Given(hidden[None]))
    try:
        logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0]
    finally:
        setattr(model, model.base_model_prefix, body)
    return logits


@torch.inference_mode()
def _is_plain(model: Any, body: Any, head: torch.nn.Linear) -> bool:  # noqa: ANN401
    """Whether forward does to hidden states what the head does, also with logits large enough for a cap."""
    weight = head.weight
    generator = torch.Generator().manual_seed(0)
    for scale in (1.0, 100.0):
        hidden = (
            torch.randn(4, weight.shape[1], generator=generator).mul_(scale).to(weight.device, weight.dtype)
        )
        if not torch.equal(_tail(model, body, hidden).double(), head(hidden).double()):
            return False
    return True
