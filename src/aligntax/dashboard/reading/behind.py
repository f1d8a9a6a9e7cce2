"""Where the exchanges behind a figure are listed."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, artefact
from aligntax.policy.window import parse_window
from aligntax.records import FLAGS, LAYERS, OUTCOMES

__all__ = ["Behind", "behind", "days_of", "kept_outcomes", "period_of"]

_EVENTS: Mapping[str, Mapping[str, str]] = {
    "completion_tax": {"outcome": "tax"},
    **{outcome: {"outcome": outcome} for outcome in OUTCOMES},
    "cannot": {"outcome": "cannot"},
    **{f"layer.{layer}": {"layer": layer} for layer in LAYERS},
    **{f"symptom.{flag}": {"symptom": flag} for flag in FLAGS},
    "bill.hedged": {"outcome": "hedged"},
    **{f"bill.{name}": {"outcome": "declined"} for name in ("refused", "refusal_tokens", "refusal_cost")},
}
_UNLISTED = ("fallback",)
"""Rates of what a list of exchanges cannot be narrowed to."""
_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Behind:
    """Addresses of the exchanges behind the figures of a run.

    Attributes:
        run: its key.
        period: what its time is cut into: day, week or month; "" for nothing.
        held: whether use cases are those of the policy in force, not the names in the run.
        last: when its newest exchange was, UTC without zone; None where that is not known.
    """

    run: str
    period: str = ""
    held: bool = False
    last: dt.datetime | None = None

    def __call__(self, component: str, where: Mapping[str, str], window: str = "") -> str:
        """Of a component of a slice: those it counts, else all of the slice; "" where they cannot be told.

        Args:
            component: of the tax.
            where: dimension -> value.
            window: such as 28d, back from the newest exchange; "" for all of the run.
        """
        if component in _UNLISTED:
            return ""
        query = {"run": self.run, **_EVENTS.get(component, {})}
        if window and self.last:
            query["from"] = f"{self.last - parse_window(window):%Y-%m-%d}"
        for name, value in where.items():
            if name == "period":
                ends = days_of(value, self.period)
                if ends is None:
                    return ""
                query |= {"from": f"{ends[0]}", "to": f"{ends[1]}"}
            elif name in ("use_case", "model") and value != "(other)":
                query["held_as" if self.held and name == "use_case" else name] = value
            else:
                return ""
        return f"/exchanges?{urlencode(query, errors='replace')}"


def behind(ledger: Ledger, run: Run, *, held: bool = False) -> Behind | None:
    """Of a run; None where it does not keep its exchanges.

    Args:
        ledger: that holds it.
        run: whose figures are shown.
        held: whether their use cases are those of the policy in force.
    """
    if kept_outcomes(ledger, run.id) is None:
        return None
    return Behind(run.id, held=held, last=run.origin.last)


def kept_outcomes(ledger: Ledger, run_id: str) -> Path | None:
    """The file of a run's exchanges; None where it keeps none here."""
    return artefact(ledger, run_id, "outcomes.parquet")


def period_of(contents: Mapping[str, Any]) -> str:
    """What the document of a bill cuts time into; "" for nothing."""
    about = contents.get("about")
    return str(about.get("period") or "") if isinstance(about, Mapping) else ""


def days_of(first: str, period: str) -> tuple[dt.date, dt.date] | None:
    """First and last day of a period, which its first day names; None where that cannot be told."""
    try:
        begin = dt.date.fromisoformat(first)
        if period == "month":
            following = (begin.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
            return begin, following - dt.timedelta(days=1)
        return begin, begin + dt.timedelta(days=_DAYS[period] - 1)
    except (ValueError, KeyError, OverflowError):
        return None
