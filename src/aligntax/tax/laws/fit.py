"""Every law fitted to everything it may explain in a table of checkpoints, and which of them hold."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.curve_checks import (
    HeldOut,
    akaike,
    held_out,
    left_out_r_squared,
    r_squared,
    saved_error,
)
from aligntax.stats.curves import LEAST_DISTINCT, Fit, fit_curve
from aligntax.stats.predictions import Floats
from aligntax.tax.laws import (
    LAWS_OF_KL,
    LAWS_OF_REWARD,
    Law,
    best_of_n_kl_bound,
    forgetting_power,
)
from aligntax.tax.laws.checkpoints import Checkpoints
from aligntax.tax.laws.law import Response

__all__ = ["KLS", "FittedLaw", "Laws", "Setting", "Standing", "WhichKL", "fit_laws"]

Standing = Literal["holds", "cannot tell", "no better than the mean"]
Rows = Literal["all", "best-of-n", "not best-of-n"]

KLS = ("kl_capability", "kl_alignment")
_COUNTS = ("steps", "tokens")
_MOST_BY_CHANCE = 0.1


@dataclass(frozen=True)
class Setting:
    """What is explained, by what, on which rows.

    Attributes:
        response: "tax" or "reward".
        on: the column that explains it: kl_capability, kl_alignment, steps or tokens.
        rows: which checkpoints.
        at: (m,) their rows in the table.
        x: (m,) the column.
        y: (m,) the response.
        runs: (m,) the training run of each; None where not known.
        methods: (m,) how each was trained.
    """

    response: Response
    on: str
    rows: Rows
    at: npt.NDArray[np.int64]
    x: Floats
    y: Floats
    runs: Sequence[str] | None
    methods: Sequence[str]

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest x."""
        return float(self.x.min()), float(self.x.max())


@dataclass(frozen=True)
class FittedLaw:
    """A law fitted to a setting.

    Attributes:
        law: which.
        fit: the fit.
        r_squared: share explained of the data fitted to.
        left_out: share explained of training runs the fit has not seen (of checkpoints, if runs are unknown).
        left_out_methods: the same of methods not seen; None with fewer than three methods.
        aicc: to compare laws of one setting; nan with too few rows.
        held_out: what the lower part of the range says of the rest; None where it is too small.
    """

    law: Law
    fit: Fit
    r_squared: Estimate
    left_out: Estimate
    left_out_methods: Estimate | None
    aicc: float
    held_out: HeldOut | None

    @property
    def standing(self) -> Standing:
        """Whether the law predicts training runs it has not seen better than their mean does."""
        if self.left_out.low > 0 and self.r_squared.low > 0:
            return "holds"
        if self.left_out.value <= 0 or self.left_out.high < _MOST_BY_CHANCE:
            return "no better than the mean"
        return "cannot tell"


@dataclass(frozen=True)
class WhichKL:
    """The best law on capability text against the best on alignment prompts, on the same checkpoints.

    Attributes:
        capability: the law of KL on capability text.
        alignment: the law of KL on the alignment prompts.
        saved: share of the left-out squared error that taking capability text saves; negative where the
            alignment prompts predict better.
        correlation: of the two KLs, ranks, in [-1, 1]: how much they move together in this table.
    """

    capability: FittedLaw
    alignment: FittedLaw
    saved: Estimate
    correlation: float


@dataclass(frozen=True)
class Laws:
    """What a table of checkpoints says of the laws.

    Attributes:
        checkpoints: the table.
        level: of every interval.
        settings: what could be explained by what.
        fitted: for each setting the laws fitted to it.
        best: for each setting the law to use, whether it holds or not.
        which_kl: None where the table has one KL only.
        unfitted: what could not be fitted, and why.
    """

    checkpoints: Checkpoints
    level: float
    settings: Sequence[Setting]
    fitted: Sequence[Sequence[FittedLaw]]
    best: Sequence[FittedLaw]
    which_kl: WhichKL | None
    unfitted: Sequence[str]


def fit_laws(
    checkpoints: Checkpoints,
    *,
    level: float = 0.95,
    reward_start: float | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Laws:
    """Fits every law to everything the table has for it.

    Args:
        checkpoints: the table.
        level: two-sided coverage of intervals, in (0, 1).
        reward_start: gold reward of the policy that training or sampling starts from, taken off every reward;
            None if rewards count from it already.
        tell: called with what is being fitted.

    Raises:
        UsageError: nothing can be fitted; a column has one value only; rewards that do not start from 0.
    """
    settings, unfitted = list[Setting](), list[str]()
    for setting in _settings(checkpoints, reward_start):
        if why := _too_little(setting):
            unfitted.append(f"{setting.response} by {setting.on} ({setting.rows}): {why}")
        else:
            settings.append(setting)
    fitted = list[Sequence[FittedLaw]]()
    for setting in settings:
        tell(f"{setting.response} by {setting.on}")
        fitted.append([_fitted(law, setting, level) for law in _laws(setting)])
    if not settings:
        raise UsageError(
            "; ".join(unfitted) or "the table has a tax but nothing that could explain it",
            hint="name the columns: --tax, --kl-capability, --kl-alignment, --steps, --tokens, --reward",
        )
    best = [_best(laws) for laws in fitted]
    which = _which_kl(settings, best, level)
    return Laws(checkpoints, level, settings, fitted, best, which, unfitted)


def _settings(table: Checkpoints, reward_start: float | None) -> list[Setting]:
    numbers, found = table.numbers, list[Setting]()
    if "tax" in numbers:
        measured = ~np.isnan(numbers["tax"])
        for on in KLS:
            if on in numbers:
                rows = measured & ~np.isnan(numbers[on])
                found.append(_setting(table, "tax", on, "all", rows, numbers["tax"], numbers[on]))
        for on in _COUNTS:
            if on in numbers:  # at step 0 nothing has been forgotten, whatever the law
                rows = measured & (numbers[on] > 0)
                found.append(_setting(table, "tax", on, "all", rows, numbers["tax"], numbers[on]))
    if "reward" in numbers:
        found += _of_reward(table, reward_start)
    return found


def _of_reward(table: Checkpoints, start: float | None) -> list[Setting]:
    """Reward by KL, best-of-n apart from the rest: their KLs are not comparable."""
    nothing = np.full(len(table), math.nan)
    reward, n = table.numbers["reward"], table.numbers.get("n", nothing)
    kl = np.array(table.numbers.get("kl_alignment", nothing))
    sampled = ~np.isnan(n)
    bounded = sampled & np.isnan(kl)
    kl[bounded] = best_of_n_kl_bound(n[bounded])
    known = ~np.isnan(reward) & ~np.isnan(kl)
    at_start = reward[known & (kl == 0)]
    if start is None and len(at_start) and float(np.abs(at_start).max()) > 0:
        raise UsageError(
            f"the reward at KL 0 is {at_start.mean():.4g}, and Gao's laws count it from 0 there",
            hint=f"--reward-start {at_start.mean():.4g}",
        )
    reward = reward - (start or 0.0)
    halves: Mapping[Rows, npt.NDArray[np.bool_]] = {"best-of-n": sampled, "not best-of-n": ~sampled}
    return [
        _setting(table, "reward", "kl_alignment", name, known & own, reward, kl)
        for name, own in halves.items()
        if (known & own).any()
    ]


def _setting(
    table: Checkpoints,
    response: Response,
    on: str,
    name: Rows,
    rows: npt.NDArray[np.bool_],
    y: Floats,
    x: Floats,
) -> Setting:
    at = np.flatnonzero(rows)
    runs = None if table.runs is None else [table.runs[row] for row in at.tolist()]
    return Setting(response, on, name, at, x[at], y[at], runs, [table.methods[row] for row in at.tolist()])


def _too_little(setting: Setting) -> str:
    """Why nothing can be fitted; "" if it can."""
    rows = len(setting.x)
    if rows >= LEAST_DISTINCT:
        for values, name in ((setting.x, setting.on), (setting.y, setting.response)):
            if float(np.ptp(values)) == 0:
                return f"{name} is {values[0]:g} in all {rows:,} rows, so there is nothing to explain"
    if (distinct := len(np.unique(setting.x))) < LEAST_DISTINCT:
        return f"{distinct} distinct values, and a law takes at least {LEAST_DISTINCT}"
    return ""


def _laws(setting: Setting) -> Sequence[Law]:
    if setting.response == "reward":
        own = LAWS_OF_REWARD[::-1] if setting.rows == "not best-of-n" else LAWS_OF_REWARD
        return own
    if setting.on in KLS:
        return LAWS_OF_KL
    return (forgetting_power(float(np.exp(np.log(setting.x).mean()))),)


def _fitted(law: Law, setting: Setting, level: float) -> FittedLaw:
    x, y = setting.x, setting.y
    try:
        fit = fit_curve(law.curve, x, y, clusters=setting.runs, level=level)
    except UsageError as error:
        raise UsageError(
            f"{setting.response} by {setting.on}: {error.message}",
            hint="more training runs, or without --run to take checkpoints as independent",
        ) from error
    held = held_out(law.curve, x, y, clusters=setting.runs, level=level)
    across = _across_methods(law, setting, level)
    return FittedLaw(law, fit, r_squared(fit), left_out_r_squared(fit), across, akaike(fit), held)


def _across_methods(law: Law, setting: Setting, level: float) -> Estimate | None:
    if len(set(setting.methods)) < 3:
        return None
    try:
        fit = fit_curve(law.curve, setting.x, setting.y, clusters=setting.methods, level=level)
    except UsageError as error:
        return unknown(error.message, unit="share", level=level, n=len(setting.x))
    return left_out_r_squared(fit)


def _best(laws: Sequence[FittedLaw]) -> FittedLaw:
    """The law with the least left-out error, or a simpler one that is not shown to err more.

    Of reward the first law is the one that belongs to how the rows were made, and stays.
    """
    if laws[0].law.response == "reward":
        return laws[0]
    best = max(laws, key=lambda fitted: fitted.left_out.value)
    simpler = [fitted for fitted in laws if fitted.fit.curve.size < best.fit.curve.size]
    for fitted in sorted(simpler, key=lambda f: (f.fit.curve.size, -f.left_out.value)):
        if saved_error(best.fit, fitted.fit.left_out).low <= 0:
            return fitted
    return best


def _which_kl(settings: Sequence[Setting], best: Sequence[FittedLaw], level: float) -> WhichKL | None:
    pair = {
        s.on: (s, law) for s, law in zip(settings, best, strict=True) if s.response == "tax" and s.on in KLS
    }
    if len(pair) < 2:
        return None
    shared = np.intersect1d(pair[KLS[0]][0].at, pair[KLS[1]][0].at)
    fitted, kls = list[FittedLaw](), list[Floats]()
    for setting, law in (pair[on] for on in KLS):
        same = _restricted(setting, shared)
        if _too_little(same):
            return None
        whole = len(same.x) == len(setting.x)
        fitted.append(law if whole else _best([_fitted(other, same, level) for other in _laws(same)]))
        kls.append(same.x)
    saved = saved_error(fitted[0].fit, fitted[1].fit.left_out)
    ranks = [np.argsort(np.argsort(kl, kind="stable"), kind="stable") for kl in kls]
    return WhichKL(fitted[0], fitted[1], saved, float(np.corrcoef(ranks[0], ranks[1])[0, 1]))


def _restricted(setting: Setting, at: npt.NDArray[np.int64]) -> Setting:
    kept = np.flatnonzero(np.isin(setting.at, at)).tolist()
    runs = None if setting.runs is None else [setting.runs[row] for row in kept]
    methods = [setting.methods[row] for row in kept]
    x, y = setting.x[kept], setting.y[kept]
    return Setting(setting.response, setting.on, setting.rows, setting.at[kept], x, y, runs, methods)
