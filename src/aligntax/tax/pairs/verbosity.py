"""Verbosity tax: how much longer B answers than A, prompt by prompt."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.records import Estimate, unknown
from aligntax.stats.paired import log_ratio
from aligntax.tax.pairs.completion import Outcomes
from aligntax.tax.pairs.differences import Clusters, Precision

__all__ = ["verbosity_ratio"]


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
        ratios. nan, with the reason, where fewer than two prompts were answered by both.
    """
    lengths = [_lengths(table) for table in (first, second)]
    both = (lengths[0] > 0) & (lengths[1] > 0)  # nan compares false
    if outcomes is not None:
        both &= (outcomes[0].names != "refused") & (outcomes[1].names != "refused")
    if int(both.sum()) < 2:
        return unknown(
            "fewer than two prompts were answered by both", unit="log ratio", level=precision.level
        )
    return log_ratio(
        lengths[0][both],
        lengths[1][both],
        clusters=None if clusters is None else clusters[both],
        level=precision.level,
        seed=precision.seed,
    )


def _lengths(table: pa.Table) -> npt.NDArray[np.float64]:
    lengths: npt.NDArray[np.float64] = table.column("length").to_numpy().astype(np.float64)
    return lengths
