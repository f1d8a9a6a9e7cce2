"""Verbosity tax: how much longer B answers than A, prompt by prompt."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.records import Estimate, unknown
from aligntax.stats.missing import worst_and_best
from aligntax.stats.paired import log_ratio
from aligntax.tax.pairs.completion import Outcomes
from aligntax.tax.pairs.differences import Clusters, Precision

__all__ = ["log_ratios", "open_ends", "verbosity_ratio"]


def verbosity_ratio(
    first: pa.Table,
    second: pa.Table,
    clusters: Clusters,
    outcomes: tuple[Outcomes, Outcomes] | None,
    precision: Precision,
) -> Estimate:
    """The mean log ratio of lengths, B to A, among the prompts that both answered.

    Args:
        first: (items,) of the ANSWER schema, A's; lengths in the same unit as B's.
        second: (items,) B's, in the same order.
        clusters: (items,) which items depend on each other; see `Clusters`.
        outcomes: of A and B; what one refused is not compared in length. None where they are not known:
            then every answer that is not empty counts.
        precision: level and seed.

    Returns:
        Estimate, unit "log ratio", > 0 where B is the longer one: exp(value) is the geometric mean of the
        ratios. nan, with the reason, where fewer than two prompts were answered by both. Where an answer is
        missing that could have been compared, the interval holds whatever ratio among those seen it had.
    """
    values = log_ratios(first, second, outcomes)
    known, open_ = np.isfinite(values), np.isposinf(values)
    if int(known.sum()) < 2:
        return unknown(
            "fewer than two prompts were answered by both", unit="log ratio", level=precision.level
        )
    rows = known | open_
    groups = None if clusters is None else clusters[rows]

    def interval(ratios: npt.NDArray[np.float64]) -> Estimate:
        return log_ratio(
            np.ones(len(ratios)), np.exp(ratios), clusters=groups, level=precision.level, seed=precision.seed
        )

    return worst_and_best(*open_ends(values[rows]), interval)


def log_ratios(
    first: pa.Table, second: pa.Table, outcomes: tuple[Outcomes, Outcomes] | None
) -> npt.NDArray[np.float64]:
    """The log ratio of lengths, B to A, prompt by prompt.

    Args:
        first: as of `verbosity_ratio`; so are the others.
        second: B's.
        outcomes: of both.

    Returns:
        (items,) infinite where an answer is missing that could have been compared, nan where one is not to be
        compared: refused, or empty.
    """
    sides = [_lengths(table) for table in (first, second)]
    failed = [np.zeros(len(first), dtype=bool)] * 2 if outcomes is None else [one.missing for one in outcomes]
    fit = [
        (lengths > 0) & (True if outcomes is None else outcomes[at].names != "refused")
        for at, lengths in enumerate(sides)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(sides[1]) - np.log(sides[0])
    either = (fit[0] | failed[0]) & (fit[1] | failed[1])
    found: npt.NDArray[np.float64] = np.where(fit[0] & fit[1], ratios, np.where(either, np.inf, np.nan))
    return found


def open_ends(ratios: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ratios with every missing one at the least that was seen, and with every one at the most.

    Args:
        ratios: (n,) infinite where missing, of which some are not.
    """
    open_ = np.isposinf(ratios)
    seen = ratios[~open_]
    return np.where(open_, seen.min(), ratios), np.where(open_, seen.max(), ratios)


def _lengths(table: pa.Table) -> npt.NDArray[np.float64]:
    lengths: npt.NDArray[np.float64] = table.column("length").to_numpy().astype(np.float64)
    return lengths
