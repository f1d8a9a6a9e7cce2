"""A language so small that all of its sentences can be written down, and two models of it."""

import itertools
from collections.abc import Iterator

import torch
from transformers import LlamaForCausalLM

from aligntax.models.causal import Causal
from aligntax.models.halves import Halves, halves
from tiny_models import tiny_config

__all__ = ["LONGEST", "STOP", "exact_kl", "log_probabilities", "prompts", "sentences", "split", "tiny"]

STOP = 2
LONGEST = 3
_WORDS = 5


def split(model: torch.nn.Module, name: str = "model") -> Halves:
    """A model in memory, in halves, without a tokenizer."""
    model.requires_grad_(False).eval()
    return halves(Causal(name=name, model=model, tokenizer=None, device=torch.device("cpu")))


def tiny(seed: int, *, like: Halves | None = None, change: float = 0.3, **settings: object) -> Halves:
    """A random Llama over five words with distinct opinions; or one that lies `change` from `like`."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(tiny_config(**{"vocab_size": _WORDS, "num_hidden_layers": 2, **settings}))
    for name, weights in model.named_parameters():
        if weights.ndim == 2:
            weights.data.normal_(0, 0.5 if "lm_head" not in name else 0.35)
    if like is not None:
        old = dict(like.causal.model.named_parameters())
        for name, weights in model.named_parameters():
            weights.data = old[name].data + change * weights.data * (weights.ndim == 2)
    return split(model)


def prompts() -> list[tuple[int, ...]]:
    """All prompts of two words: 25."""
    return list(itertools.product(range(_WORDS), repeat=2))


def sentences() -> Iterator[tuple[int, ...]]:
    """All responses of at most three words: they end with the stop word, or are of three words."""
    for length in range(1, LONGEST + 1):
        for words in itertools.product(range(_WORDS), repeat=length):
            if STOP not in words[:-1] and (words[-1] == STOP or length == LONGEST):
                yield words


def log_probabilities(half: Halves, prompt: tuple[int, ...]) -> torch.Tensor:
    """(sentences,) of every response after a prompt, as `sentences` has them, from the model's own logits."""
    found = list(sentences())
    ids = torch.tensor([[*prompt, *words, *[0] * (LONGEST - len(words))] for words in found])
    table = half.causal.model(ids).logits.double().log_softmax(-1)[:, len(prompt) - 1 : -1]
    said = table.gather(2, ids[:, len(prompt) :, None])[:, :, 0]
    lengths = torch.tensor([len(words) for words in found])
    return (said * (torch.arange(LONGEST) < lengths[:, None])).sum(1)


def exact_kl(first: Halves, second: Halves, prompt: tuple[int, ...]) -> float:
    """KL of whole responses, by summing over every one there is."""
    ours, theirs = log_probabilities(first, prompt), log_probabilities(second, prompt)
    return float((ours.exp() * (ours - theirs)).sum())
