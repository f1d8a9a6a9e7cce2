"""Traffic is judged: exchanges in, one Parquet file of outcomes with their slices out."""

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.detectors import served_by_fallback
from aligntax.extension_points import Detector
from aligntax.records import OUTCOME
from aligntax.scale import map_batches
from aligntax.stats import GROUPS
from aligntax.traffic.redaction import Redactor

__all__ = ["JUDGED", "READ", "Judge", "atomic", "write_judged"]

READ = (
    "id",
    "use_case",
    "prompt",
    "response",
    "kind",
    "finish_reason",
    "refusal_text",
    "block_reason",
    "error_code",
    "model_requested",
    "model_served",
    "time",
    "cluster",
    "tokens_in",
    "tokens_out",
    "cost",
    "sampling_rate",
    "prompt_key",
)
"""EXCHANGE columns a judgement needs, and the key that tells a prompt asked again."""

CLUSTER = pa.dictionary(pa.int32(), pa.string())
_SLICES = [
    pa.field("use_case", pa.string()),
    pa.field("model", pa.string()),
    pa.field("model_requested", pa.string()),
    pa.field("fallback", pa.bool_()),
    pa.field("time", pa.timestamp("us")),
    pa.field("cluster", CLUSTER),
    pa.field("cluster_group", pa.int16()),
    pa.field("tokens_in", pa.int64()),
    pa.field("tokens_out", pa.int64()),
    pa.field("tokens_estimated", pa.bool_()),
    pa.field("cost", pa.float64()),
    pa.field("sampling_rate", pa.float64()),
    pa.field("prompt_key", pa.uint64()),
]
_TEXT = [pa.field("prompt", pa.string()), pa.field("response", pa.string())]
JUDGED = pa.schema([*OUTCOME, *_SLICES])
"""What `outcomes.parquet` holds: OUTCOME, and what a measure slices and weighs by.

`cluster` is a pseudonym; `cluster_group` the group its sums are kept in, null without a cluster;
`tokens_*` are estimated at four characters a token where the log does not tell.
"""
_CHARS_PER_TOKEN = 4
_REMEMBERED = 500_000
"""Users whose pseudonym is kept at hand; beyond it they are worked out anew."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A detector and what is done to its verdicts before they are kept.

    Attributes:
        detector: gives the outcomes.
        redactor: cleans every text that is kept.
        keep_text: whether prompt and response are kept as they are; evidence is then not redacted.
    """

    detector: Detector
    redactor: Redactor
    keep_text: bool = False
    _users: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def schema(self) -> pa.Schema:
        """Of what `__call__` returns."""
        return pa.schema([*JUDGED, *_TEXT]) if self.keep_text else JUDGED

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of the READ columns in, a batch of `schema` out."""
        outcomes = self.detector(exchanges)
        columns = {name: outcomes.column(name) for name in OUTCOME.names}
        columns["id"] = self._clean(columns["id"])
        columns["evidence"] = self._clean(columns["evidence"])
        columns |= self._slices(exchanges)
        if self.keep_text:
            columns |= {name: exchanges.column(name) for name in ("prompt", "response")}
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    def _clean(self, texts: pa.StringArray) -> pa.StringArray:
        return texts if self.keep_text else self.redactor.column(texts)

    def _slices(self, exchanges: pa.RecordBatch) -> dict[str, pa.Array]:
        served, requested = exchanges.column("model_served"), exchanges.column("model_requested")
        tokens_in, estimated_in = _tokens(exchanges, "tokens_in", "prompt")
        tokens_out, estimated_out = _tokens(exchanges, "tokens_out", "response")
        cluster, group = self._clusters(exchanges.column("cluster"))
        return {
            "use_case": self._label(exchanges.column("use_case")),
            "model": self._label(pc.coalesce(served, requested)),
            "model_requested": self._label(requested),
            "fallback": pa.array(served_by_fallback(exchanges)),
            "time": exchanges.column("time"),
            "cluster": cluster,
            "cluster_group": group,
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "tokens_estimated": pc.or_(estimated_in, estimated_out),
            "cost": exchanges.column("cost"),
            "sampling_rate": exchanges.column("sampling_rate"),
            "prompt_key": exchanges.column("prompt_key"),
        }

    def _clusters(self, clusters: pa.StringArray) -> tuple[pa.DictionaryArray, pa.Int16Array]:
        """The pseudonym and the group of each cluster."""
        if clusters.null_count == len(clusters):
            return pa.nulls(len(clusters), CLUSTER), pa.nulls(len(clusters), pa.int16())
        coded = clusters.dictionary_encode()
        if len(self._users) > _REMEMBERED:
            self._users.clear()
        known = [self._user(value) for value in coded.dictionary.to_pylist()]
        names = pa.array([name for name, _ in known], pa.string())
        groups = pa.array([group for _, group in known], pa.int16())
        return pa.DictionaryArray.from_arrays(coded.indices, names), groups.take(coded.indices)

    def _user(self, value: str) -> tuple[str, int]:
        known = self._users.get(value)
        if known is None:
            known = self._users[value] = (self.redactor.pseudonym("user", value), _group(value))
        return known

    def _label(self, names: pa.StringArray) -> pa.StringArray:
        """Use cases and models are few; a person may still have written an address into one."""
        return _per_value(names, self._clean_name, pa.string())

    def _clean_name(self, name: str) -> str:
        return name if self.keep_text else self.redactor.text(name)


def _per_value(values: pa.StringArray, function: Callable[[str], object], kind: pa.DataType) -> pa.Array:
    """A function of a string, computed once a distinct value; null stays null."""
    if values.null_count == len(values):
        return pa.nulls(len(values), kind)
    coded = values.dictionary_encode()
    return pa.array([function(v) for v in coded.dictionary.to_pylist()], kind).take(coded.indices)


def _group(cluster: str) -> int:
    """The group of a cluster: the same in every run, and too coarse to tell who it was."""
    return zlib.crc32(cluster.encode()) % GROUPS


def _tokens(exchanges: pa.RecordBatch, name: str, text: str) -> tuple[pa.Int64Array, pa.BooleanArray]:
    """Tokens as billed, else a quarter of the bytes; and where they are estimated."""
    billed = exchanges.column(name)
    if not billed.null_count:
        return billed, pa.array(np.zeros(len(billed), dtype=bool))
    length = pc.fill_null(pc.binary_length(exchanges.column(text)), 0).cast(pa.int64())
    estimate = pc.divide(pc.add(length, _CHARS_PER_TOKEN - 1), _CHARS_PER_TOKEN)
    return pc.coalesce(billed, estimate), pc.is_null(billed)


def write_judged(
    exchanges: Iterator[pa.RecordBatch], judge: Judge, path: Path, *, seen: Callable[[int], None]
) -> int:
    """Judges traffic and keeps it.

    Args:
        exchanges: batches of the READ columns.
        judge: gives and cleans the verdicts.
        path: of the Parquet file; it appears there whole or not at all.
        seen: told the number of exchanges after each batch, for a progress bar.

    Returns:
        The number of exchanges kept.
    """
    total = 0
    with atomic(path) as part, pq.ParquetWriter(part, judge.schema, compression="zstd") as writer:
        for batch in map_batches(judge, exchanges):
            writer.write_batch(batch)
            total += batch.num_rows
            seen(total)
    return total


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when all went well.

    A run that is killed leaves the old file whole, and its unfinished part under another name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
