"""Measures `aligntax audit` and writes results.json beside this file.

    python benchmarks/audit/run.py                        # all of it: 20 minutes, 40 GB of disk
    python benchmarks/audit/run.py --sizes 1 --repeats 3  # the ratios alone

CPU time is user + system of a whole process, as the kernel accounts for it. Ratios pair two processes
run one after the other, and the median pair is given; absolute times are those of the machine.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from generate import EXAMPLE, Shape, write

from aligntax.detectors.lexicon import load_lexicon
from aligntax.detectors.scan import Scanner

HERE = Path(__file__).parent
ALIGNTAX = [sys.executable, "-c", "from aligntax.cli.app import main; main()"]
READ = """
import duckdb, sys
query = f"SELECT count(*), sum(length({sys.argv[2]})) FROM read_json('{sys.argv[1]}')"
print(duckdb.execute(query).fetchall())
"""
RESPONSE: dict[Shape, str] = {"flat": "response", "pairs": "response.choices[1].message.content"}
Figures = dict[str, float]


def run(command: list[str], cwd: Path) -> Figures:
    """CPU and wall seconds and peak memory of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command}: {complaint.decode()}")
    return {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(time.perf_counter() - begun, 2),
        "peak_mb": round(usage.ru_maxrss / 1024),
    }


def audit(log: Path, directory: Path, *options: str) -> Figures:
    """One audit of a log."""
    return run([*ALIGNTAX, "audit", str(log), "--out", "out", "--quiet", *options], directory)


def ratios(log: Path, directory: Path, repeats: int, shape: Shape, *options: str) -> dict[str, Any]:
    """CPU of the audit over CPU of DuckDB summing the lengths of the responses, pair by pair."""
    read = [sys.executable, "-c", READ, str(log), RESPONSE[shape]]
    pairs = [(run(read, directory), audit(log, directory, *options)) for _ in range(repeats)]
    cpu = sorted(whole["cpu_s"] / read["cpu_s"] for read, whole in pairs)
    return {
        "duckdb_sum_of_lengths": pairs[len(pairs) // 2][0],
        "audit": pairs[len(pairs) // 2][1],
        "cpu_ratio_median": round(statistics.median(cpu), 2),
        "cpu_ratios": [round(ratio, 2) for ratio in cpu],
    }


def scaling(log: Path, directory: Path, repeats: int) -> dict[str, Any]:
    """Wall time with one thread for everything against all cores."""
    one = [run(["taskset", "-c", "0", *_audit_command(log)], directory)["wall_s"] for _ in range(repeats)]
    every = [run(_audit_command(log), directory)["wall_s"] for _ in range(repeats)]
    return {
        "wall_s_on_one_core": statistics.median(one),
        f"wall_s_on_{os.cpu_count()}_cores": statistics.median(every),
        "speed_up": round(statistics.median(one) / statistics.median(every), 2),
    }


def _audit_command(log: Path) -> list[str]:
    return [*ALIGNTAX, "audit", str(log), "--out", "out", "--quiet"]


def scan(log: Path, *, exchanges: int = 60_000) -> dict[str, Any]:
    """Phrase scan over an Arrow column, one core, and `re` with the same list as an alternation."""
    query = f"SELECT response FROM read_json('{log}') LIMIT {exchanges}"
    table: pa.Table = duckdb.connect().sql(query).to_arrow_table()
    buffer = table["response"].combine_chunks().buffers()[2]
    lexicon = load_lexicon()
    scanner = Scanner(lexicon, ("refusal", "caveat", "hedge", "asks", "not"))
    kept = [p.expression for p in lexicon.patterns if lexicon.families[p.family].role != "pivot"]
    alternation = re.compile(b"|".join(kept), re.IGNORECASE)
    text = buffer.to_pybytes()
    part = text[: len(text) // 40]
    fast = _best(lambda: scanner.raw(buffer), 5) / len(text)
    slow = _best(lambda: sum(1 for _ in alternation.finditer(part)), 2) / len(part)
    return {
        "patterns": len(kept),
        "scan_mb_per_cpu_s": round(1e-6 / fast),
        "re_alternation_mb_per_cpu_s": round(1e-6 / slow, 2),
        "ratio": round(slow / fast),
    }


def _best(call: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        begun = time.process_time()
        call()
        seconds.append(time.process_time() - begun)
    return min(seconds)


def start_up(directory: Path) -> dict[str, Any]:
    """`aligntax --help`, and an audit of the example log."""
    help_runs = [run([*ALIGNTAX, "--help"], directory)["wall_s"] for _ in range(7)]
    return {
        "help_wall_s_median": statistics.median(help_runs),
        "example_audit": audit(EXAMPLE, directory),
    }


def main() -> None:
    """Runs what is asked for and writes the results."""
    parser = argparse.ArgumentParser(description="Measures aligntax audit.")
    parser.add_argument("--exchanges", type=int, default=1_000_000, help="exchanges of a log of size 1")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16], help="multiples of it")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--directory", type=Path, help="where the logs go; a temporary one if not given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        directory = Path(name)
        log = directory / "traffic.jsonl"
        results: dict[str, Any] = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
            "exchanges": arguments.exchanges,
            "start_up": start_up(directory),
            "sizes": {},
        }
        write(arguments.exchanges, log, shape="pairs")
        results["cpu_pairs"] = ratios(log, directory, arguments.repeats, "pairs")
        for size in arguments.sizes:
            write(arguments.exchanges * size, log)
            if size == 1:
                results["bytes"] = log.stat().st_size
                results["cpu_flat"] = ratios(log, directory, arguments.repeats, "flat")
                results["cpu_flat_phrases"] = ratios(
                    log, directory, arguments.repeats, "flat", "--detector", "phrases"
                )
                results["cores"] = scaling(log, directory, max(1, arguments.repeats // 2))
                results["scan"] = scan(log)
            results["sizes"][f"{size}x"] = {"gb": round(log.stat().st_size / 1e9, 2), **audit(log, directory)}
            print(json.dumps(results, indent=1), flush=True)
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
