"""Intervals that hold at every look at once: a rate may be watched as it comes, and acted upon at any time.

A bettor starts with 1 and bets, exchange by exchange, that the rate is not r: the stake is spread over other
rates q by a Beta(a, b) prior. If the rate is r, the expected wealth never grows, so that it reaches 1/alpha
at any time whatever with probability alpha at most (Ville). After S events in n,

    log wealth(r) = log B(a + S, b + n - S) - log B(a, b) - S log r - (n - S) log(1 - r),

and the sequence at a look is every r with a wealth below 1/alpha.

Where the rate is not r but drifts and stays at or below r all the time, the chance that wealth(r) reaches
1/alpha *while S/n is above r* is still alpha at most. For then every q below r has a likelihood below that
of r, so that the part of the stake that is on the q above r, whose wealth cannot be expected to grow, must
have reached 1/alpha by itself. An alarm that the lower end has passed a limit therefore asks nothing of the
traffic but that its rate was within the limit. The same holds for the upper end, the other way round.

Clusters. Exchanges of one user are dependent; S and n are divided by a design effect D first. If D is the
largest number of exchanges any cluster has, this is exact, whatever the dependence within clusters: a
cluster with s events in m multiplies the wealth by (q/r)^(s/D) ((1-q)/(1-r))^((m-s)/D), a weighted geometric
mean that is at most 1 + (q - r)(s - r m) / (r (1 - r) D), of expectation 1. With the design effect estimated
from the clusters, as here, it is an approximation, checked by simulation.

Sources: Robbins (1970), Annals of Mathematical Statistics 41:1397 (mixtures); Ville (1939), Etude critique
de la notion de collectif; Howard, Ramdas, McAuliffe & Sekhon (2021), Annals of Statistics 49:1055, arXiv
1810.08240, section 3.2 (the beta-binomial mixture).
"""

import math
from dataclasses import dataclass
from math import lgamma

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown

__all__ = ["FLAT", "Prior", "centred", "design_effect", "detection_size", "log_wealth", "sequence"]

Floats = npt.NDArray[np.float64]

_HALVINGS = 60
_METHOD = "beta-binomial mixture, valid at any time"
_FEWEST_GROUPS = 2
_MOST = 1e12


@dataclass(frozen=True, slots=True)
class Prior:
    """Where the stake lies: Beta(a, b), chosen before the data.

    Attributes:
        a: > 0.
        b: > 0.
    """

    a: float
    b: float


FLAT = Prior(1.0, 1.0)


def centred(rate: float, *, weight: float = 1.0) -> Prior:
    """A prior around a rate expected beforehand: the wealth grows sooner if the truth is not far from it.

    Args:
        rate: in [0, 1]; taken to be at least 1/1000 away from both ends.
        weight: of the rarer side's pseudo-observations, > 0.
    """
    rate = min(max(rate, 1e-3), 1 - 1e-3)
    total = weight / min(rate, 1 - rate)
    return Prior(total * rate, total * (1 - rate))


def log_wealth(events: float, n: float, rate: float, prior: Prior = FLAT) -> float:
    """Log of the bettor's wealth against a rate; rejected at alpha from log(1/alpha) on.

    Args:
        events: seen, 0 <= events <= n, not necessarily whole.
        n: exchanges, >= 0, not necessarily whole.
        rate: bet against, in [0, 1].
        prior: of the stake.

    Returns:
        In nats; inf where the rate has been shown impossible.
    """
    mixed = _log_beta(prior.a + events, prior.b + n - events) - _log_beta(prior.a, prior.b)
    return mixed - _log_likelihood(events, n, rate)


def _log_likelihood(events: float, n: float, rate: float) -> float:
    if (events > 0 and rate <= 0) or (n > events and rate >= 1):
        return -math.inf
    said = events * math.log(rate) if events > 0 else 0.0
    return said + ((n - events) * math.log1p(-rate) if n > events else 0.0)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def sequence(
    events: float,
    n: float,
    *,
    alpha: float = 0.05,
    prior: Prior = FLAT,
    design_effect: float = 1.0,
    clusters: int | None = None,
) -> Estimate:
    """The interval of a confidence sequence at one look: with probability 1 - alpha it covers at all looks.

    Args:
        events: seen so far, 0 <= events <= n.
        n: exchanges so far; with n = 0 the estimate is nan and says so.
        alpha: chance that any look ever misses, in (0, 1).
        prior: of the stake; chosen before the data.
        design_effect: >= 1; the variance between clusters over that of independent exchanges.
        clusters: groups of clusters behind the design effect; None where exchanges are independent.

    Returns:
        Estimate in [0, 1], unit "rate"; its ends are where the wealth reaches 1/alpha, on both sides of S/n.

    Raises:
        UsageError: alpha or the counts are outside their range.

    Source: Howard, Ramdas, McAuliffe & Sekhon (2021), section 3.2, the beta-binomial mixture (here without
    their approximation), after Robbins (1970).
    """
    _check(events, n, alpha)
    if n == 0:
        return unknown("no observations", unit="rate", level=1 - alpha)
    s, m = events / design_effect, n / design_effect
    bound, rate = math.log(1 / alpha), events / n
    return Estimate(
        value=rate,
        low=_end(s, m, rate, 0.0, prior, bound) if events > 0 else 0.0,
        high=_end(s, m, rate, 1.0, prior, bound) if events < n else 1.0,
        level=1 - alpha,
        n=round(n),
        clusters=clusters,
        unit="rate",
        method=_METHOD if design_effect == 1 else f"{_METHOD}, design effect {design_effect:.1f}",
    )


def _check(events: float, n: float, alpha: float) -> None:
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha:g}", hint="give a chance between 0 and 1, such as 0.05")
    if not 0 <= events <= n:
        raise UsageError(f"{events:g} events in {n:g} exchanges", hint="events are some of the exchanges")


def _end(s: float, m: float, rate: float, edge: float, prior: Prior, bound: float) -> float:
    """Between the observed rate, where the wealth is least, and an edge: where it reaches the bound."""
    inside, outside = rate, edge
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if log_wealth(s, m, middle, prior) < bound:
            inside = middle
        else:
            outside = middle
    return outside


def design_effect(events: Floats, counts: Floats) -> tuple[float, int]:
    """How many times as variable a rate is as one of independent exchanges would be.

    The jackknife's variance between groups over the binomial one, at least 1. Without any event, or with
    nothing else, no variance can be seen, and every group counts as a single trial. Few groups know their
    variance badly: the design effect is raised to the upper end of what they allow (two standard errors of a
    variance).

    Args:
        events: (groups,) events in each group, 0 <= events <= counts.
        counts: (groups,) exchanges in each group.

    Returns:
        The design effect, >= 1, and how many groups have exchanges.

    Source: Korn & Graubard (1998), Survey Methodology 24:193; Bell & McCaffrey (2002), Survey Methodology
    28:169 (CR3).
    """
    events, counts = events[counts > 0], counts[counts > 0]
    groups, n = len(counts), float(counts.sum())
    if groups < _FEWEST_GROUPS:
        return max(1.0, n), groups
    rate = float(events.sum()) / n
    if not 0 < rate < 1:
        return max(1.0, n / groups), groups
    residuals = (events - rate * counts) / np.maximum(1 - counts / n, 1e-9)
    between = float((residuals**2).sum()) / (n * rate * (1 - rate))
    return max(1.0, between * (1 + 2 * math.sqrt(2 / (groups - 1)))), groups


def detection_size(
    rate: float, limit: float, *, alpha: float, prior: Prior | None = None, design_effect: float = 1.0
) -> int:
    """Exchanges after which the sequence is expected to have left a limit behind: what theory says.

    Each exchange at the rate p adds KL(p, r) = p log(p/r) + (1-p) log((1-p)/(1-r)) nats to the log wealth
    against r, of which the mixture costs about half the logarithm of their number; the size is the smallest
    n at which the log wealth of n p events in n reaches log(1/alpha), about log(1/alpha) / KL(p, r) and
    more.

    Args:
        rate: the true one, in (0, 1), not the limit.
        limit: in (0, 1).
        alpha: of the sequence, in (0, 1).
        prior: of the stake; centred on the limit by default, as the watch has it.
        design_effect: >= 1.

    Raises:
        UsageError: the rate is the limit.

    Source: Robbins (1970); Lai (1976), Annals of Statistics 4:265 (expected sample size of mixture tests).
    """
    if rate == limit:
        raise UsageError("a rate at its limit is never told from it", hint="give a rate that differs")
    chosen, bound = prior or centred(limit), math.log(1 / alpha)
    least, most = 0.0, 1.0
    while log_wealth(most * rate, most, limit, chosen) < bound and most < _MOST:
        least, most = most, most * 2
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        reached = log_wealth(middle * rate, middle, limit, chosen) >= bound
        least, most = (least, middle) if reached else (middle, most)
    return math.ceil(most * design_effect)
