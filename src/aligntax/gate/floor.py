"""The safety floor of a policy held against what `aligntax floor` measured."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aligntax.errors import UnreadableInput
from aligntax.gate.bounds import bounds_of
from aligntax.gate.decision import Test, open_decision
from aligntax.gate.result import Finding, HeldHazard, HeldRise
from aligntax.policy.model import Floor, Hazard
from aligntax.policy.read import LoadedPolicy
from aligntax.policy.window import parse_window, window_text
from aligntax.records import Estimate
from aligntax.stats.ceiling import exact_mean
from aligntax.stats.missing import worst_and_best

__all__ = ["FloorMeasured", "HeldFloor", "floor_of", "hold_floor"]

Values = Sequence[float]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A harmful prompt: its hazard, its cluster, and the share of its answers that are harmful."""

    hazard: str
    cluster: str | None
    least: float
    most: float
    seen: float


@dataclass(frozen=True, kw_only=True)
class FloorMeasured:
    """A measured floor.

    Attributes:
        name: as it was typed.
        model: that was asked.
        created: when, UTC without zone.
        graded_by: judge or detector with its version.
        prompts: that were asked.
        against: what the document says of the model it was held against; None for nothing.
        partial: whether answers are missing since it was stopped.
        forced: what differed from the other run all the same.
    """

    name: str
    model: str
    created: dt.datetime
    graded_by: str
    prompts: tuple[Prompt, ...]
    against: Mapping[str, Any] | None
    partial: bool
    forced: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HeldFloor:
    """What became of the floor; verdicts open as long as all tests are not decided together."""

    hazards: tuple[HeldHazard, ...] = ()
    rises: tuple[HeldRise, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Exact:
    """Bounds of a share of harmful answers: Clopper and Pearson's, one trial a cluster, missing at worst."""

    least: Values
    most: Values
    clusters: Sequence[str | None] | None

    def low(self, error: float, times: float = 1.0) -> float:
        """Lower bound."""
        return self._end(self.least, error, times).low

    def high(self, error: float, times: float = 1.0) -> float:
        """Upper bound."""
        return self._end(self.most, error, times).high

    def _end(self, values: Values, error: float, times: float) -> Estimate:
        found = exact_mean(values, clusters=self.clusters, level=max(1e-12, 1 - 2 * min(error, 0.499)))
        if times == 1:
            return found
        more = bounds_of(exact_mean(values, clusters=self.clusters))
        assert more is not None
        tail = min(error, 0.499)
        return Estimate(
            value=found.value,
            low=more.low(tail, times),
            high=more.high(tail, times),
            level=found.level,
            n=found.n,
            unit="rate",
            method=found.method,
        )


def floor_of(contents: Mapping[str, Any], name: str) -> FloorMeasured:
    """A floor from its document.

    Raises:
        UnreadableInput: it is not one, or damaged.
    """
    if contents.get("schema") != "aligntax.floor/1":
        raise UnreadableInput(
            f"{name}: not a measured floor: schema {contents.get('schema')!r}",
            hint="make it with `aligntax floor`",
        )
    try:
        created = dt.datetime.fromisoformat(contents["created"])
        prompts = tuple(_prompt(row) for row in contents["prompts"])
        asking, about = contents["asking"], contents["about"]
        return FloorMeasured(
            name=name,
            model=str(contents["model"]),
            created=created.astimezone(dt.UTC).replace(tzinfo=None) if created.tzinfo else created,
            graded_by=str(contents["graded_by"]),
            prompts=prompts,
            against=contents["against"],
            partial=bool(asking.get("partial")),
            forced=tuple(about.get("forced", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableInput(f"{name}: {error!r} is missing or wrong in it") from error


def hold_floor(
    loaded: LoadedPolicy,
    measured: Sequence[FloorMeasured],
    models: Sequence[str],
    *,
    now: dt.datetime,
    force: bool = False,
) -> HeldFloor:
    """Holds measured floors to the policy's.

    Args:
        loaded: the policy.
        measured: one floor a model.
        models: that answered the traffic.
        now: UTC without zone.
        force: whether age and model are overruled, and said.
    """
    floor = loaded.policy.floor
    if floor is None:
        given = "a floor was given, and the policy has none to hold it to: nothing was held to it"
        return HeldFloor(notes=(given if measured else "the policy has no safety floor: none was held",))
    if not measured:
        return _unmeasured(loaded, floor)
    findings = [
        *_stale(loaded, floor, measured, now, force=force),
        *_of_others(loaded, measured, models, force=force),
        *(one for each in measured for one in _unfinished(loaded, each, force=force)),
    ]
    hazards, missing = list[HeldHazard](), list[Finding]()
    for each in measured:
        held, lacking = _hazards(loaded, floor, each)
        hazards, missing = [*hazards, *held], [*missing, *lacking]
    rises = tuple(_rise(loaded, floor, each) for each in measured if each.against)
    without = [each.model for each in measured if not each.against]
    notes = (f"no non-inferiority of {', '.join(without)}: the floor was measured against nothing",)
    return HeldFloor(
        hazards=tuple(hazards),
        rises=rises,
        findings=(*findings, *missing),
        notes=notes if without else (),
    )


def _unmeasured(loaded: LoadedPolicy, floor: Floor) -> HeldFloor:
    text = "measure one with `aligntax floor`, and name it: --floor FILE, or --floor latest of the ledger"
    if not floor.required:
        return HeldFloor(notes=(f"{text} (the policy does not require it)",))
    return HeldFloor(
        findings=(Finding(name="no_floor", subject="floor", text=text, line=loaded.line("floor")),)
    )


def _stale(
    loaded: LoadedPolicy, floor: Floor, measured: Sequence[FloorMeasured], now: dt.datetime, *, force: bool
) -> list[Finding]:
    line = loaded.line("floor", "max_age")
    return [
        Finding(
            name="stale_floor",
            subject=f"floor {one.name}",
            text=f"measured {(now - one.created).days:,} days ago; {window_text(floor.max_age)} are allowed",
            line=line,
            forced=force,
        )
        for one in measured
        if now - one.created > parse_window(floor.max_age)
    ]


def _of_others(
    loaded: LoadedPolicy, measured: Sequence[FloorMeasured], models: Sequence[str], *, force: bool
) -> list[Finding]:
    """Models that answered and that no floor was measured of."""
    asked = {_plain(one.model) for one in measured}
    without = [name for name in models if _plain(name) not in asked]
    if not without:
        return []
    named = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
    text = f"the traffic was answered by {named}, the floor is of {', '.join(one.model for one in measured)}"
    return [
        Finding(
            name="floor_of_another_model",
            subject="floor",
            text=text,
            line=loaded.line("floor"),
            forced=force,
        )
    ]


def _plain(model: str) -> str:
    """A model's name without the provider before it and the address behind it."""
    return model.partition("@")[0].rpartition("/")[2].casefold()


def _unfinished(loaded: LoadedPolicy, one: FloorMeasured, *, force: bool) -> list[Finding]:
    found, line = list[Finding](), loaded.line("floor")
    subject = f"floor {one.name}"
    if one.partial:
        text = "it was stopped before all prompts were asked; what was asked was drawn at random"
        found.append(Finding(name="partial_floor", subject=subject, text=text, line=line, forced=force))
    if one.forced:
        text = f"its comparison was forced: {'; '.join(one.forced)}"
        found.append(Finding(name="forced_floor", subject=subject, text=text, line=line, forced=force))
    return found


def _hazards(
    loaded: LoadedPolicy, floor: Floor, measured: FloorMeasured
) -> tuple[list[HeldHazard], list[Finding]]:
    """Every hazard held to its own ceiling, or to that of all the others."""
    seen = list(dict.fromkeys(one.hazard for one in measured.prompts))
    own = {hazard.name: at for at, hazard in enumerate(floor.hazard)}
    held = list[HeldHazard]()
    for at, hazard in enumerate(floor.hazard):
        names = [name for name in seen if name not in own] if hazard.name == "*" else [hazard.name]
        held += [
            _hazard(loaded, floor, hazard, name, measured, loaded.line("floor", "hazard", at))
            for name in names
            if name in seen
        ]
    missing = [
        Finding(
            name="missing_hazard",
            subject=f"hazard {hazard.name}",
            text=f"{measured.name} has no prompt of it"
            if hazard.name != "*"
            else f"{measured.name} is empty",
            line=loaded.line("floor", "hazard", at),
        )
        for at, hazard in enumerate(floor.hazard)
        if (hazard.name != "*" and hazard.name not in seen) or not seen
    ]
    loose = [name for name in seen if name not in own] if "*" not in own else []
    if loose:
        text = (
            f"measured, and the policy has no ceiling for it and none for all others (*): {', '.join(loose)}"
        )
        missing.append(Finding(name="missing_hazard", subject="floor", text=text, line=loaded.line("floor")))
    return held, missing


def _hazard(
    loaded: LoadedPolicy, floor: Floor, hazard: Hazard, name: str, measured: FloorMeasured, line: int
) -> HeldHazard:
    own = [one for one in measured.prompts if one.hazard == name]
    clusters = [one.cluster for one in own]
    grouped = clusters if any(one is not None for one in clusters) else None
    bounds = _Exact([one.least for one in own], [one.most for one in own], grouped)
    level = round(2 * floor.confidence - 1, 12)
    estimate = worst_and_best(
        bounds.least,
        bounds.most,
        lambda values: exact_mean(values, clusters=grouped, level=level),
        seen=[one.seen for one in own],
    )
    known = estimate.known
    test = Test(
        bounds=bounds if known else None,
        value=estimate.value,
        n=len(own),
        limit=hazard.limit,
        direction="at_most",
        confidence=floor.confidence,
        reason=estimate.reason,
        finding="" if known else "no_figure",
    )
    return HeldHazard(
        hazard=name,
        action=hazard.action,
        model=measured.model,
        prompts=len(own),
        estimate=estimate,
        decision=open_decision(test, test.reason, test.finding),
        line=line,
    )


def _rise(loaded: LoadedPolicy, floor: Floor, measured: FloorMeasured) -> HeldRise:
    """Non-inferiority at the margin and the confidence of the policy, whatever the floor was asked with."""
    told = measured.against
    assert told is not None
    given = told["bounds"]
    entry = {name: given[name] for name in Estimate.__slots__}
    unknown = {name: math.nan for name in ("value", "low", "high") if entry[name] is None}
    estimate = Estimate(**(entry | unknown))
    bounds = bounds_of(estimate)
    test = Test(
        bounds=bounds,
        value=estimate.value,
        n=int(told["prompts"]),
        limit=floor.margin,
        direction="at_most",
        confidence=floor.confidence,
        reason=str(told.get("reason") or estimate.reason),
        finding="" if bounds else "no_figure",
    )
    return HeldRise(
        model=measured.model,
        other=str(told["name"]),
        prompts=int(told["prompts"]),
        estimate=estimate,
        decision=open_decision(test, test.reason, test.finding),
        line=loaded.line("floor", "margin"),
    )


def _prompt(row: Mapping[str, Any]) -> Prompt:
    least, most = float(row["least"]), float(row["most"])
    if not 0 <= least <= most <= 1:
        raise ValueError(f"prompt {row['id']}")
    seen = math.nan if row["seen"] is None else float(row["seen"])
    return Prompt(str(row["hazard"]), row["cluster"], least, most, seen)
