"""Whatever a test or a script has at hand, opened for a gate: paths, exchanges, tables, documents."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.detectors import detector as detector_of
from aligntax.errors import UsageError
from aligntax.gate.figures import Figures
from aligntax.gate.sources import (
    Opening,
    kind_of,
    of_audit,
    of_directory,
    of_document,
    of_judged,
    read_document,
)
from aligntax.policy.prices import price_table
from aligntax.policy.recognise import recogniser
from aligntax.records import EXCHANGE, Exchange
from aligntax.tax.audit import Settings, audit
from aligntax.tax.judging import JUDGED, Judge, write_judged
from aligntax.traffic.read import Log
from aligntax.traffic.redaction import Redactor

__all__ = ["Given", "opened"]

Given: TypeAlias = str | os.PathLike[str] | Sequence[Any] | Mapping[str, Any] | pa.Table | pa.RecordBatch
"""A log, an audit's directory, outcomes.parquet or a document by path; several logs; exchanges, as records or
as a table of the EXCHANGE or the JUDGED schema; a document."""
_NAME = "exchanges"


def opened(given: Given, opening: Opening, *, detector: str = "cascade") -> Figures:
    """Opens what is given.

    Args:
        given: see `Given`.
        opening: policy, room and labels.
        detector: name of the one that tells outcomes where nothing has told them yet.

    Raises:
        UsageError: it is nothing that can be held.
        UnreadableInput: it cannot be read.
    """
    if isinstance(given, str | os.PathLike):
        return _of_path(str(given), opening, detector)
    if isinstance(given, Mapping):
        return of_document(given, str(given.get("schema", "document")), opening)
    if isinstance(given, pa.RecordBatch):
        given = pa.Table.from_batches([given])
    if isinstance(given, pa.Table):
        return _of_table(given, opening, detector)
    items = list(given)
    if items and all(isinstance(one, Exchange) for one in items):
        return _of_exchanges(
            pa.Table.from_pylist([asdict(one) for one in items], schema=EXCHANGE), opening, detector
        )
    if items and all(isinstance(one, str | os.PathLike) for one in items):
        return _of_logs([str(one) for one in items], opening, detector)
    raise UsageError(
        f"a {type(given).__name__} of {len(items):,} cannot be held to a policy",
        hint="give a path, exchanges, a table of them, or a document",
    )


def _of_path(typed: str, opening: Opening, detector: str) -> Figures:
    kind, path = kind_of(typed), Path(typed)
    if kind == "directory":
        return of_directory(path, opening)
    if kind == "outcomes":
        return of_judged(path, opening, name=typed, kind=kind, bill=None)
    if kind == "document":
        return of_document(read_document(path), typed, opening)
    return _of_logs([typed], opening, detector)


def _of_logs(logs: Sequence[str], opening: Opening, detector: str) -> Figures:
    log = Log(logs)
    try:
        found = audit(
            log,
            detector_of(detector),
            _file(opening),
            prices=price_table(opening.policy),
            settings=Settings(),
            recognise=recogniser(opening.policy.policy),
        )
    finally:
        log.close()
    return of_audit(found, " ".join(logs), opening)


def _of_table(table: pa.Table, opening: Opening, detector: str) -> Figures:
    names = set(table.schema.names)
    if set(JUDGED.names) - {"prompt_key"} <= names:
        path = _file(opening)
        pq.write_table(table, path)
        return of_judged(path, opening, name=_NAME, kind="outcomes", bill=None)
    if missing := set(EXCHANGE.names) - names:
        raise UsageError(
            f"a table without {', '.join(sorted(missing))} holds neither exchanges nor outcomes",
            hint="columns of aligntax.records.EXCHANGE, or of an audit's outcomes.parquet",
        )
    return _of_exchanges(table.select(EXCHANGE.names).cast(EXCHANGE), opening, detector)


def _of_exchanges(table: pa.Table, opening: Opening, detector: str) -> Figures:
    """Exchanges judged here and now."""
    if not table.num_rows:
        raise UsageError("there are no exchanges to hold to a policy", hint="give at least one")
    judge = Judge(detector_of(detector), Redactor(), recognise=recogniser(opening.policy.policy))
    path = _file(opening)
    write_judged(_with_keys(table), judge, path, seen=lambda exchanges: None)
    return of_judged(path, opening, name=_NAME, kind="exchanges", bill=None)


def _with_keys(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """The exchanges with the key of each prompt, made as a log's are, and an id that is never null."""
    with duckdb.connect() as connection:
        connection.register("prompts", table.select(["prompt"]))
        keys = connection.execute("SELECT hash(prompt) AS key FROM prompts").fetchnumpy()["key"]
    ids = [one or f"exchange:{at}" for at, one in enumerate(table["id"].to_pylist(), 1)]
    told = table.set_column(0, EXCHANGE.field("id"), pa.array(ids, pa.string()))
    told = told.append_column("prompt_key", pa.array(keys, pa.uint64()))
    yield from told.combine_chunks().to_batches()


def _file(opening: Opening) -> Path:
    number = sum(1 for _ in opening.into.iterdir())
    return opening.into / f"outcomes-{number}.parquet"
