"""Measured figures held to a policy: every budget in every slice, to its limit and next to a baseline."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aligntax.errors import UsageError
from aligntax.gate.comparison import compare, not_compared
from aligntax.gate.decision import Decision, Test, decided, open_decision
from aligntax.gate.figures import Figures, Found, Traffic
from aligntax.gate.floor import FloorMeasured, HeldFloor, hold_floor
from aligntax.gate.hidden import hidden_by_the_mean
from aligntax.gate.result import Comparison, Finding, GateResult, HeldSlice
from aligntax.policy.components import COMPONENTS
from aligntax.policy.model import Budget, Mode, UseCase
from aligntax.policy.read import LoadedPolicy
from aligntax.policy.window import parse_window, window_text
from aligntax.records import Estimate, unknown

__all__ = ["hold"]

Where = Mapping[str, str]
_MUCH = 0.1
"""Share of undetermined answers from which a reader is told of it."""


def hold(
    loaded: LoadedPolicy,
    head: Figures,
    *,
    baseline: Figures | None = None,
    floors: Sequence[FloorMeasured] = (),
    mode: Mode | None = None,
    now: dt.datetime | None = None,
    force: bool = False,
    why_no_baseline: str = "",
) -> GateResult:
    """Holds what was measured to a policy.

    Args:
        loaded: the policy.
        head: what was measured.
        baseline: what it is compared with; None for nothing.
        floors: measured safety floors, one a model.
        mode: release or pull_request; the policy's own by default.
        now: what ages are told from, UTC without zone.
        force: whether what differs (detector, labelling policy), and what is too old, is compared all the
            same and said.
        why_no_baseline: why there is none, where one was asked for.

    Raises:
        UsageError: the policy holds nothing, so that nothing could be said of anything.
    """
    now = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    if not any(case.budget for case in loaded.policy.use_case) and not (
        loaded.policy.floor and loaded.policy.floor.hazard
    ):
        raise UsageError(
            f"{loaded.path}: it has no budget and no hazard, so there is nothing to hold",
            hint="add [[use_case.budget]] entries",
        )
    findings = tuple(_against(loaded, head, baseline, force=force))
    holding = _Holding(loaded, head, baseline, findings, force, why_no_baseline)
    slices = [one for place, case, budget in _budgets(loaded) for one in holding.held(place, case, budget)]
    floor = hold_floor(loaded, floors, head.identity.models, now=now, force=force)
    slices, floor = _decided(slices, floor)
    return GateResult(
        policy=loaded,
        mode=mode or loaded.policy.gate.mode,
        made=now,
        head=head.identity,
        baseline=baseline.identity if baseline else None,
        slices=tuple(slices),
        hazards=floor.hazards,
        rises=floor.rises,
        findings=(*findings, *floor.findings, *hidden_by_the_mean(slices, head)),
        notes=(*_notes(slices, head), *floor.notes),
    )


def _budgets(loaded: LoadedPolicy) -> Iterator[tuple[tuple[int, int], UseCase, Budget]]:
    for number, case in enumerate(loaded.policy.use_case):
        for which, budget in enumerate(case.budget):
            yield (number, which), case, budget


def _against(
    loaded: LoadedPolicy, head: Figures, baseline: Figures | None, *, force: bool
) -> Iterator[Finding]:
    """What makes the baseline unfit to be compared with."""
    if baseline is None:
        return
    one, other = baseline.identity, head.identity
    subject, line = f"baseline {one.name}", loaded.line("gate")
    allowed = loaded.policy.gate.max_baseline_age
    age = _age(baseline, head)
    if age is None or age > parse_window(allowed):
        told = "its age cannot be told" if age is None else f"it is {age.days:,} days older than this run"
        text = f"{told}; {window_text(allowed)} are allowed"
        line = loaded.line("gate", "max_baseline_age")
        yield Finding(name="stale_baseline", subject=subject, text=text, line=line, forced=force)
    detectors = [f"{run.detector} ({run.detector_version})" for run in (one, other)]
    if detectors[0] != detectors[1]:
        text = f"the detector is {detectors[0]} there and {detectors[1]} here"
        yield Finding(name="changed_detector", subject=subject, text=text, line=line, forced=force)
    policies = one.labelling_policy, other.labelling_policy
    if all(policies) and policies[0] != policies[1]:
        text = f"labels follow labelling policy {policies[0]} there and {policies[1]} here"
        yield Finding(name="changed_labelling_policy", subject=subject, text=text, line=line, forced=force)


def _age(baseline: Figures, head: Figures) -> dt.timedelta | None:
    """How much older the baseline is: by newest exchanges where both have times, else by when measured."""
    one, other = baseline.identity, head.identity
    pairs = ((other.last, one.last), (other.created, one.created))
    for newer, older in pairs:
        if newer is not None and older is not None:
            return newer - older
    return None


Stop = tuple[str, str] | None
"""What stands in the way of any figure: a finding by name, and why; None for nothing."""


@dataclass(frozen=True)
class _Holding:
    """What every budget is held with."""

    loaded: LoadedPolicy
    head: Figures
    baseline: Figures | None
    findings: tuple[Finding, ...]
    force: bool
    why_no_baseline: str

    def held(self, place: tuple[int, int], case: UseCase, budget: Budget) -> Iterator[HeldSlice]:
        """A budget in every slice it is held in."""
        line = self.loaded.line("use_case", place[0], "budget", place[1])
        traffic = self.head.traffic(budget.window)
        for where, stop in self._slices(case, budget):
            found = None if stop else self.head.find(budget.component, case.name, where, budget.window)
            estimate, test, notes = self._test(budget, found, traffic, stop)
            yield HeldSlice(
                use_case=case.name,
                budget=budget,
                where=where,
                place=place,
                line=line,
                estimate=estimate,
                decision=open_decision(test, test.reason, test.finding),
                rests_on=found.measurement.correction if found else "raw",
                traffic=traffic.words,
                comparison=None if stop else self._compared(case, budget, where),
                notes=(*notes, *self._unheard(case, budget, where)),
            )

    def _unheard(self, case: UseCase, budget: Budget, where: Where) -> Iterator[str]:
        """That many answers are in no rate, since the detector could not tell what they are."""
        found = self.head.find("undetermined", case.name, where, budget.window)
        share = found.measurement.estimate.value if found else 0.0
        if budget.component != "undetermined" and share > _MUCH:
            yield f"{share:.0%} of the answers are undetermined and in no rate: hold `undetermined` too"

    def _slices(self, case: UseCase, budget: Budget) -> Iterator[tuple[Where, Stop]]:
        """Where a budget is held, and what stands in the way."""
        head, window = self.head, budget.window
        if not head.has(case.name, window):
            yield {}, ("missing_use_case", f"there is no exchange of {case.name!r} in {head.identity.name}")
            return
        whole = head.find(budget.component, case.name, {}, window)
        by = list(dict.fromkeys(budget.by))
        if whole is None:
            models = head.values(case.name, "model", window)
            if not any(head.find(budget.component, case.name, {"model": name}, window) for name in models):
                yield {}, _unmeasured(budget)
                return
            by = list(dict.fromkeys(["model", *by]))  # several models, put together by nobody
        else:
            yield {}, None
        for dimension in by:
            values = head.values(case.name, dimension, window)
            if not values:
                yield {dimension: "?"}, ("missing_slice", f"the traffic does not tell its {dimension}")
            for value in values:
                yield {dimension: value}, None

    def _test(
        self, budget: Budget, found: Found | None, traffic: Traffic, stop: Stop
    ) -> tuple[Estimate, Test, tuple[str, ...]]:
        """The figure at the level of its verdict, its test, and what a reader must know."""
        level = round(2 * budget.confidence - 1, 12)
        if found is None:
            stop = stop or ("missing_slice", f"{budget.component} is not measured in this slice")
            estimate = unknown(stop[1], unit="rate", level=level)
            return estimate, _test_of(budget, None, estimate, stop), ()
        estimate = found.measurement.estimate
        if found.bounds is None:
            stop = ("no_figure", estimate.reason or "its interval has no end")
            estimate = replace(estimate, level=level)
            return estimate, _test_of(budget, None, estimate, stop), ()
        stop, notes = self._obstacle(budget, found, traffic)
        error = round(1 - budget.confidence, 12)
        shown = replace(
            estimate,
            low=min(estimate.value, found.bounds.low(error)),
            high=max(estimate.value, found.bounds.high(error)),
            level=level,
            method=_method(estimate),
        )
        return shown, _test_of(budget, found, estimate, stop), (*notes, *_slice_notes(found))

    def _obstacle(self, budget: Budget, found: Found, traffic: Traffic) -> tuple[Stop, tuple[str, ...]]:
        """What keeps a known figure from being decided on; or what was overruled, as a note."""
        estimate = found.measurement.estimate
        if estimate.labelled < budget.minimum_labelled:
            asked = f"{budget.minimum_labelled:,} are asked for"
            return ("too_few_labels", f"{estimate.labelled:,} expert labels; {asked}"), ()
        wanted, followed = self.loaded.policy.labelling_policy, self.head.identity.labelling_policy
        stop: Stop = None
        if traffic.longer:
            stop = ("longer_than_window", traffic.longer)
        elif found.measurement.correction in ("labels", "powered") and wanted and followed != wanted:
            text = f"the labels follow labelling policy {followed}, the policy names {wanted}"
            stop = ("other_labelling_policy", text)
        if stop and self.force:
            return None, (f"forced: {stop[1]}",)
        return stop, ()

    def _compared(self, case: UseCase, budget: Budget, where: Where) -> Comparison | None:
        """Next to the baseline; open where it is unfit, or missing and a margin asks for it."""
        if "period" in where:
            return None
        unfit = next((one for one in self.findings if not one.forced), None)
        if self.baseline is not None and unfit is None:
            return compare(budget, case.name, where, self.head, self.baseline)
        if budget.worse_than_baseline is None or where:
            return None
        if unfit is not None:
            return not_compared(budget, unfit.name, unfit.text)
        why = self.why_no_baseline or "no baseline was named: --baseline"
        return not_compared(budget, "no_baseline", why)


def _unmeasured(budget: Budget) -> tuple[str, str]:
    if budget.component in COMPONENTS:
        return "no_figure", f"{budget.component} was not measured here"
    return "unknown_component", f"nothing that was measured is called {budget.component!r}"


def _method(estimate: Estimate) -> str:
    """The interval a verdict rests on, by name."""
    if estimate.unit not in ("rate", "exchanges"):
        return estimate.method
    effect = f" ({estimate.method})" if estimate.method != "Wilson score" else ""
    return f"exact binomial{effect}"


def _test_of(budget: Budget, found: Found | None, estimate: Estimate, stop: Stop) -> Test:
    name, reason = stop or ("", "")
    return Test(
        bounds=found.bounds if found else None,
        value=estimate.value,
        n=estimate.n,
        limit=budget.limit,
        direction=budget.direction,
        confidence=budget.confidence,
        reason=reason,
        finding=name,
    )


def _slice_notes(found: Found | None) -> tuple[str, ...]:
    if found is None or not found.measurement.small:
        return ()
    return ("a small slice: fewer than 30 exchanges with an outcome",)


def _notes(slices: Sequence[HeldSlice], head: Figures) -> tuple[str, ...]:
    """What a reader must know of all of it, each once."""
    windows = dict.fromkeys(one.budget.window for one in slices)
    notes = [note for window in windows for note in head.traffic(window).notes]
    return tuple(dict.fromkeys(notes))


def _decided(slices: Sequence[HeldSlice], floor: HeldFloor) -> tuple[list[HeldSlice], HeldFloor]:
    """All tests decided together: on limits, on margins, on hazards, on rises."""
    tests = [decision.test for one in slices for decision in one.decisions]
    tests += [one.decision.test for one in floor.hazards]
    tests += [one.decision.test for one in floor.rises]
    found = iter(decided(tests))
    made = [_with(one, found) for one in slices]
    hazards = tuple(replace(one, decision=next(found)) for one in floor.hazards)
    rises = tuple(replace(one, decision=next(found)) for one in floor.rises)
    return made, replace(floor, hazards=hazards, rises=rises)


def _with(one: HeldSlice, found: Iterator[Decision]) -> HeldSlice:
    one = replace(one, decision=next(found))
    if one.comparison is None or one.comparison.decision is None:
        return one
    return replace(one, comparison=replace(one.comparison, decision=next(found)))
