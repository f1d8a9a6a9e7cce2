"""Rows of `outcomes.parquet`, read a batch at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.errors import UnreadableInput

__all__ = ["judged_rows"]

_BATCH = 10_000


def judged_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The exchanges an audit judged, in its order; a column that the file lacks is None.

    Args:
        path: of the Parquet file.
        columns: wanted of each.

    Raises:
        UnreadableInput: it cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            there = [name for name in columns if name in file.schema_arrow.names]
            lacking = dict.fromkeys(set(columns) - set(there))
            for batch in file.iter_batches(batch_size=_BATCH, columns=there):
                for row in batch.to_pylist():
                    yield row | lacking
    except (OSError, pa.ArrowInvalid) as error:
        raise UnreadableInput(f"{path}: not the outcomes of an audit: {error}") from error
