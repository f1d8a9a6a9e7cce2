"""What drift costs beside the two models' bare forward passes: wall time, CPU time and memory.

    python benchmarks/drift/drift.py                  # all sizes, in this process one after the other
    python benchmarks/drift/drift.py --peak bare ...  # one measurement of memory, in a process of its own

The models are random Llamas. Bare is `model(ids).logits` of both over the same batches, with the logits
thrown away; drift is `read_passages` over them, every token predicted. They alternate, so that both meet the
same noise.
"""

import argparse
import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from aligntax.models.causal import Causal
from aligntax.models.halves import Halves, halves
from aligntax.models.passes import Passage, read_passages

RESULTS = Path(__file__).with_name("results.json")
MODES = ("bodies", "bare", "drift")


@dataclass(frozen=True)
class Setting:
    """A pair of models and what they read."""

    hidden: int
    layers: int = 8
    vocabulary: int = 128_000
    sequences: int = 2
    length: int = 256
    batches: int = 1
    dtype: str = "float32"


SETTINGS = (Setting(512), Setting(1024))
PEAK = Setting(1024, sequences=4)
WIDE = Setting(4096, layers=1, sequences=4, length=129, dtype="bfloat16")


def pair(setting: Setting) -> tuple[Halves, Halves]:
    """A random Llama and one a little beside it."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=setting.vocabulary,
        hidden_size=setting.hidden,
        intermediate_size=4 * setting.hidden,
        num_hidden_layers=setting.layers,
        num_attention_heads=setting.hidden // 64,
        num_key_value_heads=setting.hidden // 64,
        tie_word_embeddings=False,
    )
    found = list[Halves]()
    for _ in range(2):
        torch.set_default_dtype(getattr(torch, setting.dtype))
        model = LlamaForCausalLM(config).eval().requires_grad_(False)
        torch.set_default_dtype(torch.float32)
        found.append(halves(Causal(name="random", model=model, tokenizer=None, device=torch.device("cpu"))))
    with torch.no_grad():
        for old, new in zip(*(half.causal.model.parameters() for half in found), strict=True):
            new.copy_(old + 0.05 * (new - old))
    return found[0], found[1]


def passages(setting: Setting) -> list[Passage]:
    """Random tokens, of which all but the first are predicted."""
    generator = torch.Generator().manual_seed(0)
    shape = (setting.batches * setting.sequences, setting.length)
    ids = torch.randint(setting.vocabulary, shape, generator=generator)
    return [Passage(tuple(row), 1, at) for at, row in enumerate(ids.tolist())]


@torch.inference_mode()
def bare(models: Sequence[Halves], texts: Sequence[Passage], setting: Setting) -> None:
    """Both models to their logits, batch after batch."""
    for first in range(0, len(texts), setting.sequences):
        ids = torch.tensor([text.tokens for text in texts[first : first + setting.sequences]])
        for half in models:
            half.causal.model(input_ids=ids, use_cache=False)


def bodies(models: Sequence[Halves], texts: Sequence[Passage], setting: Setting) -> None:
    """Both models to their hidden states: what memory they need themselves."""
    for first in range(0, len(texts), setting.sequences):
        ids = torch.tensor([text.tokens for text in texts[first : first + setting.sequences]])
        kept = [half.hidden(ids) for half in models]
        del kept


def drift(models: Sequence[Halves], texts: Sequence[Passage], setting: Setting) -> None:
    """Everything `aligntax drift` does with texts, but for writing it down."""
    read_passages(models[0], models[1], texts, batch=setting.sequences)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def speed(setting: Setting, repeats: int, threads: int) -> dict[str, object]:
    """Drift over bare, in wall and CPU time: every repeat is a ratio of two runs one after the other."""
    torch.set_num_threads(threads)
    models, texts = pair(setting), passages(setting)
    bare(models, texts, setting)
    drift(models, texts, setting)
    rows = list[dict[str, float]]()
    for _ in range(repeats):
        bare_wall, bare_cpu = timed(lambda: bare(models, texts, setting))
        drift_wall, drift_cpu = timed(lambda: drift(models, texts, setting))
        rows.append(
            {
                "bare_wall": bare_wall,
                "drift_wall": drift_wall,
                "wall": drift_wall / bare_wall,
                "cpu": drift_cpu / bare_cpu,
            }
        )
        print(json.dumps({"hidden": setting.hidden, "threads": threads, **rows[-1]}), flush=True)
    middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    ends = {"wall_low": min(row["wall"] for row in rows), "wall_high": max(row["wall"] for row in rows)}
    return {
        **asdict(setting),
        "threads": threads,
        "load": os.getloadavg()[0],
        "repeats": repeats,
        **middle,
        **ends,
    }


def peak(mode: str, setting: Setting) -> dict[str, float]:
    """Highest resident memory of this process while it works, and before, in MiB."""
    models, texts = pair(setting), passages(setting)
    work = {"bodies": bodies, "bare": bare, "drift": drift}[mode]
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed must not be there to be used again
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    work(models, texts, setting)
    return {"loaded": before, "peak": _status("VmHWM")}


def _status(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def memory(setting: Setting, modes: Sequence[str]) -> dict[str, object]:
    """How far each mode rises above the loaded models, each in a process of its own."""
    found: dict[str, dict[str, float]] = {}
    for mode in modes:
        command = [sys.executable, __file__, "--peak", mode, "--setting", json.dumps(asdict(setting))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[mode] = json.loads(done.stdout)
        print(json.dumps({mode: found[mode]}), flush=True)
    above = {mode: found[mode]["peak"] - found[mode]["loaded"] for mode in modes}
    extra = {f"{mode}_over_bodies": above[mode] - above["bodies"] for mode in modes[1:]}
    return {**asdict(setting), "mib_above_loaded": above, **extra}


def main() -> None:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peak", choices=MODES)
    parser.add_argument("--setting", type=json.loads)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.peak:
        print(json.dumps(peak(chosen.peak, Setting(**chosen.setting))))
        return
    peaks = [memory(PEAK, MODES), memory(WIDE, ("bodies", "drift"))]
    results = {
        "torch": torch.__version__,
        "speed": [speed(setting, chosen.repeats, threads) for threads in (1, 2) for setting in SETTINGS],
        "memory": peaks,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
