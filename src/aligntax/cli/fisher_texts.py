"""The texts of `aligntax fisher`: read from a file, made tokens, dealt to groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.lines import json_lines
from aligntax.models.causal import Causal
from aligntax.models.fisher import Sample
from aligntax.tax.prompts import read_documents

__all__ = ["GROUPS", "Dealt", "Text", "Writer", "deal", "read_texts"]

GROUPS = 8
"""Groups that the texts of a data set are dealt to: two halves of four."""
_LEAST = 2 * GROUPS
_JSON = (".jsonl", ".ndjson", ".json")
_HINT = 'a line is {"prompt": "...", "response": "..."} or {"text": "..."}'


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a file.

    Attributes:
        prompt: what comes before the targets; "" where the whole text is one.
        target: the response, or the text; None where a prompt has no response.
    """

    prompt: str
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """A data set ready to be taken the Fisher information on.

    Attributes:
        groups: samples of each group; texts with the same prompt are in the same.
        texts: how many there are.
        tokens: targets among their tokens.
        cut: texts that were cut at the most tokens.
        unused: texts that were left without a target.
        without_response: prompts that are targets for lack of a response.
    """

    groups: Sequence[Sequence[Sample]]
    texts: int
    tokens: int
    cut: int
    unused: int
    without_response: int


class Writer:
    """Makes tokens of texts.

    Args:
        causal: model whose tokenizer, and chat template, are used.
        chat: whether prompts stand in a user's turn.
        longest: most tokens of a text; fewer where the model takes fewer.

    Attributes:
        longest: most tokens of a text.
        unused_template: whether there is a chat template and it is not used.

    Raises:
        UnreadableInput: no tokenizer.
        UsageError: `chat`, and no template.
    """

    def __init__(self, causal: Causal, *, chat: bool, longest: int) -> None:
        causal.encode([])  # says what is wrong where there is no tokenizer
        template = getattr(causal.tokenizer, "chat_template", None)
        if chat and not template:
            raise UsageError(f"{causal.name}: its tokenizer has no chat template", hint="leave --chat out")
        limit = getattr(causal.model.config, "max_position_embeddings", None)
        self.longest = min(longest, limit or longest)
        self.unused_template = bool(template) and not chat
        self._causal, self._chat = causal, chat

    def whole(self, text: str) -> list[int]:
        """Tokens of a text, with what the tokenizer puts around it."""
        return [int(at) for at in self._causal.encode([text])[0]]

    def prompt(self, text: str) -> list[int]:
        """Tokens of a prompt, up to where the answer begins."""
        if not self._chat:
            return self.whole(text)
        turns = [{"role": "user", "content": text}]
        ids = self._causal.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        return [int(at) for at in ids]

    def response(self, text: str) -> list[int]:
        """Tokens of a response, with nothing around it."""
        return [int(at) for at in self._causal.tokenizer(text, add_special_tokens=False)["input_ids"]]


def read_texts(path: Path) -> list[Text]:
    """Texts of a file, in its order.

    Args:
        path: JSON lines (.jsonl, .ndjson, .json) with `prompt` and perhaps `response`, or with `text`;
            otherwise plain text, with blank lines between texts.

    Raises:
        UnreadableInput: it cannot be read, a line has neither field, there is nothing in it.
    """
    if path.suffix.lower() not in _JSON:
        return [Text("", document) for document in read_documents(path)]
    found = [_text(row, f"{path}:{number}") for number, row in json_lines(path, hint=_HINT)]
    if not found:
        raise UnreadableInput(f"{path}: no texts in it", hint=_HINT)
    return found


def deal(
    texts: Sequence[Text],
    path: Path,
    writer: Writer,
    *,
    most: int | None,
    all_tokens: bool,
    seed: int,
    side: int,
) -> Dealt:
    """Texts as samples, at most `most` of them, dealt to groups at random.

    Args:
        texts: of the file.
        path: of the file, for messages.
        writer: makes tokens of them.
        most: texts to draw; None for all.
        all_tokens: whether prompts are targets too.
        seed: of what is drawn.
        side: 0 for capability, 1 for safety; their labels are drawn apart.

    Raises:
        UsageError: fewer different texts with a target than two a group.
    """
    order = np.random.default_rng((seed, side)).permutation(len(texts))[:most].tolist()
    tokens = [_tokens(texts[at], writer, all_tokens) for at in order]
    samples = [
        (at, Sample(torch.tensor(found[: writer.longest]), first, 2 * at + side))
        for at, (found, first) in zip(order, tokens, strict=True)
        if len(found[: writer.longest]) > first
    ]
    keys = {at: texts[at].prompt or texts[at].target for at, _ in samples}
    turn = {key: at % GROUPS for at, key in enumerate(dict.fromkeys(keys.values()))}
    if len(turn) < _LEAST:
        raise UsageError(
            f"{path}: {len(turn):,} different texts with something to predict",
            hint=f"at least {_LEAST}, for an interval; a hundred or more tell something",
        )
    groups: list[list[Sample]] = [[] for _ in range(GROUPS)]
    for at, sample in samples:
        groups[turn[keys[at]]].append(sample)
    return Dealt(
        groups=groups,
        texts=len(samples),
        tokens=sum(sample.targets for _, sample in samples),
        cut=sum(len(found) > writer.longest for found, _ in tokens),
        unused=len(order) - len(samples),
        without_response=sum(texts[at].target is None for at, _ in samples),
    )


def _text(row: dict[str, object], place: str) -> Text:
    prompt, response, text = (row.get(name) for name in ("prompt", "response", "text"))
    for name, value in (("prompt", prompt), ("response", response), ("text", text)):
        if value is not None and not isinstance(value, str):
            raise UnreadableInput(f"{place}: `{name}` is no text", hint=_HINT)
    if isinstance(prompt, str) and prompt:
        return Text(prompt, response if isinstance(response, str) else None)
    if isinstance(text, str):
        return Text("", text)
    raise UnreadableInput(f"{place}: neither `prompt` nor `text`", hint=_HINT)


def _tokens(text: Text, writer: Writer, all_tokens: bool) -> tuple[list[int], int]:
    """Tokens of a text, and the index of the first target."""
    if not text.prompt:
        return writer.whole(text.target or ""), 1
    prompt = writer.prompt(text.prompt)
    if text.target is None:
        return prompt, 1
    return prompt + writer.response(text.target), 1 if all_tokens else max(1, len(prompt))
