"""Exchanges get their outcome: one file a layer, one function from batch to batch."""

from collections.abc import Callable, Mapping

from aligntax.detectors.baselines import BASELINES
from aligntax.detectors.cascade import Cascade
from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.signals import SignalDetector, served_by_fallback
from aligntax.errors import UsageError
from aligntax.extension_points import Detector

__all__ = [
    "DEFAULT",
    "DETECTORS",
    "Cascade",
    "PhraseDetector",
    "SignalDetector",
    "detector",
    "served_by_fallback",
]

DETECTORS: Mapping[str, Callable[[], Detector]] = {
    "cascade": Cascade,
    "phrases": PhraseDetector,
    "signals": SignalDetector,
    **BASELINES,
}
"""Name -> what makes the detector; `--detector` takes the name."""

DEFAULT = "cascade"
"""Name of the detector where none is asked for."""


def detector(name: str) -> Detector:
    """The detector of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in DETECTORS:
        raise UsageError(f"no detector is called {name!r}", hint=f"one of: {', '.join(DETECTORS)}")
    return DETECTORS[name]()
