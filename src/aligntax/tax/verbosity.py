"""Delay before the answer and length of the response, as distributions."""

from collections.abc import Iterator

import numpy as np

from aligntax.records import Estimate, Measurement, unknown
from aligntax.stats import quantile
from aligntax.tax.completion import SMALL, measured, rate
from aligntax.tax.tally import Histogram, Slice, Tally

__all__ = ["verbosity"]

_QUANTILES = {"median": 0.5, "p90": 0.9}
_EMPTY = Histogram(np.empty(0), np.empty(0, np.int64))


def verbosity(tally: Tally, *, level: float = 0.95) -> list[Measurement]:
    """Characters before the answer starts and characters of the response, by use case.

    On an unpaired log the length tells the mix of subjects as much as the model: read it beside the
    delay, which is caveat alone.
    """
    return [m for part in tally.slices((), ("use_case",)) for m in _of(tally, part, level)]


def _of(tally: Tally, part: Slice, level: float) -> Iterator[Measurement]:
    yield measured(part, "delay.share", rate(part, "delayed", part.groups("answered"), level))
    key = part.where.get("use_case", "")
    for name, histograms in tally.histograms.items():
        histogram = histograms.get(key, _EMPTY)
        for label, share in _QUANTILES.items():
            yield measured(part, f"{name}.{label}", _quantile(histogram, share, level))


def _quantile(histogram: Histogram, share: float, level: float) -> Estimate:
    if int(histogram.counts.sum()) < SMALL:
        return unknown(f"fewer than {SMALL} answers", unit="characters", level=level)
    return quantile(histogram.values, histogram.counts, share, unit="characters", level=level)
