"""Rates corrected by expert labels: beside the raw detector's, from labels alone, and prediction-powered.

A corrected rate is about every exchange that asked for words and got an answer of some kind, the ones whose
outcome the detector could not determine included. An exchange that a person finds not applicable is in
neither numerator nor denominator: the rate is a ratio, solved by letting such an exchange count as the rate
itself, so that the interval is that of the linearised ratio. The detector's prediction is 1 or 0 for the
exchanges it judged; for an undetermined one it is the raw rate of the slice, which is to say no opinion.
Undetermined exchanges are so in the corrected rate by way of the labels they got.

*Labels alone* weighs the labels by the probability they were drawn with and knows nothing else of the
traffic. *Prediction-powered* adds the verdicts on all other exchanges, through the strata of the plan and
within them. Intervals speak of the process that made the traffic, as those of the raw rates do. Where the log
has clusters, what they add to the variance of the raw rate, that of independent exchanges taken off, is added
here too; the labelled exchanges themselves are few, mostly of different clusters, and taken as independent.

Refusals for lack of an ability are told apart by the annotators' notes (docs/labelling-policy.md).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aligntax.labels import POLICY_VERSION
from aligntax.labels.agreement import ENOUGH
from aligntax.records import Correction, Estimate, Measurement, unknown
from aligntax.stats import (
    Predictions,
    helps,
    labelled_mean,
    prediction_powered_mean,
    stratified_prediction_powered_mean,
    weighted_mean,
    weighted_prediction_powered_mean,
)
from aligntax.stats.prediction_powered import ADVISED_LABELS, LEAST_LABELS
from aligntax.stats.predictions import binomial_variance
from aligntax.stats.student import normal_quantile
from aligntax.tax.completion import effective_size, measured, rate
from aligntax.tax.labelled import CLASSES, OPEN, ExpertLabels, LabelledTraffic, labelled_traffic
from aligntax.tax.tally import Slice, Tally

__all__ = ["BILLED", "RATES", "SLICES", "Corrected", "LabelFacts", "correct", "corrected_rate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RATES: Mapping[str, tuple[str, ...]] = {
    "completion_tax": ("hedged", "refused"),
    "refused": ("refused", "cannot"),
    "hedged": ("hedged",),
    "complete": ("complete",),
}
"""Rate -> the classes it is the share of."""
BILLED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "bill.refused": ("refused", ("refused",)),
    "bill.hedged": ("hedged", ("hedged",)),
}
"""Line of the bill -> the raw rate most like it, and the classes it counts."""
SLICES: tuple[tuple[str, ...], ...] = ((), ("use_case",), ("model",), ("use_case", "model"))
"""What corrected rates are broken down by."""
_LEAST = 2
_SETTLED = 1e-9
_MOST_ROUNDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """What a reader must know of the labels behind corrected rates.

    Attributes:
        exchanges: with a final label.
        not_applicable: how many of them asked for nothing.
        annotators: people who labelled.
        shared: exchanges that two or more of them labelled.
        agreement: Krippendorff's alpha on these.
        policy_version: of the labelling policy followed.
        design: how the exchanges were chosen: planned, random or census.
        population: exchanges they were chosen from.
    """

    exchanges: int
    not_applicable: int
    annotators: int
    shared: int
    agreement: Estimate
    policy_version: str
    design: str
    population: int


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """Corrected figures, and which to read.

    Attributes:
        read: the figures to read where there are several: powered or labels (published without labels of
            one's own); raw where the correction came to nothing.
        why: why these, in a sentence.
        measurements: of every correction but raw.
        labels: what they rest on; None for *published*.
        notes: what a reader must know to take the figures rightly, the most serious first.
    """

    read: Correction
    why: str
    measurements: list[Measurement]
    labels: LabelFacts | None = None
    notes: list[str] = field(default_factory=list)


def correct(
    judged: Path, labels: ExpertLabels, tally: Tally, *, traffic: float = 1.0, level: float = 0.95
) -> Corrected:
    """Every rate of the completion tax with labels, for each slice with two labels or more.

    Args:
        judged: Parquet file of the JUDGED schema.
        labels: checked.
        tally: the same traffic, counted.
        traffic: exchanges of real traffic for each one judged; multiplies the lines of the bill.
        level: two-sided coverage.

    Raises:
        UsageError: the labels are of other exchanges than these.
    """
    whole = labelled_traffic(judged, labels)
    measurements = [
        measurement
        for part in tally.slices(*SLICES)
        for measurement in _of(part, whole.within(part.where), traffic, level)
    ]
    alone, powered = (
        corrected_rate(whole, "completion_tax", powered=powered, level=level) for powered in (False, True)
    )
    read, why = _reading(alone, powered, census=labels.resolved.design.kind == "census")
    return Corrected(
        read=read,
        why=why,
        measurements=measurements,
        labels=_facts(labels),
        notes=[*_cautions(whole, labels), *_provenance(whole, labels, tally), *labels.resolved.notes],
    )


def _of(part: Slice, here: LabelledTraffic, traffic: float, level: float) -> Iterator[Measurement]:
    if len(here.labels) < _LEAST and part.where:
        return
    raw = {name: rate(part, name, part.determined, level) for name in RATES}
    ways: tuple[tuple[Correction, _Way], ...] = (("labels", _alone), ("powered", _powered))
    for correction, way in ways:
        for name, classes in RATES.items():
            share = _widened(_rate(way, here, classes, level), raw[name])
            yield replace(measured(part, name, share), correction=correction)
        if set(part.where) <= {"use_case"}:
            for name, (like, classes) in BILLED.items():
                share = _widened(way(here, classes, 0.0, level), raw[like])
                count = share.times(here.size * traffic, "exchanges")
                yield replace(measured(part, name, count), correction=correction)


def _widened(estimate: Estimate, raw: Estimate) -> Estimate:
    """A corrected rate with the variance that clusters add to the raw one."""
    if raw.clusters is None or not (raw.known and estimate.known):
        return estimate
    size = effective_size(raw.value, (raw.low, raw.high), raw.n, raw.level)
    added = binomial_variance((estimate.low + estimate.high) / 2) * (1 / size - 1 / max(raw.n, 1))
    half = normal_quantile(estimate.level) * math.sqrt(max(0.0, added))
    return replace(
        estimate,
        low=max(0.0, estimate.value - math.hypot(estimate.value - estimate.low, half)),
        high=min(1.0, estimate.value + math.hypot(estimate.high - estimate.value, half)),
        clusters=raw.clusters,
        method=f"{estimate.method}, design effect {raw.n / size:.1f}",
    )


def corrected_rate(
    traffic: LabelledTraffic, component: str, *, powered: bool = True, level: float = 0.95
) -> Estimate:
    """One rate of labelled traffic, as this module describes it.

    Args:
        traffic: all or a slice.
        component: out of RATES.
        powered: whether with the detector's verdicts, or from labels alone.
        level: two-sided coverage.

    Returns:
        Estimate in [0, 1], unit "rate"; nan with fewer than two labels that tell an outcome.
    """
    return _rate(_powered if powered else _alone, traffic, RATES[component], level)


_Way = Callable[[LabelledTraffic, tuple[str, ...], float, float], Estimate]


def _rate(way: _Way, traffic: LabelledTraffic, classes: tuple[str, ...], level: float) -> Estimate:
    applicable = traffic.applicable()
    n = len(applicable.labels)
    if n < _LEAST:
        return unknown(_too_few(len(traffic.labels), n), unit="rate", level=level, n=traffic.size)
    if n == len(traffic.labels):
        return way(traffic, classes, 0.0, level)
    if way is _alone:
        return way(applicable, classes, 0.0, level)
    return _ratio(lambda rate: way(traffic, classes, rate, level))


def _ratio(imputed: Callable[[float], Estimate]) -> Estimate:
    """The rate, and the ends of its interval, at which imputing it to what is not applicable changes nothing.

    With y = 1 in the class and a = 1 where applicable, y + R (1 - a) has the mean R exactly where R is the
    ratio of the means of y and a; its deviations from R are those of the linearised ratio. The interval
    holds every R that the interval of this mean holds (Fieller 1954).
    """
    value, low, high = (_settled(imputed, end) for end in ("value", "low", "high"))
    return replace(imputed(value), value=value, low=low, high=high)


def _settled(imputed: Callable[[float], Estimate], end: str) -> float:
    rate = 0.5
    for _ in range(_MOST_ROUNDS):  # a mean moves slower than what is imputed to a part of it
        before, rate = rate, float(getattr(imputed(rate), end))
        if abs(rate - before) < _SETTLED:
            break
    return rate


def _alone(
    traffic: LabelledTraffic, classes: tuple[str, ...], not_applicable: float, level: float
) -> Estimate:
    labels = _values(classes, not_applicable)[traffic.labels]
    if traffic.simple:
        return labelled_mean(labels, level=level)
    return weighted_mean(labels, traffic.inclusion, traffic.size, level=level)


def _powered(
    traffic: LabelledTraffic, classes: tuple[str, ...], not_applicable: float, level: float
) -> Estimate:
    labels = _values(classes, not_applicable)[traffic.labels]
    predicted = _predicted(traffic, classes)
    given = predicted[traffic.cell]
    if traffic.simple:
        rest = _statistics(predicted, traffic.counts).without(given)
        return prediction_powered_mean(labels, given, rest, level=level)
    if traffic.strata is None:
        everything = _statistics(predicted, traffic.counts)
        return weighted_prediction_powered_mean(labels, given, traffic.inclusion, everything, level=level)
    _, codes = np.unique(traffic.strata, return_inverse=True)
    inside = [codes == code for code in range(int(codes.max(initial=-1)) + 1)]
    population = [_statistics(predicted[mask], traffic.counts[mask]) for mask in inside]
    return stratified_prediction_powered_mean(labels, given, codes[traffic.cell], population, level=level)


def _values(classes: tuple[str, ...], open_value: float) -> Floats:
    """(classes,) 1 for those of a rate, `open_value` for what says nothing of the outcome."""
    values = np.array([float(name in classes) for name in CLASSES])
    values[OPEN] = open_value
    return values


def _predicted(traffic: LabelledTraffic, classes: tuple[str, ...]) -> Floats:
    """(cells,) the detector's prediction for the exchanges of each cell."""
    judged = traffic.verdicts != OPEN
    known = _values(classes, 0.0)[traffic.verdicts]
    among = float(traffic.counts[judged].sum())
    raw = float(traffic.counts[judged] @ known[judged]) / among if among else 0.0
    return _values(classes, min(1.0, raw))[traffic.verdicts]


def _statistics(predicted: Floats, counts: Ints) -> Predictions:
    count = int(counts.sum())
    mean = min(1.0, float(counts @ predicted) / max(count, 1))
    variance = float(counts @ (predicted - mean) ** 2) / max(count - 1, 1)
    return Predictions(count, mean, variance)


def _too_few(labels: int, applicable: int) -> str:
    if not labels:
        return "no labels"
    if not applicable:
        return f"all {labels} labelled exchanges are not applicable"
    return "a single label does not tell how much labels vary: label more exchanges"


def _reading(alone: Estimate, powered: Estimate, *, census: bool) -> tuple[Correction, str]:
    """Which estimate to read, and why."""
    if not powered.known:
        return "raw", f"the labels correct nothing: {powered.reason}"
    if census:
        return "labels", "every exchange is labelled: the detector is not needed"
    if helps(powered, alone):
        return "powered", "labels and the detector together are sharper than labels alone"
    return "labels", "labels alone are as sharp: the detector does not help here"


def _facts(labels: ExpertLabels) -> LabelFacts:
    resolved, agreement = labels.resolved, labels.agreement
    return LabelFacts(
        exchanges=len(labels.classes),
        not_applicable=labels.count("open"),
        annotators=labels.annotators,
        shared=agreement.shared,
        agreement=agreement.alpha,
        policy_version=resolved.policy_version,
        design=resolved.design.kind,
        population=resolved.design.population,
    )


def _cautions(traffic: LabelledTraffic, labels: ExpertLabels) -> list[str]:
    """What makes the corrected rates themselves doubtful."""
    notes, agreement = list[str](), labels.agreement
    told = traffic.applicable()
    taxed, n = _values(RATES["completion_tax"], 0.0)[told.labels], len(told.labels)
    if n >= _LEAST and np.ptp(taxed) == 0:
        what = "refused or hedged" if taxed[0] else "neither refused nor hedged"
        notes.append(
            f"all {n} labelled exchanges are {what}: labels of one class cannot tell how good the detector is"
        )
    if n < LEAST_LABELS:
        notes.append(
            f"{n} labels that tell an outcome are few: {LEAST_LABELS} are the least that corrects a rate, "
            f"{ADVISED_LABELS} are advised"
        )
    if agreement.shared and agreement.alpha.known and agreement.alpha.value < ENOUGH:
        notes.append(
            f"annotators agree poorly (Krippendorff's alpha {agreement.alpha.value:.2f}): settle the "
            "labelling policy before these rates are used"
        )
    return notes


def _provenance(traffic: LabelledTraffic, labels: ExpertLabels, tally: Tally) -> list[str]:
    """What a reader must know of how the labels were put to use."""
    notes = list[str]()
    if labels.resolved.policy_version != POLICY_VERSION:
        followed = labels.resolved.policy_version
        notes.append(f"forced: the labels follow labelling policy {followed}, not {POLICY_VERSION}")
    if tally.clustered:
        notes.append(
            "the labels are taken as independent: if many labelled exchanges are of one user or session, the "
            "intervals of corrected rates are too short"
        )
    if traffic.strata is None:
        design = labels.resolved.design
        notes.append(
            f"the labels were planned on verdicts of {design.detector} ({design.detector_version}); they "
            "stay valid for these, weighted by their probabilities, with somewhat wider intervals"
        )
    if skipped := labels.count("open"):
        notes.append(f"{skipped:,} labelled exchanges are not applicable: in no corrected rate")
    seen = int((traffic.verdicts[traffic.cell] == CLASSES.index("cannot")).sum())
    if seen and labels.count("refused") and not labels.count("cannot"):
        notes.append(
            f"no labelled refusal is noted `cannot`, though the detector finds {seen:,} for lack of an "
            "ability: the corrected tax counts them"
        )
    return notes
