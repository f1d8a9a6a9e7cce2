"""Judged traffic cut to its newest window."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.errors import UnreadableInput
from aligntax.policy.window import parse_window, window_text

__all__ = ["OUTSIDE", "Cut", "Span", "cut_to", "marked", "rewritten", "span_of"]

OUTSIDE = "\x00outside the window"
"""Stands in place of names of exchanges that are kept for their labels' sake alone."""


@dataclass(frozen=True, slots=True)
class Span:
    """When judged exchanges happened.

    Attributes:
        first: earliest, UTC without zone; None where no exchange has a time.
        last: latest.
        exchanges: how many.
        untimed: how many have no time.
    """

    first: dt.datetime | None
    last: dt.datetime | None
    exchanges: int
    untimed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Traffic of a window.

    Attributes:
        path: Parquet of the JUDGED schema with the window's exchanges; the original where all are in it.
        since: beginning of the window; None where the traffic has no times, and all of it is taken.
        whole: whether all exchanges are in it.
        words: what traffic that is.
        notes: what a reader must know of it.
    """

    path: Path
    since: dt.datetime | None
    whole: bool
    words: str
    notes: tuple[str, ...] = ()


def span_of(path: Path) -> Span:
    """When the exchanges of a file happened.

    Raises:
        UnreadableInput: it is no file that an audit wrote.
    """
    try:
        with pq.ParquetFile(path) as file:
            times = [batch.column(0) for batch in file.iter_batches(columns=["time"])]
            rows = file.metadata.num_rows
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError, IndexError) as error:
        raise UnreadableInput(
            f"{path}: not the outcomes of an audit", hint="make it with `aligntax audit LOG --out DIRECTORY`"
        ) from error
    column = pa.chunked_array(times, pa.timestamp("us"))
    ends = pc.min_max(column).as_py()
    return Span(ends["min"], ends["max"], rows, column.null_count)


def cut_to(path: Path, span: Span, window: str, into: Path) -> Cut:
    """The newest window of traffic, back from its newest exchange.

    Args:
        path: Parquet file of the JUDGED schema.
        span: of it.
        window: such as 28d.
        into: directory for the window's file.
    """
    if span.last is None or span.first is None:
        note = f"the traffic has no times: all of it is taken for the window of {window_text(window)}"
        return Cut(path=path, since=None, whole=True, words="all traffic (no times)", notes=(note,))
    since = span.last - parse_window(window)
    words = f"{window_text(window)} up to {span.last:%Y-%m-%d}"
    notes = (f"{span.untimed:,} exchanges without a time are in no window",) if span.untimed else ()
    if span.first >= since and not span.untimed:
        return Cut(path=path, since=since, whole=True, words=words)
    target = into / f"window-{window}.parquet"
    rewritten(path, target, lambda batch: batch.filter(_inside(batch, since)))
    return Cut(path=target, since=since, whole=False, words=words, notes=notes)


def marked(path: Path, since: dt.datetime, into: Path) -> Path:
    """The same exchanges, those before `since` under a use case and a model of no name.

    Labels are tied to the exchanges they were drawn from, so that none of these may be left out.
    """
    target = into / f"marked-{since:%Y%m%dT%H%M%S}.parquet"

    def named(batch: pa.RecordBatch) -> pa.RecordBatch:
        inside = _inside(batch, since)
        for name in ("use_case", "model"):
            column = pc.if_else(inside, batch.column(name).cast(pa.string()), pa.scalar(OUTSIDE))
            at = batch.schema.get_field_index(name)
            batch = batch.set_column(at, batch.schema.field(name), column)
        return batch

    rewritten(path, target, named)
    return target


def rewritten(path: Path, target: Path, change: Callable[[pa.RecordBatch], pa.RecordBatch]) -> None:
    """A Parquet file with every batch changed."""
    with pq.ParquetFile(path) as file, pq.ParquetWriter(target, file.schema_arrow) as writer:
        for batch in file.iter_batches(batch_size=500_000):
            changed = change(batch)
            if changed.num_rows:
                writer.write_batch(changed)


def _inside(batch: pa.RecordBatch, since: dt.datetime) -> pa.BooleanArray:
    times = batch.column("time").to_numpy(zero_copy_only=False).astype("datetime64[us]")
    return pa.array(times >= np.datetime64(since))  # no time compares as outside
