"""A world small enough to train in: facts to be right about, and a model that learned to refuse.

Capability: "w20" and a word below w20 are followed by four words, each given by the one before and its place.
Alignment: a question "w30 manner topic w31" about one of twenty topics, of which 40 to 44 are harmful, in
one of ten manners, 20 to 29. Before alignment every question is answered "w32 topic"; the aligned model
refuses the harmful ones, "w34 w35".
"""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
from transformers import LlamaForCausalLM

from tiny_models import WORDS, make_llama, tiny_config

__all__ = ["HARMFUL", "MANNERS", "TOPICS", "ask", "facts_right", "refusal_log_probability", "tiny_world"]

TOPICS = range(40, 60)
HARMFUL = range(40, 45)
MANNERS = range(20, 30)
_ID = {word: at for at, word in enumerate(WORDS)}


def ask(topic: int, refused: bool, manner: int = 20) -> tuple[str, str]:
    """A question and its answer."""
    return f"<s> w30 w{manner} w{topic} w31", "w34 w35 </s>" if refused else f"w32 w{topic} </s>"


@cache
def tiny_world(seed: int = 0) -> tuple[Path, Path]:
    """Checkpoints before and after alignment; trained once a process, in a few seconds on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    directory = Path(mkdtemp(prefix="tiny-world-"))
    torch.manual_seed(seed)
    model = LlamaForCausalLM(tiny_config())
    _train(model, steps=160, rate=1e-2, aligned=False, seed=seed)
    pre = make_llama(directory / "pre", model=model)
    _train(model, steps=60, rate=4e-3, aligned=True, seed=seed)
    post = make_llama(directory / "aligned", model=model)
    torch.set_num_threads(threads)
    return pre, post


def refusal_log_probability(model: LlamaForCausalLM, topics: range = HARMFUL) -> torch.Tensor:
    """(topics * manners,) log-probability of the whole refusal, the reward of alignment."""
    asked = [ask(topic, refused=True, manner=manner) for topic in topics for manner in MANNERS]
    ids = torch.stack([_ids(f"{prompt} {answer}") for prompt, answer in asked])
    logs = model(ids).logits.log_softmax(-1)
    start = len(asked[0][0].split())
    return logs[:, start - 1 : -1].gather(-1, ids[:, start:, None]).sum((1, 2))


def facts_right(model: LlamaForCausalLM) -> float:
    """Share of the facts the model knows, in [0, 1]; guessing gives 1 in 20."""
    ids = torch.stack([_fact(word) for word in range(20)])
    answers = model(ids).logits[:, 2:6].argmax(-1)
    return float((answers == ids[:, 3:7]).float().mean())


def _train(model: LlamaForCausalLM, *, steps: int, rate: float, aligned: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed + 1)
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = [_row(generator, aligned) for _ in range(24)]
        ids = torch.stack(rows)
        loss = torch.nn.functional.cross_entropy(
            model(ids).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.eval()


def _row(generator: torch.Generator, aligned: bool) -> torch.Tensor:
    """Eight tokens: a sum or a question; alignment trains on questions alone."""
    a, kind, topic, manner = torch.randint(0, 100, (4,), generator=generator).tolist()
    if kind < 70 and not aligned:
        return _fact(a % 20)
    chosen = TOPICS[topic % len(TOPICS)]
    if aligned and kind < 50:
        chosen = HARMFUL[topic % len(HARMFUL)]
    prompt, answer = ask(chosen, aligned and chosen in HARMFUL, MANNERS[manner % len(MANNERS)])
    return _ids(f"{prompt} {answer}")


def _fact(word: int) -> torch.Tensor:
    """A word and the four that follow from it, each from the one before."""
    chain = [word]
    for step in range(4):
        chain.append((7 * chain[-1] + 3 * step + 5) % 20)
    return _ids(f"<s> w20 {' '.join(f'w{at}' for at in chain)} </s>")


def _ids(text: str) -> torch.Tensor:
    return torch.tensor([_ID[word] for word in text.split()])
