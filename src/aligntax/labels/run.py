"""What an audit judged, as far as labels need it: every exchange's key, verdict and slice."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.errors import UnreadableInput
from aligntax.labels.keys import exchange_keys
from aligntax.records import UNRATED_REASONS

__all__ = ["JudgedRun", "read_run"]

_COLUMNS = ("id", "outcome", "layer", "reason", "use_case", "model", "detector", "version", "prompt_key")


@dataclass(frozen=True)
class JudgedRun:
    """The exchanges an audit judged that a person can label.

    Attributes:
        path: of the Parquet file.
        exchanges: columns key, verdict, layer, use_case, model (strings, never null) and prompt_key
            (uint64 or null), one row each eligible exchange, in the order of the log.
        left_out: reason -> how many exchanges are in no rate and so not eligible.
        detector: name of the detector.
        detector_version: its version.
    """

    path: Path
    exchanges: pa.Table
    left_out: dict[str, int]
    detector: str
    detector_version: str

    @property
    def population(self) -> int:
        """How many exchanges are eligible."""
        return int(self.exchanges.num_rows)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the eligible exchanges."""
        return frozenset(self.exchanges["key"].to_pylist())

    @cached_property
    def exchanges_hash(self) -> str:
        """Of the eligible exchanges' keys, in whatever order: the same for every detector's run on a log."""
        return _digest(pc.take(keys := self.exchanges["key"], pc.sort_indices(keys)))

    @cached_property
    def run_hash(self) -> str:
        """Of keys, verdicts, detector and version: the same when the same log is audited again."""
        made_by = pa.array([self.detector, self.detector_version])
        return _digest(self.exchanges["key"], self.exchanges["verdict"], made_by)


def read_run(path: Path) -> JudgedRun:
    """Reads what an audit wrote.

    Args:
        path: the directory an audit wrote to, or its `outcomes.parquet`.

    Raises:
        UnreadableInput: there is no such file, it is not of an audit, or it holds no exchange to label.
    """
    file = path / "outcomes.parquet" if path.is_dir() else path
    rows = _read(file)
    rows = rows.append_column("key", exchange_keys(rows["id"]))
    if not rows.num_rows:
        raise UnreadableInput(f"{file}: it holds no exchange", hint="audit a log that has some")
    made_by = rows.select(["detector", "version"]).group_by(["detector", "version"]).aggregate([]).to_pylist()
    if len(made_by) > 1:
        raise UnreadableInput(
            f"{file}: it mixes {len(made_by)} detector versions", hint="audit the log again"
        )
    unscored = _unscored(rows)
    counted = pc.value_counts(rows["reason"].filter(unscored)).to_pylist()
    eligible = rows.filter(pc.invert(unscored))
    if not eligible.num_rows:
        raise UnreadableInput(f"{file}: none of its {rows.num_rows:,} exchanges is answered in words")
    return JudgedRun(
        path=file,
        exchanges=_exchanges(eligible),
        left_out={count["values"]: count["counts"] for count in counted},
        detector=made_by[0]["detector"],
        detector_version=made_by[0]["version"],
    )


def _read(file: Path) -> pa.Table:
    try:
        with file.open("rb"):  # for the words of the operating system; Arrow's are long
            parquet = pq.ParquetFile(file)
        missing = [name for name in _COLUMNS[:-1] if name not in parquet.schema_arrow.names]
        if missing:
            cause = f"it has no column {missing[0]!r}, so it is not what `aligntax audit` writes"
            raise UnreadableInput(f"{file}: {cause}", hint="give the directory of an audit")
        rows = parquet.read([name for name in _COLUMNS if name in parquet.schema_arrow.names])
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise UnreadableInput(
            f"{file}: {cause}", hint="make it with `aligntax audit LOG --out DIRECTORY`"
        ) from error
    except pa.ArrowInvalid as error:
        raise UnreadableInput(f"{file}: not a Parquet file", hint="give the directory of an audit") from error
    strings = [name for name in rows.column_names if name != "prompt_key"]
    for name in strings:
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(pa.string()))
    return rows


def _unscored(rows: pa.Table) -> pa.ChunkedArray:
    undetermined = pc.equal(rows["outcome"], "undetermined")
    return pc.and_(undetermined, pc.is_in(rows["reason"], pa.array(UNRATED_REASONS)))


def _exchanges(rows: pa.Table) -> pa.Table:
    none = {"layer": "(none)", "use_case": "(none)", "model": "(none)"}
    columns = {"key": rows["key"], "verdict": rows["outcome"]}
    columns |= {name: pc.fill_null(rows[name], word) for name, word in none.items()}
    known = "prompt_key" in rows.column_names
    columns["prompt_key"] = rows["prompt_key"] if known else pa.nulls(rows.num_rows, pa.uint64())
    return pa.table(columns)


def _digest(*columns: pa.ChunkedArray | pa.Array) -> str:
    """SHA-256 of string columns, each value with its length before it."""
    digest = hashlib.sha256()
    for column in columns:
        values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        lengths = pc.binary_length(values).to_numpy(zero_copy_only=False).astype(np.int64)
        digest.update(np.int64(len(lengths)).tobytes() + lengths.tobytes())
        digest.update("".join(values.to_pylist()).encode("utf-8"))
    return digest.hexdigest()
