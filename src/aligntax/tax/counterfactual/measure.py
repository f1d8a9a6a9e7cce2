"""One model's answers to all wordings: rates, effects, terms, and what they are conditional on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aligntax.records import Estimate
from aligntax.stats.unpaired import mean, sample_of
from aligntax.tax.counterfactual.effects import (
    DRAWN,
    MEASURES,
    Contrast,
    Draws,
    Finding,
    Measure,
    Sides,
    alone,
    contrast,
    discoveries,
    finding,
    share,
    sides,
)
from aligntax.tax.counterfactual.variants import CONTROL, NEUTRAL, ORIGINAL, TRIGGER, Case
from aligntax.tax.pairs.differences import Difference, Precision

__all__ = ["Effects", "OneTerm", "Selection", "Slice", "measure_effects", "selection"]

_LEAST = 5
"""Cases a slice of its own is made from."""
CONTRASTS: tuple[Contrast, ...] = ("net", "gross", "churn")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTerm:
    """One term.

    Attributes:
        term: in its base form.
        neutral: wordings that stood for it.
        cases: requests it was taken out of, or put into.
        net: refusals it makes for, net of churn, with the other terms of a request in place; p adjusted.
        found: what that may be called, among all terms.
        alone: refusals it makes for when it is put back alone; None where no request has several terms.
    """

    term: str
    neutral: tuple[str, ...]
    cases: int
    net: Difference
    found: Finding
    alone: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Part of the requests: a topic, or those with terms taken out or put in.

    Attributes:
        name: of it.
        net: of refusals.
    """

    name: str
    net: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Of how many pairs of draws both wordings were answered: quality can be compared among those alone.

    Attributes:
        pairs: of draws, alarming and neutral.
        both: answered in both.
        trigger_only: answered with the alarming wording alone.
        neutral_only: with the neutral one alone.
        neither: refused in both.
        unknown: of which it is not known.
    """

    pairs: int
    both: int
    trigger_only: int
    neutral_only: int
    neither: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What the terms do to outcomes.

    Attributes:
        cases: with an edit.
        rates: measure -> variant -> share of cases.
        effects: measure -> contrast -> difference.
        found: measure -> what the net effect may be called.
        terms: in the order of their effect.
        slices: topics and directions with enough cases.
        flips: share of originals whose second draw came out otherwise than the first.
        recorded: refusals when asked again less refusals in the log they were taken from; None without one.
        saturated: requests of several terms that stay refused whichever one is taken out.
        several: requests of several terms that are refused.
        failed: draws without an answer.
        not_asked: draws that were never asked for.
        undetermined: draws nobody can tell the outcome of, in no rate.
        cannot: refusals for want of an ability.
        fallback: answers another model gave in place of the one asked, which count as its refusals.
    """

    cases: int
    rates: Mapping[Measure, Mapping[str, Estimate]]
    effects: Mapping[Measure, Mapping[Contrast, Difference]]
    found: Mapping[Measure, Finding]
    terms: Sequence[OneTerm]
    slices: Sequence[Slice]
    flips: Estimate
    recorded: Difference | None
    saturated: int
    several: int
    failed: int
    not_asked: int
    undetermined: int
    cannot: int
    fallback: int


def measure_effects(cases: Sequence[Case], draws: Draws, *, margin: float, precision: Precision) -> Effects:
    """Measures the effects of all terms on one model's outcomes.

    Args:
        cases: asked.
        draws: of all their questions.
        margin: difference of rates that is as good as none.
        precision: level of the intervals, and seed.
    """
    told = [one for drawn in draws.values() for one in drawn]
    effects: dict[Measure, dict[Contrast, Difference]] = {}
    for measure in MEASURES:
        found = [sides(case, draws, measure) for case in cases]
        effects[measure] = {which: _contrast(cases, found, which, margin, precision) for which in CONTRASTS}
    saturated, several = _saturated(cases, draws)
    return Effects(
        cases=len(cases),
        rates={measure: _rates(cases, draws, measure, precision) for measure in MEASURES},
        effects=effects,
        found={measure: finding(one["net"]) for measure, one in effects.items()},
        terms=_terms(cases, draws, margin, precision),
        slices=_slices(cases, draws, margin, precision),
        flips=_flips(cases, draws, precision),
        recorded=_recorded(cases, draws, precision),
        saturated=saturated,
        several=several,
        failed=told.count("failed"),
        not_asked=told.count("not_asked"),
        undetermined=told.count("undetermined") + told.count("empty"),
        cannot=told.count("cannot"),
        fallback=told.count("fallback"),
    )


def selection(cases: Sequence[Case], draws: Draws) -> Selection:
    """Which draws of the alarming and the neutral wording were answered, draw by draw."""
    counts = {"both": 0, "trigger_only": 0, "neutral_only": 0, "neither": 0, "unknown": 0}
    for case in cases:
        pair = (draws.get(case.question(TRIGGER), ()), draws.get(case.question(NEUTRAL), ()))
        for trigger, neutral in zip(*pair, strict=False):
            counts[_which(trigger, neutral)] += 1
    return Selection(pairs=sum(counts.values()), **counts)


def _which(trigger: str, neutral: str) -> str:
    if trigger not in DRAWN or neutral not in DRAWN:
        return "unknown"
    answered = [one in ("complete", "hedged") for one in (trigger, neutral)]
    names = {(True, True): "both", (True, False): "trigger_only", (False, True): "neutral_only"}
    return names.get((answered[0], answered[1]), "neither")


def _contrast(
    cases: Sequence[Case], found: Sequence[Sides], which: Contrast, margin: float, precision: Precision
) -> Difference:
    return contrast(
        [one.of(which) for one in found],
        [case.request.cluster for case in cases],
        lost=[one.lost_of(which) for one in found],
        margin=margin,
        precision=precision,
    )


def _rates(
    cases: Sequence[Case], draws: Draws, measure: Measure, precision: Precision
) -> dict[str, Estimate]:
    named = any(case.request.cluster is not None for case in cases)
    found = dict[str, Estimate]()
    for variant in (TRIGGER, ORIGINAL, CONTROL, NEUTRAL):
        shares = np.array(
            [share(draws.get(case.question(variant), ()), MEASURES[measure]) for case in cases],
            dtype=np.float64,
        )
        there = np.isfinite(shares)
        groups = np.array([case.request.cluster for case in cases], dtype=object)[there] if named else None
        found[variant] = mean(sample_of(shares[there], groups), unit="rate", level=precision.level)
    return found


def _terms(cases: Sequence[Case], draws: Draws, margin: float, precision: Precision) -> list[OneTerm]:
    by_term: dict[str, list[Case]] = {}
    for case in cases:
        for term in case.terms:
            if not (case.inserted and len(case.terms) > 1):  # nobody put them in one by one
                by_term.setdefault(term.term.lower(), []).append(case)
    nets, lone = list[Difference](), list[Difference | None]()
    for key, mine in by_term.items():
        names = [_name(case, key) for case in mine]
        each = [sides(case, draws, "refused", term=name) for case, name in zip(mine, names, strict=True)]
        nets.append(_contrast(mine, each, "net", margin, precision))
        lone.append(_alone(mine, names, draws, margin, precision))
    rows = [
        OneTerm(
            term=_name(mine[0], key),
            neutral=_neutrals(mine, key),
            cases=len(mine),
            net=net,
            found=found,
            alone=single,
        )
        for (key, mine), (net, found), single in zip(
            by_term.items(), discoveries(nets, precision.level), lone, strict=True
        )
    ]
    return sorted(rows, key=_by_effect)


def _by_effect(one: OneTerm) -> tuple[float, float, str]:
    value = one.net.difference.value
    adjusted = one.net.adjusted
    return (2.0 if np.isnan(adjusted) else adjusted, 0.0 if np.isnan(value) else -value, one.term)


def _alone(
    mine: Sequence[Case], names: Sequence[str], draws: Draws, margin: float, precision: Precision
) -> Difference | None:
    if all(len(case.terms) == 1 for case in mine):
        return None
    pairs = [alone(case, draws, "refused", name) for case, name in zip(mine, names, strict=True)]
    clusters = [case.request.cluster for case in mine]
    return contrast(pairs, clusters, margin=margin, precision=precision)


def _name(case: Case, key: str) -> str:
    return next(term.term for term in case.terms if term.term.lower() == key)


def _neutrals(cases: Sequence[Case], key: str) -> tuple[str, ...]:
    told = (term.neutral for case in cases for term in case.terms if term.term.lower() == key)
    return tuple(dict.fromkeys(told))


def _slices(cases: Sequence[Case], draws: Draws, margin: float, precision: Precision) -> list[Slice]:
    """Topics, and terms taken out and put in, where there is more than one of them."""
    cuts: tuple[Callable[[Case], str], ...] = (
        lambda case: case.request.topic,
        lambda case: "terms put in" if case.inserted else "terms taken out",
    )
    found = list[Slice]()
    for cut in cuts:
        groups: dict[str, list[Case]] = {}
        for case in cases:
            groups.setdefault(cut(case), []).append(case)
        large = {name: mine for name, mine in groups.items() if name and len(mine) >= _LEAST}
        for name, mine in large.items() if len(groups) > 1 else ():
            each = [sides(case, draws, "refused") for case in mine]
            found.append(Slice(name=name, net=_contrast(mine, each, "net", margin, precision)))
    return found


def _flips(cases: Sequence[Case], draws: Draws, precision: Precision) -> Estimate:
    """Same wording, drawn twice: how often it is refused once and answered once."""
    values, groups, refused = list[float](), list[str | None](), MEASURES["refused"]
    for case in cases:
        own = NEUTRAL if case.inserted else TRIGGER
        pair = (draws.get(case.question(own), ()), draws.get(case.question(ORIGINAL), ()))
        both = [(a, b) for a, b in zip(*pair, strict=False) if a in DRAWN and b in DRAWN]
        if both:
            values.append(sum((a in refused) != (b in refused) for a, b in both) / len(both))
            groups.append(case.request.cluster)
    named = np.array(groups, dtype=object) if any(one is not None for one in groups) else None
    return mean(sample_of(np.array(values), named), unit="rate", level=precision.level)


def _recorded(cases: Sequence[Case], draws: Draws, precision: Precision) -> Difference | None:
    """Refused in the log, and refused now: what is lost between them was chance, or another model."""
    known = [case for case in cases if case.request.recorded in ("complete", "hedged", "refused")]
    if not known:
        return None
    pairs = [
        (float(case.request.recorded == "refused"), sides(case, draws, "refused").original) for case in known
    ]
    return contrast(pairs, [case.request.cluster for case in known], margin=None, precision=precision)


def _saturated(cases: Sequence[Case], draws: Draws) -> tuple[int, int]:
    """Requests of several terms that are refused, and those of them that no single term decides."""
    saturated, several = 0, 0
    for case in cases:
        if case.inserted or len(case.terms) < 2 or not sides(case, draws, "refused").trigger > 0.5:
            continue
        several += 1
        each = [sides(case, draws, "refused", term=term.term).neutral for term in case.terms]
        saturated += all(one > 0.5 for one in each)
    return saturated, several
