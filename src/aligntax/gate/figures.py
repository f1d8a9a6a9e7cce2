"""Where a gate takes its figures from: judged exchanges, counted within a window, or a document as it is."""

import datetime as dt
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from aligntax.gate.bounds import Bounds, bounds_of
from aligntax.gate.cut import OUTSIDE, Cut, Span, cut_to, marked
from aligntax.gate.quantiles import QUANTILES, Distributions
from aligntax.gate.result import Identity
from aligntax.policy.counts import measured_under
from aligntax.policy.model import Policy, UseCase
from aligntax.policy.window import parse_window, window_text
from aligntax.records import Measurement
from aligntax.tax.audit import Audit, Settings
from aligntax.tax.bill import Scale, bill
from aligntax.tax.completion import completion
from aligntax.tax.corrected import correct
from aligntax.tax.labelled import ExpertLabels
from aligntax.tax.prices import PriceTable
from aligntax.tax.symptoms import symptoms
from aligntax.tax.tally import DIMENSIONS, Tally, count
from aligntax.tax.verbosity import verbosity
from aligntax.traffic.read import Reading

__all__ = ["DocumentFigures", "Figures", "Found", "JudgedFigures", "Traffic"]

LEVEL = 0.95
"""Of the intervals figures are measured with; a verdict makes its own of them."""
_SHARES = ("bill.refused", "bill.hedged", "bill.retries")
"""Lines of the bill that count exchanges: shares of those with an outcome."""
Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What traffic figures are of.

    Attributes:
        words: for a person.
        longer: why it is not the window that was asked for; "" where it is.
        notes: what a reader must know.
    """

    words: str
    longer: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A figure of a slice.

    Attributes:
        measurement: as measured.
        bounds: how the ends of its interval move; None where it has none.
    """

    measurement: Measurement
    bounds: Bounds | None


class Figures(Protocol):
    """Everything measured on one thing."""

    @property
    def identity(self) -> Identity:
        """Which measurement this is."""

    def exchanges(self, window: str) -> Path | None:
        """Parquet file of the window's exchanges; None where only figures are known."""

    def traffic(self, window: str) -> Traffic:
        """What traffic the figures of a window are of."""

    def has(self, use_case: str, window: str) -> bool:
        """Whether there is an exchange of the use case in the window."""

    def values(self, use_case: str, dimension: str, window: str) -> list[str]:
        """What the use case can be narrowed to by a dimension; empty where that is not known."""

    def find(self, component: str, use_case: str, where: Mapping[str, str], window: str) -> Found | None:
        """A figure; None where nothing measures it."""


@dataclass(frozen=True)
class _Window:
    """A window of judged traffic, counted."""

    cut: Cut
    audit: Audit
    figures: Mapping[Key, Measurement]
    distributions: Distributions


@dataclass
class JudgedFigures:
    """Figures counted from judged exchanges, for any window.

    Attributes:
        identity: which measurement this is.
        judged: Parquet file of the JUDGED schema, under the policy's use cases.
        span: of the file.
        policy: tells what counts in each use case.
        prices: for exchanges whose cost the log does not state.
        traffic_scale: exchanges of real traffic for each one judged.
        into: directory for files of windows.
        labels: to correct rates with; None for the detector alone.
        correction: corrected figures of all the traffic, as an audit gave them; empty for none.
    """

    identity: Identity
    judged: Path
    span: Span
    policy: Policy
    prices: PriceTable
    into: Path
    traffic_scale: float = 1.0
    labels: ExpertLabels | None = None
    correction: Sequence[Measurement] = ()
    _windows: dict[str, _Window] = field(default_factory=dict, repr=False)

    def exchanges(self, window: str) -> Path | None:
        """Parquet file of the window's exchanges."""
        return self._at(window).cut.path

    def traffic(self, window: str) -> Traffic:
        """What traffic the figures of a window are of."""
        found = self._at(window)
        notes = list(found.cut.notes)
        if self.correction and not found.cut.whole:
            notes.append("the labels that corrected the audit are not at hand for the window alone: --labels")
        return Traffic(found.cut.words, notes=tuple(notes))

    def has(self, use_case: str, window: str) -> bool:
        """Whether there is an exchange of the use case in the window."""
        keys = self._at(window).audit.tally.keys
        return bool((keys[:, 0] == use_case).any())

    def values(self, use_case: str, dimension: str, window: str) -> list[str]:
        """What the use case can be narrowed to by a dimension; empty where that is not known."""
        keys = self._at(window).audit.tally.keys
        found = keys[keys[:, 0] == use_case, DIMENSIONS.index(dimension)].tolist()
        return sorted({value or "(none)" for value in found}) if any(found) else []

    def find(self, component: str, use_case: str, where: Mapping[str, str], window: str) -> Found | None:
        """A figure; None where nothing measures it."""
        at = self._at(window)
        if component in QUANTILES:
            estimate, bounds = at.distributions.quantile(component, use_case, where, level=LEVEL)
            whole = {"use_case": use_case, **where}
            return Found(Measurement(component=component, estimate=estimate, slice=whole), bounds)
        found = at.figures.get(_key(component, use_case, where))
        if found is None:
            found = self._narrow(at, component, use_case, where)
        return None if found is None else Found(found, _bounds(found, self.traffic_scale))

    def _narrow(
        self, at: _Window, component: str, use_case: str, where: Mapping[str, str]
    ) -> Measurement | None:
        """A figure that an audit does not break down so: the slice is counted as if it were all traffic.

        Which an audit does neither for the 401st use case: a gate leaves none out.
        """
        part = _part(at.audit.tally, use_case, where)
        if part is None:
            return None
        audit = replace(at.audit, tally=part, measurements=_measured(part, self.prices, at.audit.scale))
        wanted = (one for one in audit.measurements if one.component == component)
        found = next((one for one in wanted if set(one.slice) == {"use_case"}), None)
        return None if found is None else replace(found, slice={"use_case": use_case, **where})

    def _at(self, window: str) -> _Window:
        if window not in self._windows:
            cut = cut_to(self.judged, self.span, window, self.into)
            twin = next((one for one in self._windows.values() if one.cut.whole and cut.whole), None)
            self._windows[window] = replace(twin, cut=cut) if twin else self._counted(cut)
        return self._windows[window]

    def _counted(self, cut: Cut) -> _Window:
        tally = count(cut.path)
        days = None if tally.last is None or tally.first is None else (tally.last - tally.first).days
        scale = Scale(self.traffic_scale, days)
        audit = Audit(
            measurements=_measured(tally, self.prices, scale),
            reading=Reading(),
            tally=tally,
            scale=scale,
            detector=self.identity.detector,
            detector_version=self.identity.detector_version,
            prices=self.prices,
            settings=Settings(level=LEVEL),
            judged=cut.path,
            seconds=0.0,
        )
        found = [*measured_under(self.policy, audit), *self._corrected(cut, tally)]
        return _Window(cut, audit, _index(found), Distributions(cut.path, tally.period))

    def _corrected(self, cut: Cut, tally: Tally) -> Iterator[Measurement]:
        if self.labels is None:
            yield from self.correction if cut.whole else ()
            return
        judged = self.judged
        if not cut.whole:
            assert cut.since is not None
            judged = marked(self.judged, cut.since, self.into)
            tally = count(judged)
        found = correct(judged, self.labels, tally, traffic=self.traffic_scale, level=LEVEL)
        if found.read != "raw":
            inside = (one for one in found.measurements if OUTSIDE not in one.slice.values())
            yield from (one for one in inside if one.correction == found.read)


@dataclass
class DocumentFigures:
    """Figures of a document, of whatever traffic it is of.

    Attributes:
        identity: which measurement this is.
        measurements: raw, and corrected where these are the ones to read.
        policy: whose use cases its slices are looked up by.
        traffic_scale: exchanges of real traffic for each one judged.
    """

    identity: Identity
    measurements: Sequence[Measurement]
    policy: Policy
    traffic_scale: float = 1.0

    def __post_init__(self) -> None:
        self._figures = _index(self.measurements)
        names = list(
            dict.fromkeys(one.slice["use_case"] for one in self.measurements if "use_case" in one.slice)
        )
        self._names = _named(self.policy.use_case, names)

    def exchanges(self, window: str) -> Path | None:
        """None: nothing but figures is known."""
        return None

    def traffic(self, window: str) -> Traffic:
        """What traffic the figures are of: never a part of it."""
        first, last = self.identity.first, self.identity.last
        if first is None or last is None:
            return Traffic("all of it", notes=("the document tells no times: all of it is taken",))
        words = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        if last - first <= parse_window(window):
            return Traffic(words)
        longer = (
            f"the figures are of {_days(last - first)} and the window is {window_text(window)}: gate the "
            "log, or the directory of the audit, whose newest exchanges can be counted"
        )
        return Traffic(words, longer)

    def has(self, use_case: str, window: str) -> bool:
        """Whether there is a figure of the use case."""
        return use_case in self._names

    def values(self, use_case: str, dimension: str, window: str) -> list[str]:
        """What the use case can be narrowed to by a dimension."""
        name = self._names.get(use_case)
        at = {"model": 2, "period": 3}[dimension]
        found = {key[at] for key in self._figures if key[1] == name and key[at]}
        return sorted(found)

    def find(self, component: str, use_case: str, where: Mapping[str, str], window: str) -> Found | None:
        """A figure; None where the document has none."""
        name = self._names.get(use_case, use_case)
        found = self._figures.get(_key(component, name, where))
        return None if found is None else Found(found, _bounds(found, self.traffic_scale))


def _bounds(found: Measurement, traffic: float) -> Bounds | None:
    raw = found.component in _SHARES and found.correction == "raw"
    return bounds_of(found.estimate, exchanges=found.estimate.n * traffic if raw else None)


def _key(component: str, use_case: str, where: Mapping[str, str]) -> Key:
    return component, use_case, where.get("model", ""), where.get("period", "")


def _index(measurements: Sequence[Measurement]) -> dict[Key, Measurement]:
    """By component and slice; a corrected figure that is known goes before the raw one."""
    found = dict[Key, Measurement]()
    for one in measurements:
        if set(one.slice) - {"use_case", "model", "period"} or "use_case" not in one.slice:
            continue
        key = _key(one.component, one.slice["use_case"], one.slice)
        if key not in found or (one.correction != "raw" and one.estimate.known):
            found[key] = one
    return found


def _measured(tally: Tally, prices: PriceTable, scale: Scale) -> list[Measurement]:
    """What an audit measures."""
    return [
        *completion(tally, level=LEVEL),
        *symptoms(tally, level=LEVEL),
        *verbosity(tally, level=LEVEL),
        *bill(tally, prices, scale, level=LEVEL),
    ]


def _part(tally: Tally, use_case: str, where: Mapping[str, str]) -> Tally | None:
    """The cells of a slice, with nothing left to break them down by but the use case."""
    inside = tally.keys[:, 0] == use_case
    for dimension, value in where.items():
        inside &= tally.keys[:, DIMENSIONS.index(dimension)] == ("" if value == "(none)" else value)
    if not inside.any():
        return None
    keys = tally.keys[inside].copy()
    keys[:, DIMENSIONS.index("period")] = ""
    sums = {name: np.ascontiguousarray(values[inside]) for name, values in tally.sums.items()}
    return replace(tally, keys=keys, sums=sums)


def _named(cases: Sequence[UseCase], names: Sequence[str]) -> dict[str, str]:
    """Use case of the policy -> the one name a document has for it."""
    found = dict[str, str]()
    for case in cases:
        fitting = [name for name in names if _fits(case, name)]
        if case.name in names:
            found[case.name] = case.name
        elif len(fitting) == 1:
            found[case.name] = fitting[0]
    return found


def _fits(case: UseCase, name: str) -> bool:
    """Whether a name alone tells that exchanges are of the use case."""
    match: Any = case.match
    if match.model or match.system or match.prompt:
        return False
    return any(fnmatch.fnmatchcase(name.casefold(), one.casefold()) for one in match.use_case)


def _days(span: dt.timedelta) -> str:
    return f"{span.total_seconds() / 86_400:,.0f} days"
