"""The trigger vocabulary: which terms of a prompt go with its being refused."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate
from aligntax.stats.comparison import benjamini_hochberg
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.log_odds import ClusterSpread, LogOdds, documents_needed, log_odds
from aligntax.stats.predictions import Floats
from aligntax.stats.student import normal_quantile
from aligntax.tax.triggers.corpus import Corpus
from aligntax.tax.triggers.explained import Explanation, explain
from aligntax.tax.triggers.terms import STOP_WORDS, Terms, frequent_terms

__all__ = ["Settings", "Term", "Verdict", "Vocabulary", "vocabulary"]

Verdict = Literal["found", "none", "too little data"]
_MOST_EXPLAINED = 400
_MOST_POINTS = 1_500
_USUAL_TESTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How terms are looked for.

    Attributes:
        least_documents: prompts a term must be in.
        least_clusters: users, sessions or templates whose prompts it must be in, as many as if each used it
            equally often; where there are any.
        longest: words of a term.
        fdr: false discovery rate.
        level: coverage of the intervals.
        prior: of the weighted log-odds, as a share of all prompts.
        hedged: whether a hedged answer counts as a refusal.
        share: of the prompts, that a trigger must be in for the verdict "none" to rule it out.
        factor: by which such a trigger multiplies the odds of a refusal.
    """

    least_documents: int = 10
    least_clusters: int = 5
    longest: int = 3
    fdr: float = 0.05
    level: float = 0.95
    prior: float = 0.1
    hedged: bool = False
    share: float = 0.01
    factor: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A term and how it goes with refusals.

    Attributes:
        name: its words, joined by a space.
        documents: prompts that hold it.
        refused: refused ones among them.
        clusters: users, sessions or templates behind them.
        share_with: refused share of the prompts with it.
        share_without: of the prompts without it.
        odds: log odds ratio of a refusal, with the term against without it.
        delta: weighted log-odds (Monroe et al.), by which terms are listed.
        z: of delta.
        p: exact, for this term alone.
        q: adjusted for all terms tested.
        explanation: by which other term it is explained, if it is.
    """

    name: str
    documents: int
    refused: int
    clusters: int
    share_with: Estimate
    share_without: Estimate
    odds: Estimate
    delta: float
    z: float
    p: float
    q: float
    explanation: Explanation | None = None


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What a log says of its triggers.

    Attributes:
        verdict: "found"; "none" where a trigger of the size asked about would have been found; else "too
            little data".
        why: the verdict, in a sentence.
        refused: prompts in the class of refusals.
        complete: prompts it is compared with.
        clusters: independent groups of them.
        tested: terms tested, which is what q is adjusted for.
        narrow: frequent terms left out, since too few clusters use them.
        only_stop_words: frequent terms left out, since they say nothing.
        triggers: terms that go with refusals and are not explained by another, the surest first.
        explained: terms that go with refusals because of another.
        answered: terms that go with answers, the surest first.
        points: what a chart shows: name, delta, q of many of the terms tested.
        needed: prompts at which a trigger of the size asked about would be found in four of five logs; None
            where that cannot be told.
        detectable: factor on the odds that would be found with the prompts at hand; nan likewise.
        settings: how terms were looked for.
    """

    verdict: Verdict
    why: str
    refused: int
    complete: int
    clusters: int
    settings: Settings
    tested: int = 0
    narrow: int = 0
    only_stop_words: int = 0
    triggers: Sequence[Term] = ()
    explained: Sequence[Term] = ()
    answered: Sequence[Term] = ()
    points: Sequence[tuple[str, float, float]] = ()
    needed: int | None = None
    detectable: float = math.nan
    notes: Sequence[str] = field(default=())


def vocabulary(corpus: Corpus, settings: Settings | None = None) -> Vocabulary:
    """Terms of the refused prompts against those of the answered ones.

    Every frequent term is tested once; Benjamini and Hochberg's procedure holds the false discovery rate over
    all of them. Of terms that stand in the same prompts one is named, and the others are said to be explained
    by it.

    Args:
        corpus: prompts with their outcomes.
        settings: how.
    """
    settings = settings or Settings()
    refused, clusters = int(corpus.refused.sum()), corpus.clusters
    complete = len(corpus) - refused
    empty = Vocabulary(
        verdict="too little data",
        why=_why_not(refused, complete, clusters),
        refused=refused,
        complete=complete,
        clusters=clusters,
        settings=settings,
    )
    if empty.why:
        return empty
    terms = frequent_terms(corpus, least=settings.least_documents, longest=settings.longest)
    spread = _spread(corpus, terms)
    found = log_odds(
        terms.refused,
        terms.documents - terms.refused,
        refused,
        complete,
        spread=spread,
        prior=settings.prior,
        level=settings.level,
    )
    tested = spread.effective >= settings.least_clusters if spread.clustered else spread.clusters > 0
    q = np.full(len(tested), np.nan)
    q[tested] = benjamini_hochberg(found.p[tested])
    measured = _Measured(corpus, terms, found, q, spread.clusters, settings)
    return _judged(
        replace(
            empty,
            tested=int(tested.sum()),
            narrow=int((~tested).sum()),
            only_stop_words=terms.only_stop_words,
            points=measured.points(),
        ),
        measured,
        float(np.median(found.design_effect[tested])) if tested.any() else 1.0,
    )


def _why_not(refused: int, complete: int, clusters: int) -> str:
    if not refused + complete:
        return "no prompt has an outcome"
    if not refused:
        return f"none of the {complete:,} prompts was refused, so there is nothing to explain"
    if not complete:
        return f"all {refused:,} prompts were refused, so there is nothing to compare them with"
    if clusters < 2:
        return "all prompts are of one user, session or template, which says nothing of others"
    return ""


def _spread(corpus: Corpus, terms: Terms) -> ClusterSpread:
    """Terms by cluster, a piece of the corpus at a time."""
    in_clusters = [
        np.bincount(corpus.cluster, weights=which, minlength=corpus.clusters).astype(np.float64)
        for which in (corpus.refused, ~corpus.refused)
    ]
    spread = ClusterSpread(terms.refused, terms.documents - terms.refused, in_clusters[0], in_clusters[1])
    if not spread.clustered:
        spread.clusters = terms.documents
        return spread
    for prompt, term in terms.pairs():
        key = corpus.cluster[prompt].astype(np.int64) * len(terms.names) + term
        refused = corpus.refused[prompt]
        both = np.sort(key * 2 + refused)
        begins = np.flatnonzero(np.append(True, both[1:] >> 1 != both[:-1] >> 1)[: len(both)])
        counts = np.diff(np.append(begins, len(both))).astype(np.float64)
        first = np.add.reduceat(both & 1, begins).astype(np.float64)
        pair = both[begins] >> 1
        spread.add(pair % len(terms.names), pair // len(terms.names), first, counts - first)
    return spread


@dataclass(frozen=True)
class _Measured:
    corpus: Corpus
    terms: Terms
    found: LogOdds
    q: Floats
    clusters: Floats
    settings: Settings

    def significant(self, sign: int) -> npt.NDArray[np.int64]:
        """Terms found on a side, the surest first."""
        with np.errstate(invalid="ignore"):
            at = np.flatnonzero((self.q <= self.settings.fdr) & (self.found.value * sign > 0))
        # of terms in the same prompts the longest is named, unless it begins or ends with a stop word
        edges = np.array([_bare_edge(self.terms.names[one]) for one in at.tolist()], np.bool_)
        sure = -np.abs(self.found.weighted.z[at])
        order = np.lexsort((-self.terms.sizes[at], edges, sure, self.found.p[at]))
        return at[order][:_MOST_EXPLAINED]

    def term(self, at: int, explanation: Explanation | None = None) -> Term:
        found, level = self.found, self.settings.level
        m, y = int(self.terms.documents[at]), int(self.terms.refused[at])
        effect, clusters = float(found.design_effect[at]), int(self.clusters[at])
        n, refused = len(self.corpus), int(self.corpus.refused.sum())
        odds = Estimate(
            value=float(found.value[at]),
            low=float(found.low[at]),
            high=float(found.high[at]),
            level=level,
            n=n,
            clusters=self.corpus.clusters,
            unit="log odds ratio",
            method=f"log odds ratio, Gart, design effect {effect:.1f}",
        )
        return Term(
            name=self.terms.names[at],
            documents=m,
            refused=y,
            clusters=clusters,
            share_with=_share(y, m, effect, level),
            share_without=_share(refused - y, n - m, effect, level),
            odds=odds,
            delta=float(found.weighted.delta[at]),
            z=float(found.weighted.z[at]),
            p=float(found.p[at]),
            q=float(self.q[at]),
            explanation=explanation,
        )

    def points(self) -> list[tuple[str, float, float]]:
        """The surest terms, and of the others as many as a chart can show."""
        at = np.flatnonzero(~np.isnan(self.q))
        at = at[np.argsort(self.found.p[at], kind="stable")]
        half = _MOST_POINTS // 2
        step = max(1, math.ceil((len(at) - half) / half))
        chosen = [*at[:half], *at[half::step]]
        delta = self.found.value
        return [(self.terms.names[i], float(delta[i]), float(self.q[i])) for i in chosen]


def _bare_edge(name: str) -> bool:
    words = name.split(" ")
    return words[0] in STOP_WORDS or words[-1] in STOP_WORDS


def _share(events: int, n: int, effect: float, level: float) -> Estimate:
    if not n:
        return Estimate(
            value=math.nan,
            low=math.nan,
            high=math.nan,
            level=level,
            n=0,
            unit="rate",
            method="none",
            reason="every prompt holds it",
        )
    low, high = wilson_bounds(events / n, max(1.0, n / effect), normal_quantile(level))
    method = f"Wilson score, design effect {effect:.1f}"
    return Estimate(value=events / n, low=low, high=high, level=level, n=n, unit="rate", method=method)


def _judged(found: Vocabulary, measured: _Measured, effect: float) -> Vocabulary:
    """The terms, and what may be said of them."""
    ups, downs = measured.significant(1), measured.significant(-1)
    reasons = explain(measured.corpus, measured.terms, ups, measured.found.design_effect)
    triggers = [measured.term(at) for at in ups.tolist() if at not in reasons]
    explained = [measured.term(at, reasons[at]) for at in ups.tolist() if at in reasons]
    against = explain(measured.corpus, measured.terms, downs, measured.found.design_effect, sign=-1)
    answered = [measured.term(at) for at in downs.tolist() if at not in against]
    needed, detectable = _power(found, effect)
    enough = found.refused + found.complete >= needed
    verdict: Verdict = "found" if triggers else "none" if enough and found.tested else "too little data"
    return replace(
        found,
        verdict=verdict,
        why=_why(verdict, found, needed, len(triggers)),
        triggers=triggers,
        explained=explained,
        answered=answered,
        needed=needed,
        detectable=detectable,
    )


def _power(found: Vocabulary, effect: float) -> tuple[int, float]:
    """Prompts needed for the trigger asked about, and the factor that would be seen with those there are."""
    settings, n = found.settings, found.refused + found.complete
    rate, tests = found.refused / n, found.tested or _USUAL_TESTS

    def prompts(factor: float) -> float:
        documents = documents_needed(rate, factor, tests=tests, fdr=settings.fdr)
        return max(documents * effect, settings.least_documents) / settings.share

    low, high = 1.0, 1e4
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if middle > 1 and prompts(middle) <= n else (middle, high)
    return math.ceil(prompts(settings.factor)), high if high < 9e3 else math.nan


def _why(verdict: Verdict, found: Vocabulary, needed: int, triggers: int) -> str:
    n, settings = found.refused + found.complete, found.settings
    share = f"{100 * settings.share:g}% of the prompts"
    trigger = f"in {share} that multiplies the odds of a refusal by {settings.factor:g}"
    if verdict == "found":
        return (
            f"{triggers:,} {'trigger' if triggers == 1 else 'triggers'} among {found.tested:,} terms tested, "
            f"at a false discovery rate of {settings.fdr:.0%}"
        )
    if verdict == "none":
        return f"none of {found.tested:,} terms goes with refusals; one {trigger} would have been found"
    return f"{n:,} prompts, where a term {trigger} takes {needed:,} to be found"
