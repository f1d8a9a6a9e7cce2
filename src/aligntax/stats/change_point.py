"""Has a rate changed, asked at every look, and when.

Blocks of time hold counts. Against "the rate is the same in all of them, whatever it is" stand all histories
in which it changed once, at the beginning of one of the blocks: each with a weight, and with a Beta prior
for the rate before and one for the rate after. The evidence at a look is

    E = sum over k of weight(k) * B(a + S', b + n' - S') B(a + S'', b + n'' - S'') / B(a, b)^2
        divided by the largest likelihood that one rate for all can have, rate^S (1 - rate)^(n - S) at rate =
        S / n,

with S' events in n' exchanges before block k and S'' in n'' from it on. The numerator is a probability of
what was seen and the denominator at least that under any constant rate, so that the expected evidence never
grows and E reaches 1/alpha at any time with probability alpha at most. The rate before need not be known:
not knowing it is paid for, about half the logarithm of n' in nats. Exchanges may come late and in any order,
since only the block they belong to counts.

Clusters: all counts are divided by a design effect first; see `confidence_sequence`.

Sources: Wasserman, Ramdas & Balakrishnan (2020), PNAS 117:16880, arXiv 1912.11436, section 8 (the largest
likelihood as the denominator of a test that is valid at any time); Shin, Ramdas & Rinaldo (2024), New
England Journal of Statistics in Data Science 2:229, arXiv 2203.03532 (a weighted sum over the time of
change); Page (1955), Biometrika 42:523, and Hinkley (1970), Biometrika 57:1 (the time of change by maximum
likelihood).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, xlog1py, xlogy

from aligntax.stats.confidence_sequence import FLAT, Prior

__all__ = ["Change", "Counts", "change_detection_size", "change_point"]

Floats = npt.NDArray[np.float64]

_HALVINGS = 60
_MOST = 1e12


@dataclass(frozen=True, slots=True)
class Counts:
    """Events among exchanges.

    Attributes:
        events: 0 <= events <= n.
        n: exchanges.
    """

    events: float
    n: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What the counts say about a change of the rate.

    Attributes:
        evidence: log of E, in nats; a change is found from log(1/alpha) on. -inf where nothing can be
            compared.
        at: number of the block the new rate most likely begins with.
        first: of the blocks it may begin with, with a probability of `level` in all.
        last: of these blocks.
        before: what was counted before `at`.
        after: what was counted from `at` on.
    """

    evidence: float
    at: int
    first: int
    last: int
    before: Counts
    after: Counts


def change_point(
    events: Floats,
    counts: Floats,
    *,
    possible: int,
    history: Counts = Counts(0.0, 0.0),
    prior: Prior = FLAT,
    design_effect: float = 1.0,
    level: float = 0.95,
) -> Change:
    """The evidence that a rate changed, and where.

    Args:
        events: (blocks,) events in each block so far, 0 <= events <= counts.
        counts: (blocks,) exchanges in each block so far.
        possible: blocks there will be at most, among which the weight is dealt out evenly; >= blocks.
        history: what was counted before the first block, all of it before any change.
        prior: of the rate, before and after; chosen before the data.
        design_effect: >= 1.
        level: of the blocks that the change may have begun with.
    """
    before_s = (history.events + np.concatenate([[0.0], np.cumsum(events)[:-1]])) / design_effect
    before_n = (history.n + np.concatenate([[0.0], np.cumsum(counts)[:-1]])) / design_effect
    s, n = (history.events + events.sum()) / design_effect, (history.n + counts.sum()) / design_effect
    can = (before_n > 0) & (n - before_n > 0)
    if not can.any():
        none, last = Counts(0.0, 0.0), max(len(events) - 1, 0)
        every = Counts(history.events + float(events.sum()), history.n + float(counts.sum()))
        return Change(evidence=-math.inf, at=0, first=0, last=last, before=every, after=none)
    both = _mixed(before_s, before_n, prior) + _mixed(s - before_s, n - before_n, prior)
    said = np.where(can, both, -np.inf)
    evidence = _log_sum(said) - math.log(possible) - float(_fitted(np.array(s), np.array(n)))
    fits = np.where(can, _fitted(before_s, before_n) + _fitted(s - before_s, n - before_n), -np.inf)
    at = int(fits.argmax())
    first, last = _range(said, level)
    cut = Counts(history.events + float(events[:at].sum()), history.n + float(counts[:at].sum()))
    return Change(
        evidence=evidence,
        at=at,
        first=min(first, at),
        last=max(last, at),
        before=cut,
        after=Counts(float(events[at:].sum()), float(counts[at:].sum())),
    )


def _mixed(s: Floats, n: Floats, prior: Prior) -> Floats:
    """Log probability of s events in n, in one order, with the rate drawn from the prior."""
    a, b = prior.a, prior.b
    found: Floats = gammaln(a + s) + gammaln(b + n - s) - gammaln(a + b + n)
    found -= gammaln(a) + gammaln(b) - gammaln(a + b)
    return found


def _fitted(s: Floats, n: Floats) -> Floats:
    """The largest log likelihood a rate can have."""
    rate = s / np.maximum(n, 1e-300)
    found: Floats = xlogy(s, rate) + xlog1py(n - s, -np.minimum(rate, 1.0))
    return found


def _log_sum(logs: Floats) -> float:
    """Log of the sum of what these are the logs of; one of them at least is finite."""
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).sum()))


def _range(said: Floats, level: float) -> tuple[int, int]:
    """The narrowest set of blocks with a share `level` of the evidence, from its first to its last."""
    share = np.exp(said - _log_sum(said))
    order = np.argsort(-share, kind="stable")
    enough = int(np.searchsorted(np.cumsum(share[order]), level)) + 1
    chosen = order[:enough]
    return int(chosen.min()), int(chosen.max())


def change_detection_size(
    before: float,
    after: float,
    *,
    history: float,
    possible: int,
    alpha: float,
    prior: Prior = FLAT,
    design_effect: float = 1.0,
) -> int:
    """Exchanges after a change by which it is expected to be found: what theory says.

    Each exchange at the new rate p'' adds about KL(p'', p') = p'' log(p''/p') + (1-p'') log((1-p'')/(1-p'))
    nats to the evidence. What has to be made up for is log(1/alpha), the logarithm of the blocks a change
    may begin with, and half the logarithm of the exchanges on either side for not knowing the two rates; so
    the size is near (log(1/alpha) + log(possible) + log(n')/2 + log(n'')/2) / KL. Returned is where the
    evidence of expected counts gets there.

    Args:
        before: the rate until then, in (0, 1).
        after: the rate from then on, in (0, 1).
        history: exchanges before the change, > 0.
        possible: blocks a change may begin with.
        alpha: chance of a false alarm, in (0, 1).
        prior: of the rates.
        design_effect: >= 1.

    Source: Lorden (1971), Annals of Mathematical Statistics 42:1897 (delay log(1/alpha) / KL, which none can
    beat to first order); Lai (1998), IEEE Transactions on Information Theory 44:2917.
    """
    past, bound = Counts(before * history, history), math.log(1 / alpha)

    def evidence(n: float) -> float:
        events, counts = np.array([after * n]), np.array([n])
        return change_point(
            events, counts, possible=possible, history=past, prior=prior, design_effect=design_effect
        ).evidence

    least, most = 0.0, 1.0
    while evidence(most) < bound and most < _MOST:
        least, most = most, most * 2
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        least, most = (least, middle) if evidence(middle) >= bound else (middle, most)
    return math.ceil(most)
