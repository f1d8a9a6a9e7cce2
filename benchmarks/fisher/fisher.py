"""What the Fisher information costs, in plain forward-backward passes of the same tokens.

python benchmarks/fisher/fisher.py [--device cuda] [--rounds 5]

A random Llama (hidden 512, 8 layers, vocabulary 32,000), a batch of 4 texts of 256 tokens. The plain pass is
what a step of training does before its optimiser: forward, mean loss, backward into every parameter. Passes
take turns, so that a busy machine slows all of them, and a ratio is of one round. On a CPU the time is this
process's own. Writes results.json.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from aligntax.models.causal import Causal
from aligntax.models.fisher import FisherSettings, Sample, fisher_of_groups

HERE = Path(__file__).parent
BATCH, LENGTH, VOCABULARY = 4, 256, 32_000
GOAL = 2.2
WAYS = {
    "per sequence": FisherSettings(batch=BATCH),
    "per position": FisherSettings(batch=BATCH, per="position"),
    "one text at a time": FisherSettings(batch=1),
}


def llama(device: str) -> Causal:
    """The model to measure on."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=8,
    )
    model = LlamaForCausalLM(config).eval().requires_grad_(False).to(device)
    return Causal("random", model, None, torch.device(device))


def clock(device: str) -> float:
    """Seconds: of this process on a CPU, on the wall where an accelerator works."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def plain(causal: Causal, tokens: torch.Tensor) -> float:
    """Seconds of a forward-backward pass into all parameters."""
    causal.model.requires_grad_(True)
    begun = clock(causal.device.type)
    causal.model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
    took = clock(causal.device.type) - begun
    causal.model.zero_grad(set_to_none=True)
    causal.model.requires_grad_(False)
    return took


def passes(
    causal: Causal, samples: list[Sample], settings: FisherSettings, rounds: int
) -> Callable[[], float]:
    """A function that does the same batch once more and gives its seconds; sums begin at zero each time."""
    groups = fisher_of_groups(causal, [samples] * (rounds + 1), settings)

    def once() -> float:
        begun = clock(causal.device.type)
        next(groups)
        return clock(causal.device.type) - begun

    once()  # with the check against autograd, which is done once a model
    return once


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    causal = llama(given.device)
    samples = [Sample(torch.randint(0, VOCABULARY, (LENGTH,)), number=at) for at in range(BATCH)]
    tokens = torch.stack([sample.tokens for sample in samples]).to(given.device)
    runs = {name: passes(causal, samples, settings, given.rounds) for name, settings in WAYS.items()}
    plain(causal, tokens)
    seconds: dict[str, list[float]] = {"plain": [], **{name: [] for name in WAYS}}
    for _ in range(given.rounds):
        seconds["plain"].append(plain(causal, tokens))
        for name, once in runs.items():
            seconds[name].append(once())
    ratios = {
        name: [one / of for one, of in zip(seconds[name], seconds["plain"], strict=True)] for name in WAYS
    }
    results = {
        "device": torch.cuda.get_device_name() if given.device != "cpu" else platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "rounds": given.rounds,
        "parameters": sum(parameter.numel() for parameter in causal.model.parameters()),
        "tokens": BATCH * LENGTH,
        "goal": GOAL,
        "seconds": {name: round(statistics.median(found), 3) for name, found in seconds.items()},
        "times a plain pass": {
            name: {
                "median": round(statistics.median(found), 2),
                "least": round(min(found), 2),
                "most": round(max(found), 2),
            }
            for name, found in ratios.items()
        },
    }
    kind = "" if given.device == "cpu" else "_gpu"
    (given.out / f"results{kind}.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
