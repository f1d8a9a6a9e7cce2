"""What else was new about when a rate changed: named, and never called the cause."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from aligntax.ledger.marks import Mark
from aligntax.watch.counted import Counted
from aligntax.watch.looks import Trend
from aligntax.watch.seen import Seen

__all__ = ["coincidences", "hour_time", "when"]

_FAR_HOURS = 7 * 24
_MOST = 5
_WORDS = {
    "model": "model {}",
    "prompt": "system prompt {}",
    "detector": "detector {}",
    "layer": "the layer {}",
}


def hour_time(hour: int) -> dt.datetime:
    """The beginning of an hour counted from 1970, UTC without zone."""
    return dt.datetime(1970, 1, 1) + dt.timedelta(hours=hour)


def when(trend: Trend) -> tuple[int, int, int]:
    """The hour a change most likely begins with, and the first and last it may begin with."""
    change, hours = trend.change, trend.hours
    return int(hours[change.at]), int(hours[change.first]), int(hours[change.last])


def coincidences(trend: Trend, counted: Counted, seen: Seen, marks: Sequence[Mark]) -> list[dict[str, Any]]:
    """What was first seen, or marked, near a change, the nearest first.

    Args:
        trend: with a change.
        counted: what was counted.
        seen: first sights.
        marks: of the ledger that concern the use case.

    Returns:
        Entries of `kind`, `value`, `at`, `hours` from the change (negative for before), `within` (whether in
        the hours the change may begin with, give or take one) and `text`. Of what is not, only the nearest,
        and only within a week.
    """
    at, first, last = when(trend)
    found = [*_sights(trend, counted, seen, at), *_marked(marks, at)]
    for one in found:
        one["within"] = first - 1 <= at + one["hours"] <= last + 1
    found.sort(key=lambda one: (not one["within"], abs(one["hours"])))
    near = [one for one in found if one["within"]][:_MOST]
    return near or [one for one in found if abs(one["hours"]) <= _FAR_HOURS][:1]


def _sights(trend: Trend, counted: Counted, seen: Seen, at: int) -> Iterator[dict[str, Any]]:
    case = trend.test.case
    begun = seen.first_hour(case)
    for kind, value, sight in seen.sights(case):
        if sight.hour == begun:
            continue
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=sight.first)
        between = counted.between(case, "exchanges", min(sight.hour, at), max(sight.hour, at)).sum()
        exchanges = int(between) + (sight.within if sight.hour >= at else -sight.within)
        side = "before" if sight.hour < at else "after"
        what = _WORDS[kind].format(value)
        yield {
            "kind": kind,
            "value": value,
            "at": moment.isoformat(timespec="seconds"),
            "hours": sight.hour - at,
            "exchanges": exchanges if side == "after" else -exchanges,
            "text": f"{what}, first seen {moment:%Y-%m-%d %H:%M}, {exchanges:,} exchanges {side}",
        }


def _marked(marks: Sequence[Mark], at: int) -> Iterator[dict[str, Any]]:
    for mark in marks:
        hour = int((mark.at - dt.datetime(1970, 1, 1)).total_seconds() // 3600)
        yield {
            "kind": "mark",
            "value": f"{mark.kind}: {mark.text}",
            "at": mark.at.isoformat(timespec="seconds"),
            "hours": hour - at,
            "exchanges": None,
            "text": f"the mark “{mark.kind}: {mark.text}” at {mark.at:%Y-%m-%d %H:%M}",
        }
