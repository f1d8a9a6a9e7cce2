"""A table of checkpoints whose laws are known: tax by the KL on capability text alone."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

__all__ = ["COLUMNS", "make_checkpoints", "write_checkpoints"]

COLUMNS = (
    "tax",
    "kl_alignment",
    "kl_capability",
    "steps",
    "tokens",
    "n",
    "reward",
    "method",
    "run",
    "seed",
)
Row = Mapping[str, object]

_TUNING = {"sft": (1.0, 1.0), "lora": (0.35, 1.3), "dpo": (0.15, 3.0), "replay": (0.2, 0.5), "rl": (0.5, 2.0)}
"""Method -> how far its runs go in KL on capability text and on alignment prompts."""


def make_checkpoints(
    *,
    runs: int = 24,
    each: int = 6,
    slope: float = 0.22,
    noise: float = 0.012,
    alike: float = 0.5,
    seed: int = 0,
) -> list[Row]:
    """Rows of a table, one a checkpoint.

    tax = slope KL on capability text + noise, of which a share `alike` of the variance is the run's own.
    The KL on alignment prompts is drawn for each run without regard to it. The reward follows Gao's laws.

    Args:
        runs: training runs, dealt to the methods in turn.
        each: checkpoints of each.
        slope: tax per nat.
        noise: standard deviation of the tax around the law.
        alike: share of its variance that the checkpoints of a run have in common, in [0, 1].
        seed: of the generator.
    """
    generator = np.random.default_rng(seed)
    rows = list[Row]()
    for run in range(runs):
        method = list(_TUNING)[run % len(_TUNING)]
        far, near = _TUNING[method]
        capability = far * generator.lognormal(0, 0.5) * np.linspace(1 / each, 1, each) ** 1.2
        alignment = near * generator.lognormal(0, 0.5) * generator.uniform(0.1, 1, each)
        own = noise * np.sqrt(alike) * generator.standard_normal()
        errors = own + noise * np.sqrt(1 - alike) * generator.standard_normal(each)
        for step in range(each):
            rows.append(
                {
                    "tax": round(float(slope * capability[step] + errors[step]), 6),
                    "kl_alignment": round(float(alignment[step]), 6),
                    "kl_capability": round(float(capability[step]), 6),
                    "steps": 40 * (step + 1),
                    "tokens": 40 * (step + 1) * 8192,
                    "n": "",
                    "reward": _reward(method, float(alignment[step]), generator),
                    "method": method,
                    "run": f"{method}-{run}",
                    "seed": run // len(_TUNING),
                }
            )
    return rows + _best_of_n(generator)


def _reward(method: str, kl: float, generator: np.random.Generator) -> object:
    if method != "rl":
        return ""
    d = np.sqrt(kl)
    return round(float(d * (0.9 - 0.6 * np.log(d)) + 0.03 * generator.standard_normal()), 6)


def _best_of_n(generator: np.random.Generator) -> list[Row]:
    nothing = dict.fromkeys(COLUMNS, "")
    rows = list[Row]()
    for n in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        d = np.sqrt(np.log(n) - (n - 1) / n)
        reward = round(float(d * (1.1 - 0.3 * d) + 0.02 * generator.standard_normal()), 6)
        rows.append({**nothing, "n": n, "reward": reward, "method": "best-of-n", "run": f"bon-{n}"})
    return rows


def write_checkpoints(rows: Sequence[Row], path: Path) -> None:
    """Writes them as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
