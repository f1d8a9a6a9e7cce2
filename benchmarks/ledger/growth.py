"""How much a ledger grows with each run, and how long it takes to open, write and read.

    python benchmarks/ledger/growth.py                 # four minutes; writes results.json

Two bills are recorded over and over, each time as of another day: that of the example, and that of the
example ten times over, spread over 50 use cases. A PostgreSQL is measured too where one is installed. Of
times the quickest is told, which is what other work on the machine disturbs least.
"""

import argparse
import contextlib
import datetime as dt
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from aligntax.ledger import Ledger, open_ledger
from aligntax.ledger.documents import figures
from aligntax.ledger.record import record
from aligntax.ledger.runs import measurements, runs, trend
from ledger_databases import Server, running_server

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "traffic.jsonl"
USE_CASES = 50
OPENING = """
from time import process_time as now
begin = now()
import sqlalchemy, sqlalchemy.dialects.{dialect}
library = now()
import pyarrow
arrow = now()
from aligntax.ledger import open_ledger
ours = now()
ledger = open_ledger({where!r})
with ledger.reading() as connection:
    connection.exec_driver_sql("SELECT count(*) FROM runs").scalar()
print(library - begin, arrow - library, ours - arrow, now() - ours)
"""
STEPS = ("importing SQLAlchemy", "importing pyarrow", "importing aligntax.ledger", "opening a ledger")


def main() -> None:
    """Measures, prints, writes the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5, help="recorded of each bill")
    parser.add_argument("--history", type=int, default=730, help="runs of the example to read among")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, server() as postgresql:
        bills = {name: bill(name, Path(made)) for name in ("example", f"{USE_CASES} use cases")}
        told: dict[str, Any] = {"runs": given.runs, "bills": {}, "reading": {}}
        for name, (contents, outcomes) in bills.items():
            told["bills"][name] = growth(contents, outcomes, Path(made) / name, postgresql, given.runs)
        contents, _ = bills["example"]
        told["reading"] = reading(contents, Path(made) / "history", given.history)
    print(json.dumps(told, indent=1))
    Path(__file__).with_name("results.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")


@contextlib.contextmanager
def server() -> Iterator[Server | None]:
    """A PostgreSQL; None where it is not installed."""
    with contextlib.ExitStack() as stack:
        try:
            found: Server | None = stack.enter_context(running_server())
        except pytest.skip.Exception:
            found = None
        yield found


def bill(name: str, directory: Path) -> tuple[dict[str, Any], Path]:
    """The bill of an audit, and its outcomes.parquet."""
    out, log = directory / f"audit of {name}", EXAMPLE
    if name != "example":
        log = directory / "log.jsonl"
        log.write_text("".join(spread()), "utf-8")
    code = "from aligntax.cli.app import main; main()"
    command = [sys.executable, "-c", code, "audit", str(log), "--out", str(out), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    contents: dict[str, Any] = json.loads((out / "bill.json").read_text("utf-8"))
    return contents, out / "outcomes.parquet"


def spread() -> Iterator[str]:
    """The example ten times over, by turns in each use case."""
    lines = EXAMPLE.read_text("utf-8").splitlines() * 10
    for at, line in enumerate(lines):
        row = json.loads(line)
        row["id"] = f"{row['id']}-{at}"
        row["metadata"]["use_case"] = f"case {at % USE_CASES:02}"
        yield json.dumps(row) + "\n"


def of_day(contents: dict[str, Any], day: int) -> dict[str, Any]:
    """The same bill as of another day."""
    created = dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day)
    return contents | {"created": created.isoformat()}


def growth(
    contents: dict[str, Any], outcomes: Path, directory: Path, postgresql: Server | None, count: int
) -> dict[str, Any]:
    """What each run adds, in bytes, and how long it takes to record, in seconds."""
    told: dict[str, Any] = {
        "figures": len(figures(contents)),
        "document": len(json.dumps(contents)),
        "outcomes.parquet": outcomes.stat().st_size,
    }
    places: dict[str, tuple[str, Callable[[Ledger], int]]] = {"sqlite": (str(directory), sqlite_bytes)}
    if postgresql is not None:
        places["postgresql"] = (postgresql.fresh(), postgresql_bytes)
    for name, (where, measured) in places.items():
        ledger = open_ledger(where)
        record(ledger, of_day(contents, 0), fresh=False)
        before, seconds = measured(ledger), list[float]()
        for day in range(1, count + 1):
            begin = time.perf_counter()
            record(ledger, of_day(contents, day), fresh=False)
            seconds.append(time.perf_counter() - begin)
        told[name] = {
            "bytes a run": round((measured(ledger) - before) / count),
            "seconds a run": round(min(seconds), 3),
        }
        ledger.close()
        told[name] |= opening(where, "sqlite" if name == "sqlite" else "postgresql.psycopg")
    return told


def sqlite_bytes(ledger: Ledger) -> int:
    """Of the file, what stands in the log beside it included."""
    with ledger.engine.connect() as connection:
        pages = connection.execute(sa.text("PRAGMA page_count")).scalar_one()
        size = connection.execute(sa.text("PRAGMA page_size")).scalar_one()
    return int(pages * size)


def postgresql_bytes(ledger: Ledger) -> int:
    """Of the database."""
    with ledger.reading() as connection:
        return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())


def opening(where: str, dialect: str) -> dict[str, float]:
    """CPU seconds to import what a ledger needs, and to open one, in processes of their own."""
    code = OPENING.format(where=where, dialect=dialect)
    taken = list[list[float]]()
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        taken.append([float(one) for one in done.stdout.split()])
    columns = zip(STEPS, zip(*taken, strict=True), strict=True)
    return {f"CPU seconds {name}": round(min(column), 3) for name, column in columns}


def reading(contents: dict[str, Any], directory: Path, count: int) -> dict[str, Any]:
    """Seconds to read from a SQLite ledger of two years of daily runs."""
    ledger = open_ledger(directory)
    for day in range(count):
        record(ledger, of_day(contents, day), fresh=False)
    asked: dict[str, Callable[[], object]] = {
        "the newest 20 runs": lambda: runs(ledger, limit=20),
        "a figure of a use case over all runs": lambda: trend(ledger, "completion_tax", use_case="medical"),
        "all figures of a run": lambda: measurements(ledger, runs(ledger, limit=1)[0].id),
    }
    told: dict[str, Any] = {"runs": count, "bytes": sqlite_bytes(ledger)}
    for name, ask in asked.items():
        seconds = list[float]()
        for _ in range(5):
            begin = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - begin)
        told[name] = round(min(seconds), 4)
    ledger.close()
    return told


if __name__ == "__main__":
    main()
