"""Texts as tokens, for both models alike: prompts, responses to them, documents in pieces."""

from collections.abc import Sequence
from typing import Any

from aligntax.errors import UsageError
from aligntax.models.halves import Halves

__all__ = ["Encoder", "encoder", "longest_input", "pieces"]


class Encoder:
    """The one tokenizer by which both models are given the same tokens.

    Attributes:
        chat: the checkpoint whose chat template wraps prompts; "" where they go in as they are.
        template: whether there is a chat template at all.
    """

    def __init__(self, half: Halves, template: Halves | None, *, chat: bool) -> None:
        self._causal = half.causal
        self.template = template is not None
        if chat and template is None:
            raise UsageError("neither tokenizer has a chat template", hint="leave --chat out")
        self.chat = template.causal.name if chat and template is not None else ""
        self._chat: Any = template.causal.tokenizer if chat and template is not None else None

    def prompt(self, text: str) -> list[int]:
        """Tokens of a prompt, with a chat template in a user's turn before the opening of the answer."""
        if self._chat is not None:
            turns = [{"role": "user", "content": text}]
            ids = self._chat.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
            return [int(at) for at in ids]
        return self.document(text)

    def response(self, text: str) -> list[int]:
        """Tokens of what follows a prompt: nothing is put before them, and no end after them."""
        return [int(at) for at in self._causal.tokenizer(text, add_special_tokens=False)["input_ids"]]

    def document(self, text: str) -> list[int]:
        """Tokens of a text that stands alone, with what the tokenizer puts around it.

        Without any, the token that begins a text, so that something can be predicted.
        """
        found = self._causal.encode([text])[0].tolist()
        start = self._causal.tokenizer.bos_token_id
        return found or ([] if start is None else [int(start)])


def encoder(reference: Halves, model: Halves, *, chat: bool) -> Encoder:
    """The reference's tokenizer, or the model's where the reference has none; the same for the chat template.

    Raises:
        UsageError: `chat`, and neither has a template.
        UnreadableInput: when it is used and neither checkpoint has a tokenizer.
    """
    pair = (reference, model)
    with_tokenizer = next((half for half in pair if half.causal.tokenizer is not None), reference)
    templates = (half for half in pair if getattr(half.causal.tokenizer, "chat_template", None))
    return Encoder(with_tokenizer, next(templates, None), chat=chat)


def longest_input(halves: Sequence[Halves], wanted: int) -> int:
    """Tokens that all models can take, at most `wanted`."""
    limits: list[int | None] = [
        getattr(half.causal.model.config, "max_position_embeddings", None) for half in halves
    ]
    return min([wanted, *(limit for limit in limits if limit)])


def pieces(tokens: Sequence[int], longest: int) -> list[tuple[int, ...]]:
    """A document cut into stretches of at most `longest` tokens, without one that has nothing to predict."""
    cut = [tuple(tokens[first : first + longest]) for first in range(0, len(tokens), longest)]
    return [piece for piece in cut if len(piece) > 1]
