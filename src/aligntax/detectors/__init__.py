"""Exchanges get their outcome: one file a layer, one function from batch to batch."""

from collections.abc import Callable, Mapping

from aligntax.detectors.baselines import BASELINES
from aligntax.detectors.cascade import Cascade
from aligntax.detectors.classifier.classifier import Classifier
from aligntax.detectors.judge import Judge
from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.signals import SignalDetector, served_by_fallback
from aligntax.errors import UsageError
from aligntax.extension_points import Detector

__all__ = [
    "DEFAULT",
    "DETECTORS",
    "Cascade",
    "Classifier",
    "Judge",
    "PhraseDetector",
    "SignalDetector",
    "detector",
    "served_by_fallback",
]

DETECTORS: Mapping[str, Callable[[], Detector]] = {
    "cascade": Cascade,
    "classifier": Classifier,
    "phrases": PhraseDetector,
    "signals": SignalDetector,
    **BASELINES,
}
"""Name -> what makes the detector; `--detector` takes the name."""

DEFAULT = "cascade"
"""Name of the detector where none is asked for."""


def detector(name: str, *, judge: Judge | None = None) -> Detector:
    """The detector of that name.

    Args:
        name: of DETECTORS, or "judge" for the judge alone, which is then asked about everything.
        judge: the last layer of the cascade, or the judge alone.

    Raises:
        UsageError: there is none of that name, or it takes no judge.
    """
    if name == "judge":
        if judge is None:
            raise UsageError("the judge needs a model", hint="--judge openai/gpt-4o-mini")
        return judge
    if name not in DETECTORS:
        raise UsageError(f"no detector is called {name!r}", hint=f"one of: {', '.join(DETECTORS)}")
    if judge is None:
        return DETECTORS[name]()
    if name != "cascade":
        raise UsageError(f"{name} takes no judge", hint="--detector cascade, or --detector judge")
    return Cascade(judge=judge)
