"""Completion tax: the share of requests refused, hedged, or of unknown outcome."""

from collections.abc import Iterator

import numpy as np

from aligntax.records import Estimate, Measurement, unknown
from aligntax.stats import clustered_rate, wilson
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.student import normal_quantile
from aligntax.tax.cells import Floats
from aligntax.tax.tally import Slice, Tally

__all__ = ["SMALL", "completion", "effective_size", "measured", "rate"]

_HALVINGS = 60

SMALL = 30
"""Exchanges with an outcome below which a slice is marked small."""


def completion(tally: Tally, *, level: float = 0.95) -> list[Measurement]:
    """Undetermined, refused and hedged shares, for every slice.

    `undetermined` is a share of the applicable exchanges; `refused`, `hedged`, `complete` and `cannot`
    (refusals for lack of an ability, part of `refused`) are shares of those with an outcome.
    `completion_tax` is what alignment is charged with: refused, but for `cannot`, and hedged.
    """
    return [measurement for part in tally.slices() for measurement in _of(part, level)]


def _of(part: Slice, level: float) -> Iterator[Measurement]:
    nothing = _why_nothing(part)
    yield measured(part, "undetermined", rate(part, "undetermined", part.applicable, level, nothing))
    for name in ("completion_tax", "refused", "hedged", "cannot", "complete"):
        yield measured(part, name, rate(part, name, part.determined, level, nothing))


def rate(part: Slice, name: str, among: Floats, level: float, nothing: str = "") -> Estimate:
    """The share of events in a slice: Wilson, widened by the design effect where there are clusters.

    Args:
        part: the slice.
        name: of the sum that counts the events.
        among: (groups,) what they are a share of.
        level: two-sided coverage.
        nothing: why nothing can be known when `among` is empty.
    """
    if not among.any():
        return unknown(nothing or "no exchange with an outcome", unit="rate", level=level)
    if part.clustered:
        return clustered_rate(part.groups(name), among, level=level)
    return wilson(round(part.total(name)), round(float(np.sum(among))), level=level)


def effective_size(share: float, ends: tuple[float, float], n: int, level: float) -> int:
    """Independent observations whose Wilson interval is as wide as one made for clusters, in 1 to `n`.

    Args:
        share: the rate, in [0, 1].
        ends: of its interval.
        n: observations behind it, in clusters.
        level: two-sided coverage.
    """
    wide, quantile = ends[1] - ends[0], normal_quantile(level)
    least, most = 1.0, float(max(n, 1))
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        low, high = wilson_bounds(share, middle, quantile)
        least, most = (middle, most) if high - low > wide else (least, middle)
    return max(1, round(most))


def measured(part: Slice, component: str, estimate: Estimate) -> Measurement:
    """An estimate as a measurement of a slice."""
    small = float(part.determined.sum()) < SMALL
    return Measurement(component=component, estimate=estimate, slice=dict(part.where), small=small)


def _why_nothing(part: Slice) -> str:
    reasons = {
        "unscored.no_text": "the log kept no text",
        "unscored.tool_call_only": "only tool calls came back",
        "unscored.provider_error": "every call failed",
    }
    most = max(reasons, key=part.total)
    return reasons[most] if part.total(most) else "no exchange with an outcome"
