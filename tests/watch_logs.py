"""Logs for a watch to follow, a detector that is quick, and watches over them."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from aligntax.ledger.opened import Ledger
from aligntax.policy.model import Policy
from aligntax.policy.recognise import recogniser
from aligntax.records import FLAGS, OUTCOME
from aligntax.watch.plan import plan
from aligntax.watch.reading import Reader
from aligntax.watch.watch import Watch, columns_for
from watch_worlds import policy_of

__all__ = ["BEGIN", "StartsWith", "counts", "line", "watch_of", "write"]

BEGIN = dt.datetime(2026, 10, 1)


class StartsWith:
    """Refused is what begins with "No"; the rest is complete."""

    name = "starts-with"

    def __init__(self, version: str = "1") -> None:
        self.version = version

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        n = exchanges.num_rows
        refused = pc.fill_null(pc.starts_with(exchanges.column("response"), "No"), False)
        columns: dict[str, pa.Array] = {
            "id": exchanges.column("id"),
            "outcome": pc.if_else(refused, "refused", "complete").dictionary_encode(),
            "detector": pa.array([self.name] * n).dictionary_encode(),
            "version": pa.array([self.version] * n).dictionary_encode(),
            **{flag: pa.array([False] * n) for flag in FLAGS},
        }
        arrays = [
            columns[field.name].cast(field.type) if field.name in columns else pa.nulls(n, field.type)
            for field in OUTCOME
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=OUTCOME)


def line(
    number: int,
    *,
    refused: bool = False,
    at: dt.datetime | None = None,
    use_case: str = "a",
    model: str = "north-1",
    system: str = "Be brief.",
    user: str = "",
) -> str:
    """A record of a log, without the newline."""
    record = {
        "id": f"x{number}",
        "timestamp": (at or BEGIN + dt.timedelta(minutes=number)).isoformat() + "Z",
        "use_case": use_case,
        "model": model,
        "system_prompt": system,
        "prompt": f"Question {number}?",
        "response": f"No, not {number}." if refused else f"Answer {number}.",
    }
    return json.dumps(record | ({"user_id": user} if user else {}))


def watch_of(
    ledger: Ledger,
    policy: Policy | None = None,
    *,
    name: str = "w",
    chunk_bytes: int = 1 << 20,
    version: str = "1",
    least_change: float = 0.2,
    clock: Callable[[], dt.datetime] | None = None,
) -> tuple[Watch, Reader]:
    """A watch of `policy_of(("a", 0.05))` by default, and its reader, which is to be closed."""
    policy = policy or policy_of(("a", 0.05))
    recognise = recogniser(policy)
    reader = Reader(columns_for(recognise), chunk_bytes=chunk_bytes)
    watch = Watch(
        ledger,
        name,
        policy=policy,
        policy_id="p",
        tested=plan(policy),
        detector=StartsWith(version),
        recognise=recognise,
        reader=reader,
        least_change=least_change,
        clock=clock or (lambda: dt.datetime(2026, 12, 31)),
    )
    return watch, reader


def counts(watch: Watch) -> tuple[int, int, int]:
    """Exchanges in the hours, refused ones among them, and exchanges by the totals."""
    span = watch.counted.span()
    exchanges, refused = (
        sum(int(watch.counted.between(case, name, *span).sum()) for case in range(len(watch.plan.use_cases)))
        for name in ("exchanges", "refused")
    )
    return exchanges, refused, watch.totals["exchanges"]


def write(path: Path, *lines: str, end: str = "\n") -> None:
    """Adds lines to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + end)
