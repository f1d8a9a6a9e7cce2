"""Causal triggers: refused prompts asked again with words left out, as far as the requests allowed go."""

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, unknown
from aligntax.stats.clusters import clustered_rate
from aligntax.stats.comparison import benjamini_hochberg
from aligntax.stats.missing import filled, worst_and_best
from aligntax.stats.paired import mean_difference, sign_flip_p_value
from aligntax.tax.triggers.reading import Refusal
from aligntax.tax.triggers.search import Draw, Rule, Search, searched
from aligntax.tax.triggers.variants import Pieces

__all__ = ["Ask", "Causal", "CausalSettings", "Effect", "Request", "causal_triggers"]

_WAVE = 24
"""Searches under way at a time."""
_SEARCH = 40
"""Requests a search takes, roughly; none is begun with fewer left."""
_FOR_SEARCHES = 0.6
_MOST_TERMS = 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request to put before the model.

    Attributes:
        prompt: id of the refused prompt it is made from.
        text: what to ask.
        system: the system prompt.
        cluster: of the refused prompt.
        draw: number of the draw of this very text, from 1.
    """

    prompt: str
    text: str
    system: str | None
    cluster: str | None
    draw: int


Ask = Callable[[Sequence[Request]], Sequence[Draw]]
"""Puts requests before the model and tells what became of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalSettings:
    """How much is asked.

    Attributes:
        calls: requests, at most.
        rule: when a prompt counts as refused.
        draws: of each variant, where effects are measured.
        fdr: false discovery rate over the terms.
        level: coverage of the intervals.
        seed: of the bootstrap.
    """

    calls: int = 2_000
    rule: Rule = field(default_factory=Rule)
    draws: int = 3
    fdr: float = 0.05
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What leaving a term out does, over the refused prompts that hold it.

    Every variant is drawn anew for this: draws of the search, by which terms were picked, are not used.

    Attributes:
        term: left out.
        named: searches that ended at it.
        prompts: measured.
        failed: prompts some variant of which could not be told; the interval allows for the worst.
        as_it_was: refused share of the prompts as they were.
        without: without the term.
        control: without another word, or as many.
        effect: control less without: positive where the term sets refusals off.
        p: of no effect, by random signs.
        q: adjusted for all terms measured.
    """

    term: str
    named: int
    prompts: int
    failed: int
    as_it_was: Estimate
    without: Estimate
    control: Estimate
    effect: Estimate
    p: float
    q: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Causal:
    """What asking came to.

    Attributes:
        searches: id of a refused prompt -> what came of it.
        effects: of the terms, the largest first.
        verdicts: verdict of a search -> how many.
        calls: requests spent.
        not_searched: prompts for which there were no requests left.
        unmeasured: terms found whose effect could not be measured: no prompt left to measure it on, or no
            requests.
        unknown: draws that could not be told: served by another model, empty, or undetermined.
        missing: draws that failed or were not sent.
        settings: how it was asked.
    """

    searches: Mapping[str, Search]
    effects: Sequence[Effect]
    verdicts: Mapping[str, int]
    calls: int
    not_searched: int
    unmeasured: Sequence[str]
    unknown: int
    missing: int
    settings: CausalSettings


def causal_triggers(
    refusals: Sequence[Refusal],
    ask: Ask,
    settings: CausalSettings | None = None,
    *,
    suspects: Sequence[str] = (),
    others: Sequence[Refusal] = (),
) -> Causal:
    """Searches refused prompts for their triggers, then measures what leaving each trigger out does.

    Args:
        refusals: refused prompts, drawn at random; as many are searched as the requests allow.
        ask: puts requests before the model.
        settings: how much.
        suspects: terms that go with refusals in the log, measured as well.
        others: more refused prompts, drawn at random, to measure terms on.
    """
    settings = settings or CausalSettings()
    spending = _Spending(ask, settings.calls)
    prompts = {refusal.id: refusal for refusal in refusals}
    pieces = {name: Pieces(refusal.prompt) for name, refusal in prompts.items()}
    found = _searches(prompts, pieces, spending, settings)
    named = Counter(term for one in found.values() for term in one.terms)
    terms = [term for term, _ in named.most_common()]
    terms += [term for term in suspects if term not in named]
    every = {refusal.id: refusal for refusal in (*refusals, *others)}
    pieces |= {name: Pieces(one.prompt) for name, one in every.items() if name not in pieces}
    effects, unmeasured = _effects(terms[:_MOST_TERMS], named, every, pieces, spending, settings)
    return Causal(
        searches=found,
        effects=_adjusted(effects),
        verdicts=Counter(one.verdict for one in found.values()),
        calls=spending.spent,
        not_searched=len(prompts) - len(found),
        unmeasured=[*unmeasured, *terms[_MOST_TERMS:]],
        unknown=spending.counts["unknown"],
        missing=spending.counts["missing"],
        settings=settings,
    )


class _Spending:
    """Sends requests as long as there are some left, and numbers the draws of each text."""

    def __init__(self, ask: Ask, calls: int) -> None:
        self._ask, self.left = ask, calls
        self.spent = 0
        self.counts: Counter[str] = Counter()
        self._drawn: Counter[tuple[str | None, str]] = Counter()

    def __call__(self, wanted: Sequence[tuple[Refusal, str]]) -> list[Draw]:
        sent = []
        for refusal, text in wanted[: self.left]:
            self._drawn[refusal.system, text] += 1
            draw = self._drawn[refusal.system, text]
            sent.append(Request(refusal.id, text, refusal.system, refusal.cluster, draw))
        draws = list(self._ask(sent)) if sent else []
        self.left -= len(sent)
        self.spent += len(sent)
        self.counts.update(draws)
        unsent: list[Draw] = ["missing"] * (len(wanted) - len(sent))
        return draws + unsent


Steps = Generator[Sequence[str], Sequence[Draw], Search]
Names = npt.NDArray[np.object_]
Active = dict[str, tuple[Steps, Sequence[str]]]


def _searches(
    prompts: Mapping[str, Refusal],
    pieces: Mapping[str, Pieces],
    spending: _Spending,
    settings: CausalSettings,
) -> dict[str, Search]:
    """Searches side by side, none begun that could not be ended."""
    waiting, done, active = list(prompts), dict[str, Search](), Active()
    kept_back = int(settings.calls * (1 - _FOR_SEARCHES))
    while waiting or active:
        while waiting and _room(len(active), spending.left - kept_back):
            name = waiting.pop(0)
            steps = searched(pieces[name], settings.rule)
            active[name] = (steps, next(steps))
        if not active:
            break
        draws = spending([(prompts[name], text) for name, (_, texts) in active.items() for text in texts])
        active = _stepped(active, iter(draws), done)
    return done


def _room(active: int, left: int) -> bool:
    """Whether one search more can be begun."""
    return active < _WAVE and left > 0 and (active == 0 or left >= _SEARCH * (active + 1))


def _stepped(active: Active, draws: Iterator[Draw], done: dict[str, Search]) -> Active:
    """Every search a step further; those that have ended go to `done`."""
    going = Active()
    for name, (steps, texts) in active.items():
        try:
            going[name] = (steps, steps.send([next(draws) for _ in texts]))
        except StopIteration as end:
            done[name] = end.value
    return going


@dataclass(frozen=True, slots=True)
class _Measure:
    """Variants of one prompt for one term."""

    prompt: Refusal
    without: str
    control: str


def _effects(
    terms: Sequence[str],
    named: Mapping[str, int],
    prompts: Mapping[str, Refusal],
    pieces: Mapping[str, Pieces],
    spending: _Spending,
    settings: CausalSettings,
) -> tuple[list[Effect], list[str]]:
    """What leaving each term out does, as far as requests go, and the terms for which they did not."""
    planned = dict[str, list[_Measure]]()
    left = spending.left
    for at, term in enumerate(terms):
        measures = _measures(term, terms, prompts, pieces)
        each = 3 * settings.draws  # as it was, without, control
        affordable = left // (len(terms) - at) // each  # an equal share for each term left
        measures = measures[: max(affordable, min(2, left // each))]
        if len(measures) > 1:
            planned[term] = measures
            left -= each * len(measures)
    shares = _drawn_anew([one for measures in planned.values() for one in measures], spending, settings.draws)
    found = [
        _effect(term, named.get(term, 0), measures, shares, settings) for term, measures in planned.items()
    ]
    return found, [term for term in terms if term not in planned]


def _measures(
    term: str, terms: Sequence[str], prompts: Mapping[str, Refusal], pieces: Mapping[str, Pieces]
) -> list[_Measure]:
    """Prompts that hold the term, in the order they were drawn, with something else to leave out as well."""
    made = []
    for name, prompt in prompts.items():
        without, control = pieces[name].without(term), pieces[name].control(term, terms)
        if without is not None and control is not None:
            made.append(_Measure(prompt, without, control))
    return made


Shares = Mapping[tuple[str, str], float]
"""Id of a refused prompt and text -> refused share of the draws of it; nan where none could be told."""


def _drawn_anew(measures: Sequence[_Measure], spending: _Spending, draws: int) -> Shares:
    """Every variant, drawn as often as is wanted, and the prompts as they were; none of them twice."""
    variants = {
        (one.prompt.id, text): one.prompt
        for one in measures
        for text in (one.prompt.prompt, one.without, one.control)
    }
    found = spending([(prompt, text) for (_, text), prompt in variants.items() for _ in range(draws)])
    return {name: _share(found[at * draws : (at + 1) * draws]) for at, name in enumerate(variants)}


def _effect(
    term: str, named: int, measures: Sequence[_Measure], shares: Shares, settings: CausalSettings
) -> Effect:
    table = np.array(
        [
            [shares[one.prompt.id, text] for text in (one.prompt.prompt, one.without, one.control)]
            for one in measures
        ],
        np.float64,
    )
    net = table[:, 2] - table[:, 1]
    known = ~np.isnan(net)
    clusters = np.array([one.prompt.cluster for one in measures], np.object_)
    return Effect(
        term=term,
        named=named,
        prompts=int(known.sum()),
        failed=int((~known).sum()),
        as_it_was=_mean(table[:, 0], clusters, settings),
        without=_mean(table[:, 1], clusters, settings),
        control=_mean(table[:, 2], clusters, settings),
        effect=_difference(net, clusters, settings),
        p=sign_flip_p_value(net[known], clusters=clusters[known], seed=settings.seed) if known.any() else 1.0,
    )


def _share(draws: Sequence[Draw]) -> float:
    """Refused share of the draws that could be told; nan without any."""
    told = [draw for draw in draws if draw in ("refused", "answered")]
    return sum(draw == "refused" for draw in told) / len(told) if told else math.nan


def _mean(shares: npt.NDArray[np.float64], clusters: Names, settings: CausalSettings) -> Estimate:
    """Mean refused share, with a prompt as the unit."""
    known = ~np.isnan(shares)
    kept = clusters[known].tolist()
    if len(kept) < 2:
        return unknown("fewer than two prompts could be told", unit="rate", level=settings.level, n=len(kept))
    codes = np.unique(
        [f"\0{at}" if name is None else name for at, name in enumerate(kept)], return_inverse=True
    )
    sums = np.bincount(codes[1], weights=shares[known]).astype(np.float64)
    return clustered_rate(sums, np.bincount(codes[1]).astype(np.float64), level=settings.level)


def _difference(net: npt.NDArray[np.float64], clusters: Names, settings: CausalSettings) -> Estimate:
    """Mean of control less without; what could not be told may be anything from -1 to 1."""
    if int((~np.isnan(net)).sum()) < 2:
        reason = "fewer than two prompts could be told"
        return unknown(reason, unit="difference", level=settings.level, n=len(net))

    def interval(values: npt.NDArray[np.float64]) -> Estimate:
        return mean_difference(values, clusters=clusters, level=settings.level, seed=settings.seed)

    found = worst_and_best(*filled(net, least=-1.0, most=1.0), interval)
    # an end that cannot be known is as far out as there is
    return replace(found, low=max(-1.0, found.low), high=min(1.0, found.high))


def _adjusted(effects: Sequence[Effect]) -> list[Effect]:
    """With q over all of them, the largest effect first."""
    if not effects:
        return []
    q = benjamini_hochberg([one.p for one in effects])
    found = [replace(one, q=float(value)) for one, value in zip(effects, q, strict=True)]
    return sorted(found, key=lambda one: -one.effect.value if one.effect.known else math.inf)
