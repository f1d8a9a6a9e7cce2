"""How fast pages are over a large ledger: a million exchanges, 50 use cases, two years of runs.

Makes such a ledger (daily and weekly runs) unless it is there, starts `aligntax serve` on it, and asks for
every page over a socket.

    python benchmarks/dashboard/pages.py DIRECTORY
"""

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import insert

from aligntax.ledger import tables
from aligntax.ledger.bodies import pack
from aligntax.ledger.figure_rows import row_of
from aligntax.ledger.marks import add_mark
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.policies import keep_policy
from aligntax.ledger.runs import runs
from aligntax.records import FLAGS, Estimate, Measurement
from aligntax.tax.judging import JUDGED

EXCHANGES = 1_000_000
USE_CASES = [f"use case {at:02d}" for at in range(50)]
MODELS = ["north-1", "north-2", "north-3"]
COMPONENTS = [
    *("completion_tax", "refused", "hedged", "complete", "undetermined", "cannot", "fallback"),
    *(f"symptom.{flag}" for flag in FLAGS),
    *("layer.model", "layer.guardrail", "layer.provider_filter", "delay.share", "hedge_density"),
    *("delay.median", "delay.p90", "length.median", "length.p90", "bill.refused", "bill.wasted_cost"),
]
NEWEST = dt.datetime(2026, 11, 1)
SMALL = 20_000
"""Exchanges kept of each of the newest weeks before the last, which keeps all."""
ROUNDS = 7
READING = 3.0
"""Seconds for which the very first page is read before another is asked for."""


def outcomes(path: Path, n: int, seed: int) -> Path:
    """A file as an audit keeps it, with texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    words = np.array(
        ["what", "is", "the", "safest", "way", "to", "store", "this", "and", "how", "much", "to", "take"]
    )
    texts = [" ".join(words[draw.integers(0, len(words), 120)]) for _ in range(2000)]
    schema = pa.schema([*JUDGED, pa.field("prompt", pa.string()), pa.field("response", pa.string())])
    few = ["use_case", "model", "model_requested", "outcome", "layer", "reason", "detector", "version"]
    with pq.ParquetWriter(path, schema, use_dictionary=few, write_statistics=False) as writer:
        for start in range(0, n, 100_000):
            count = min(100_000, n - start)
            columns = [_column(field, start, count, draw, texts) for field in schema]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return path


def _column(field: pa.Field, start: int, n: int, draw: np.random.Generator, texts: list[str]) -> pa.Array:
    named: dict[str, Any] = {
        "id": lambda: [f"ex-{start + at:07d}" for at in range(n)],
        "use_case": lambda: np.array(USE_CASES)[draw.integers(0, 50, n)],
        "model": lambda: np.array(MODELS)[draw.integers(0, 3, n)],
        "model_requested": lambda: np.array(MODELS)[draw.integers(0, 3, n)],
        "outcome": lambda: np.array(["complete", "hedged", "refused", "undetermined"])[
            draw.choice(4, n, p=[0.8, 0.08, 0.1, 0.02])
        ],
        "layer": lambda: np.array(["model", "guardrail"])[draw.integers(0, 2, n)],
        "reason": lambda: np.array(["should_not", "cannot"])[draw.integers(0, 2, n)],
        "detector": lambda: ["cascade"] * n,
        "version": lambda: ["1"] * n,
        "time": lambda: (
            np.datetime64(NEWEST - dt.timedelta(days=28), "us")
            + draw.integers(0, 28 * 86_400, n).astype("timedelta64[s]").astype("timedelta64[us]")
        ),
        "evidence": lambda: [
            f"I can't help with request {start + at}." if at % 5 == 0 else None for at in range(n)
        ],
        "prompt": lambda: [f"{texts[at % 2000][:200]} {start + at}" for at in range(n)],
        "response": lambda: [f"{texts[(7 * at) % 2000]} {start + at}" for at in range(n)],
        "prompt_key": lambda: np.arange(start, start + n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15),
    }
    if field.name in named:
        values = pa.array(named[field.name]())
        return (
            values.dictionary_encode().cast(field.type)
            if pa.types.is_dictionary(field.type)
            else values.cast(field.type)
        )
    if pa.types.is_boolean(field.type):
        return pa.array(draw.random(n) < 0.1)
    if pa.types.is_floating(field.type):
        return pa.array(draw.random(n), type=field.type)
    return pa.array(draw.integers(0, 300, n)).cast(field.type)


def figures(draw: np.random.Generator, n: int) -> list[Measurement]:
    """What an audit of 50 use cases and 3 models measures."""
    slices: list[dict[str, str]] = [
        {},
        *({"use_case": name} for name in USE_CASES),
        *({"model": name} for name in MODELS),
    ]
    narrow = [{"use_case": case, "model": model} for case in USE_CASES for model in MODELS]
    wanted = [(component, where) for component in COMPONENTS for where in slices]
    wanted += [(component, where) for component in COMPONENTS[:6] for where in narrow]
    values = 0.05 + 0.2 * draw.random(len(wanted))
    return [
        Measurement(
            component=component,
            slice=where,
            estimate=Estimate(
                value=float(value),
                low=float(0.9 * value),
                high=float(1.1 * value),
                level=0.95,
                n=n,
                unit="rate",
                method="Wilson score, design effect 1.1",
            ),
        )
        for (component, where), value in zip(wanted, values, strict=True)
    ]


def make(home: Path) -> Ledger:
    """The ledger; the newest run keeps a million exchanges with their texts."""
    ledger = open_ledger(home)
    draw = np.random.default_rng(0)
    ends = [(NEWEST - dt.timedelta(days=at), 1) for at in range(730, 0, -1)]
    ends += [(NEWEST - dt.timedelta(weeks=at, hours=-1), 7) for at in range(104, -1, -1)]
    with ledger.writing() as connection:
        for at, (end, span) in enumerate(sorted(ends)):
            row = _run(at, end, span)
            connection.execute(insert(tables.runs), row)
            body = pack({"schema": "aligntax.bill/1", "created": end.isoformat(), "at": at})
            connection.execute(insert(tables.documents), {"run_id": row["id"], "body": body})
            if at == 0:
                rows = [row_of(row["id"], figure) for figure in figures(draw, 10_000)]
                connection.execute(insert(tables.measurements), rows)
            else:
                connection.exec_driver_sql(_COPIED, (row["id"], f"{_first(ends)}"))
    for at, key in enumerate(_newest(ledger)):
        made = outcomes(home / "runs" / key / "outcomes.parquet", SMALL if at else EXCHANGES, at)
        _keep(ledger, key, made, home)
    for at in range(40):
        add_mark(ledger, "deploy", f"release {at}", at=NEWEST - dt.timedelta(days=17 * at))
    keep_policy(ledger, _policy(), author="owner")
    return ledger


_FIGURES = [column.name for column in tables.measurements.c if column.name not in ("id", "run_id")]
_MOVED = ", ".join(
    f"{name} * (0.9 + 0.2 * abs(random() % 1000) / 1000.0)" if name == "value" else name for name in _FIGURES
)
_COPIED = (
    f"INSERT INTO measurements (run_id, {', '.join(_FIGURES)}) SELECT ?, {_MOVED} FROM measurements "
    "WHERE run_id = ?"
)


def _key(at: int, end: dt.datetime) -> str:
    return f"{end:%Y%m%dT%H%M%S}-{at:06x}"


def _first(ends: list[tuple[dt.datetime, int]]) -> str:
    return _key(0, min(ends)[0])


def _run(at: int, end: dt.datetime, span: int) -> dict[str, Any]:
    known = {
        "id": _key(at, end),
        "kind": "bill",
        "schema": "aligntax.bill/1",
        "title": f"traffic of {span} days",
        "created": end,
        "recorded": end,
        "source": "traffic",
        "first": end - dt.timedelta(days=span),
        "last": end,
        "exchanges": EXCHANGES if end > NEWEST else 10_000 * span,
        "detector": "cascade",
        "detector_version": "1" if at < 500 else "2",
        "versions": {"aligntax": "0.1.0"},
        "document_hash": f"{at:064x}",
    }
    return {column.name: known.get(column.name) for column in tables.runs.c}


def _newest(ledger: Ledger) -> list[str]:
    """The newest run, the one before, and the weekly one before that: those that keep their exchanges."""
    return [run.id for run in runs(ledger, limit=3)]


def _keep(ledger: Ledger, key: str, path: Path, home: Path) -> None:
    row = {
        "run_id": key,
        "name": path.name,
        "path": str(path.relative_to(home)),
        "sha256": "0" * 64,
        "bytes": path.stat().st_size,
    }
    with ledger.writing() as connection:
        connection.execute(insert(tables.artefacts), row)


def _policy() -> str:
    cases = "".join(
        f'[[use_case]]\nname = "{name}"\nmatch.use_case = ["{name}"]\n'
        '[[use_case.budget]]\ncomponent = "completion_tax"\ndirection = "at_most"\nlimit = 0.15\n'
        '[[use_case.budget]]\ncomponent = "refused"\ndirection = "at_most"\nlimit = 0.1\n'
        for name in USE_CASES
    )
    return f'version = 1\nservice = "assistant"\n{cases}'


PAGES = {
    "overview, 100 budgets": "/",
    "trend, 730 daily runs": "/trend?use_case=use+case+07&component=completion_tax&span=day",
    "trend, all 835 runs": "/trend?component=refused&span=any",
    "trend as JSON": "/api/trend?use_case=use+case+07",
    "runs": "/runs",
    "one run": "/runs/latest",
    "two runs, flips among a million": "/compare",
    "exchanges, newest of a million": "/exchanges",
    "exchanges, filtered": "/exchanges?outcome=tax&use_case=use+case+07&symptom=apology&model=north-2",
    "exchanges, a range": "/exchanges?from=2026-10-10&to=2026-10-12&outcome=refused",
    "exchanges, a later page": "/exchanges?after=1793000000000000.1000",
    "one exchange with its texts": "/exchanges/{run}/765432",
    "exchanges as JSON": "/api/exchanges?use_case=use+case+07",
    "policy": "/policy",
}


def timed(address: str, run: str, server: int) -> list[tuple[str, float, float, float, float]]:
    """Milliseconds of every page: at first, the median and the worst after that, and CPU."""
    found: list[tuple[str, float, float, float, float]] = []
    for name, path in PAGES.items():
        spent, before = [], 0.0
        for at in range(ROUNDS):
            before = before if at > 1 else _cpu(server)
            begun = time.perf_counter()
            with urllib.request.urlopen(address + path.format(run=run)) as answer:
                answer.read()
            spent.append(1000 * (time.perf_counter() - begun))
            if not found and not at:
                time.sleep(READING)
        cpu = (_cpu(server) - before) / (ROUNDS - 1)
        found.append((name, spent[0], statistics.median(spent[1:]), max(spent[1:]), cpu))
    return found


def _cpu(process: int) -> float:
    """Milliseconds of CPU a process has used, all threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Makes the ledger unless it is there, serves it, prints the table of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, default=8455)
    options = parser.parse_args()
    home = options.directory / "ledger"
    if not (home / "ledger.db").exists():
        begun = time.perf_counter()
        make(home).close()
        size = (home / "ledger.db").stat().st_size / 1e6
        print(f"made in {time.perf_counter() - begun:.0f} s, {size:.0f} MB of ledger", flush=True)
    code = (
        "from aligntax.cli.serve import run; import sys; run(logs=None, policy=None, ledger=sys.argv[1], "
        "host='127.0.0.1', port=int(sys.argv[2]), access=None, show_text=True, browser=False, quiet=True)"
    )
    begun = time.perf_counter()
    server = subprocess.Popen([sys.executable, "-c", code, str(home), str(options.port)])
    address = f"http://127.0.0.1:{options.port}"
    try:
        _until_up(address)
        print(f"up after {time.perf_counter() - begun:.1f} s")
        with urllib.request.urlopen(f"{address}/api/runs?kind=bill&limit=1") as answer:
            run = json.load(answer)["runs"][0]["id"]
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")
        for name, *spent in timed(address, run, server.pid):
            print(f"| {name} | {' | '.join(f'{one:.0f}' for one in spent)} |", flush=True)
    finally:
        server.terminate()
        server.wait()


def _until_up(address: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/healthz").close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
