"""Traffic, judged."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.signals import SignalDetector
from aligntax.tax.judging import Judge, write_judged
from aligntax.traffic.redaction import Redactor
from tax.known_traffic import READ


class SignalsAndPhrases:
    """What the provider says, else the wording: a detector nobody trained, so that figures by hand stay."""

    name, version = "signals and phrases", "1"

    def __init__(self) -> None:
        self._signals, self._phrases = SignalDetector(), PhraseDetector()

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """EXCHANGE schema in, OUTCOME schema out."""
        verdict = self._phrases.judge(exchanges)
        self._signals.overrule(verdict, exchanges)
        return verdict.batch(exchanges.column("id"), self.name, self.version)


@pytest.fixture(scope="session")
def detector() -> SignalsAndPhrases:
    return SignalsAndPhrases()


@pytest.fixture
def judge_traffic(tmp_path: Path, detector: SignalsAndPhrases) -> Callable[..., Path]:
    """A function from exchanges to the Parquet file of their outcomes."""

    def run(rows: list[dict[str, object]], *, batch: int = 1000, keep_text: bool = False) -> Path:
        table = pa.Table.from_pylist(rows, schema=READ)
        path = tmp_path / f"outcomes-{batch}-{keep_text}.parquet"
        judge = Judge(detector, Redactor(b"k" * 32), keep_text)
        batches = table.to_batches(max_chunksize=batch)
        write_judged(iter(batches), judge, path, seen=lambda exchanges: None)
        return path

    return run
