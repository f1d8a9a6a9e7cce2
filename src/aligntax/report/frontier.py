"""The frontier of methods as a document: what was measured, what it comes to, what may be claimed.

    schema          "aligntax.frontier/1"
    aligntax        version that wrote it
    level           coverage of the intervals
    replicates      how many; method tells how they were made
    paired          whether all axes are known item by item
    harm            at which methods are compared; null where it was not fixed
    over_refusal    the cap; null without one
    reference       method that is the model before alignment
    chance          benchmark -> what guessing scores
    configurations  [{method, knob, harm, over_refusal, capability, tax, taxes, allowed, on_front,
                    non_dominated, seeds}]; non_dominated is a share of replicates
    methods         [{method, budget, tax, taxes, over_refusal, between, reached, least_harm, volumes, ratio,
                    non_dominated, epsilon, area}]; taxes has the worst benchmark first
    reference_points  [{harm, over_refusal, capability, declared}] of the volumes, in their order; a volume
                    is a share of the box between its point and a model without harm, over-refusal or tax
    pairs           [{first, second, difference, p_value, adjusted, better}]; difference is first less second
    levels          [{harm, taxes: method -> figure}], where no harm was fixed
    best            the method that beats every other one at this harm; null where none is shown to
    sentences       what may be claimed, and what may not
    notes           what a reader must know

Figures are {value, low, high, level, n, labelled, clusters, unit, method, reason}; value is null where it
cannot be known, and reason says why. An end of an interval is null where it is open.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from aligntax import __version__
from aligntax.frontier.figures import ConfigurationFigures, Frontier, MethodFigures, Point, Question
from aligntax.frontier.ranking import Pair, reaches_often
from aligntax.records import Estimate
from aligntax.report.document import Document, flat
from aligntax.report.figures import interval_text, value_text

__all__ = ["SCHEMA", "frontier_document", "percent", "second_point"]

SCHEMA = "aligntax.frontier/1"
_FEWEST_SEEDS = 3


def frontier_document(
    found: Frontier, *, declared: int = 0, unequal: Sequence[str] = (), chosen_apart: bool = False
) -> Document:
    """The frontier as plain values, ready for JSON.

    Args:
        found: what was measured.
        declared: how many of the reference points were declared; others were derived to see what they change.
        unequal: what differs between budgets, where that was forced.
        chosen_apart: whether configurations were chosen on other items than they are measured on.
    """
    question = found.question
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "level": question.level,
        "replicates": question.replicates,
        "method": found.method,
        "paired": found.runs.paired,
        "harm": question.harm,
        "over_refusal": question.over_refusal,
        "reference": found.runs.reference.method,
        "chance": {name: question.chance.get(name, 0.0) for name in found.runs.benchmarks},
        "configurations": [_configuration(figures) for figures in found.configurations],
        "methods": [_method(figures) for figures in found.methods],
        "reference_points": [
            {"harm": h, "over_refusal": o, "capability": c, "declared": at < declared}
            for at, (h, o, c) in enumerate(question.reference_points)
        ],
        "pairs": [_pair(pair) for pair in found.pairs],
        "levels": [
            {"harm": harm, "taxes": {method: flat(tax) for method, tax in taxes.items()}}
            for harm, taxes in found.levels
        ],
        "best": found.best,
        "sentences": list(_sentences(found, unequal)),
        "notes": list(_notes(found, unequal, chosen_apart)),
    }


def second_point(point: Point) -> Point:
    """The reference point of a box a tenth larger each way: does the order of methods hold there?"""
    harm, over_refusal, capability = point
    return min(1.0, 1.1 * harm), min(1.0, 1.1 * over_refusal), capability - 0.1 * (1 - capability)


def percent(share: float) -> str:
    """A share as percent, with no more places than it needs: 5%, 2.5%."""
    return f"{100 * share:.4g}%"


def _configuration(figures: ConfigurationFigures) -> dict[str, object]:
    return {
        "method": figures.configuration.method,
        "knob": figures.configuration.knob,
        "harm": flat(figures.harm),
        "over_refusal": flat(figures.over_refusal),
        "capability": _flat(figures.capability),
        "tax": flat(figures.tax),
        "taxes": _flat(figures.taxes),
        "allowed": figures.allowed,
        "on_front": figures.on_front,
        "non_dominated": figures.non_dominated,
        "seeds": figures.seeds,
    }


def _method(figures: MethodFigures) -> dict[str, object]:
    return {
        "method": figures.method,
        "budget": dict(figures.budget),
        "tax": _known(figures.tax),
        "taxes": _flat(figures.taxes),
        "over_refusal": _known(figures.over_refusal),
        "between": list(figures.between),
        "reached": _number(figures.reached),
        "least_harm": _number(figures.least_harm),
        "volumes": [flat(volume) for volume in figures.volumes],
        "ratio": _known(figures.ratio),
        "non_dominated": figures.non_dominated,
        "epsilon": flat(figures.epsilon),
        "area": _known(figures.area),
    }


def _pair(pair: Pair) -> dict[str, object]:
    return {
        "first": pair.first,
        "second": pair.second,
        "difference": flat(pair.difference),
        "p_value": _number(pair.p_value),
        "adjusted": _number(pair.adjusted),
        "better": pair.better,
    }


def _flat(figures: Mapping[str, Estimate]) -> dict[str, object]:
    return {name: flat(estimate) for name, estimate in figures.items()}


def _known(estimate: Estimate | None) -> dict[str, object] | None:
    return None if estimate is None else flat(estimate)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _sentences(found: Frontier, unequal: Sequence[str]) -> Iterator[str]:
    """What may be claimed at the matched harm, pair by pair; what cannot be told; who does not reach it."""
    question = found.question
    if not question.fixed:
        missing = "harm to compare at" if question.harm is None else "cap on over-refusal"
        yield f"No method is named: the {missing} was not fixed beforehand."
        return
    where = f"harm at most {percent(question.harm or 0)} and over-refusal at most {percent(question.cap)}"
    if unequal:
        where += ", unequal budgets"
    methods = {figures.method: figures for figures in found.methods}
    there = [m for m in found.methods if m.tax is not None and m.tax.known]
    yield _headline(found.best, there, where)
    for pair in found.pairs:
        if pair.difference.known:
            yield _told(pair, methods, where) if pair.better else _untold(pair, methods, question)
    for figures in found.methods:
        if figures not in there:
            yield _out_of_reach(figures, question)


def _headline(best: str | None, there: Sequence[MethodFigures], where: str) -> str:
    if best:
        return f"At {where}, {best} has the lowest tax: lower than each of the others that get there."
    if len(there) > 1:
        return f"At {where}, no method is shown to be best."
    if not there:
        return f"At {where}, there is no method: none gets there."
    (only,) = there
    tax = only.tax
    text = "" if tax is None else f", with a tax of {value_text(tax)} ({interval_text(tax)})"
    return f"At {where}, there is only {only.method}{text}."


def _told(pair: Pair, methods: Mapping[str, MethodFigures], where: str) -> str:
    better, other = pair.better or "", pair.second if pair.better == pair.first else pair.first
    apart = pair.difference
    sign = -1 if better == pair.first else 1
    low, high = sorted(100 * sign * end for end in (apart.low, apart.high))
    return (
        f"At {where}, {better} has lower normalised tax than {other} by "
        f"{100 * sign * apart.value:.1f} points ({percent(apart.level)} interval {low:.1f} to {high:.1f}); "
        f"{better} is non-dominated in {methods[better].non_dominated:.0%} of replicates."
    )


def _untold(pair: Pair, methods: Mapping[str, MethodFigures], question: Question) -> str:
    apart = pair.difference
    text = f"Cannot tell {pair.first} from {pair.second}: {value_text(apart)} ({interval_text(apart)})"
    if apart.low <= 0 <= apart.high:
        return f"{text}."
    if pair.adjusted > 1 - question.level:
        return (
            f"{text}, but one in so many pairs may look like that by chance (Holm's p {pair.adjusted:.2g})."
        )
    lower = pair.first if apart.value < 0 else pair.second
    return f"{text}, but {lower} reaches such harm in {methods[lower].reached:.0%} of replicates only."


def _out_of_reach(figures: MethodFigures, question: Question) -> str:
    if math.isnan(figures.least_harm):
        return f"{figures.method} has no configuration under the cap on over-refusal: infeasible, not ranked."
    doubt = ""
    if reaches_often(figures.reached, question.level):
        doubt = (
            f", though it reaches it in {figures.reached:.0%} of replicates, so that none is shown to be best"
        )
    least = f"least harm under the cap {percent(figures.least_harm)}"
    return f"{figures.method} is infeasible at this harm ({least}) and not ranked{doubt}."


def _notes(found: Frontier, unequal: Sequence[str], chosen_apart: bool) -> Iterator[str]:
    question, runs = found.question, found.runs
    yield from (f"Forced: {what}. Who had more attempts looks better for it." for what in unequal)
    if not runs.paired:
        yield (
            "Rates without items are taken as independent of each other: intervals of differences are "
            "unpaired, and wider than on the same items."
        )
    if (seeds := runs.fewest_seeds) < _FEWEST_SEEDS:
        runs_text = "one training run" if seeds == 1 else f"{seeds} training runs"
        yield (
            f"Some configurations have {runs_text}: "
            + ("intervals tell of other items, not of training again" if seeds == 1 else "intervals are wide")
            + ". Three seeds are the least."
        )
    if not chosen_apart:
        yield (
            "Configurations were chosen on the items that measure them, which flatters them; a field `split` "
            "and --select dev choose on other items."
        )
    if found.guessed:
        yield f"Chance was taken as 0 for {', '.join(found.guessed)}; --chance NAME=SHARE says otherwise."
    if len(runs.benchmarks) > 1 and question.harm is not None:
        yield "The worst of several benchmarks is picked by looking, and looks a little worse than it is."
    if not question.reference_points:
        yield "No hypervolume: it depends on a reference point, which --reference-point declares."
    if question.over_refusal is None:
        yield "Over-refusal is not capped: a method that refuses more has less harm for it."
    yield from runs.notes
