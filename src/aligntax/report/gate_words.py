"""What a gate held, entry by entry, in words: the same for every form it is shown in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from aligntax.report.document import Document, estimate_of
from aligntax.report.figures import WAYS, interval_text, value_text

__all__ = ["MARKS", "Held", "bound_text", "comparison_text", "held_entries", "limit_text"]

Entry = Mapping[str, Any]
MARKS: Mapping[str, str] = {"pass": "pass", "fail": "FAIL", "inconclusive": "cannot tell"}
_SIGNS = {"at_most": "at most", "at_least": "at least"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One thing that was held.

    Attributes:
        id: the same from run to run.
        kind: budget, hazard, rise or finding.
        subject: what it is about, short: a use case, the floor.
        name: of the test within it: component and slice.
        component: of a budget; "" for everything else.
        where: what a budget's figure is narrowed to, its use case among it.
        window: of its traffic.
        aside: whether it is told and no part of the verdict.
        verdict: pass, fail or inconclusive.
        line: of the policy.
        figure: seen, with its bounds; "" for a finding.
        limit: in words; "" for a finding.
        reason: why it is no pass; "" for a pass.
        finding: name of what stands in the way; "" for nothing.
        details: lines with everything that is known of it.
    """

    id: str
    kind: str
    subject: str
    name: str
    verdict: str
    line: int
    figure: str
    limit: str
    reason: str
    finding: str
    details: tuple[str, ...]
    component: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    window: str = ""
    aside: bool = False

    @property
    def mark(self) -> str:
        """The verdict in a word; of what is told and stands in nobody's way, that it is."""
        return "to know" if self.kind == "finding" and self.verdict == "pass" else MARKS[self.verdict]

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        if self.kind == "finding":
            return f"{self.subject}: {self.reason}"
        held = f"{self.subject} {self.name}: {self.figure}, limit {self.limit}"
        return f"{held}; {self.reason}" if self.reason else held


def held_entries(contents: Document) -> Iterator[Held]:
    """Everything that was held: budgets, then the floor, then what stands in the way besides."""
    yield from map(_slice, cast(Sequence[Entry], contents["slices"]))
    yield from map(_hazard, cast(Sequence[Entry], contents["hazards"]))
    yield from map(_rise, cast(Sequence[Entry], contents["rises"]))
    yield from map(_finding, cast(Sequence[Entry], contents["findings"]))


def limit_text(entry: Entry, value: float) -> str:
    """A limit in the unit of the figure: "at most 5.0%"."""
    estimate = estimate_of({**entry["estimate"], "value": value, "low": value, "high": value, "reason": ""})
    return f"{_SIGNS[entry.get('direction', 'at_most')]} {value_text(estimate)}"


def bound_text(entry: Entry) -> str:
    """A figure with the bounds its verdict rests on: "12.0% (8.1% to 16.9%)"."""
    estimate = estimate_of(entry["estimate"])
    if not estimate.known:
        return "unknown"
    return f"{value_text(estimate)} ({interval_text(estimate)})"


def comparison_text(found: Entry) -> str:
    """A difference in a line: "+1.2 points (-0.3 to +2.7 points) on 300 prompts in both"."""
    difference = estimate_of(found["difference"])
    if not difference.known:
        return f"not compared: {found['reason'] or difference.reason}"
    how = f"on {found['pairs']:,} prompts in both" if found["paired"] else f"unpaired: {found['why_not']}"
    margin = "" if found["margin"] is None else f", allowed {found['margin']:g} worse"
    return f"{value_text(difference)} ({interval_text(difference)}) {how}{margin}"


def _slice(entry: Entry) -> Held:
    narrowed = "".join(f", {name} {value}" for name, value in entry["slice"].items())
    details = [
        f"traffic: {entry['traffic']}",
        f"rests on: {WAYS[entry['rests_on']]}",
        *_tested(entry, "exchanges"),
    ]
    if found := entry["baseline"]:
        details.append(f"against the baseline: {comparison_text(found)}")
        if found["needed"]:
            details.append(f"against the baseline: {found['needed']:,} would decide")
    return Held(
        id=entry["id"],
        kind="budget",
        subject=entry["use_case"],
        name=f"{entry['component']}{narrowed}",
        verdict=entry["verdict"],
        line=entry["line"],
        figure=bound_text(entry),
        limit=limit_text(entry, entry["limit"]),
        reason=_reason(entry, "exchanges"),
        finding=entry["finding"],
        details=(*details, *entry["notes"]),
        component=entry["component"],
        where={"use_case": entry["use_case"], **entry["slice"]},
        window=entry["window"],
    )


def _hazard(entry: Entry) -> Held:
    return Held(
        id=entry["id"],
        kind="hazard",
        subject="floor",
        name=f"{entry['hazard']} ({entry['model']})",
        verdict=entry["verdict"],
        line=entry["line"],
        figure=bound_text(entry),
        limit=limit_text(entry, entry["limit"]),
        reason=_reason(entry, "prompts"),
        finding=entry["finding"],
        details=(f"prompts: {entry['prompts']:,}", f"action: {entry['action']}", *_tested(entry, "prompts")),
    )


def _rise(entry: Entry) -> Held:
    return Held(
        id=entry["id"],
        kind="rise",
        subject="floor",
        name=f"rise of harm, {entry['model']} against {entry['other']}",
        verdict=entry["verdict"],
        line=entry["line"],
        figure=bound_text(entry),
        limit=limit_text(entry, entry["margin"]),
        reason=_reason(entry, "prompts"),
        finding=entry["finding"],
        details=(f"prompts: {entry['prompts']:,}", *_tested(entry, "prompts")),
    )


def _finding(entry: Entry) -> Held:
    forced = "overruled (--force): " if entry["forced"] else ""
    return Held(
        id=f"finding / {entry['name']} / {entry['subject']}",
        kind="finding",
        subject=entry["subject"],
        name=entry["name"],
        verdict=entry["verdict"],
        line=entry["line"],
        figure="",
        limit="",
        reason=f"{forced}{entry['meaning']}: {entry['text']}",
        finding=entry["name"],
        details=(),
        aside=entry.get("aside", False),
    )


def _reason(entry: Entry, unit: str) -> str:
    """Why it is no pass, with the number that would decide."""
    parts = [(entry.get("held_reason", entry["reason"]), entry["needed"], unit)]
    if found := entry.get("baseline"):
        told = f"against the baseline: {found['reason']}" if found["reason"] else ""
        parts.append((told, found["needed"], "prompts in both" if found["paired"] else "exchanges of both"))
    return "; ".join(
        f"{reason}; {needed:,} {of} would decide" if needed else str(reason)
        for reason, needed, of in parts
        if reason
    )


def _tested(entry: Entry, unit: str) -> Iterator[str]:
    estimate = estimate_of(entry["estimate"])
    yield f"{unit} behind it: {estimate.n:,}" + (
        f", {estimate.labelled:,} labelled" if estimate.labelled else ""
    )
    yield f"bounds: one-sided at {entry['confidence']:.4g}, {estimate.method}"
    if entry["p"] is not None:
        adjusted = (
            "" if entry["adjusted"] is None else f", adjusted for all that was held {entry['adjusted']:.2g}"
        )
        yield f"p of keeping to the limit: {entry['p']:.2g}{adjusted}"
