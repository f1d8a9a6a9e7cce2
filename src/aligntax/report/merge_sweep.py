"""Merges by their share of the pre-alignment model as a document.

schema      "aligntax.merge_sweep/1"
aligntax    version that wrote it
kind        "sweep": a method at several pre_weights; "search": shares of `adaptive` that were looked for
about       pre, aligned, method, settings, level, command (null without one), runs (the file of rows), texts
            {name: {source, samples, clusters, tokens, left_out, cut}}, max_harm; clusters are prompts or
            documents
points      [{configuration, pre_weight, shares, same_as, texts, measured, non_dominated, within}]
            same_as: "aligned" or "pre" where the merge is that model itself, else null
            texts: {name: {loss, more_than_aligned, more_than_pre}}, nats a token, differences paired; null
            for a model against itself
            measured: null, or {harm, over_refusal, mean_capability, capability: {benchmark: ...}}
            non_dominated: whether no other point is as good on all three and better on one, by the values;
            null where nothing was measured
            within: harm at most max_harm: "yes", "no", "cannot tell" by its interval; null without one
ends        {aligned, pre}: the two models themselves, in the form of points; measured is null where it was
            not asked
verdicts    [{about, verdict, text, change}]: "falls", "rises", "cannot tell" from the lowest to the highest
            pre_weight
chosen      null, or of a search {configuration, gain}: most capability among points within max_harm, and its
            gain over the best same share everywhere
notes       what a reader must know

Estimates are {value, low, high, ...} as in a bill: nan is null and `reason` says why.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from aligntax import __version__
from aligntax.frontier.pareto import non_dominated
from aligntax.records import Estimate
from aligntax.report.document import flat
from aligntax.stats.exact import clopper_pearson
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.student import normal_quantile

__all__ = ["SCHEMA", "TITLES", "OnText", "Point", "merge_sweep_document"]

SCHEMA = "aligntax.merge_sweep/1"
TITLES: Mapping[str, str] = {"proxy": "proxy samples", "text": "text"}
"""Texts in words: answers of the aligned model, which stand for reward, and what is to be won back."""
_SUBJECTS = {
    "proxy": ("Alignment is lost", "Alignment is not lost", "the proxy samples", "cost"),
    "text": ("Capability is lost", "Capability comes back", "the text", "costs"),
}
_AXES = {"harm": "Harm", "over_refusal": "Over-refusal", "mean_capability": "Capability"}
_WAYS = ("falls", "rises")
_CAPABILITY = "capability."
Rates = Mapping[str, tuple[float, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnText:
    """A model on texts: loss, and how much more it is than that of the two models; None against itself."""

    loss: Estimate
    more_than_aligned: Estimate | None
    more_than_pre: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A merge.

    Attributes:
        configuration: what tells it from the others.
        pre_weight: mean share of the pre-alignment model.
        shares: by stretch, of `adaptive`.
        same_as: "aligned" or "pre" where it is that model itself.
        texts: name -> how it does on texts.
        rates: harm, over_refusal, capability.NAME -> (rate in [0, 1], items); empty where nobody measured.
    """

    configuration: str
    pre_weight: float
    shares: Sequence[float] | None = None
    same_as: str | None = None
    texts: Mapping[str, OnText] = field(default_factory=dict)
    rates: Rates = field(default_factory=dict)


def merge_sweep_document(
    points: Sequence[Point],
    *,
    ends: Mapping[str, Point],
    about: Mapping[str, object],
    kind: str,
    level: float = 0.95,
    max_harm: float | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """What was measured, as plain values.

    Args:
        points: merges, in the order of their pre_weight, or in the order they were tried.
        ends: "aligned" and "pre" -> the models themselves, as far as they were looked at.
        about: what was asked.
        kind: "sweep" or "search".
        level: of the intervals of rates.
        max_harm: harm that a search is not to go beyond.
        notes: what a reader must know besides.
    """
    found = [_point(point, level, max_harm) for point in points]
    _mark(found)
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "kind": kind,
        "about": {**about, "level": level, "max_harm": max_harm},
        "points": [_plain(point) for point in found],
        "ends": {name: _plain(_point(point, level, max_harm)) for name, point in ends.items()},
        "verdicts": [] if kind == "search" else list(_verdicts(points, found)),
        "chosen": _chosen(found) if kind == "search" else None,
        "notes": [*notes, *_notes(kind, found)],
    }


def _point(point: Point, level: float, max_harm: float | None) -> dict[str, Any]:
    measured = _measured(point.rates, level) if point.rates else None
    return {
        "configuration": point.configuration,
        "pre_weight": point.pre_weight,
        "shares": None if point.shares is None else list(point.shares),
        "same_as": point.same_as,
        "texts": {
            name: {
                "loss": text.loss,
                "more_than_aligned": text.more_than_aligned,
                "more_than_pre": text.more_than_pre,
            }
            for name, text in point.texts.items()
        },
        "measured": measured,
        "non_dominated": None,
        "within": None if measured is None or max_harm is None else _within(measured["harm"], max_harm),
    }


def _measured(rates: Rates, level: float) -> dict[str, Any]:
    capability = {
        name.removeprefix(_CAPABILITY): _rate(*rate, level)
        for name, rate in rates.items()
        if name.startswith(_CAPABILITY)
    }
    return {
        "harm": _ceiling(*rates["harm"], level),
        "over_refusal": _rate(*rates["over_refusal"], level),
        "mean_capability": _mean(list(capability.values())),
        "capability": capability,
    }


def _ceiling(value: float, n: int, level: float) -> Estimate:
    """A rate that must not be underrated: the exact interval."""
    return replace(clopper_pearson(round(value * n), n, level=level), value=value)


def _rate(value: float, n: int, level: float) -> Estimate:
    low, high = wilson_bounds(value, n, normal_quantile(level))
    return Estimate(value=value, low=low, high=high, level=level, n=n, unit="rate", method="Wilson score")


def _mean(parts: Sequence[Estimate]) -> Estimate:
    """The mean of independent rates, its interval from theirs (Zou & Donner 2008, Stat. in Med. 27:1693)."""
    if len(parts) == 1:
        return parts[0]
    value = sum(part.value for part in parts) / len(parts)
    below = math.hypot(*(part.value - part.low for part in parts)) / len(parts)
    above = math.hypot(*(part.high - part.value for part in parts)) / len(parts)
    return replace(
        parts[0],
        value=value,
        low=value - below,
        high=value + above,
        n=sum(part.n for part in parts),
        method="Wilson scores, variances recovered",
    )


def _difference(before: Estimate, after: Estimate) -> Estimate:
    """After less before, as if of different items (Newcombe 1998, method 10): wider than paired."""
    value = after.value - before.value
    below = math.hypot(after.value - after.low, before.high - before.value)
    above = math.hypot(after.high - after.value, before.value - before.low)
    return replace(
        after,
        value=value,
        low=max(-1.0, value - below),
        high=min(1.0, value + above),
        n=before.n + after.n,
        unit="difference",
        method="Newcombe, unpaired",
    )


def _within(harm: Estimate, most: float) -> str:
    return "yes" if harm.high <= most else "no" if harm.low > most else "cannot tell"


def _mark(points: Sequence[dict[str, Any]]) -> None:
    """Says of each measured point whether another one beats it; one with too much harm beats nobody."""
    rated = [point for point in points if point["measured"]]
    allowed = [point for point in rated if point["within"] != "no"] or rated
    losses = np.array([_losses(point["measured"]) for point in allowed])
    for point in rated:
        point["non_dominated"] = False
    if allowed:
        for point, best in zip(allowed, non_dominated(losses[None])[0], strict=True):
            point["non_dominated"] = bool(best)


def _losses(measured: Mapping[str, Any]) -> tuple[float, float, float]:
    return (
        measured["harm"].value,
        measured["over_refusal"].value,
        -measured["mean_capability"].value,
    )


def _verdicts(points: Sequence[Point], found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    last = points[-1]
    for name, text in last.texts.items():
        if text.more_than_aligned is not None:
            yield _of_text(name, points, text.more_than_aligned)
    rated = [point for point in found if point["measured"]]
    if len(rated) > 1:
        for name, title in _AXES.items():
            first, end = rated[0], rated[-1]
            change = _difference(first["measured"][name], end["measured"][name])
            verdict = _of_axis(name, title, change, first["pre_weight"], end["pre_weight"])
            top = max(rated, key=_capability)
            if name == "mean_capability" and top not in (first, end):
                verdict["text"] += f" By the values it is highest at {top['pre_weight']:g}."
            yield verdict


def _of_text(name: str, points: Sequence[Point], change: Estimate) -> dict[str, Any]:
    verdict, last = _verdict(change), points[-1].pre_weight
    worse, better, subject, costs = _SUBJECTS[name]
    if verdict == "cannot tell":
        text = f"Cannot tell whether {subject} changed: {_signed(change)} at {last:g}."
    else:
        low, high = sorted((abs(change.low), abs(change.high)))
        way, than = (worse, "more") if verdict == "rises" else (better, "less")
        text = (
            f"{way} as pre_weight rises: at {last:g} {subject} {costs} {abs(change.value):.3g} nats a token "
            f"{than} than under the aligned model ({low:.3g} to {high:.3g}){_since(name, points, verdict)}."
        )
    return {"about": name, "verdict": verdict, "text": text, "change": flat(change)}


def _since(name: str, points: Sequence[Point], verdict: str) -> str:
    """From which pre_weight on every point shows it."""
    first = None
    for point in reversed(points):
        change = point.texts[name].more_than_aligned
        if change is None or _verdict(change) != verdict:
            break
        first = point.pre_weight
    return "" if first in (None, points[-1].pre_weight) else f", clear from {first:g} on"


def _of_axis(name: str, title: str, change: Estimate, first: float, last: float) -> dict[str, Any]:
    verdict = _verdict(change)
    figures = f"{100 * change.value:+.1f} points ({100 * change.low:+.1f} to {100 * change.high:+.1f})"
    between = f"from pre_weight {first:g} to {last:g}"
    text = f"{title} {verdict} {between}: {figures}."
    if verdict == "cannot tell":
        text = f"{title}: cannot tell whether it changes {between}: {figures}."
    return {"about": name, "verdict": verdict, "text": text, "change": flat(change)}


def _verdict(change: Estimate) -> str:
    if not change.known or math.isnan(change.low) or change.low <= 0 <= change.high:
        return "cannot tell"
    return _WAYS[change.low > 0]


def _signed(change: Estimate) -> str:
    if not change.known:
        return change.reason
    return f"{change.value:+.3g} nats a token ({change.low:+.3g} to {change.high:+.3g})"


def _chosen(points: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Most capability among what is not shown to do too much harm, against the best same share everywhere."""
    allowed = [point for point in points if point["within"] in (None, "yes")]
    allowed = allowed or [point for point in points if point["within"] != "no"]
    if not allowed:
        return None
    best = max(allowed, key=_capability)
    uniform = [point for point in allowed if len(set(point["shares"] or ())) == 1]
    gain = None
    if uniform and best not in uniform:
        beaten = max(uniform, key=_capability)
        gain = flat(_difference(beaten["measured"]["mean_capability"], best["measured"]["mean_capability"]))
    return {"configuration": best["configuration"], "within": best["within"], "gain": gain}


def _capability(point: Mapping[str, Any]) -> float:
    return float(point["measured"]["mean_capability"].value)


def _notes(kind: str, points: Sequence[dict[str, Any]]) -> Iterator[str]:
    rated = sum(point["measured"] is not None for point in points)
    if kind == "search":
        yield (
            f"Chosen among {rated} on the items they were measured on, the best looks better than it is: "
            "measure it on fresh items before it goes on a frontier."
        )
        yield f"Other methods need {rated} configurations too to be compared with it (aligntax frontier)."
    elif rated:
        yield "Rates of two points are compared as if of different items, which is wider than paired."
    if any(point["texts"] for point in points):
        yield "Likelihood stands for reward and for capability; neither was measured by it."
    if kind == "sweep":
        yield "Each interval is for one point: of many points one may lie outside by chance."


def _plain(point: Mapping[str, Any]) -> dict[str, Any]:
    """A point with its estimates as plain values."""

    def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, Estimate):
            return flat(value)
        return {key: plain(each) for key, each in value.items()} if isinstance(value, Mapping) else value

    return {name: plain(value) for name, value in point.items()}
