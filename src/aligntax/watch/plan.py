"""What a watch tests, and how the chance of a false alarm is dealt out.

The chance that a watch raises any false alarm in a calendar month is `ALPHA`, 5 %, over all its use cases
and budgets and however often it looks. Half of it goes to the budgets, half to the search for changes, in
even shares. A test that is begun anew within the month (a window that ends, a deployment, a change that was
found) spends 6 / (pi^2 k^2) of its share the k-th time; these sum to 1. Where nothing is of one of the two
kinds, the other has all of it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from aligntax.ledger.keys import content_hash
from aligntax.policy.model import Budget, Policy, UseCase
from aligntax.policy.window import parse_window
from aligntax.stats.confidence_sequence import Prior, centred
from aligntax.watch.counted import first_hour, month_of
from aligntax.watch.indicators import WATCHED, among

__all__ = ["ALPHA", "BudgetTest", "ChangeTest", "Plan", "plan", "share", "window_start"]

ALPHA = 0.05
"""Chance of a false alarm in a calendar month, for the watch as a whole."""
_USUAL = 0.02
_MONTH_HOURS = 28 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTest:
    """A budget that is watched.

    Attributes:
        case: number of its use case.
        use_case: its name.
        budget: what the policy says.
        tell: names of who is told.
        alpha: its share of the chance of a false alarm, in a month.
    """

    case: int
    use_case: str
    budget: Budget
    tell: tuple[str, ...]
    alpha: float

    @property
    def key(self) -> str:
        """The same as long as it means the same."""
        budget = self.budget
        parts = (self.use_case, budget.component, budget.direction, f"{budget.limit!r}", budget.window)
        return content_hash("\0".join(parts))[:16]

    @property
    def prior(self) -> Prior:
        """Centred on the limit: a rate not far beyond it is found soonest."""
        return centred(self.budget.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTest:
    """A rate whose change is looked for.

    Attributes:
        case: number of its use case.
        use_case: its name.
        component: the rate.
        expected: about what it is, to centre the prior on.
        tell: names of who is told.
        alpha: its share of the chance of a false alarm, in a month.
    """

    case: int
    use_case: str
    component: str
    expected: float
    tell: tuple[str, ...]
    alpha: float

    @property
    def key(self) -> str:
        """The same as long as it means the same."""
        return content_hash(f"{self.use_case}\0{self.component}")[:16]

    @property
    def prior(self) -> Prior:
        """Centred on what is expected."""
        return centred(self.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a watch tests.

    Attributes:
        service: the policy's name for it.
        use_cases: names, in the policy's order.
        components: that are counted.
        budgets: tested.
        changes: looked for.
        left_out: budgets that cannot be watched, in words.
    """

    service: str
    use_cases: tuple[str, ...]
    components: tuple[str, ...]
    budgets: tuple[BudgetTest, ...]
    changes: tuple[ChangeTest, ...]
    left_out: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All that is counted: components, what they are shares of, and exchanges."""
        return (*self.components, *among(self.components), "exchanges")


def plan(policy: Policy) -> Plan:
    """What is tested for a policy."""
    cases = policy.use_case
    held = [(at, case, one) for at, case in enumerate(cases) for one in case.budget if _watched(one)]
    rates = [(at, case, rate) for at, case in enumerate(cases) for rate in _rates(case)]
    halves = 0.5 if held and rates else 1.0
    budgets = tuple(
        BudgetTest(
            case=at,
            use_case=case.name,
            budget=one,
            tell=tuple(dict.fromkeys((*case.tell, *one.tell))),
            alpha=ALPHA * halves / len(held),
        )
        for at, case, one in held
    )
    changes = tuple(
        ChangeTest(
            case=at,
            use_case=case.name,
            component=component,
            expected=expected,
            tell=_told(case, component),
            alpha=ALPHA * halves / len(rates),
        )
        for at, case, (component, expected) in rates
    )
    components = [one.budget.component for one in budgets] + [one.component for one in changes]
    return Plan(
        service=policy.service,
        use_cases=tuple(case.name for case in cases),
        components=tuple(dict.fromkeys(components)),
        budgets=budgets,
        changes=changes,
        left_out=tuple(_left_out(policy)),
    )


def _watched(budget: Budget) -> bool:
    return budget.component in WATCHED and 0 < budget.limit < 1


def _rates(case: UseCase) -> list[tuple[str, float]]:
    """The rates of a use case whose change is looked for: those with a budget, else the completion tax."""
    found = {one.component: one.limit for one in case.budget if _watched(one)}
    return list(found.items()) or [("completion_tax", _USUAL)]


def _told(case: UseCase, component: str) -> tuple[str, ...]:
    own = [name for one in case.budget if one.component == component for name in one.tell]
    return tuple(dict.fromkeys((*case.tell, *own)))


def _left_out(policy: Policy) -> Iterator[str]:
    for case in policy.use_case:
        for one in case.budget:
            name = f"{case.name}: {one.component}"
            if one.component not in WATCHED:
                yield f"{name} is no rate of exchanges; `aligntax gate` holds it"
            elif not _watched(one):
                yield f"{name} has a limit of {one.limit:g}, which cannot be shown to be passed"
            elif one.by:
                yield f"{name} is watched as a whole; `aligntax gate` holds it by {' and '.join(one.by)}"


def share(alpha: float, turn: int) -> float:
    """What a test may spend the k-th time it is begun within a month; the sum over all k is `alpha`.

    Args:
        alpha: of the test.
        turn: k, from 1.
    """
    return alpha * 6 / (math.pi**2 * turn**2)


def window_start(window: str, hour: int) -> int:
    """The hour at which the window that an hour lies in begins.

    Windows are cut off the calendar month, from its first day; four weeks or more are the whole month.

    Args:
        window: "24h", "7d", ...
        hour: counted from 1970, UTC.
    """
    begins = first_hour(month_of(hour))
    length = int(parse_window(window).total_seconds() // 3600)
    return begins if length >= _MONTH_HOURS else hour - (hour - begins) % length
