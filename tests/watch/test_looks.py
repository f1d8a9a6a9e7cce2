"""Windows, turns, months: where tests begin anew and what they remember."""

import datetime as dt

import numpy as np
import pytest

from aligntax.policy.model import Policy
from aligntax.watch.coincidences import hour_time, when
from aligntax.watch.counted import Counted, first_hour, month_of
from aligntax.watch.looks import Breach, Changed
from aligntax.watch.plan import plan, window_start
from watch_worlds import HOURS, MONTH, World, policy_of, traffic

JULY = MONTH - 3
"""It has 31 days, and so has the month after it."""


def _hour(text: str) -> int:
    return int(np.datetime64(text, "h").astype(np.int64))


@pytest.mark.parametrize(
    ("window", "at", "begins"),
    [
        ("24h", "2026-10-17T13", "2026-10-17T00"),
        ("1d", "2026-10-31T23", "2026-10-31T00"),
        ("7d", "2026-10-08T00", "2026-10-08T00"),
        ("7d", "2026-10-31T23", "2026-10-29T00"),
        ("5h", "2026-10-01T11", "2026-10-01T10"),
        ("28d", "2026-10-31T23", "2026-10-01T00"),
        ("4w", "2026-02-28T23", "2026-02-01T00"),
        ("90d", "2026-10-31T23", "2026-10-01T00"),
    ],
)
def test_windows_are_cut_off_the_calendar_month(window: str, at: str, begins: str) -> None:
    assert hour_time(window_start(window, _hour(at))) == dt.datetime.fromisoformat(f"{begins}:00")


def _fed(world: World, rates: list[tuple[int, float]], *, month: int = MONTH, seed: int = 1) -> list[Changed]:
    """A month with a look every six hours; the changes found."""
    generator = np.random.default_rng(seed)
    drawn = traffic(generator, rates, month=month)
    begins, found = first_hour(month), list[Changed]()
    for last in range(6, HOURS + 1, 6):
        part = (drawn.hours >= begins + last - 6) & (drawn.hours < begins + last)
        world.feed(0, drawn.hours[part], drawn.refused[part])
        found += [one for one in world.look(begins + last - 1) if isinstance(one, Changed)]
    return found


def test_a_change_at_the_turn_of_a_month_is_found() -> None:
    """The month before is what the new one is compared with."""
    world = World(policy_of(("a", 0.1)))
    assert _fed(world, [(0, 0.02)], month=JULY) == []
    (found,) = _fed(world, [(0, 0.04)], month=JULY + 1)
    assert abs(when(found.trend)[0] - first_hour(JULY + 1)) <= 12
    assert found.trend.turn == 1


def test_each_of_two_changes_is_told_once() -> None:
    world = World(policy_of(("a", 0.1)))
    found = _fed(world, [(0, 0.02), (200, 0.06), (450, 0.02)])
    assert [
        abs(when(one.trend)[0] - first_hour(MONTH) - at) <= 8
        for one, at in zip(found, (200, 450), strict=True)
    ]
    assert [one.trend.turn for one in found] == [1, 2]
    assert found[1].trend.needed > found[0].trend.needed


def test_a_change_that_matters_to_nobody_is_not_told() -> None:
    """At 200,000 a day, 2.0 to 2.2 % is beyond doubt; a tenth is less than the fifth that is asked for."""
    world = World(policy_of(("a", 0.1)))
    counts = np.full(20, 200_000)
    for day, n in enumerate(counts.tolist()):
        rate = 0.02 if day < 10 else 0.022
        hours = np.full(n, first_hour(MONTH) + 24 * day)
        world.feed(0, hours, np.arange(n) < n * rate)
    hour = first_hour(MONTH) + 20 * 24
    trend = world.looks.trend(world.plan.changes[0], world.counted, hour)
    assert trend.change.evidence > 10 * trend.needed
    assert not any(isinstance(one, Changed) for one in world.look(hour))


def test_daily_windows_spend_less_and_less() -> None:
    world = World(policy_of(("a", 0.02), window="24h"))
    drawn = traffic(np.random.default_rng(4), [(0, 0.02)])
    begins = first_hour(MONTH)
    world.feed(0, drawn.hours, drawn.refused)
    (test,) = world.plan.budgets
    found = [
        world.looks.standing(test, world.counted, world.seen, begins + 24 * day + 23) for day in range(31)
    ]
    assert [one.turn for one in found] == list(range(1, 32))
    assert sum(one.alpha for one in found) < test.alpha
    again = world.looks.standing(test, world.counted, world.seen, begins + 24 * 5)
    assert again.turn == 6
    assert again.rate.n < found[5].rate.n


def test_a_broken_budget_is_found_in_a_late_daily_window_too() -> None:
    world = World(policy_of(("a", 0.02), window="24h"))
    found = []
    month = traffic(np.random.default_rng(1), [(0, 0.02), (29 * 24, 0.06)])
    for day in range(30):
        part = month.until(24 * day, 24 * day + 24)
        world.feed(0, part.hours, part.refused)
        found += world.look(first_hour(MONTH) + 24 * day + 23)
    assert [type(one) for one in found if isinstance(one, Breach)] == [Breach]


def test_a_new_month_is_told_by_the_old_one_while_it_holds_little() -> None:
    world = World(policy_of(("a", 0.05)))
    _fed(world, [(0, 0.02)], month=JULY)
    hour = first_hour(JULY + 1)
    world.feed(0, np.array([hour]), np.array([True]))
    (test,) = world.plan.budgets
    shown = world.looks.shown(test, world.counted, world.seen, hour)
    assert (month_of(shown.since), shown.state) == (JULY, "within")
    assert world.looks.standing(test, world.counted, world.seen, hour).rate.n == 1


def test_counts_come_back_as_they_were_kept() -> None:
    counted = Counted(("a", "b"), ("refused", "determined", "exchanges"))
    counted.roll(MONTH)
    hours = first_hour(MONTH) + np.arange(500) % HOURS
    mask = np.arange(500) % 3 == 0
    masks = {"refused": mask, "determined": mask, "exchanges": np.ones(500, bool)}
    counted.add(np.arange(500) % 2, hours, np.arange(500) % 7 - 1, masks)
    again = Counted(("b",), counted.names)
    again.take(counted.kept(), ["b"])
    assert again.kept()["hours"] == {"b": counted.kept()["hours"]["b"]}
    assert again.kept()["groups"] == {"b": counted.kept()["groups"]["b"]}


def test_what_cannot_be_watched_is_said() -> None:
    policy = policy_of(("a", 0.05)).model_dump(mode="json")
    policy["use_case"][0]["budget"] += [
        {"component": "delay.median", "direction": "at_most", "limit": 90},
        {"component": "hedged", "direction": "at_most", "limit": 0.0},
        {"component": "cannot", "direction": "at_most", "limit": 0.1, "by": ["model"]},
    ]
    tested = plan(Policy.model_validate(policy))
    assert [one.budget.component for one in tested.budgets] == ["refused", "cannot"]
    assert [one.split(" ")[1] for one in tested.left_out] == ["delay.median", "hedged", "cannot"]
