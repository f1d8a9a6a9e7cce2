"""Proxy samples: texts of the aligned model whose likelihood stands for the reward it was trained on.

Source: Lin et al. (2024), arXiv 2309.06256v4, eq. (8) and (9): about 2,000 of its best-rewarded answers to
the prompts it was aligned on; nothing of the tasks whose loss is to be won back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.lines import json_lines
from aligntax.models.causal import Causal
from aligntax.tax.prompts import read_documents

__all__ = ["Sample", "Scored", "losses", "read_samples"]

_HINT = 'a line is {"prompt": "...", "response": "..."} or {"text": "..."}'


@dataclass(frozen=True, slots=True)
class Sample:
    """A text to score.

    Attributes:
        prompt: what comes before; not scored. "" scores the whole text.
        response: the words that are scored.
    """

    prompt: str
    response: str


@dataclass(frozen=True, slots=True)
class Scored:
    """How likely each text is under a model.

    Attributes:
        nats: (samples,) summed negative log-likelihood of the response tokens.
        tokens: (samples,) how many those are.
    """

    nats: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int64]

    @property
    def mean(self) -> float:
        """Nats a token over all samples."""
        return float(self.nats.sum() / self.tokens.sum())


def read_samples(path: Path) -> list[Sample]:
    """Reads texts.

    Args:
        path: JSON lines (.jsonl, .ndjson, .json) with `response` and perhaps `prompt`, or with `text`;
            otherwise plain text, with blank lines between texts.

    Raises:
        UnreadableInput: nothing in it, or a line that is not such an object; names the line.
    """
    if path.suffix.lower() not in (".jsonl", ".ndjson", ".json"):
        return [Sample("", text) for text in read_documents(path)]
    samples = [_sample(row, f"{path}, line {number}") for number, row in json_lines(path, hint=_HINT)]
    if not samples:
        raise UnreadableInput(f"{path}: there is no text in it", hint=_HINT)
    return samples


def losses(
    causal: Causal,
    samples: Sequence[Sample],
    *,
    batch: int = 8,
    backward: bool = False,
    told: Callable[[int], None] = lambda done: None,
) -> Scored:
    """Negative log-likelihood of every sample.

    Args:
        causal: the model.
        samples: texts.
        batch: texts at a time; they are sorted by length so that little is padded.
        backward: also run the backward pass of the mean over all response tokens.
        told: called with the number of texts done.

    Raises:
        UsageError: no sample has a token to score.
    """
    encoded = [_encoded(causal, sample) for sample in samples]
    tokens = np.array([len(ids) - start for ids, start in encoded], dtype=np.int64)
    total = int(tokens.sum())
    if total == 0:
        raise UsageError("the samples have no token to score", hint="each needs a response of a word or more")
    nats = np.zeros(len(samples))
    with torch.set_grad_enabled(backward):
        for rows in _batches([len(ids) for ids, _ in encoded], batch):
            summed = _summed(causal, [encoded[row] for row in rows])
            if backward:
                (summed.sum() / total).backward()  # type: ignore[no-untyped-call]
            nats[rows] = summed.detach().double().cpu().numpy()
            told(len(rows))
    return Scored(nats, tokens)


def _sample(row: Mapping[str, Any], where: str) -> Sample:
    response = row.get("response", row.get("text"))
    if not isinstance(response, str):
        raise UnreadableInput(f"{where}: no response in it", hint=_HINT)
    return Sample(str(row.get("prompt") or ""), response)


def _encoded(causal: Causal, sample: Sample) -> tuple[torch.Tensor, int]:
    """Token ids of the whole text and how many of them are not scored; the first never is."""
    prompt = causal.encode([sample.prompt])[0] if sample.prompt else None
    joined = f"{sample.prompt}\n{sample.response}" if sample.prompt else sample.response
    ids = causal.encode([joined])[0]
    start = 1 if prompt is None else min(max(1, len(prompt)), len(ids))
    return ids, min(start, len(ids))


def _batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    for first in range(0, len(order), size):
        yield order[first : first + size]


def _summed(causal: Causal, texts: Sequence[tuple[torch.Tensor, int]]) -> torch.Tensor:
    """(texts,) summed loss of the scored tokens; padding is on the right, where causal models do not look."""
    longest = max(len(ids) for ids, _ in texts)
    ids = torch.zeros(len(texts), longest, dtype=torch.int64)
    scored = torch.zeros(len(texts), longest, dtype=torch.bool)
    for row, (tokens, start) in enumerate(texts):
        ids[row, : len(tokens)] = tokens
        scored[row, start : len(tokens)] = True
    ids, scored = ids.to(causal.device), scored.to(causal.device)
    logits = causal.model(ids).logits[:, :-1].float()
    each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return (each.view(len(texts), -1) * scored[:, 1:]).sum(1)
