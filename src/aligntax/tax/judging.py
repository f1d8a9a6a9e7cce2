"""Traffic is judged: exchanges in, one Parquet file of outcomes with their slices out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.detectors import served_by_fallback
from aligntax.extension_points import READ_BY_DETECTORS, Detector, Recogniser
from aligntax.records import OUTCOME
from aligntax.records.files import atomic
from aligntax.scale import map_batches
from aligntax.tax.pseudonyms import Pseudonyms
from aligntax.traffic.redaction import Redactor

__all__ = ["JUDGED", "READ", "Judge", "batches_of", "write_judged"]

READ = (
    *READ_BY_DETECTORS,
    "use_case",
    "time",
    "cluster",
    "tokens_in",
    "tokens_out",
    "cost",
    "sampling_rate",
    "prompt_key",
)
"""EXCHANGE columns a judgement needs, and the key that tells a prompt asked again."""

_SLICES = [
    pa.field("use_case", pa.string()),
    pa.field("model", pa.string()),
    pa.field("model_requested", pa.string()),
    pa.field("fallback", pa.bool_()),
    pa.field("time", pa.timestamp("us")),
    pa.field("cluster", pa.uint64()),
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

`cluster` is a pseudonym (a keyed HMAC, cut), `cluster_group` the group its sums are kept in, both null
without a cluster; `tokens_*` are estimated at four characters a token where the log does not tell.
"""
_CHARS_PER_TOKEN = 4
_BATCH = 500_000


@dataclass(frozen=True)
class Judge:
    """A detector and what is done to its verdicts before they are kept.

    Attributes:
        detector: gives the outcomes.
        redactor: cleans every text that is kept.
        keep_text: whether prompt and response are kept as they are; evidence is then not redacted.
        recognise: tells use cases; None to take what the log says.
    """

    detector: Detector
    redactor: Redactor
    keep_text: bool = False
    recognise: Recogniser | None = None

    @cached_property
    def _pseudonyms(self) -> Pseudonyms:
        return Pseudonyms(self.redactor)

    @property
    def columns(self) -> tuple[str, ...]:
        """EXCHANGE columns that `__call__` reads, and the key of the prompt."""
        return tuple(dict.fromkeys((*READ, *(self.recognise.columns if self.recognise else ()))))

    @property
    def schema(self) -> pa.Schema:
        """Of what `__call__` returns."""
        return pa.schema([*JUDGED, *_TEXT]) if self.keep_text else JUDGED

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of `columns` in, a batch of `schema` out."""
        outcomes = self.detector(exchanges)
        columns = {name: outcomes.column(name) for name in OUTCOME.names}
        columns["id"] = self._clean(columns["id"])
        evidence = self._clean(columns["evidence"])
        columns["evidence"] = self._unnamed(evidence, exchanges.column("cluster"))
        columns |= self._slices(exchanges)
        if self.keep_text:
            columns |= {name: exchanges.column(name) for name in ("prompt", "response")}
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    def _clean(self, texts: pa.StringArray) -> pa.StringArray:
        return texts if self.keep_text else self.redactor.column(texts)

    def _unnamed(self, evidence: pa.StringArray, clusters: pa.StringArray) -> pa.StringArray:
        """Evidence without the name of the exchange's own user."""
        if self.keep_text or clusters.null_count == len(clusters):
            return evidence
        pairs = pc.and_(pc.is_valid(evidence), pc.is_valid(clusters))
        rows = np.flatnonzero(pairs.to_numpy(zero_copy_only=False))
        told = zip(evidence.take(rows).to_pylist(), clusters.take(rows).to_pylist(), strict=True)
        named = {int(row): (text, user) for row, (text, user) in zip(rows, told, strict=True) if user in text}
        if not named:
            return evidence
        mask = np.zeros(len(evidence), dtype=bool)
        mask[list(named)] = True
        clean = [self.redactor.text(text, names=[user]) for text, user in named.values()]
        return pc.replace_with_mask(evidence, pa.array(mask), pa.array(clean, pa.string()))

    def _slices(self, exchanges: pa.RecordBatch) -> dict[str, pa.Array]:
        served, requested = exchanges.column("model_served"), exchanges.column("model_requested")
        tokens_in, estimated_in = _tokens(exchanges, "tokens_in", "prompt")
        tokens_out, estimated_out = _tokens(exchanges, "tokens_out", "response")
        cluster, group = self._pseudonyms(exchanges.column("cluster"))
        told = self.recognise(exchanges) if self.recognise else exchanges.column("use_case")
        return {
            "use_case": self._label(told),
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

    def _label(self, names: pa.StringArray) -> pa.StringArray:
        """Use cases and models are few; a person may still have written an address into one."""
        return _per_value(names, self._clean_name, pa.string())

    def _clean_name(self, name: str) -> str:
        told = self.recognise is not None and name in self.recognise.names
        return name if self.keep_text or told else self.redactor.text(name)


def _per_value(values: pa.StringArray, function: Callable[[str], object], kind: pa.DataType) -> pa.Array:
    """A function of a string, computed once a distinct value; null stays null."""
    if values.null_count == len(values):
        return pa.nulls(len(values), kind)
    coded = values.dictionary_encode()
    return pa.array([function(v) for v in coded.dictionary.to_pylist()], kind).take(coded.indices)


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
        exchanges: batches of the judge's columns.
        judge: gives and cleans the verdicts.
        path: of the Parquet file; it appears there whole or not at all.
        seen: told the number of exchanges after each batch, for a progress bar.

    Returns:
        The number of exchanges kept.
    """
    total = 0
    with atomic(path) as part, _writer(part, judge.schema) as writer:
        for batch in map_batches(judge, exchanges):
            writer.write_batch(batch)
            total += batch.num_rows
            seen(total)
    return total


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer that spends its time on the few columns where a dictionary pays."""
    few = [f.name for f in schema if pa.types.is_dictionary(f.type)]
    few += [name for name in ("use_case", "model", "model_requested", "evidence")]
    return pq.ParquetWriter(path, schema, compression="snappy", use_dictionary=few, write_statistics=False)


def batches_of(judged: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Judged traffic read back, half a million exchanges at a time."""
    coded = ["use_case", "model", "outcome", "layer", "reason"]
    with pq.ParquetFile(judged, read_dictionary=[name for name in coded if name in columns]) as file:
        yield from file.iter_batches(batch_size=_BATCH, columns=list(columns))
