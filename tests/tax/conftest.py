"""Traffic, judged."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from aligntax.detectors import Cascade
from aligntax.tax.judging import Judge, write_judged
from aligntax.traffic.redaction import Redactor
from tax.known_traffic import READ


@pytest.fixture(scope="session")
def cascade() -> Cascade:
    return Cascade()


@pytest.fixture
def judge_traffic(tmp_path: Path, cascade: Cascade) -> Callable[..., Path]:
    """A function from exchanges to the Parquet file of their outcomes."""

    def run(rows: list[dict[str, object]], *, batch: int = 1000, keep_text: bool = False) -> Path:
        table = pa.Table.from_pylist(rows, schema=READ)
        path = tmp_path / f"outcomes-{batch}-{keep_text}.parquet"
        judge = Judge(cascade, Redactor(b"k" * 32), keep_text)
        batches = table.to_batches(max_chunksize=batch)
        write_judged(iter(batches), judge, path, seen=lambda exchanges: None)
        return path

    return run
