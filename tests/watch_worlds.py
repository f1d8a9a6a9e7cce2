"""Worlds a watch is put into: a policy, and traffic fed to its real counters, looks and tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aligntax.policy.model import Policy
from aligntax.watch.counted import Counted, first_hour
from aligntax.watch.looks import Breach, Changed, Looks, Recovered
from aligntax.watch.plan import Plan, plan
from aligntax.watch.seen import Seen

__all__ = ["HOURS", "MONTH", "Month", "World", "looks", "policy_of", "traffic"]

MONTH = int(np.datetime64("2026-10", "M").astype(np.int64))
"""October 2026, of 31 days."""
HOURS = 31 * 24
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def policy_of(*limits: tuple[str, float], window: str = "28d", **more: object) -> Policy:
    """A policy with a use case for each name and limit of `refused`."""
    cases = [
        {
            "name": name,
            "match": {"use_case": [name]},
            "budget": [{"component": "refused", "direction": "at_most", "limit": limit, "window": window}],
        }
        for name, limit in limits
    ]
    return Policy.model_validate({"version": 1, "service": "desk", "use_case": cases, **more})


class World:
    """The counters and tests of a watch, without files and ledger.

    Args:
        policy: held to.
    """

    def __init__(self, policy: Policy) -> None:
        self.plan: Plan = plan(policy)
        self.counted = Counted(self.plan.use_cases, self.plan.names)
        self.seen = Seen(self.plan.use_cases)
        self.looks = Looks(self.plan)

    def feed(self, case: int, hours: Ints, refused: npt.NDArray[np.bool_], group: Ints | None = None) -> None:
        """Counts exchanges of a use case."""
        months = np.asarray(hours).astype("datetime64[h]").astype("datetime64[M]").astype(np.int64)
        newest = int(months.max())
        if self.counted.month is None or newest > self.counted.month:
            self.counted.roll(newest)
        everything = np.ones(len(hours), bool)
        masks = {"refused": refused, "determined": everything, "exchanges": everything}
        self.counted.add(np.full(len(hours), case), hours, group, masks)

    def look(self, hour: int) -> list[Breach | Recovered | Changed]:
        """One look, at the end of an hour."""
        return list(self.looks.look(self.counted, self.seen, hour))


@dataclass(frozen=True)
class Month:
    """Exchanges of a month, in the order of time.

    Attributes:
        hours: (n,) of each, counted from 1970.
        refused: (n,) whether it was.
        groups: (n,) group of its user; None where all are of different users.
    """

    hours: Ints
    refused: npt.NDArray[np.bool_]
    groups: Ints | None

    def until(self, first: int, last: int) -> "Month":
        """Those of the hours from `first` to before `last`, counted from the first of the month."""
        begins = first_hour(MONTH)
        low, high = np.searchsorted(self.hours, [begins + first, begins + last])
        groups = None if self.groups is None else self.groups[low:high]
        return Month(self.hours[low:high], self.refused[low:high], groups)


def traffic(
    generator: np.random.Generator,
    rates: Sequence[tuple[int, float]],
    *,
    a_day: int = 2000,
    month: int = MONTH,
    burst: float = 1.0,
    spread: float = 0.0,
    users: int = 0,
) -> Month:
    """A month of traffic.

    Args:
        generator: of all that is drawn.
        rates: (hour of the month, rate from then on), the first of hour 0.
        a_day: exchanges a day.
        month: counted from 1970.
        burst: exchanges that a user makes one after the other, on average.
        spread: how alike users are: each has a rate of Beta(rate * spread, (1 - rate) * spread); 0 for all.
        users: how many there are; 0 for another one each time.
    """
    begins = first_hour(month)
    n = a_day * HOURS // 24
    hours = np.sort(generator.integers(0, HOURS, n))
    starts, values = np.array([s for s, _ in rates]), np.array([r for _, r in rates])
    rate = values[np.searchsorted(starts, hours, side="right") - 1]
    if not spread:
        return Month(begins + hours, generator.random(n) < rate, None)
    bursts = np.cumsum(generator.random(n) < 1 / burst)
    user = generator.integers(0, users, n)[bursts - bursts[0]] if users else bursts - bursts[0]
    own = generator.beta(rate * spread, (1 - rate) * spread)[user]
    groups = generator.integers(0, 256, n)[user]
    return Month(begins + hours, generator.random(n) < own, groups)


def looks(times: int) -> Iterator[tuple[int, int]]:
    """The hours of a month in so many parts: from, to."""
    edges = np.linspace(0, HOURS, times + 1).round().astype(int)
    return zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
