"""Which words go with one class of documents: log-odds of document frequencies, word by word.

In a module that is imported when asked for, since it takes scipy.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincc, stdtrit

from aligntax.errors import UsageError
from aligntax.stats.predictions import Floats, checked_level
from aligntax.stats.student import normal_quantile

__all__ = ["ClusterSpread", "LogOdds", "Weighted", "documents_needed", "log_odds", "weighted_log_odds"]

Ints = npt.NDArray[np.int64]

_HALF = 0.5
"""Of a document, added to each cell of a table of two by two."""


@dataclass(frozen=True, slots=True)
class Weighted:
    """Log-odds shrunk towards the share a term has in all documents.

    Attributes:
        delta: (terms,) log-odds in the first class less those in the second; positive where a term is more at
            home in the first.
        z: (terms,) delta by its standard error.
    """

    delta: Floats
    z: Floats


@dataclass(frozen=True, slots=True)
class LogOdds:
    """Log odds ratios of terms, each with its interval and its test.

    Attributes:
        value: (terms,) log odds of being in the first class with the term, less those without it.
        low: (terms,) lower ends of the intervals.
        high: (terms,) upper ends.
        p: (terms,) two-sided, of the term being as frequent in both classes.
        design_effect: (terms,) variance over that of independent documents, >= 1.
        weighted: shrunk, in the order of which terms are listed; their z is inflated too.
    """

    value: Floats
    low: Floats
    high: Floats
    p: Floats
    design_effect: Floats
    weighted: Weighted


def weighted_log_odds(
    first: npt.ArrayLike, second: npt.ArrayLike, first_total: float, second_total: float, *, prior: float
) -> Weighted:
    """Weighted log-odds with an informative Dirichlet prior.

    Args:
        first: (terms,) how often each term is in the first class, >= 0.
        second: (terms,) how often in the second.
        first_total: documents of the first class for document frequencies, words of it for word frequencies.
        second_total: the same of the second.
        prior: alpha_0 > 0: documents (or words) that the prior weighs, dealt to the terms by their share in
            both classes together.

    Returns:
        Delta and z of each term. The normal tail of z is too light for rare terms where alpha_w, the prior's
        count of the term, is below about a half, and too heavy elsewhere; `log_odds` has a test that holds.

    Raises:
        UsageError: no prior weight, or more occurrences than documents.

    Source: Monroe, Colaresi & Quinn (2008), Political Analysis 16:372, eq. (15), (16), (19), (22), (23).
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not prior > 0:
        raise UsageError(f"a prior that weighs {prior:g} documents", hint="above 0")
    if (one > first_total).any() or (other > second_total).any() or min(one.min(initial=0), 0) < 0:
        raise UsageError("a term cannot be in more documents than there are")
    alpha = prior * (one + other) / (first_total + second_total)
    a, c = one + alpha, other + alpha
    rest, also = first_total + prior - a, second_total + prior - c
    with np.errstate(divide="ignore", invalid="ignore"):
        delta = np.log(a / rest) - np.log(c / also)
    delta[(rest <= 0) | (also <= 0)] = 0.0  # a term that is everywhere tells nothing
    return Weighted(delta, delta / np.sqrt(1 / a + 1 / c))


class ClusterSpread:
    """How much each log odds ratio changes when a cluster is left out, added up cluster by cluster.

    Clusters are handed over in pieces, so that memory is that of a piece and of one row a term.

    Args:
        first: (terms,) documents of the first class that hold the term.
        second: (terms,) of the second.
        first_in: (clusters,) documents of the first class in each cluster.
        second_in: (clusters,) of the second.
    """

    def __init__(self, first: Floats, second: Floats, first_in: Floats, second_in: Floats) -> None:
        self._first, self._second = first, second
        self._totals = first_in, second_in
        self._n = float(first_in.sum()), float(second_in.sum())
        self._whole = _ratio(first, self._n[0] - first, second, self._n[1] - second)
        self._squares, self._fourths, self._seen, self._sizes = (np.zeros(len(first)) for _ in range(4))
        self.clusters: Floats = np.zeros(len(first))

    @property
    def clustered(self) -> bool:
        """Whether any cluster has two documents; else documents are independent."""
        return bool((self._totals[0] + self._totals[1]).max(initial=0) > 1)

    def add(self, term: Ints, cluster: Ints, first: Floats, second: Floats) -> None:
        """Takes pairs of a term and a cluster it is in, each pair once.

        Args:
            term: (pairs,) number of the term.
            cluster: (pairs,) number of the cluster.
            first: (pairs,) documents of the first class in the cluster that hold the term.
            second: (pairs,) of the second.
        """
        count = len(self._first)
        self.clusters += np.bincount(term, minlength=count)
        self._sizes += np.bincount(term, weights=(first + second) ** 2, minlength=count)
        gone, also = self._totals[0][cluster], self._totals[1][cluster]
        a, c = self._first[term] - first, self._second[term] - second
        left = _ratio(a, self._n[0] - gone - a, c, self._n[1] - also - c)
        moved = (left - self._whole[term]) ** 2
        self._squares += np.bincount(term, weights=moved, minlength=count)
        self._fourths += np.bincount(term, weights=moved**2, minlength=count)
        self._seen += np.bincount(term, weights=self._without(term, gone, also), minlength=count)

    @property
    def effective(self) -> Floats:
        """(terms,) clusters that hold a term, as many as if each held it equally often.

        A term that one user writes a hundred times and ten others once is in hardly more than one cluster.

        Source: Kish (1965), Survey Sampling, section 11.7.
        """
        found: Floats = (self._first + self._second) ** 2 / np.maximum(1.0, self._sizes)
        return found

    def _without(self, term: Ints, gone: Floats, also: Floats) -> Floats:
        """What a cluster without the term changes: the odds of the documents that do not hold it, no more."""
        b = self._n[0] - self._first[term] + _HALF
        d = self._n[1] - self._second[term] + _HALF
        return (gone / b - also / d) ** 2

    def variance(self) -> tuple[Floats, Floats]:
        """(terms,) jackknife variances over clusters, and (terms,) their degrees of freedom, >= 1.

        These are at most the effective number of clusters less 1: where one or two clusters hold nearly all
        of a term, leaving them out may change little by chance.

        Source: Bell & McCaffrey (2002), Survey Methodology 28:169 (CR3); Satterthwaite (1946), Biometrics
        Bulletin 2:110, with the squares themselves for variances.
        """
        b, d = self._n[0] - self._first + _HALF, self._n[1] - self._second + _HALF
        one, other = self._totals
        every = (one @ one) / b**2 - 2 * (one @ other) / (b * d) + (other @ other) / d**2
        rest = np.maximum(0.0, every - self._seen)
        total = self._squares + rest
        fourths = self._fourths + rest**2 / max(1, len(one))
        degrees = np.divide(total**2, fourths, out=np.ones_like(total), where=fourths > 0)
        return total, np.maximum(1.0, np.minimum(degrees, self.effective - 1))


def log_odds(
    first: Floats,
    second: Floats,
    first_total: float,
    second_total: float,
    *,
    spread: ClusterSpread | None = None,
    prior: float = 0.1,
    level: float = 0.95,
) -> LogOdds:
    """Log odds ratios of document frequencies, with intervals and tests that allow for clusters.

    The odds ratio is the same whichever way it is read: the odds that a document of the first class holds the
    term, or the odds that a document with the term is of the first class. Its interval is Gart's, whose
    variance is inflated by the design effect (the jackknife over clusters against independent documents, at
    least 1) and whose quantile is Student's. Where all documents with a term are of one class no spread can
    be seen, and a cluster counts as one document. The test is exact: the documents with the term that are of
    the first class are binomial with the share of the first class, at the effective number of documents.

    Args:
        first: (terms,) documents of the first class that hold the term.
        second: (terms,) of the second.
        first_total: documents of the first class, > 0.
        second_total: of the second, > 0.
        spread: over clusters; None for independent documents.
        prior: what the prior of the weighted log-odds weighs, as a share of all documents, > 0.
        level: two-sided coverage, in (0, 1).

    Raises:
        UsageError: an empty class, or more documents with a term than there are.

    Source: Gart (1966), JRSS B 28:164; Korn & Graubard (1998), Survey Methodology 24:193 (effective size).
    """
    if not (first_total > 0 and second_total > 0):
        raise UsageError("one of the classes is empty: there is nothing to compare with")
    level = checked_level(level)
    weighted = weighted_log_odds(
        first, second, first_total, second_total, prior=prior * (first_total + second_total)
    )
    cells = [first, first_total - first, second, second_total - second]
    value = _ratio(*cells)
    independent = np.asarray(sum(1 / (cell + _HALF) for cell in cells))
    effect, quantiles = _inflation(first, second, independent, spread, level)
    half = quantiles * np.sqrt(independent * effect)
    shrink = effect * (quantiles / normal_quantile(level)) ** 2
    p = _binomial_p(first / shrink, (first + second) / shrink, first_total / (first_total + second_total))
    return LogOdds(
        value,
        value - half,
        value + half,
        p,
        effect,
        Weighted(weighted.delta, weighted.z / np.sqrt(effect)),
    )


def _inflation(
    first: Floats, second: Floats, independent: Floats, spread: ClusterSpread | None, level: float
) -> tuple[Floats, Floats]:
    """Design effects, and quantiles of the intervals."""
    z = normal_quantile(level)
    if spread is None or not spread.clustered:
        return np.ones_like(independent), np.full_like(independent, z)
    variance, degrees = spread.variance()
    effect = np.maximum(1.0, variance / independent)
    alone = np.minimum(first, second) == 0
    sizes = (first + second) / np.maximum(1.0, spread.clusters)
    effect[alone] = np.maximum(effect, sizes)[alone]
    return effect, np.maximum(z, stdtrit(degrees, (1 + level) / 2))


def _binomial_p(events: Floats, trials: Floats, share: float) -> Floats:
    """Two-sided p-values of numbers of events that need not be whole: twice the smaller tail."""
    above, below = np.ones_like(events), np.ones_like(events)
    some, not_all = events > 0, events < trials
    above[some] = betainc(events[some], (trials - events)[some] + 1, share)
    below[not_all] = betaincc(events[not_all] + 1, (trials - events)[not_all], share)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(above, below)))


def _ratio(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """Log odds ratio with half a document in each cell."""
    found: Floats = np.log((a + _HALF) / (b + _HALF)) - np.log((c + _HALF) / (d + _HALF))
    return found


def documents_needed(rate: float, factor: float, *, tests: int, fdr: float = 0.05, power: float = 0.8) -> int:
    """Documents with a term at which a change of its odds would be found among many tests.

    Args:
        rate: share of the first class without the term, in (0, 1).
        factor: what the term multiplies the odds by, > 0, not 1.
        tests: terms tested, >= 1; the term is taken to be the only one, so that its p is held to fdr / tests.
        fdr: false discovery rate.
        power: probability of finding it.
    """
    odds = factor * rate / (1 - rate)
    other = odds / (1 + odds)
    z_alpha, z_beta = normal_quantile(1 - fdr / max(1, tests)), normal_quantile(2 * power - 1)
    spread = z_alpha * math.sqrt(rate * (1 - rate)) + z_beta * math.sqrt(other * (1 - other))
    return math.ceil((spread / (other - rate)) ** 2)
