"""Two runs on the same prompts: what became of each prompt in one and in the other.

Of large runs one prompt in so many is taken, by the hash of its text: the same ones of both, at random with
respect to what became of them. A hundred thousand pairs tell a difference to a fifth of a point.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.dashboard.reading.exchanges import read_columns
from aligntax.records import Estimate

__all__ = ["Pairs", "pairs_of"]

_MOST = 100_000
_FLIPS = 60
_TAXED = "outcome IN ('refused', 'hedged') AND coalesce(reason, '') <> 'cannot'"
_COLUMNS = (
    f"file_row_number AS row, prompt_key, ({_TAXED}) AS taxed, outcome, coalesce(use_case, '') AS use_case"
)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What two runs made of the prompts in both.

    Attributes:
        prompts: in both, with an outcome in both; each counts once, as it was first asked.
        worse: refused or hedged in the second only.
        better: refused or hedged in the first only.
        one_in: of how many prompts one was taken; 1 for all.
        flips: some prompts that changed: use_case, outcomes and places in both files, whether for the worse.
    """

    prompts: int
    worse: int
    better: int
    one_in: int
    flips: Sequence[Mapping[str, Any]]

    @property
    def difference(self) -> Estimate:
        """Of the completion tax, second less first."""
        from aligntax.stats.comparison import paired_difference  # scipy, as in `side_by_side`

        return paired_difference(self.worse, self.better, self.prompts)

    @property
    def p(self) -> float:
        """Of no difference: McNemar's exact test, two-sided."""
        from aligntax.stats.comparison import exact_mcnemar

        return exact_mcnemar(self.worse, self.better)


def pairs_of(first: Path, second: Path, exchanges: int) -> Pairs:
    """The prompts two runs have in common.

    Args:
        first: file of outcomes of the first run.
        second: of the second.
        exchanges: of the larger one.
    """
    one_in = 2 ** max(0, math.ceil(math.log2(max(1, exchanges) / _MOST)))
    sides = [_first_asked(read_columns(path, _COLUMNS, _chosen(one_in))) for path in (first, second)]
    keys, others = (side.column("prompt_key").to_numpy() for side in sides)
    _, at, other = np.intersect1d(keys, others, assume_unique=True, return_indices=True)
    before, after = sides[0].take(pa.array(at)), sides[1].take(pa.array(other))
    taxed = [side.column("taxed").to_numpy() for side in (before, after)]
    worse, better = taxed[1] & ~taxed[0], taxed[0] & ~taxed[1]
    flips = _listed(before, after, worse)[: _FLIPS // 2] + _listed(before, after, better)[: _FLIPS // 2]
    return Pairs(len(at), int(worse.sum()), int(better.sum()), one_in, flips)


def _chosen(one_in: int) -> str:
    chosen = f" AND prompt_key % {one_in} = 0" if one_in > 1 else ""
    return f"prompt_key IS NOT NULL AND outcome <> 'undetermined'{chosen}"


def _first_asked(rows: pa.Table) -> pa.Table:
    """Of every prompt the row it was first asked in; rows come in the order of the file."""
    _, at = np.unique(rows.column("prompt_key").to_numpy(), return_index=True)
    return rows.take(pa.array(at))


def _listed(before: pa.Table, after: pa.Table, flipped: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    at = pa.array(np.flatnonzero(flipped)[: _FLIPS // 2])
    rows = zip(before.take(at).to_pylist(), after.take(at).to_pylist(), strict=True)
    return [
        {
            "use_case": other["use_case"],
            "first": one["outcome"],
            "second": other["outcome"],
            "row_first": one["row"],
            "row_second": other["row"],
            "worse": other["taxed"],
        }
        for one, other in rows
    ]
