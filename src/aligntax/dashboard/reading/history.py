"""A figure over the runs of a ledger, in stretches that were measured alike."""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, trend
from aligntax.records import Measurement

__all__ = ["SPANS", "History", "Point", "history"]

SPANS = ("day", "week", "month", "longer", "any")
"""How much time the traffic of a run is of; runs of different spans are different figures."""
_LONGEST = (("day", 1.5), ("week", 10.0), ("month", 45.0))


@dataclass(frozen=True, slots=True)
class Point:
    """A figure of one run.

    Attributes:
        run: that measured it.
        figure: what it measured.
        at: end of the traffic it is of; when it was measured where that is not known.
    """

    run: Run
    figure: Measurement
    at: dt.datetime

    @property
    def alike(self) -> tuple[object, ...]:
        """What must be the same for two figures to be compared."""
        origin = self.run.origin
        return origin.detector, origin.detector_version, self.figure.correction


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A figure over runs.

    Attributes:
        component: of the tax.
        use_case: "" for all.
        model: "" for all.
        span: of the runs' traffic, one of SPANS.
        points: oldest first.
        spans: span -> how many runs there are of it.
    """

    component: str
    use_case: str = ""
    model: str = ""
    span: str = "any"
    points: Sequence[Point] = ()
    spans: dict[str, int] = field(default_factory=dict)

    @property
    def alike(self) -> list[list[Point]]:
        """Stretches of points that were measured alike."""
        return [list(group) for _, group in itertools.groupby(self.points, key=lambda point: point.alike)]

    @property
    def unit(self) -> str:
        """Of the figure; "" where there is none."""
        return self.points[-1].figure.estimate.unit if self.points else ""


def history(
    ledger: Ledger,
    component: str,
    *,
    use_case: str = "",
    model: str = "",
    first: dt.date | None = None,
    last: dt.date | None = None,
    span: str = "",
    raw: bool = False,
) -> History:
    """A figure over all runs that have it.

    Args:
        ledger: to read.
        component: of the tax.
        use_case: "" for all traffic.
        model: "" for all.
        first: only traffic that ends on this day or later.
        last: only traffic that ends on this day or earlier.
        span: of SPANS; "" for the one most runs are of.
        raw: whether figures corrected by labels are left aside.
    """
    figures = trend(ledger, component, use_case=use_case, model=model, correction="raw" if raw else None)
    found = [_point(run, figure) for run, figure in figures]
    spans = Counter(span_of(point.run) for point in found)
    wanted = span or (spans.most_common(1)[0][0] if spans else "any")
    kept = [
        point
        for point in found
        if (wanted == "any" or span_of(point.run) == wanted)
        and (first is None or point.at.date() >= first)
        and (last is None or point.at.date() <= last)
    ]
    kept.sort(key=lambda point: point.at)
    return History(
        component=component, use_case=use_case, model=model, span=wanted, points=kept, spans=dict(spans)
    )


def _point(run: Run, figure: Measurement) -> Point:
    return Point(run, figure, run.origin.last or run.created)


def span_of(run: Run) -> str:
    """How much time the traffic of a run is of, a name of SPANS; "any" where it is not known."""
    first, last = run.origin.first, run.origin.last
    if first is None or last is None:
        return "any"
    days = (last - first).total_seconds() / 86_400
    return next((name for name, most in _LONGEST if days <= most), "longer")
