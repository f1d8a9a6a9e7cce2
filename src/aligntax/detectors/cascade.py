"""Layers in turn: what the provider says outright stands, the wording decides the rest."""

import pyarrow as pa

from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.signals import SignalDetector

__all__ = ["Cascade"]


class Cascade:
    """Provider signals, then phrases.

    Args:
        phrases: the layer that reads the text.
    """

    name = "cascade"

    def __init__(self, phrases: PhraseDetector | None = None) -> None:
        self._signals = SignalDetector()
        self._phrases = phrases or PhraseDetector()
        self.version = f"signals {self._signals.version}, {self._phrases.name} {self._phrases.version}"

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """EXCHANGE schema in, OUTCOME schema out."""
        verdict = self._phrases.judge(exchanges)
        self._signals.overrule(verdict, exchanges)
        return verdict.batch(exchanges.column("id"), self.name, self.version)
