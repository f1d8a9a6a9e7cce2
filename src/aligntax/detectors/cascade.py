"""Layers in turn: the provider's signal, wording and classifier, and a judge for what is still open."""

import pyarrow as pa

from aligntax.detectors.classifier.classifier import Classifier
from aligntax.detectors.judge import Judge
from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.signals import SignalDetector

__all__ = ["Cascade"]


class Cascade:
    """Provider signals, phrases, the classifier over them, and a judge where there is one.

    Args:
        phrases: the layer that reads the wording.
        judge: the layer asked about what the others left open; none by default.
    """

    name = "cascade"

    def __init__(self, phrases: PhraseDetector | None = None, *, judge: Judge | None = None) -> None:
        self._signals = SignalDetector()
        self._classifier = Classifier(phrases)
        self.version = f"signals {self._signals.version}, {self._classifier.version}"
        self._judge = judge
        if judge is not None:
            self.version += f", {judge.name} {judge.layer_version}"

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """EXCHANGE schema in, OUTCOME schema out."""
        verdict = self._classifier.judge(exchanges)
        self._signals.overrule(verdict, exchanges)
        if self._judge is not None:
            self._judge.overrule(verdict, exchanges)
            self._signals.overrule(verdict, exchanges)  # what a fallback served stays marked as such
        return verdict.batch(exchanges.column("id"), self.name, self.version)
