"""`aligntax detect`: the outcome of every exchange, in order."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.cli.judge import chosen
from aligntax.cli.log import field_map, opened, progress, report_reading
from aligntax.cli.output import stderr
from aligntax.errors import UsageError
from aligntax.extension_points import READ_BY_DETECTORS, Detector
from aligntax.records import FLAGS, OUTCOME
from aligntax.records.files import atomic
from aligntax.scale import map_batches
from aligntax.traffic.read import Log, Reading
from aligntax.traffic.redaction import Redactor

__all__ = ["run"]

Seen = Callable[[int], None]
_PLACES = {"hedge_density": 3, "score": 3}


def run(
    *,
    logs: Sequence[str],
    out: Path,
    log_format: str | None,
    detector: str,
    keep_text: bool,
    strict: bool,
    quiet: bool,
    threads: int | None,
    **fields: object,
) -> None:
    """Reads, judges, writes one row an exchange."""
    if out.suffix not in (".jsonl", ".parquet") and str(out) != "-":
        raise UsageError(f"{out}: outcomes go to .jsonl, .parquet or -", hint=f"--out {out.stem}.jsonl")
    redactor = None if keep_text else Redactor()
    with (
        chosen(detector, fields, keep_text=keep_text, quiet=quiet) as judge,
        opened(
            logs, log_format=log_format, fields=field_map(fields), threads=threads, strict=strict, quiet=quiet
        ) as log,
        progress(log, quiet=quiet) as seen,
    ):
        batches, reading = _judged(log, judge, redactor)
        written = _write(batches, out, seen)
    report_reading(reading)
    if not quiet:
        stderr().print(f"wrote {written:,} outcomes to {out}", markup=False)


def _judged(log: Log, judge: Detector, redactor: Redactor | None) -> tuple[Iterator[pa.RecordBatch], Reading]:
    batches, reading = log.batches(READ_BY_DETECTORS)
    outcomes = map_batches(judge, batches)
    return (outcomes if redactor is None else (_cleaned(batch, redactor) for batch in outcomes)), reading


def _cleaned(batch: pa.RecordBatch, redactor: Redactor) -> pa.RecordBatch:
    """Evidence without personal data; ids stay as they are, for joining."""
    at = batch.schema.get_field_index("evidence")
    return batch.set_column(at, "evidence", redactor.column(batch.column(at)))


def _write(batches: Iterator[pa.RecordBatch], out: Path, seen: Seen) -> int:
    if str(out) == "-":
        return _lines(batches, sys.stdout, seen)
    with atomic(out) as part:
        if out.suffix == ".jsonl":
            with part.open("w", encoding="utf-8") as file:
                return _lines(batches, file, seen)
        total = 0
        with pq.ParquetWriter(part, OUTCOME, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                total += batch.num_rows
                seen(total)
        return total


def _lines(batches: Iterator[pa.RecordBatch], file: IO[str], seen: Seen) -> int:
    total = 0
    for batch in batches:
        for row in batch.to_pylist():
            row["flags"] = [flag for flag in FLAGS if row.pop(flag)]
            for name, places in _PLACES.items():
                row[name] = None if row[name] is None else round(row[name], places)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        total += batch.num_rows
        seen(total)
    return total
