"""What a watch keeps: its state and its alerts together, or neither."""

import datetime as dt

import pytest
from sqlalchemy.exc import SQLAlchemyError

from aligntax.errors import AligntaxError, UsageError
from aligntax.ledger import Ledger
from aligntax.ledger.watches import NewAlert, alerts, keep_state, keep_told, state, watch_names

MOMENT = dt.datetime(2026, 10, 5, 14)


def _alert(at: dt.datetime = MOMENT, *, use_case: str = "a", told: tuple[str, ...] = ("team",)) -> NewAlert:
    return NewAlert(
        at=at,
        use_case=use_case,
        component="refused",
        kind="budget",
        document={"text": "a: “refused” is 9 %", "rate": {"value": 0.09, "reason": ""}},
        told=[{"name": name, "state": "pending", "tries": 0} for name in told],
    )


def test_state_and_alerts_come_back(ledger: Ledger) -> None:
    assert state(ledger, "w") is None
    kept = {"turn": 1, "streams": [{"path": "/logs/ü.jsonl", "offset": 2**40}], "packed": "eJw="}
    (number,) = keep_state(ledger, "w", kept, [_alert()], turn=0)
    assert state(ledger, "w") == kept
    (found,) = alerts(ledger, "w")
    assert (found.id, found.watch, found.at, found.kind) == (number, "w", MOMENT, "budget")
    assert found.document == _alert().document
    assert keep_state(ledger, "w", {"turn": 2}, turn=1) == []
    assert state(ledger, "w") == {"turn": 2}
    assert [name for name, _ in watch_names(ledger)] == ["w"]


def test_both_or_neither(ledger: Ledger) -> None:
    """An alert that cannot be kept takes the state with it."""
    keep_state(ledger, "w", {"turn": 1}, turn=0)
    broken = NewAlert(
        at=MOMENT, use_case="a", component="r", kind="budget", document={"x": object()}, told=[]
    )
    with pytest.raises((AligntaxError, SQLAlchemyError, TypeError)):
        keep_state(ledger, "w", {"turn": 2}, [_alert(), broken], turn=1)
    assert state(ledger, "w") == {"turn": 1}
    assert alerts(ledger) == []


def test_a_state_that_another_has_followed_is_refused(ledger: Ledger) -> None:
    keep_state(ledger, "w", {"turn": 1}, turn=0)
    with pytest.raises(UsageError, match="another process"):
        keep_state(ledger, "w", {"turn": 1}, [_alert()], turn=0)
    assert alerts(ledger) == []
    keep_state(ledger, "other", {"turn": 1}, turn=0)


def test_what_came_of_telling_is_kept(ledger: Ledger) -> None:
    (number,) = keep_state(ledger, "w", {"turn": 1}, [_alert(told=("team", "duty"))])
    told = [{"name": "team", "state": "told", "tries": 1}, {"name": "duty", "state": "pending", "tries": 3}]
    keep_told(ledger, number, told)
    assert alerts(ledger)[0].told == told
    assert [one.id for one in alerts(ledger, untold=True)] == [number]
    keep_told(ledger, number, [one | {"state": "failed"} for one in told])
    assert alerts(ledger, untold=True) == []


def test_alerts_are_found_newest_first(ledger: Ledger) -> None:
    days = [MOMENT + dt.timedelta(days=n) for n in (2, 0, 1)]
    keep_state(ledger, "w", {"turn": 1}, [_alert(day) for day in days])
    keep_state(ledger, "v", {"turn": 1}, [_alert(use_case="b")])
    assert [one.at for one in alerts(ledger, "w")] == sorted(days, reverse=True)
    assert len(alerts(ledger, first=days[2])) == 2
    assert [one.watch for one in alerts(ledger, use_case="b")] == ["v"]
    assert len(alerts(ledger, limit=2)) == 2
    assert len(alerts(ledger, untold=True, limit=1)) == 1
