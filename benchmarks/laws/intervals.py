"""How often `aligntax laws` is right in worlds whose law is known; writes results.json and README.md's table.

    python benchmarks/laws/intervals.py

Three minutes on one core. The tables are those of checkpoints.py, read as the command reads them.
"""

import json
import math
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from checkpoints import make_checkpoints, write_checkpoints

from aligntax.tax.laws.asking import largest_within
from aligntax.tax.laws.checkpoints import Checkpoints, read_checkpoints
from aligntax.tax.laws.fit import Laws, fit_laws

HERE = Path(__file__).parent
REPETITIONS = 120
BUDGET = 0.05
WORLDS: Mapping[str, Mapping[str, float]] = {
    "24 runs of 6, half the noise a run's own": {"runs": 24, "each": 6, "alike": 0.5},
    "24 runs of 6, independent": {"runs": 24, "each": 6, "alike": 0.0},
    "24 runs of 6, nearly all a run's own": {"runs": 24, "each": 6, "alike": 0.9},
    "10 runs of 6": {"runs": 10, "each": 6, "alike": 0.5},
    "5 runs of 6": {"runs": 5, "each": 6, "alike": 0.5},
    "60 runs, last checkpoint only": {"runs": 60, "each": 1, "alike": 0.0},
    "24 runs of 6, no law at all": {"runs": 24, "each": 6, "alike": 0.5, "slope": 0.0},
}
SLOPE = 0.22


def laws_of(world: Mapping[str, float], seed: int, *, known_runs: bool = True) -> tuple[Laws, Checkpoints]:
    """The laws of one drawn table, and a table of as many new checkpoints of new runs."""
    drawn = [_table(world, seed), _table({**world, "runs": 40}, 10_000 + seed)]
    if not known_runs:
        drawn[0] = replace(drawn[0], runs=None)
    return fit_laws(drawn[0]), drawn[1]


def _table(world: Mapping[str, float], seed: int) -> Checkpoints:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "checkpoints.csv"
        write_checkpoints(make_checkpoints(**world, seed=seed), path)  # type: ignore[arg-type]
        read = read_checkpoints(path, {})
    kept = {name: read.numbers[name] for name in ("tax", "kl_capability", "kl_alignment")}
    return replace(read, numbers=kept)


def measured(world: Mapping[str, float], *, known_runs: bool = True) -> dict[str, float]:
    """Shares over drawn tables: new checkpoints inside, slopes held, budgets kept, verdicts."""
    inside, slopes, kept, kls = list[float](), list[float](), list[float](), list[str]()
    holds = {"kl_capability": 0, "kl_alignment": 0}
    for seed in range(REPETITIONS):
        laws, new = laws_of(world, seed, known_runs=known_runs)
        for setting, fitted, best in zip(laws.settings, laws.fitted, laws.best, strict=True):
            holds[setting.on] += best.standing == "holds"
            if setting.on != "kl_capability":
                continue
            low, high = setting.range
            x, y = new.numbers["kl_capability"], new.numbers["tax"]
            seen = (x >= low) & (x <= high)
            band = best.fit.band(x[seen])
            inside.append(float(((band.low <= y[seen]) & (y[seen] <= band.high)).mean()))
            slope = fitted[0].fit.parameter(0)
            slopes.append(float(slope.low <= world.get("slope", SLOPE) <= slope.high))
        kls.append(_decides(laws))
        kept += _budget(laws, new)
    return {
        "prediction": round(float(np.mean(inside)), 3),
        "slope": round(float(np.mean(slopes)), 3),
        "over_budget": round(float(np.mean(kept)), 3) if kept else math.nan,
        **{name: round(count / REPETITIONS, 3) for name, count in holds.items()},
        "decides": round(kls.count("capability") / REPETITIONS, 3),
    }


def _decides(laws: Laws) -> str:
    which = laws.which_kl
    if which is None or "holds" not in (which.capability.standing, which.alignment.standing):
        return "nothing"
    return "capability" if which.saved.low > 0 else "alignment" if which.saved.high < 0 else "cannot tell"


def _budget(laws: Laws, new: Checkpoints) -> list[float]:
    """Of new checkpoints near the KL that a budget allows: which exceed it."""
    answer = largest_within(laws, BUDGET, among=("kl_capability",))
    if answer.largest is None or answer.whole_range:
        return []
    x, y = new.numbers["kl_capability"], new.numbers["tax"]
    near = np.abs(x - answer.largest) < 0.1 * answer.largest
    moved = y[near] + SLOPE * (answer.largest - x[near])  # as if they stood exactly there
    return [float(tax > BUDGET) for tax in moved]


def markdown(results: Mapping[str, Mapping[str, float]]) -> str:
    """The table of README.md."""
    lines = [
        "| world | new checkpoints inside | slope held | over budget | holds: capability | holds: alignment "
        "| capability decides |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in results.items():
        cells = ["-" if math.isnan(value) else f"{value:.3f}" for value in row.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs every world."""
    results = dict[str, dict[str, float]]()
    for name, world in WORLDS.items():
        results[name] = measured(world)
        print(name, results[name], file=sys.stderr)
    name = "24 runs of 6, nearly all a run's own"
    results[f"{name}; runs not told"] = measured(WORLDS[name], known_runs=False)
    plain = {
        name: {key: None if math.isnan(v) else v for key, v in row.items()} for name, row in results.items()
    }
    (HERE / "results.json").write_text(json.dumps(plain, indent=1) + "\n", "utf-8")
    readme = HERE / "README.md"
    above = readme.read_text("utf-8").partition("<!-- table -->")[0]
    readme.write_text(f"{above}<!-- table -->\n\n{markdown(results)}", "utf-8")


if __name__ == "__main__":
    main()
