"""What `compare` and `stages` share: values by benchmark, and the detector for answers that need one."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from aligntax.detectors import DETECTORS
from aligntax.detectors import detector as named_detector
from aligntax.errors import UsageError
from aligntax.extension_points import Detector
from aligntax.records import Answers

__all__ = ["by_benchmark", "check_benchmarks", "detector_when_needed", "with_chance"]


def by_benchmark(option: str, given: Sequence[str] | None, *, least: float = -math.inf) -> dict[str, float]:
    """NAME=VALUE options as a mapping; with a `least`, a bare value may stand for all, under ""."""
    found = dict[str, float]()
    for text in given or ():
        name, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > least) or (not name and math.isinf(least)):
            raise UsageError(f"{option} {text}: not understood", hint=f"{option} mmlu=0.25")
        found[name] = number
    return found


def check_benchmarks(options: Mapping[str, Mapping[str, float]], known: Iterable[str]) -> None:
    """Refuses values for benchmarks nobody answered.

    Args:
        options: option -> what it was given.
        known: benchmarks that were answered.
    """
    names = list(dict.fromkeys(known))
    for option, named in options.items():
        if unknown := [name for name in named if name not in names]:
            listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise UsageError(f"{option}: no benchmark is called {unknown[0]!r}", hint=f"one of: {listed}")


def detector_when_needed(name: str) -> Callable[[], Detector]:
    """What makes the detector when it is first needed: many files have nothing to detect in."""
    if name not in DETECTORS:
        named_detector(name)  # which says what is wrong with it
    return cache(lambda: named_detector(name))


def with_chance(answers: Answers, chances: Mapping[str, float]) -> Answers:
    """With the chance a person gave, which holds for every model."""
    chosen = chances.get(answers.benchmark)
    return answers if chosen is None else replace(answers, chance=chosen)
