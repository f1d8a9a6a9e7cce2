"""Burn rates: how many times faster than allowed a budget is spent, and the windows they are looked at in.

A budget that is spent at rate 1 lasts exactly its window. The factors are those of a 30-day window: 14.4 for
an hour spends 2 % of the budget, 6 for six hours 5 %, 3 for a day and 1 for three days 10 % each.

Source: Beyer et al. (2018), The Site Reliability Workbook, chapter 5, table 5-8.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

__all__ = ["BURN_RATES", "BurnRate", "duration", "stretched"]

Severity = Literal["page", "ticket"]
_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class BurnRate:
    """When to tell somebody.

    Attributes:
        factor: times the budget.
        long: window in which it must be so.
        short: window in which it must still be so, so that an alert ends when the trouble does.
        severity: page wakes somebody, ticket can wait for the day.
    """

    factor: float
    long: dt.timedelta
    short: dt.timedelta
    severity: Severity

    @property
    def wait(self) -> dt.timedelta:
        """How long it must hold before somebody is told, for systems that look at one window only."""
        return next(one.short for one in BURN_RATES if one.factor == self.factor)


BURN_RATES = (
    BurnRate(14.4, _HOUR, dt.timedelta(minutes=5), "page"),
    BurnRate(6.0, 6 * _HOUR, dt.timedelta(minutes=30), "page"),
    BurnRate(3.0, 24 * _HOUR, 2 * _HOUR, "ticket"),
    BurnRate(1.0, 72 * _HOUR, 6 * _HOUR, "ticket"),
)
"""The four of the workbook, fastest first."""


def stretched(every: dt.timedelta) -> list[BurnRate]:
    """Burn rates for figures that come in only so often: no window is shorter than the time between two.

    Args:
        every: time between two runs; 0 for counters that count as requests come.

    Returns:
        Those whose windows still differ; of several with the same windows and severity the lowest factor,
        which the others imply.
    """
    least = every * 13 / 12  # a run that is a little late leaves no window empty
    least = dt.timedelta(minutes=-(-least // dt.timedelta(minutes=1)))
    found = dict[tuple[dt.timedelta, dt.timedelta, Severity], BurnRate]()
    for rate in BURN_RATES:
        windows = max(rate.long, least), max(rate.short, least)
        found[(*windows, rate.severity)] = BurnRate(rate.factor, *windows, rate.severity)
    return list(found.values())


def duration(length: dt.timedelta) -> str:
    """A length of time in one unit, as Prometheus and OpenSLO both write it: 5m, 6h, 3d."""
    minutes = round(length.total_seconds() / 60)
    for unit, many in (("d", 24 * 60), ("h", 60)):
        if minutes and minutes % many == 0:
            return f"{minutes // many}{unit}"
    return f"{minutes}m"
