"""How far annotators agree beyond chance: Cohen's kappa and Krippendorff's alpha, with intervals.

Both are 1 - observed / expected disagreement, and both get Wilson's interval for the disagreement at the
effective sample size: with few disagreements, the usual case, the textbook normal interval covers 0.6 to
0.9 of a nominal 0.95 and the bootstrap shrinks to a point (benchmarks/statistics). Agreement is low where
a class is rare even if annotators err seldom: show the table of counts beside the coefficient.
"""

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.predictions import Floats, checked_level, t_quantile

__all__ = ["agreement_table", "cohens_kappa", "krippendorff_alpha"]

Integers = npt.NDArray[np.int64]

_ONE_CLASS = "only one class was used, so that agreement by chance is complete"


def agreement_table(first: npt.ArrayLike, second: npt.ArrayLike, classes: int) -> Integers:
    """How often two annotators gave each pair of classes.

    Args:
        first: (n,) class of each item by the first, 0 <= class < classes; -1 where there is none.
        second: (n,) by the second.
        classes: how many there are, >= 1.

    Returns:
        (classes, classes) counts, rows the first annotator's; items that either left out are not counted.

    Raises:
        UsageError: codes out of range, not whole, or lists of different lengths.
    """
    rows, columns = _codes(first, classes, 1), _codes(second, classes, 1)
    if len(rows) != len(columns):
        raise UsageError(f"{len(rows):,} classes by the first annotator, {len(columns):,} by the second")
    both = (rows >= 0) & (columns >= 0)
    counts = np.bincount(rows[both] * classes + columns[both], minlength=classes * classes)
    table: Integers = counts.reshape(classes, classes).astype(np.int64)
    return table


def cohens_kappa(table: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """Agreement of two annotators beyond chance, unweighted.

    Args:
        table: (K, K) counts, rows the first annotator's classes, columns the second's, in one order.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [-1, 1], unit "agreement"; 1 is complete, 0 what chance gives. nan with fewer than
        two items or when both used the same single class.

    Raises:
        UsageError: a table that is not square or holds anything but counts.

    Source: Cohen (1960), Educational and Psychological Measurement 20:37; standard error of Fleiss, Cohen
    & Everitt (1969), Psychological Bulletin 72:323, eq. (13); the interval from it is ours.
    """
    counts, level = _counts(table), checked_level(level)
    n = int(counts.sum())
    if n < 2:
        return unknown(_too_few(n), unit="agreement", level=level, n=n)
    shares = counts / n
    rows, columns = shares.sum(1), shares.sum(0)
    disagree, expected = 1 - float(np.trace(shares)), 1 - float(rows @ columns)
    if expected < 1e-12:
        return unknown(_ONE_CLASS, unit="agreement", level=level, n=n)
    kappa = 1 - disagree / expected
    own = np.diagonal(shares) @ (1 - (rows + columns) * (1 - kappa)) ** 2
    off = (columns[:, None] + rows[None, :]) ** 2 * shares
    other = (1 - kappa) ** 2 * (off.sum() - np.trace(off))
    variance = float(own + other - (kappa - (1 - expected) * (1 - kappa)) ** 2) / (expected**2 * n)
    return _coefficient(disagree, expected, variance, n, level, "Cohen's kappa")


def krippendorff_alpha(ratings: npt.ArrayLike, classes: int, *, level: float = 0.95) -> Estimate:
    """Agreement of any number of annotators beyond chance, nominal classes, ratings may be missing.

    Args:
        ratings: (units, annotators) class of each unit by each, 0 <= class < classes; -1 where missing.
        classes: how many there are, >= 1.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate at most 1, at least -1, unit "agreement"; n is the units with two ratings or more, which
        alone count. nan with fewer than two of them or when they hold a single class.

    Raises:
        UsageError: codes out of range or not whole, or ratings that are not a matrix.

    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C; variance over units
    by linearisation, the interval from it is ours.
    """
    codes, level = _codes(ratings, classes, 2), checked_level(level)
    units = np.stack([(codes == c).sum(1) for c in range(classes)], axis=1).astype(float)
    units = units[units.sum(1) > 1]
    count = len(units)
    if count < 2:
        return unknown(_too_few(count), unit="agreement", level=level, n=count)
    many = units.sum(1)
    each = (many**2 - (units**2).sum(1)) / (many - 1)  # pairs of a unit that differ, per rating
    total, totals = float(many.sum()), units.sum(0)
    unlike = total**2 - float(totals @ totals)
    if unlike < 0.5:
        return unknown(_ONE_CLASS, unit="agreement", level=level, n=count)
    disagree, expected = float(each.sum()) / total, unlike / (total * (total - 1))
    # how 1 - alpha = (total - 1) sum(each) / unlike answers to a unit counted a little more
    slope = 2 * (total * many - units @ totals) / unlike
    influence = (many * each.sum() + (total - 1) * (each - each.sum() * slope)) / unlike
    variance = float(((influence - influence.mean()) ** 2).sum()) * count / (count - 1)
    return _coefficient(disagree, expected, variance, count, level, "Krippendorff's alpha, nominal")


def _coefficient(
    disagree: float, expected: float, variance: float, n: int, level: float, name: str
) -> Estimate:
    """1 - disagree / expected, with Wilson's interval for `disagree` at the sample size `variance` implies.

    That size is at most n: with few disagreements a variance is more often too small than too large.
    """
    disagree = min(1.0, max(0.0, disagree))
    binomial, effective = disagree * (1 - disagree), float(n)
    if variance > 0 and binomial > 1e-12:
        effective = min(effective, max(1.0, binomial / (expected**2 * variance)))
    low, high = wilson_bounds(disagree, effective, t_quantile(level, n - 1))
    return Estimate(
        value=max(-1.0, 1 - disagree / expected),
        low=max(-1.0, 1 - high / expected),
        high=max(-1.0, 1 - low / expected),
        level=level,
        n=n,
        labelled=n,
        unit="agreement",
        method=f"{name}, Wilson on disagreement",
    )


def _codes(values: npt.ArrayLike, classes: int, dimensions: int) -> Integers:
    codes = np.asarray(values)
    if codes.size == 0:
        return np.zeros((0,) * dimensions, np.int64)
    if codes.ndim != dimensions or codes.dtype.kind not in "iub":
        raise UsageError(
            f"classes must be whole numbers in {dimensions} dimension{'s' * (dimensions > 1)}",
            hint="number the classes from 0; -1 stands for a missing one",
        )
    if codes.min() < -1 or codes.max() >= classes:
        raise UsageError(f"classes must lie between -1 (missing) and {classes - 1}")
    return codes.astype(np.int64)


def _counts(table: npt.ArrayLike) -> Floats:
    counts = np.asarray(table, dtype=float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise UsageError(f"a table of agreement is square, not of shape {counts.shape}")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise UsageError("a table of agreement holds counts, none of them negative or missing")
    return counts


def _too_few(n: int) -> str:
    return "no item was labelled twice" if n == 0 else "a single item labelled twice"
