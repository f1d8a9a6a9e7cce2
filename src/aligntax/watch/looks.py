"""A look: how each budget stands by its sequence, and whether a rate has changed.

An episode begins when the sequence leaves a budget's limit behind: that raises one alert. It ends when the
rate of a stretch is back within the limit, among so many exchanges that ten events would be expected at the
limit: that raises a second one, "recovered". In between nothing is raised.

A change that was found is told once. What was counted until then is left behind, so that the next change is
looked for against what comes after.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate
from aligntax.stats.change_point import Change, Counts, change_point
from aligntax.stats.confidence_sequence import design_effect, sequence
from aligntax.watch.counted import Counted, first_hour, month_of
from aligntax.watch.indicators import WATCHED
from aligntax.watch.plan import BudgetTest, ChangeTest, Plan, share, window_start
from aligntax.watch.seen import Seen

__all__ = ["Breach", "Changed", "Looks", "Recovered", "Standing", "State", "Trend"]

State = Literal["no data", "undecided", "within", "beyond"]
_EXPECTED_EVENTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a budget stands at a look.

    Attributes:
        test: the budget.
        since: hour its stretch begins with, counted from 1970: of a window, or a deployment in it.
        until: last hour that is in it.
        turn: how often the test was begun in the month, this time included.
        alpha: chance that this stretch raises a false alarm.
        events: of the component.
        rate: with its sequence at 1 - alpha.
        effect: design effect.
        state: where the sequence lies.
        open_since: hour the episode began; None where there is none.
    """

    test: BudgetTest
    since: int
    until: int
    turn: int
    alpha: float
    events: int
    rate: Estimate
    effect: float
    state: State
    open_since: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Whether a rate has changed, at a look.

    Attributes:
        test: the rate.
        since: hour the comparison begins with.
        until: last hour that is in it.
        turn: how often the test was begun in the month, this time included.
        alpha: chance that it raises a false alarm.
        needed: evidence from which on a change is found, in nats.
        change: what the counts say.
        hours: that the blocks of the change are.
        effect: design effect.
    """

    test: ChangeTest
    since: int
    until: int
    turn: int
    alpha: float
    needed: float
    change: Change
    hours: npt.NDArray[np.int64] = field(repr=False)
    effect: float


@dataclass(frozen=True, slots=True)
class Breach:
    """A budget's sequence has left its limit behind."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class Recovered:
    """A budget that was left behind is kept again."""

    standing: Standing
    began: int


@dataclass(frozen=True, slots=True)
class Changed:
    """A rate has changed."""

    trend: Trend


Found = Breach | Recovered | Changed


@dataclass(slots=True)
class _Budget:
    """What is remembered of a budget.

    Attributes:
        turns: first hour of a stretch -> how often the test had been begun in its month by then.
        open: hour the episode began; None where there is none.
    """

    turns: dict[str, int] = field(default_factory=dict)
    open: int | None = None

    def turn(self, start: int) -> int:
        """Of the stretch that begins there; a turn once given stays."""
        month = month_of(start)
        months = {at: month_of(int(at)) for at in self.turns}
        for at in [at for at, of in months.items() if of < month - 1]:
            del self.turns[at]
        return self.turns.setdefault(str(start), 1 + sum(of == month for of in months.values()))


@dataclass(slots=True)
class _Rate:
    """What is remembered of a rate whose change is looked for.

    Attributes:
        base: hour from which on it is compared.
        month: that `turn` is of.
        turn: how often the test was begun in it.
    """

    base: int = 0
    month: int = -1
    turn: int = 1


class Looks:
    """All tests of a plan, and what has to be remembered between looks.

    Args:
        plan: what is tested.
        least_change: a change is told where the rate after it differs from the one before by this share of
            it.
    """

    def __init__(self, plan: Plan, *, least_change: float = 0.2) -> None:
        self._plan = plan
        self._least = least_change
        self._budgets = {test.key: _Budget() for test in plan.budgets}
        self._rates = {test.key: _Rate() for test in plan.changes}

    def look(self, counted: Counted, seen: Seen, hour: int) -> Iterator[Found]:
        """What is found with all that was counted until the end of an hour."""
        for test in self._plan.budgets:
            yield from self._episode(self.standing(test, counted, seen, hour))
        for rate in self._plan.changes:
            trend = self.trend(rate, counted, hour)
            if trend.change.evidence >= trend.needed and self._matters(trend.change):
                kept = self._rates[rate.key]
                kept.base, kept.turn = hour + 1, kept.turn + 1
                yield Changed(trend)

    def standing(self, test: BudgetTest, counted: Counted, seen: Seen, hour: int) -> Standing:
        """How a budget stands at the end of an hour."""
        kept = self._budgets[test.key]
        begun = window_start(test.budget.window, hour)
        since = max([begun, *(one for one in seen.deployments(test.case) if begun < one <= hour)])
        turn = kept.turn(since)
        alpha = share(test.alpha, turn)
        events, n = (int(counts.sum()) for counts in _counts(counted, test, since, hour))
        effect, groups = _effect(counted, test)
        rate = sequence(
            events,
            n,
            alpha=alpha,
            prior=test.prior,
            design_effect=effect,
            clusters=groups if counted.clustered else None,
        )
        return Standing(
            test=test,
            since=since,
            until=hour,
            turn=turn,
            alpha=alpha,
            events=events,
            rate=rate,
            effect=effect,
            state=_state(test, rate),
            open_since=kept.open,
        )

    def shown(self, test: BudgetTest, counted: Counted, seen: Seen, hour: int) -> Standing:
        """How a budget stands, for a person: by the window before while the present one holds little."""
        present = self.standing(test, counted, seen, hour)
        if _tells(present):
            return present
        before = self.standing(test, counted, seen, present.since - 1)
        return before if before.rate.n > present.rate.n else present

    def _episode(self, standing: Standing) -> Iterator[Found]:
        kept = self._budgets[standing.test.key]
        if kept.open is None and standing.state == "beyond":
            kept.open = standing.until
            yield Breach(standing)
        elif kept.open is not None and standing.until > kept.open and _recovered(standing):
            began, kept.open = kept.open, None
            yield Recovered(standing, began)

    def trend(self, test: ChangeTest, counted: Counted, hour: int) -> Trend:
        """Whether a rate has changed by the end of an hour."""
        kept, month = self._rates[test.key], month_of(hour)
        if month > kept.month:
            kept.month, kept.turn = month, 1
        begins, ends = first_hour(month), first_hour(month + 1)
        since = max(kept.base, first_hour(month - 1))
        past_events, past_counts = _counts(counted, test, since, begins - 1)
        start = max(since, begins)
        events, counts = _counts(counted, test, start, hour)
        used = counts.nonzero()[0]
        effect, _ = _effect(counted, test)
        alpha = share(test.alpha, kept.turn)
        change = change_point(
            events[used].astype(float),
            counts[used].astype(float),
            possible=ends - begins,
            history=Counts(float(past_events.sum()), float(past_counts.sum())),
            prior=test.prior,
            design_effect=effect,
        )
        came = [*(since + past_counts.nonzero()[0][:1]), *(start + used[:1])]
        return Trend(
            test=test,
            since=int(min(came, default=since)),
            until=hour,
            turn=kept.turn,
            alpha=alpha,
            needed=math.log(1 / alpha),
            change=change,
            hours=start + used,
            effect=effect,
        )

    def _matters(self, change: Change) -> bool:
        before = change.before.events / change.before.n
        after = change.after.events / change.after.n
        return abs(after - before) >= self._least * before

    def kept(self) -> dict[str, Any]:
        """For the state of a watch."""
        return {
            "budgets": {key: asdict(one) for key, one in self._budgets.items()},
            "rates": {key: asdict(one) for key, one in self._rates.items()},
        }

    def take(self, kept: Mapping[str, Any], use_cases: tuple[str, ...]) -> None:
        """What was kept of the tests of these use cases that are still made."""
        for test in self._plan.budgets:
            if test.use_case in use_cases and test.key in kept["budgets"]:
                self._budgets[test.key] = _Budget(**kept["budgets"][test.key])
        for rate in self._plan.changes:
            if rate.use_case in use_cases and rate.key in kept["rates"]:
                self._rates[rate.key] = _Rate(**kept["rates"][rate.key])


def _component(test: BudgetTest | ChangeTest) -> str:
    return test.budget.component if isinstance(test, BudgetTest) else test.component


def _counts(counted: Counted, test: BudgetTest | ChangeTest, since: int, until: int) -> tuple[Any, Any]:
    """(hours,) events and exchanges from an hour to another, both in it."""
    component = _component(test)
    names = (component, WATCHED[component])
    events, counts = (counted.between(test.case, name, since, until + 1) for name in names)
    return events, counts


def _effect(counted: Counted, test: BudgetTest | ChangeTest) -> tuple[float, int]:
    if not counted.clustered:
        return 1.0, 0
    component = _component(test)
    return design_effect(counted.groups(test.case, component), counted.groups(test.case, WATCHED[component]))


def _state(test: BudgetTest, rate: Estimate) -> State:
    if not rate.known:
        return "no data"
    at_most = test.budget.direction == "at_most"
    low, high = (rate.low, rate.high) if at_most else (-rate.high, -rate.low)
    limit = test.budget.limit if at_most else -test.budget.limit
    if low > limit:
        return "beyond"
    return "within" if high <= limit else "undecided"


def _recovered(standing: Standing) -> bool:
    """Back within the limit, among enough exchanges to say so."""
    budget, rate = standing.test.budget, standing.rate
    if not rate.known or standing.state == "beyond":
        return False
    inside = rate.value <= budget.limit if budget.direction == "at_most" else rate.value >= budget.limit
    return inside and _tells(standing)


def _tells(standing: Standing) -> bool:
    """Whether ten events would be expected at the limit."""
    limit = standing.test.budget.limit
    return standing.rate.n / standing.effect * min(limit, 1 - limit) >= _EXPECTED_EVENTS
