"""Safety against over-refusal over many models: how closely they go together, and who pays more than that.

One row a model: the share of harmless prompts it refuses (over-refusal, low is good) and the share of harmful
prompts it refuses (safety, high is good). The correlation is of ranks, over models. It says that safer models
refuse more harmless prompts; of what one model would lose if it were made safer it says nothing.

In a module that is imported when asked for, since it takes scipy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from aligntax.errors import UsageError
from aligntax.records import Estimate
from aligntax.stats.correlation import spearman, spearman_p_value
from aligntax.tax.model_table import ModelTable

__all__ = ["Correlated", "Influence", "correlate", "non_dominated", "rank_residuals", "selected"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """What the correlation would be without one model.

    Attributes:
        model: the one left out.
        rho: Spearman's rho of the others, in [-1, 1]; nan where it does not exist. It tells of these rows
            and has no interval of its own.
        change: that less rho of all.
    """

    model: str
    rho: float
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlated:
    """Safety against over-refusal over the models of a table.

    Attributes:
        table: the models.
        spearman: rho of over-refusal and safety; positive where safer models refuse more harmless prompts.
        p_value: of no association, two-sided, by permutation; nan where rho is unknown.
        influence: one a model, in the order of the table; none where rho is unknown.
        residuals: (models,) ranks by which a model's over-refusal lies above what its safety explains; nan
            where that is unknown.
        non_dominated: (models,) whether no other model is both as safe and as little over-refusing, and
            better in one.
    """

    table: ModelTable
    spearman: Estimate
    p_value: float
    influence: tuple[Influence, ...]
    residuals: Floats
    non_dominated: npt.NDArray[np.bool_]

    @property
    def most_influential(self) -> Influence | None:
        """The model whose absence moves rho most."""
        known = [entry for entry in self.influence if not np.isnan(entry.change)]
        return max(known, key=lambda entry: abs(entry.change), default=None)


def selected(table: ModelTable, *, only: Sequence[str] = (), without: Sequence[str] = ()) -> ModelTable:
    """The table with some of its models.

    Args:
        table: all models.
        only: names to keep; all when empty.
        without: names to leave out of these.

    Raises:
        UsageError: a name that is not in the table, or no model left.
    """
    for option, names in (("--only", only), ("--without", without)):
        for name in names:
            _check_name(option, name, table)
    kept = [
        at for at, model in enumerate(table.models) if (not only or model in only) and model not in without
    ]
    if not kept:
        raise UsageError(
            "no model is left", hint="leave fewer out with --without, or name others with --only"
        )
    return table.rows(kept)


def correlate(
    table: ModelTable, *, level: float = 0.95, replicates: int = 10_000, seed: int = 0
) -> Correlated:
    """How safety and over-refusal go together over models, and which models stand out.

    Args:
        table: the models, taken as independent of each other.
        level: two-sided coverage of the interval, in (0, 1).
        replicates: of the bootstrap and of the permutations.
        seed: of both.

    Returns:
        What was found; rho is nan, with the reason, for fewer than four models or a constant column.

    Raises:
        UsageError: a level or a number of replicates that makes no sense.
    """
    x, y = table.over_refusal, table.safety
    rho = spearman(x, y, level=level, replicates=replicates, seed=seed)
    p_value = spearman_p_value(x, y, replicates=replicates, seed=seed) if rho.known else np.nan
    return Correlated(
        table=table,
        spearman=rho,
        p_value=float(p_value),
        influence=_influence(table, rho.value) if rho.known else (),
        residuals=rank_residuals(x, y) if rho.known else np.full(len(x), np.nan),
        non_dominated=non_dominated(x, y),
    )


def rank_residuals(over_refusal: npt.ArrayLike, safety: npt.ArrayLike) -> Floats:
    """By how many ranks each model over-refuses more than its safety explains.

    Both columns are turned into ranks (ties share the mean rank, 1 = lowest), over-refusal is regressed on
    safety by least squares, and what is left is returned.

    Args:
        over_refusal: (models,) in any unit, low is good.
        safety: (models,) in any unit, high is good.

    Returns:
        (models,) in ranks, summing to 0; positive where a model refuses more harmless prompts than others
        of its safety. nan throughout when safety is constant.
    """
    x, y = rankdata(np.asarray(over_refusal)), rankdata(np.asarray(safety))
    centred = y - y.mean()
    spread = float(centred @ centred)
    if spread == 0:
        return np.full(len(x), np.nan)
    from_mean: Floats = x - x.mean()
    residuals: Floats = from_mean - centred * (float(centred @ from_mean) / spread)
    return residuals


def non_dominated(over_refusal: npt.ArrayLike, safety: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which models no other beats, being at least as safe, no more over-refusing, and better in one of them.

    Args:
        over_refusal: (models,) low is good.
        safety: (models,) high is good.

    Returns:
        (models,) True for the Pareto set; models with the same two figures are in it together.
    """
    x, y = np.asarray(over_refusal, np.float64), np.asarray(safety, np.float64)
    best = np.zeros(len(x), np.bool_)
    safest_below = -np.inf  # among models that over-refuse strictly less
    for value in np.unique(x):
        here = np.flatnonzero(x == value)
        safest = y[here].max()
        if safest > safest_below:
            best[here[y[here] == safest]] = True
            safest_below = safest
    return best


def _influence(table: ModelTable, whole: float) -> tuple[Influence, ...]:
    every = np.arange(len(table.models))
    found = []
    for at, model in enumerate(table.models):
        others = every != at
        rho = _rho(table.over_refusal[others], table.safety[others])
        found.append(Influence(model=model, rho=rho, change=rho - whole))
    return tuple(found)


def _rho(x: Floats, y: Floats) -> float:
    ranks = rankdata(x), rankdata(y)
    one, other = (rank - rank.mean() for rank in ranks)
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0 else float("nan")


def _check_name(option: str, name: str, table: ModelTable) -> None:
    if name in table.models:
        return
    folded = {model.casefold(): model for model in table.models}
    near = [folded[close] for close in get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]
    listed = ", ".join(near or table.models[:8])
    raise UsageError(f"{option} {name}: no such model in {table.source}", hint=f"there are: {listed}")
