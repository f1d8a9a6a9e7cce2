"""Asking a model beside `inspect eval` alone, against a server that takes 200 ms an answer.

    python benchmarks/asking/asking.py                 # a quarter of an hour; writes results.json
    python benchmarks/asking/asking.py --profile       # where the time of one mode goes

The server is the planted one of the test suite in a process of its own; each mode runs in a process of its
own too, after a few questions that load what is loaded on first use. The modes alternate, and ratios are of
runs in the same round.
"""

import argparse
import cProfile
import json
import os
import platform
import pstats
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

LATENCY = 0.2
CONNECTIONS = 64
MODES = {
    "inspect": "inspect eval alone: the task, generate()",
    "inspect, lean": "the same, with the options a run of aligntax sets",
    "ask": "aligntax asks: journal, budget, resumable",
    "inspect, outcome": "inspect eval alone: the task, generate(), our scorer",
    "ask, outcome": "aligntax asks and tells outcomes",
}
ALONE = {"inspect, lean": "inspect", "ask": "inspect", "ask, outcome": "inspect, outcome"}
"""Mode -> what it is compared with."""


def main() -> None:
    """Measures, prints the table, writes the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--url")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    if given.serve:
        serve()
    elif given.mode and given.url:
        print(json.dumps(measured(given.mode, given.url, given.samples)))
    elif given.profile:
        with served() as url:
            profile(given.mode or "ask, outcome", url, given.samples)
    else:
        table(given.samples, given.rounds)


def table(samples: int, rounds: int) -> None:
    """All modes in turn."""
    found: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    with served() as url:
        for number in range(rounds):
            for mode in sorted(MODES, key=lambda name: (list(MODES).index(name) + number) % len(MODES)):
                found[mode].append(_in_a_process(mode, url, samples))
                print(mode, found[mode][-1], file=sys.stderr)
    ideal = samples * LATENCY / CONNECTIONS
    rows = {mode: _row(runs, found[ALONE.get(mode, mode)], ideal) for mode, runs in found.items()}
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    document = {
        "samples": samples,
        "connections": CONNECTIONS,
        "latency_s": LATENCY,
        "ideal_s": ideal,
        "machine": machine,
        "rows": rows,
        "runs": found,
    }
    Path(__file__).with_name("results.json").write_text(json.dumps(document, indent=1) + "\n")
    for mode, row in rows.items():
        print(f"| {MODES[mode]} | " + " | ".join(f"{value:.2f}" for value in row.values()) + " |")


def _row(runs: list[dict[str, float]], alone: list[dict[str, float]], ideal: float) -> dict[str, float]:
    ratio = [one["wall_s"] / other["wall_s"] for one, other in zip(runs, alone, strict=True)]
    worked = [one["cpu_s"] / other["cpu_s"] for one, other in zip(runs, alone, strict=True)]
    return {
        "wall_s": median(one["wall_s"] for one in runs),
        "cpu_s": median(one["cpu_s"] for one in runs),
        "over_ideal": median(one["wall_s"] for one in runs) / ideal,
        "over_inspect": median(ratio),
        "over_inspect_low": min(ratio),
        "over_inspect_high": max(ratio),
        "cpu_over_inspect": median(worked),
    }


def _in_a_process(mode: str, url: str, samples: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--mode", mode, "--url", url, "--samples", str(samples)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(mode: str, url: str, samples: int) -> dict[str, float]:
    """Wall and CPU seconds of one mode."""
    with tempfile.TemporaryDirectory() as directory:
        asking = prepared(mode, url, Path(directory))
        asking(CONNECTIONS, "w")
        wall, cpu = time.perf_counter(), time.process_time()
        asking(samples, "m")
        return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def prepared(mode: str, url: str, directory: Path) -> Callable[[int, str], None]:
    """What asks so many questions in a mode."""
    from aligntax.evals.outcome import outcome
    from aligntax.evals.run import LEAN, Connection, Run
    from aligntax.models.endpoint.asking import Asker
    from aligntax.models.endpoint.budget import Budget, Rate
    from aligntax.models.endpoint.journal import Journal
    from aligntax.models.endpoint.spec import Sampling, model_spec

    spec = model_spec(f"planted@{url}")
    if mode.startswith("inspect"):
        return _inspect(url, directory, LEAN if "lean" in mode else {}, scored="outcome" in mode)
    asker = Asker(Journal(directory / "answers.jsonl"), Budget({spec.given: Rate(1.0, 2.0)}, most=1e6))
    run = Run(asker, Sampling(), Connection(max_connections=CONNECTIONS), directory / "logs")
    scorer = [outcome()] if "outcome" in mode else []

    def ask(samples: int, tag: str) -> None:
        (answered,) = run.ask("over_refusal", questions(samples, tag), [spec], scorer=scorer)
        assert all(one.answered for one in answered.replies)
        assert len(answered.found) == (samples if scorer else 0)

    return ask


def _inspect(url: str, directory: Path, options: Any, *, scored: bool) -> Callable[[int, str], None]:  # noqa: ANN401
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.solver import generate

    from aligntax.evals.outcome import outcome
    from aligntax.evals.run import samples_of

    def ask(samples: int, tag: str) -> None:
        (log,) = eval(
            Task(
                dataset=MemoryDataset(samples_of(questions(samples, tag))),
                solver=generate(),
                scorer=outcome() if scored else None,
            ),
            model="openai-api/url/planted",
            model_base_url=url,
            model_args={"api_key": "none"},
            max_tokens=1024,
            max_connections=CONNECTIONS,
            max_samples=CONNECTIONS,
            display="none",
            log_dir=str(directory / "logs"),
            **options,
        )
        assert log.status == "success"

    return ask


def questions(samples: int, tag: str) -> list[Any]:
    """Questions of the planted world."""
    from planted import World

    return [one.question for one in World(seed=1).benign(samples, tag=tag)]


def profile(mode: str, url: str, samples: int) -> None:
    """Where the time goes: by package, and the functions that take most themselves."""
    with tempfile.TemporaryDirectory() as directory:
        asking = prepared(mode, url, Path(directory))
        asking(CONNECTIONS, "w")
        watched = cProfile.Profile()
        watched.runcall(asking, samples, "m")
    stats: Any = pstats.Stats(watched)
    shares: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, _) in stats.stats.items():
        shares[_package(file, name)] += own
    total = sum(shares.values())
    for package, own in shares.most_common():
        if own < total / 100 and package != "aligntax":
            continue
        print(f"{package:24} {own:8.2f} s {100 * own / total:5.1f} %")
    stats.sort_stats("tottime").print_stats(25)


def _package(file: str, name: str) -> str:
    if "site-packages/" in file:
        return file.partition("site-packages/")[2].partition("/")[0]
    if "/aligntax/" in file:
        return "aligntax"
    if file == "~":  # built in
        for package in ("pydantic_core", "zstandard", "socket", "epoll", "json"):
            if package in name:
                return package
        return "built in"
    return "asyncio" if "/asyncio/" in file else f"python: {Path(file).stem}"


@contextmanager
def served() -> Iterator[str]:
    """The server, in a process of its own."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def serve() -> None:
    """Serves until standard input is closed."""
    from planted import Behaviour, Server, World

    with Server(World(seed=1, models={"planted": Behaviour()}), latency=LATENCY) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
