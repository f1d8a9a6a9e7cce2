"""Responses drawn from a model as it is: ancestral sampling at temperature 1, nothing cut off."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from aligntax.models.halves import Halves

__all__ = ["sample_responses", "stop_tokens"]


def stop_tokens(half: Halves) -> frozenset[int]:
    """Tokens that end a response, as the checkpoint says."""
    model, tokenizer = half.causal.model, half.causal.tokenizer
    named = (getattr(model.generation_config, "eos_token_id", None), model.config.eos_token_id)
    found = next((ids for ids in (*named, getattr(tokenizer, "eos_token_id", None)) if ids is not None), ())
    return frozenset([found] if isinstance(found, int) else found)


def sample_responses(
    half: Halves,
    prompts: Sequence[Sequence[int]],
    *,
    stop: frozenset[int],
    longest: int,
    samples: int = 1,
    vocabulary: int | None = None,
    seed: int = 0,
    batch: int = 8,
    advance: Callable[[int], None] = lambda tokens: None,
) -> list[list[int]]:
    """Draws responses from the model's own distribution.

    Every response has its own stream of random numbers, told by seed, prompt and sample, so that neither the
    batch nor the order decides what is drawn.

    Args:
        half: the model.
        prompts: token ids of each, at least one.
        stop: tokens that end a response, and are part of it.
        longest: tokens of a response at most, >= 1.
        samples: responses a prompt, >= 1.
        vocabulary: tokens that may be drawn, 0 to this one; the distribution is renormalised over them.
        seed: of the random numbers, >= 0.
        batch: responses at a time.
        advance: told of tokens drawn, or of what was not needed where responses ended early.

    Returns:
        samples x prompts responses, all of the first prompt first; each ends with a stop token or has
        `longest` tokens.
    """
    wanted = [(at, sample) for at in range(len(prompts)) for sample in range(samples)]
    order = sorted(range(len(wanted)), key=lambda at: len(prompts[wanted[at][0]]))
    responses: list[list[int]] = [[] for _ in wanted]
    for first in range(0, len(order), batch):
        chosen = order[first : first + batch]
        draws = np.stack([np.random.default_rng([seed, *wanted[at]]).random(longest) for at in chosen])
        asked = [prompts[wanted[at][0]] for at in chosen]
        drawn = _draw(half, asked, draws, stop, vocabulary or half.vocabulary, advance)
        for at, response in zip(chosen, drawn, strict=True):
            responses[at] = response
        advance(longest * len(chosen) - sum(map(len, drawn)))
    return responses


@torch.inference_mode()
def _draw(
    half: Halves,
    prompts: Sequence[Sequence[int]],
    draws: np.ndarray[Any, np.dtype[np.float64]],
    stop: frozenset[int],
    vocabulary: int,
    advance: Callable[[int], None],
) -> list[list[int]]:
    """One batch of responses.

    Prompts of different length need no padding: a row whose prompt is longer than what has been read so far
    is fed the prompt's next token where the others are fed what they drew.
    """
    responses: list[list[int]] = [[] for _ in prompts]
    going = set(range(len(prompts)))
    shortest = min(map(len, prompts))
    ids = torch.tensor([list(prompt[:shortest]) for prompt in prompts])
    new, past = ids, None
    while True:
        hidden, past = half.step(ids if past is None else new, past, keep=True)
        cumulative = half.logits(hidden[:, -1])[:, :vocabulary].double().softmax(-1).cumsum(-1).cpu()
        following, before = list[int](), sum(map(len, responses))
        for row, prompt in enumerate(prompts):
            if ids.shape[1] < len(prompt):
                following.append(prompt[ids.shape[1]])
            elif row in going:
                response = responses[row]
                response.append(_pick(cumulative[row], float(draws[row, len(response)])))
                following.append(response[-1])
                if response[-1] in stop or len(response) == draws.shape[1]:
                    going.discard(row)
            else:
                following.append(0)
        advance(sum(map(len, responses)) - before)
        if not going:
            return responses
        new = torch.tensor(following)[:, None]
        ids = torch.cat([ids, new], dim=1)


def _pick(cumulative: torch.Tensor, draw: float) -> int:
    """The token whose stretch of the cumulative distribution (vocabulary,) holds `draw`, in [0, 1)."""
    at = int(torch.searchsorted(cumulative, draw * float(cumulative[-1]), right=True))
    return min(at, len(cumulative) - 1)
