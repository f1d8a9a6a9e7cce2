"""Runs and labels whose truth is known."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.labels.run import JudgedRun, read_run
from aligntax.records import Label

COLUMNS = ("id", "outcome", "layer", "reason", "use_case", "model", "detector", "version", "prompt_key")
_DEFAULTS = {"use_case": "general", "model": "m", "detector": "phrases", "version": "1"}
_DICTIONARY = pa.dictionary(pa.int8(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        *(pa.field(name, _DICTIONARY) for name in ("outcome", "layer", "reason")),
        pa.field("use_case", pa.string()),
        pa.field("model", pa.string()),
        *(pa.field(name, _DICTIONARY) for name in ("detector", "version")),
        pa.field("prompt_key", pa.uint64()),
    ]
)


def exchanges(counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """So many exchanges for each verdict and use case."""
    cells = [cell for cell, count in counts.items() for _ in range(count)]
    return [{"id": f"x-{at:05}", "outcome": v, "use_case": u} for at, (v, u) in enumerate(cells)]


def write_run(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """The columns labels need of what an audit writes."""
    full = [{name: (_DEFAULTS | dict(row)).get(name) for name in COLUMNS} for row in rows]
    pq.write_table(pa.Table.from_pylist(full, schema=SCHEMA), path)
    return path


def judged(rows: Sequence[Mapping[str, Any]], directory: Path) -> JudgedRun:
    """A run of these rows."""
    return read_run(write_run(rows, directory / "outcomes.parquet"))


def label(key: str, outcome: str, annotator: str = "anna", **more: Any) -> Label:
    """A label under version 1."""
    return Label(id=key, outcome=outcome, annotator=annotator, policy_version="1", **more)  # type: ignore[arg-type]
