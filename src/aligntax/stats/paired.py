"""Two models on the same items: what changed from the first to the second, in clusters or item by item."""

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.cluster_bootstrap import bootstrap_t
from aligntax.stats.cluster_totals import MOST_ROWS, ClusterTotals, as_numbers, cluster_totals
from aligntax.stats.predictions import Floats, checked_level

__all__ = ["log_ratio", "mean_difference", "normalised_tax", "sign_flip_p_value"]

_EXACT = 12  # clusters up to which all signs are gone through, 4,096 of them
_CHUNK = 1_000_000  # signs in memory at a time


def mean_difference(
    differences: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    unit: Unit = "difference",
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Estimate:
    """The mean of paired differences, with the paired bootstrap over clusters.

    Differences of -1, 0 and 1 alone are those of items that are right or wrong: the interval then holds
    Bonett and Price's, since a sample in which nobody erred does not say that nobody errs. So does that
    of differences most of which are 0, with the largest one seen in place of 1. (For pairs that are
    right or wrong and in no clusters, `comparison.paired_difference` is narrower.)

    Args:
        differences: (n,) second less first, finite.
        clusters: (n,) what makes items depend on each other, of any hashable type; an item with None
            stands alone, and without a list every item does.
        unit: of the differences.
        level: two-sided coverage, in (0, 1).
        replicates: samples of clusters, at least 2 / (1 - level).
        seed: of the samples; the same arguments give the same interval.

    Returns:
        Estimate in `unit`, the mean over items; nan with fewer than two clusters. Where all differences
        are equal, and no right or wrong, nothing tells how large another one would be: both ends are nan.

    Raises:
        UsageError: differences that are not finite, lists of different lengths, too few replicates.

    Source: see `cluster_bootstrap`; coverage in benchmarks/statistics.
    """
    values = as_numbers("differences", differences)
    # nothing but zeros may be anything, unless the unit says that it is of rates
    shares = unit in ("difference", "rate", "share") or bool(values.any())
    binary = shares and bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
    step = 1.0 if binary else _usual_step(values)
    return _mean(values, clusters, step, unit, level, replicates, seed, limit=1.0 if binary else np.inf)


def log_ratio(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Estimate:
    """The mean of ln(second / first) over pairs: positive where the second is longer.

    Args:
        first: (n,) lengths or other amounts, > 0.
        second: (n,) of the same items, > 0.
        clusters: see `mean_difference`; so are level, replicates and seed.
        level: two-sided coverage, in (0, 1).
        replicates: samples of clusters.
        seed: of the samples.

    Returns:
        Estimate, unit "log ratio"; exp of it is the ratio of geometric means. nan with fewer than two
        clusters; ends that are nan where all ratios are equal.

    Raises:
        UsageError: amounts that are not above 0, lists of different lengths.
    """
    before, after = _both(as_numbers("first amounts", first), as_numbers("second amounts", second))
    for name, amounts in (("first", before), ("second", after)):
        if (amounts <= 0).any():
            at = int(np.argmax(amounts <= 0))
            raise UsageError(
                f"the {name} amount at index {at} is {amounts[at]:g}, and a ratio needs amounts above 0",
                hint="leave out pairs with an empty side, and say how many there were",
            )
    values = np.log(after) - np.log(before)
    return _mean(values, clusters, _usual_step(values), "log ratio", level, replicates, seed)


def normalised_tax(
    reference: npt.ArrayLike,
    aligned: npt.ArrayLike,
    chance: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Estimate:
    """What share of the reference's score above guessing the aligned model lost.

    (mean(reference) - mean(aligned)) / (mean(reference) - chance), on the same items, with the bootstrap
    over clusters of the ratio. Fieller's interval covers as often, but less where few items differ.

    Args:
        reference: (n,) score of each item, higher is better.
        aligned: (n,) score of the same items by the aligned model.
        chance: score of a guess, one for all items or (n,).
        clusters: see `mean_difference`; so are level, replicates and seed.
        level: two-sided coverage, in (0, 1).
        replicates: samples of clusters.
        seed: of the samples.

    Returns:
        Estimate, unit "share": 1 where all was lost, negative for a bonus. nan with fewer than two
        clusters, and where the interval of mean(reference) - chance reaches 0.

    Raises:
        UsageError: scores that are not finite, lists of different lengths.
    """
    before, after = _both(as_numbers("reference scores", reference), as_numbers("aligned scores", aligned))
    level, above = checked_level(level), before - _chances(chance, len(before))
    lost = before - after
    totals = cluster_totals(lost, above, clusters)
    reason = _too_few(totals.clusters)
    if not reason and not _beats_chance(before, above, clusters, level, replicates, seed):
        reason = "the reference is not shown to do better than guessing"
    if reason:
        return unknown(reason, unit="share", level=level, n=len(before))
    binary = bool(np.isin(lost, (-1.0, 0.0, 1.0)).all())
    step = 1.0 if binary else _usual_step(lost)
    ends = bootstrap_t(totals, level=level, replicates=replicates, seed=seed, step=step)
    return _estimate(totals, ends, clusters, "share", level, step)


def sign_flip_p_value(
    differences: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    replicates: int = 10_000,
    seed: int = 0,
) -> float:
    """Two-sided p-value of no difference: the sign of each cluster's differences flipped at random.

    Args:
        differences: (n,) second less first, finite.
        clusters: see `mean_difference`.
        replicates: flips where going through all is too much, >= 1.
        seed: of the flips.

    Returns:
        In (0, 1]. Exact with at most twelve clusters whose sum is not 0; otherwise at least
        1 / (replicates + 1). 1 where no cluster differs.

    Raises:
        UsageError: differences that are not finite, lists of different lengths, no replicates.

    Source: Fisher (1935), The Design of Experiments, section 21; Phipson & Smyth (2010), Statistical
    Applications in Genetics and Molecular Biology 9:39 (p-values that are never 0).
    """
    if replicates < 1:
        raise UsageError("a p-value by random flips needs at least one replicate")
    values = as_numbers("differences", differences)
    totals = cluster_totals(values, np.zeros(len(values)), clusters)
    differ = np.abs(totals.over) > 1e-12 * np.abs(totals.over).max(initial=0.0)
    sums = totals.over[differ]
    observed = abs(float(sums.sum())) - 1e-9 * float(np.abs(sums).sum())  # ties count, rounding or not
    if len(sums) <= _EXACT:
        signs = 1 - 2 * (np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1)
        return float(np.mean(np.abs(signs @ sums) >= observed))
    extreme = _flipped(sums, replicates, np.random.default_rng(seed)) >= observed
    return (1 + int(extreme.sum())) / (1 + replicates)


def _flipped(sums: Floats, replicates: int, generator: np.random.Generator) -> Floats:
    """(replicates,) size of the sum of (clusters,) sums, with signs at random.

    Sums of one size are flipped in one draw. Where sizes are many, clusters are dealt to groups that are
    flipped together: fewer flips, and every bit as exact.
    """
    sizes = np.abs(sums)
    rows = cluster_totals(sizes if len(np.unique(sizes)) <= MOST_ROWS else sums, np.ones(len(sums)), None)
    rows = rows.condensed(generator)
    alike, found = rows.alike.astype(np.int64), []
    for start in range(0, replicates, _CHUNK // MOST_ROWS):
        shape = (min(_CHUNK // MOST_ROWS, replicates - start), len(alike))
        # one coin a row is many times faster than the binomial
        one_each = alike.max() == 1
        heads = (generator.random(shape) < 0.5) if one_each else generator.binomial(alike, 0.5, shape)
        found.append(np.abs((2.0 * heads - alike) @ rows.over))
    return np.concatenate(found)


def _mean(
    values: Floats,
    clusters: npt.ArrayLike | None,
    step: float,
    unit: Unit,
    level: float,
    replicates: int,
    seed: int,
    limit: float = np.inf,
) -> Estimate:
    """The mean of (n,) values, none of which can lie beyond -limit and limit."""
    level, totals = checked_level(level), cluster_totals(values, np.ones(len(values)), clusters)
    reason = _too_few(totals.clusters)
    if reason:
        return unknown(reason, unit=unit, level=level, n=len(values))
    low, high = bootstrap_t(totals, level=level, replicates=replicates, seed=seed, step=step)
    ends = float(np.clip(low, -limit, limit)), float(np.clip(high, -limit, limit))
    return _estimate(totals, ends, clusters, unit, level, step)


def _estimate(
    totals: ClusterTotals,
    ends: tuple[float, float],
    clusters: npt.ArrayLike | None,
    unit: Unit,
    level: float,
    step: float,
) -> Estimate:
    method = "paired bootstrap-t" if clusters is None else "paired cluster bootstrap-t"
    if step:
        method += ", smoothed"
    if not totals.varies:
        method = "all alike, one trial a cluster" if step else "all alike, ends unknown"
    return Estimate(
        value=totals.ratio,
        low=ends[0],
        high=ends[1],
        level=level,
        n=totals.items,
        clusters=None if clusters is None else totals.clusters,
        unit=unit,
        method=method,
    )


def _usual_step(values: Floats) -> float:
    """The largest difference where most are 0, and samples are likely in which none differs; else 0."""
    return float(np.abs(values).max(initial=0.0)) if 2 * np.count_nonzero(values) < len(values) else 0.0


def _beats_chance(
    before: Floats, above: Floats, clusters: npt.ArrayLike | None, level: float, replicates: int, seed: int
) -> bool:
    """Whether the interval of the reference's score above chance lies above 0."""
    totals = cluster_totals(above, np.ones(len(above)), clusters)
    binary = bool(np.isin(np.abs(before), (0.0, 1.0)).all())  # below 0 where lower is better
    low, _ = bootstrap_t(totals, level=level, replicates=replicates, seed=seed, step=0.5 if binary else 0.0)
    return totals.ratio > 0 and not low <= 0


def _both(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    if len(first) != len(second):
        raise UsageError(
            f"{len(first):,} values on one side, {len(second):,} on the other", hint="give both for each item"
        )
    return first, second


def _chances(chance: npt.ArrayLike, n: int) -> Floats:
    """(n,) score of a guess at each item."""
    given = as_numbers("chances", np.atleast_1d(np.asarray(chance)))
    if np.ndim(chance) == 0:
        return np.full(n, given[0])
    if len(given) != n:
        raise UsageError(
            f"{len(given):,} chances for {n:,} items", hint="give one for each item, or one for all"
        )
    return given


def _too_few(clusters: int) -> str:
    if clusters > 1:
        return ""
    return "no pairs" if clusters == 0 else "a single cluster says nothing about others"
