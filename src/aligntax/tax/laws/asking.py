"""What a law says of a checkpoint not yet trained: the tax to expect, and how far one may go."""

from dataclasses import dataclass

import numpy as np

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.predictions import Floats
from aligntax.tax.laws.fit import FittedLaw, Laws, Setting

__all__ = ["Budget", "Expected", "expected_tax", "largest_within"]

_STEPS = 512


@dataclass(frozen=True)
class Expected:
    """The tax to expect of a checkpoint.

    Attributes:
        on: the column that explains the tax.
        at: its value.
        law: the law used; None where none holds.
        prediction: of a new checkpoint of a new training run; nan with the reason where no law holds.
        mean: of all such checkpoints.
        range: of the column, as observed.
        extrapolated: whether `at` lies outside.
    """

    on: str
    at: float
    law: FittedLaw | None
    prediction: Estimate
    mean: Estimate
    range: tuple[float, float]
    extrapolated: bool


@dataclass(frozen=True)
class Budget:
    """How far a checkpoint may go for a tax that stays within a budget.

    Attributes:
        on: the column that explains the tax.
        budget: the tax allowed.
        law: the law used; None where none holds.
        largest: the largest value up to which the upper end of every prediction is within the budget. None
            where there is none in the range observed.
        prediction: of a new checkpoint there; nan with the reason where there is none.
        whole_range: whether all of the range observed is within the budget, so that more might be too.
    """

    on: str
    budget: float
    law: FittedLaw | None
    largest: float | None
    prediction: Estimate
    whole_range: bool


def expected_tax(
    laws: Laws, at: float, *, among: tuple[str, ...], named: str | None = None, extrapolate: bool = False
) -> Expected:
    """The tax to expect where the column is `at`.

    Args:
        laws: what was fitted.
        at: value of the column, in nats, steps or tokens.
        among: the columns it may be; the one whose law predicts best is taken.
        named: a law to use whether it holds or not; else the best one, if it holds.
        extrapolate: whether `at` may lie outside what was observed.

    Raises:
        UsageError: outside the observed range, no such column, no such law of it.
    """
    setting, law = _chosen(laws, among, named)
    low, high = setting.range
    outside = not low <= at <= high
    if not np.isfinite(at) or at < 0 or (at == 0 and law.law.variable == "N"):
        raise UsageError(f"{at:g} is no {setting.on} to ask about", hint=f"observed: {low:.4g} to {high:.4g}")
    if why := _unusable(law, setting, named):
        nothing = unknown(why, unit="score", level=laws.level, n=len(setting.x))
        return Expected(setting.on, at, None, nothing, nothing, (low, high), outside)
    if outside and not extrapolate:
        raise UsageError(
            f"{setting.on} {at:g} lies outside the observed {low:.4g} to {high:.4g}",
            hint="no law is known to hold there; --extrapolate to see what it would say all the same",
        )
    prediction, mean = law.fit.prediction(at), law.fit.mean(at)
    return Expected(setting.on, at, law, prediction, mean, (low, high), outside)


def largest_within(laws: Laws, budget: float, *, among: tuple[str, ...], named: str | None = None) -> Budget:
    """The largest value of the column at which a new checkpoint's tax is within the budget.

    Args:
        laws: what was fitted.
        budget: the tax allowed, in the table's unit.
        among: as in `expected_tax`.
        named: as in `expected_tax`.

    Raises:
        UsageError: no such column, no such law of it, a budget that is not finite.
    """
    if not np.isfinite(budget):
        raise UsageError(f"a budget is a number, not {budget:g}", hint="--tax-budget 0.02")
    setting, law = _chosen(laws, among, named)
    if why := _unusable(law, setting, named):
        return Budget(setting.on, budget, None, None, _nothing(why, laws, setting), False)
    low, high = setting.range
    if law.law.variable == "N":
        steps: Floats = np.clip(np.geomspace(low, high, _STEPS), low, high)
    else:
        steps = np.linspace(low, high, _STEPS)
    over = np.flatnonzero(law.fit.band(steps).high > budget)
    if len(over) == 0:
        return Budget(setting.on, budget, law, high, law.fit.prediction(high), True)
    if over[0] == 0:
        why = f"even at {low:.4g}, the least observed, the upper end of the prediction is above the budget"
        return Budget(setting.on, budget, law, None, _nothing(why, laws, setting), False)
    largest = _crossing(law, budget, float(steps[over[0] - 1]), float(steps[over[0]]))
    return Budget(setting.on, budget, law, largest, law.fit.prediction(largest), False)


def _crossing(law: FittedLaw, budget: float, within: float, over: float) -> float:
    for _ in range(40):
        middle = (within + over) / 2
        if law.fit.band(np.array([middle])).high[0] > budget:
            over = middle
        else:
            within = middle
    return within


def _chosen(laws: Laws, among: tuple[str, ...], named: str | None) -> tuple[Setting, FittedLaw]:
    """The setting and the law to ask, the one that predicts new runs best."""
    found = [
        (setting, law)
        for setting, fitted, best in zip(laws.settings, laws.fitted, laws.best, strict=True)
        if setting.response == "tax" and setting.on in among
        for law in ((best,) if named is None else fitted)
        if named is None or law.law.name == named
    ]
    if not found:
        which = f"law {named} of " if named else "law of "
        raise UsageError(
            f"no {which}tax by {' or '.join(among)} was fitted to this table",
            hint="see which were without this option; columns are named by --kl-capability, --steps, ...",
        )
    return max(found, key=lambda pair: (pair[1].standing == "holds", pair[1].left_out.value))


def _unusable(law: FittedLaw, setting: Setting, named: str | None) -> str:
    if named is not None or law.standing == "holds":
        return ""
    if law.standing == "cannot tell":
        return f"the table does not settle whether any law of {setting.on} holds"
    return f"no law of {setting.on} predicts better than the mean"


def _nothing(why: str, laws: Laws, setting: Setting) -> Estimate:
    return unknown(why, unit="score", level=laws.level, n=len(setting.x))
