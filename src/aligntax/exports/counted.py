"""Requests counted over runs, so that counters only rise and no request is counted twice.

A run is of the traffic of its window. A counter is the sum over runs whose windows do not overlap: an audit
each night of that night's log gives counters whose rise over any time is the traffic of that time. A run that
overlaps what is counted already (a trailing window, the same log again with another detector) is not counted,
and said.

Runs are taken in the order they were recorded, and a run never changes: what was counted once is kept, for as
long as the ledger is open, and only newer runs are read.
"""

import datetime as dt
import threading
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select

from aligntax.ledger import Ledger, Origin
from aligntax.ledger.tables import measurements as _figures
from aligntax.ledger.tables import runs as _runs
from aligntax.records import LAYERS, Measurement

__all__ = ["CHARGED", "COUNTED", "Counted", "Series", "count_figures", "count_runs"]

CHARGED = "completion_tax"
"""Its n is the number of requests with an outcome."""
COUNTED = (CHARGED, "refused", "hedged", "cannot", "undetermined", *(f"layer.{one}" for one in LAYERS))
"""Components that are shares of requests; times their n they are numbers of requests."""
_KIND = "bill"


class Series(NamedTuple):
    """What a number of requests is of.

    Attributes:
        use_case: "" where the log has none.
        model: "" where the log has none.
        detector: that told the outcomes.
        version: of the detector.
    """

    use_case: str
    model: str
    detector: str
    version: str


@dataclass
class Counted:
    """Numbers of requests.

    Attributes:
        many: series -> component -> how many requests; "requests" are those with an outcome.
        runs: how many runs are counted.
        overlapping: runs that are not, since their traffic overlaps what is.
    """

    many: dict[Series, dict[str, int]] = field(default_factory=dict)
    runs: int = 0
    overlapping: list[str] = field(default_factory=list)

    def add(self, shares: Iterable["_Share"], detector: str, version: str) -> None:
        """Adds the shares of one run."""
        self.runs += 1
        for one in _finest(list(shares)):
            counts = self.many.setdefault(Series(one.use_case, one.model, detector, version), {})
            counts[one.component] = counts.get(one.component, 0) + round(one.value * one.n)
            if one.component == CHARGED:
                counts["requests"] = counts.get("requests", 0) + one.n


class _Share(NamedTuple):
    component: str
    use_case: str
    model: str
    value: float
    n: int


def _finest(shares: Sequence[_Share]) -> Iterator[_Share]:
    """Of the finest slices there are alone, so that they add up."""
    slices = {(bool(one.use_case), bool(one.model)) for one in shares if one.component == CHARGED}
    finest = max(slices, default=(False, False), key=lambda one: (sum(one), one[0]))
    return (one for one in shares if (bool(one.use_case), bool(one.model)) == finest)


def count_figures(figures: Iterable[Measurement], origin: Origin) -> Counted:
    """Requests of one run."""
    counted = Counted()
    shares = (
        _Share(
            one.component,
            one.slice.get("use_case", ""),
            one.slice.get("model", ""),
            one.estimate.value,
            one.estimate.n,
        )
        for one in figures
        if one.component in COUNTED
        and one.correction == "raw"
        and one.estimate.known
        and one.slice.keys() <= {"use_case", "model"}
    )
    counted.add(shares, origin.detector or "", origin.detector_version or "")
    return counted


@dataclass
class _Tally:
    """What is counted so far, and of what time: use case -> newest request."""

    counted: Counted = field(default_factory=Counted)
    covered: dict[str, dt.datetime] = field(default_factory=dict)
    hashes: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)


_TALLIES: WeakKeyDictionary[Engine, _Tally] = WeakKeyDictionary()
_LOCK = threading.Lock()


def count_runs(ledger: Ledger, until: dt.datetime | None = None) -> Counted:
    """Requests of every audit in a ledger, each once.

    Args:
        ledger: to read.
        until: newest time of recording that counts, UTC without zone; None for all.
    """
    if until is not None:
        return _counted_further(ledger, _Tally(), until).counted
    with _LOCK:
        tally = _TALLIES.setdefault(ledger.engine, _Tally())
        return deepcopy(_counted_further(ledger, tally, None).counted)


def _counted_further(ledger: Ledger, tally: _Tally, until: dt.datetime | None) -> _Tally:
    query = select(_runs).where(_runs.c.kind == _KIND).order_by(_runs.c.recorded, _runs.c.id)
    if until is not None:
        query = query.where(_runs.c.recorded <= until)
    wanted = ("component", "use_case", "model", "value", "n")
    figures = select(*(_figures.c[name] for name in wanted)).where(
        _figures.c.component.in_(COUNTED),
        _figures.c.period == "",
        _figures.c.correction == "raw",
        _figures.c.value.is_not(None),
    )
    with ledger.reading() as connection:
        for run in connection.execute(query).all():
            if run.id in tally.seen:
                continue
            tally.seen.add(run.id)
            of_run = figures.where(_figures.c.run_id == run.id)
            rows = connection.execute(of_run.where(_figures.c.use_case != "", _figures.c.model != "")).all()
            shares = [_Share._make(row) for row in rows or connection.execute(of_run).all()]
            if _again(tally, shares, run.first, run.last, run.data_hash):
                tally.counted.overlapping.append(run.id)
            else:
                tally.counted.add(shares, run.detector or "", run.detector_version or "")
    return tally


def _again(
    tally: _Tally,
    shares: Sequence[_Share],
    first: dt.datetime | None,
    last: dt.datetime | None,
    data_hash: str | None,
) -> bool:
    """Whether a use case of a run has traffic as old as what is counted of it; if not, that is kept."""
    names = {one.use_case for one in shares if one.component == CHARGED and one.use_case} or {""}
    seen = data_hash is not None and data_hash in tally.hashes
    if first is not None:
        seen = seen or any(name in tally.covered and tally.covered[name] >= first for name in names)
    if not seen:
        tally.hashes |= {data_hash} if data_hash else set()
        if last is not None:
            tally.covered |= {name: max(last, tally.covered.get(name, last)) for name in names}
    return seen
