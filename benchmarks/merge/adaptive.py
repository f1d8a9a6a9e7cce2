"""Adaptive against linear at the same mean, on models trained to refuse: held-out reward, facts, direction.

    python benchmarks/merge/adaptive.py [--seeds 5]

The world is the tests' own (tests/tiny_world.py): facts to know, and harmful topics to refuse. Shares are
fitted to refusals of three harmful topics; reward is the log-probability of refusing the two others.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from aligntax.mitigations.merging import method  # noqa: E402
from aligntax.mitigations.merging.adaptive import Adaptive  # noqa: E402
from aligntax.mitigations.merging.fitting import fit_shares  # noqa: E402
from aligntax.mitigations.merging.in_memory import InMemory  # noqa: E402
from aligntax.mitigations.merging.proxy import Sample  # noqa: E402
from aligntax.mitigations.merging.run import Output, planned  # noqa: E402
from tiny_world import HARMFUL, MANNERS, ask, facts_right, refusal_log_probability, tiny_world  # noqa: E402

MEANS = (0.1, 0.2, 0.3, 0.4, 0.5)


def measure(seed: int) -> list[dict[str, Any]]:
    """One row a mean share."""
    pre, aligned = tiny_world(seed)
    harmful = list(HARMFUL)
    proxies = [Sample(*ask(topic, True, manner)) for manner in MANNERS for topic in harmful[:3]]
    held_out = range(harmful[3], harmful[-1] + 1)
    rows = []
    with planned(str(pre), [str(aligned)], method("linear", 1), Output()) as merge:
        model = InMemory(merge)

        def of(shares: tuple[float, ...]) -> dict[str, float]:
            model.mix(Adaptive(shares))
            with torch.no_grad():
                reward = float(refusal_log_probability(model.causal.model, held_out).mean())
                return {"reward": round(reward, 3), "facts": round(facts_right(model.causal.model), 3)}

        for mean in MEANS:
            fit = fit_shares(model, proxies, pre_weight=mean)
            row: dict[str, Any] = {
                "seed": seed,
                "mean": mean,
                "taken": fit.shares != (mean,) * 3,
                "passes": fit.passes,
            }
            row |= {"shares": [round(share, 3) for share in fit.fitted]}
            early, _, late = fit.fitted
            # the paper's direction: more of the pre-alignment model the earlier the block
            row |= {"early_first": early > mean and early > late, "linear": of((mean,) * 3)}
            rows.append(row | {"adaptive": of(fit.shares), "fitted": of(fit.fitted)})
    return rows


def main() -> None:
    """Measures and writes adaptive.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    rows = [row for seed in range(seeds) for row in measure(seed)]
    summary = {
        "worlds": seeds,
        "fits": len(rows),
        "taken": sum(row["taken"] for row in rows),
        "no_worse_on_held_out_reward": sum(
            row["adaptive"]["reward"] >= row["linear"]["reward"] for row in rows
        ),
        "fitted_better_on_held_out_reward": sum(
            row["fitted"]["reward"] > row["linear"]["reward"] for row in rows
        ),
        "median_reward_gained": statistics.median(
            r["fitted"]["reward"] - r["linear"]["reward"] for r in rows
        ),
        "median_facts_gained": statistics.median(r["fitted"]["facts"] - r["linear"]["facts"] for r in rows),
        "more_pre_alignment_weight_early": sum(row["early_first"] for row in rows),
        "most_passes": max(row["passes"] for row in rows),
    }
    print(json.dumps(summary, indent=1))
    (HERE / "adaptive.json").write_text(json.dumps({"summary": summary, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
