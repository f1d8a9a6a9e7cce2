"""Times the linear merge of a bfloat16 pair against `cp` of one of its checkpoints, and against mergekit.

    python benchmarks/merge/merge.py --directory DISK [--mergekit PATH/mergekit-yaml] [--gib 4] [--rounds 5]

Each round makes one copy, two merges and, if asked for, one of mergekit, in an order that changes from
round to round; both sources are read once before each, so that the page cache is in the same state. Ratios
are of the same round. `merge` is the merge in a process that has imported torch, `command` all of `aligntax
merge`. Memory is the high-water mark of the merging process above that of an interpreter with its imports.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
SHAPES = {
    "mlp.gate_proj": (8192, 2048),
    "mlp.up_proj": (8192, 2048),
    "mlp.down_proj": (2048, 8192),
    "self_attn.q_proj": (2048, 2048),
    "self_attn.k_proj": (512, 2048),
    "self_attn.v_proj": (512, 2048),
    "self_attn.o_proj": (2048, 2048),
    "input_layernorm": (2048,),
    "post_attention_layernorm": (2048,),
}
VOCABULARY = 32_000
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": VOCABULARY,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
}
MERGE = """
import sys, time
from pathlib import Path
from aligntax.mitigations.merging import method
from aligntax.mitigations.merging.run import Output, planned

def peak():
    lines = Path("/proc/self/status").read_text().split("\\n")
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

before, start = peak(), time.perf_counter()
with planned(sys.argv[1], [sys.argv[2]], method("linear", 1), Output()) as merge:
    merge.carry_out(Path(sys.argv[3]))
print(peak() - before, time.perf_counter() - start)
"""
MERGEKIT = """merge_method: linear
models:
  - {{model: {pre}, parameters: {{weight: 0.2}}}}
  - {{model: {post}, parameters: {{weight: 0.8}}}}
dtype: bfloat16
"""


def make_pair(directory: Path, gib: float) -> tuple[Path, Path]:
    """Two checkpoints of random bfloat16 weights, two shards each."""
    numbers = sum(torch.Size(shape).numel() for shape in SHAPES.values())
    layers = max(2, round((gib * 2**29 - 2 * VOCABULARY * 2048) / numbers))
    made = []
    for seed, name in enumerate(("pre", "post")):
        path = directory / name
        path.mkdir(parents=True)
        (path / "config.json").write_text(json.dumps({**CONFIG, "num_hidden_layers": layers}))
        generator = torch.Generator().manual_seed(seed)
        placed: dict[str, str] = {}
        for shard, tensors in enumerate(_shards(layers, generator), 1):
            file = f"model-{shard:05}-of-00002.safetensors"
            save_file(tensors, path / file, metadata={"format": "pt"})
            placed |= dict.fromkeys(tensors, file)
        (path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": placed}))
        made.append(path)
    return made[0], made[1]


def _shards(layers: int, generator: torch.Generator) -> Iterator[dict[str, torch.Tensor]]:
    def random(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.empty(shape, dtype=torch.bfloat16).normal_(0, 0.02, generator=generator)

    outer = (
        {"model.embed_tokens.weight": (VOCABULARY, 2048)},
        {
            "model.norm.weight": (2048,),
            "lm_head.weight": (VOCABULARY, 2048),
        },
    )
    for half, (first, last) in enumerate(((0, layers // 2), (layers // 2, layers))):
        shapes = {f"model.layers.{at}.{n}.weight": s for at in range(first, last) for n, s in SHAPES.items()}
        yield {name: random(shape) for name, shape in (shapes | outer[half]).items()}


def timed(action: Callable[[], None]) -> float:
    """Seconds of wall time."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measure(directory: Path, gib: float, rounds: int, mergekit: str | None) -> dict[str, object]:
    """All figures for pairs of one size."""
    shutil.rmtree(directory, ignore_errors=True)
    pre, post = make_pair(directory, gib)
    (directory / "mergekit.yml").write_text(MERGEKIT.format(pre=pre, post=post))
    out = directory / "out"
    memory: list[int] = []
    inside: list[float] = []

    def copy() -> None:
        subprocess.run(["cp", "-r", post, out], check=True)

    def merge() -> None:
        words = [sys.executable, "-c", MERGE, *map(str, (pre, post, out))]
        peak, took = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        memory.append(int(peak))
        inside.append(float(took))

    def command() -> None:
        words = ["merge", str(pre), str(post), "--out", str(out), "--quiet"]
        subprocess.run([sys.executable, "-m", "aligntax", *words], check=True, capture_output=True)

    def other() -> None:
        words = [str(mergekit), str(directory / "mergekit.yml"), str(out), "--quiet", "--lazy-unpickle"]
        subprocess.run(words, check=True, capture_output=True)

    actions = {"cp": copy, "merge": merge, "command": command} | ({"mergekit": other} if mergekit else {})
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for at in range(rounds):
        for name in sorted(actions, key=lambda name: (at % 2 == 0) == (name == "cp")):
            shutil.rmtree(out, ignore_errors=True)
            _read_once(pre, post)
            seconds[name].append(timed(actions[name]))
    seconds["merge"] = inside
    shutil.rmtree(directory)
    return {
        "gib": gib,
        "seconds": {name: [round(value, 2) for value in values] for name, values in seconds.items()},
        "merge_over_cp": _ratio(seconds["merge"], seconds["cp"]),
        "command_over_cp": _ratio(seconds["command"], seconds["cp"]),
        "mergekit_over_command": _ratio(seconds["mergekit"], seconds["command"]) if mergekit else None,
        "peak_above_interpreter_mib": round(max(memory) / 2**20),
    }


def _ratio(over: list[float], under: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(over, under, strict=True)), 2)


def _read_once(*directories: Path) -> None:
    for directory in directories:
        for path in directory.glob("*.safetensors"):
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 24):
                    pass


def main() -> None:
    """Measures and writes results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--directory", type=Path, required=True, help="a directory to work in: needs 4 x the size"
    )
    parser.add_argument("--mergekit", help="mergekit-yaml of an environment of its own")
    parser.add_argument("--gib", type=float, nargs="+", default=[1, 4, 8])
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    results = []
    for gib in chosen.gib:
        results.append(measure(chosen.directory / "pair", gib, chosen.rounds, chosen.mergekit))
        print(json.dumps(results[-1]), flush=True)
    (HERE / "results.json").write_text(json.dumps({"sizes": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
