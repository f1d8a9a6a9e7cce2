"""False alarms and delays of a watch, and how fast it catches up.

    python benchmarks/watch/watching.py                 # half an hour on one core; writes results.json
    python benchmarks/watch/watching.py --worlds 50     # a quick look
    python benchmarks/watch/watching.py --only speed

Worlds are the tests' own (tests/watch_worlds.py): traffic goes through the counters, looks and tests of a
real watch.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from aligntax.stats import wilson
from aligntax.stats.change_point import change_detection_size
from aligntax.stats.confidence_sequence import detection_size
from aligntax.watch.counted import first_hour
from aligntax.watch.looks import Breach, Changed
from aligntax.watch.plan import share

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from watch_worlds import HOURS, MONTH, World, looks, policy_of, traffic  # noqa: E402

TIMES = 40
A_DAY = 2000
LIMITS = (0.02, 0.05)
USERS: dict[str, dict[str, Any]] = {
    "independent": {},
    "another user every 8 requests, rho 1/3": {"burst": 8.0, "spread": 2.0},
    "another user every 30 requests, rho 1/2": {"burst": 30.0, "spread": 1.0},
    "50 users all month, rho 1/3": {"spread": 2.0, "users": 50},
}
"""What makes exchanges depend on each other; rho is the correlation within a user."""
RISES = ((0.02, 0.03), (0.02, 0.04), (0.02, 0.06), (0.10, 0.13), (0.10, 0.05))


def false_alarms(worlds: int, users: str) -> dict[str, float]:
    """Shares of months with an alarm, of months whose rates are at their limits all the time."""
    came = [_month(seed, users) for seed in range(worlds)]
    return {
        "worlds": worlds,
        "any": float(np.mean([bool(kinds) for kinds, _ in came])),
        "budget": float(np.mean(["Breach" in kinds for kinds, _ in came])),
        "change": float(np.mean(["Changed" in kinds for kinds, _ in came])),
        "wilson": float(np.mean([missed for _, missed in came])),
    }


def _month(seed: int, users: str) -> tuple[set[str], bool]:
    generator = np.random.default_rng(seed)
    world = World(policy_of(*((f"case {at}", limit) for at, limit in enumerate(LIMITS))))
    months = [traffic(generator, [(0, limit)], a_day=A_DAY, **USERS[users]) for limit in LIMITS]
    found, missed, events, n = set[str](), False, 0, 0
    for first, last in looks(TIMES):
        for case, month in enumerate(months):
            part = month.until(first, last)
            world.feed(case, part.hours, part.refused, part.groups)
        part = months[0].until(first, last)
        events, n = events + int(part.refused.sum()), n + len(part.refused)
        plain = wilson(events, n)
        missed |= not plain.low <= LIMITS[0] <= plain.high
        found |= {type(one).__name__ for one in world.look(first_hour(MONTH) + last - 1)}
    return found, missed


def delays(worlds: int) -> Iterator[dict[str, Any]]:
    """Days from a change to its alert, by what the rate was and became; and what theory says."""
    rise = 240
    for before, after in RISES:
        limit = before * 1.5
        tested = World(policy_of(("a", limit), ("b", limit))).plan
        size = change_detection_size(
            before,
            after,
            history=A_DAY * rise / 24,
            possible=HOURS,
            alpha=tested.changes[0].alpha,
            prior=tested.changes[0].prior,
        )
        came = [_days(seed, [(0, before), (rise, after)], rise, limit, Changed) for seed in range(worlds)]
        yield {"kind": "change", "before": before, "after": after} | _delay(came, size)
    for limit in (0.02, 0.03):
        tested = World(policy_of(("a", limit), ("b", limit))).plan
        size = detection_size(0.04, limit, alpha=share(tested.budgets[0].alpha, 1))
        came = [_days(seed, [(0, 0.04)], 0, limit, Breach) for seed in range(worlds)]
        yield {"kind": "budget", "before": limit, "after": 0.04} | _delay(came, size)


def _delay(came: list[float], size: int) -> dict[str, float]:
    low, middle, high = np.quantile(came, [0.1, 0.5, 0.9])
    return {"theory": size / A_DAY, "median": middle, "p10": low, "p90": high, "worlds": len(came)}


def _days(seed: int, rates: list[tuple[int, float]], rise: int, limit: float, kind: type) -> float:
    generator = np.random.default_rng(10_000 + seed)
    world = World(policy_of(("a", limit), ("b", limit)))
    month = traffic(generator, rates, a_day=A_DAY)
    before = month.until(0, rise)
    if rise:
        world.feed(0, before.hours, before.refused)
    for last in range(rise + 3, HOURS + 1, 3):
        part = month.until(last - 3, last)
        world.feed(0, part.hours, part.refused)
        if any(isinstance(one, kind) for one in world.look(first_hour(MONTH) + last - 1)):
            return (last - rise) / 24
    return 99.0


def speed(exchanges: int) -> dict[str, float]:
    """Seconds to catch up on a backlog, beside an audit of it: medians of runs that take turns."""
    generate = ROOT / "benchmarks" / "audit" / "generate.py"
    with tempfile.TemporaryDirectory() as place:
        log, policy = Path(place, "traffic.jsonl"), Path(place, "aligntax.toml")
        made = ("--exchanges", str(exchanges), "--shape", "flat", "--out", str(log))
        subprocess.run([sys.executable, str(generate), *made], check=True)
        policy.write_text((ROOT / "examples" / "aligntax.toml").read_text("utf-8"), "utf-8")
        taken: dict[str, list[tuple[float, float, float]]] = {"audit": [], "watch": []}
        for turn in range(3):
            taken["audit"].append(_run("audit", str(log), "--out", place, "--quiet"))
            place_of = ("--ledger", str(Path(place, f"l{turn}")), "--policy", str(policy))
            taken["watch"].append(_run("watch", str(log), "--once", "--quiet", *place_of))
    found = {
        f"{name}_{what}": median(one[at] for one in runs)
        for name, runs in taken.items()
        for at, what in enumerate(("wall", "cpu", "megabytes"))
    }
    return {"exchanges": exchanges, **found}


def _run(*arguments: str) -> tuple[float, float, float]:
    """Wall time, processor time and peak memory of a command."""
    code = (
        "import resource, sys\n"
        "from aligntax.cli.app import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    sys.stderr.write(f'\\nUSED {used.ru_utime + used.ru_stime} {used.ru_maxrss / 1024}')\n"
    )
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    cpu, megabytes = done.stderr.rpartition("USED ")[2].split()[:2]
    return time.perf_counter() - begun, float(cpu), float(megabytes)


def tables(results: dict[str, Any]) -> str:
    """The results as the README has them."""
    lines = [
        "| exchanges | months with an alarm | by a budget | by a change | Wilson, looked at as often |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for users, one in results.get("false_alarms", {}).items():
        shares = " | ".join(f"{one[name]:.1%}" for name in ("budget", "change", "wilson"))
        lines.append(f"| {users} | **{one['any']:.1%}** | {shares} |")
    lines += [
        "",
        "| | from | to | theory, days | median, days | 10 % to 90 % |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in results.get("delays", []):
        ends = f"{one['p10']:.1f} to {one['p90']:.1f}"
        rates = f"{one['before']:.0%} | {one['after']:.0%}"
        lines.append(f"| {one['kind']} | {rates} | {one['theory']:.2f} | **{one['median']:.2f}** | {ends} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, writes results.json and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--exchanges", type=int, default=200_000)
    parser.add_argument("--only", choices=["alarms", "delays", "speed"])
    asked = parser.parse_args()
    measured: dict[str, Any] = {}
    if asked.only in (None, "alarms"):
        measured["false_alarms"] = {users: false_alarms(asked.worlds, users) for users in USERS}
    if asked.only in (None, "delays"):
        measured["delays"] = list(delays(max(asked.worlds // 5, 20)))
    if asked.only in (None, "speed"):
        measured["speed"] = speed(asked.exchanges)
    path = HERE / "results.json"
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    machine = {"python": platform.python_version(), "system": platform.platform()}
    results = {**known, **measured, "machine": machine}
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(tables(results))
    print(json.dumps(results.get("speed", {})))


if __name__ == "__main__":
    main()
