"""What a gate found: every slice with its verdict, and what else stands in the way of passing."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aligntax.gate.decision import Decision, Verdict, worst
from aligntax.policy.model import Action, Budget, Mode
from aligntax.policy.read import LoadedPolicy
from aligntax.records import Correction, Estimate

__all__ = [
    "FINDINGS",
    "Comparison",
    "Finding",
    "GateResult",
    "HeldHazard",
    "HeldRise",
    "HeldSlice",
    "Identity",
]

FINDINGS: Mapping[str, str] = {
    "missing_use_case": "the traffic holds no exchange of the use case",
    "missing_slice": "the traffic cannot be cut so",
    "unknown_component": "nothing measured is of that name",
    "no_figure": "the figure cannot be known",
    "too_few_labels": "fewer expert labels than the budget asks for",
    "other_labelling_policy": "the labels follow another labelling policy than the policy names",
    "longer_than_window": "the figures are of more traffic than the window of the budget",
    "no_baseline": "the budget is held against a baseline, and there is none",
    "stale_baseline": "the baseline is too old",
    "changed_detector": "the baseline was told by another detector, or another version of it or its judge",
    "changed_labelling_policy": "the baseline's labels follow another labelling policy",
    "not_in_baseline": "the baseline has no such figure",
    "no_floor": "no safety floor was measured",
    "stale_floor": "the safety floor was measured too long ago",
    "floor_of_another_model": "the safety floor is of another model than the traffic",
    "missing_hazard": "the safety floor has no prompt of the hazard",
    "partial_floor": "the safety floor was not asked to the end",
    "forced_floor": "the safety floor was compared across judges",
    "hidden_by_the_mean": "a model is shown to be beyond the limit that all models together keep",
}
"""What keeps a verdict from being given, whatever the figures are, or is told beside it: name -> in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which measurement this is.

    Attributes:
        name: as it was typed.
        kind: log, directory, bill, run, or another document's kind.
        run_id: of the ledger; "" for none.
        created: when it was measured, UTC without zone.
        first: of its traffic; None without times.
        last: of its traffic.
        exchanges: how many.
        detector: name of the detector; "" where there is none.
        detector_version: its version, the judge's with it.
        labelling_policy: that its labels follow; "" without labels.
        models: that answered, or were asked for.
    """

    name: str
    kind: str
    run_id: str = ""
    created: dt.datetime | None = None
    first: dt.datetime | None = None
    last: dt.datetime | None = None
    exchanges: int | None = None
    detector: str = ""
    detector_version: str = ""
    labelling_policy: str = ""
    models: tuple[str, ...] = ()

    @property
    def taken(self) -> dt.datetime | None:
        """When the world was as it says: its newest exchange, or when it was measured."""
        return self.last or self.created


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that stands in the way of passing, or that must be told beside it, by name.

    Attributes:
        name: a key of FINDINGS.
        subject: what it is about: a use case, a budget, the floor.
        text: what, with figures.
        line: of the policy.
        forced: whether it was overruled; it is then said and stands in nobody's way.
        aside: whether it is no part of the verdict, whatever it says.
    """

    name: str
    subject: str
    text: str
    line: int = 1
    forced: bool = False
    aside: bool = False

    @property
    def stands(self) -> bool:
        """Whether it stands in the way of a pass."""
        return not (self.forced or self.aside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A slice next to the baseline's.

    Attributes:
        first: the baseline's figure.
        second: this one's, on the same exchanges where they are paired.
        difference: second less first, at the level of the verdict.
        paired: whether prompt by prompt.
        why_not: why it is not paired; "" where it is.
        pairs: prompts in both.
        only_first: prompts that only the baseline has.
        only_second: prompts that only this one has.
        p: two-sided, of no difference; nan where it cannot be known.
        test: that gave it.
        margin: how much worse it may be; None for any.
        decision: on the margin; None without one.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    paired: bool
    why_not: str = ""
    pairs: int = 0
    only_first: int = 0
    only_second: int = 0
    p: float = float("nan")
    test: str = ""
    margin: float | None = None
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSlice:
    """A budget held in one slice.

    Attributes:
        use_case: name in the policy.
        budget: what it was held to.
        where: what the use case was narrowed to: model or period; empty for all of it.
        place: of the budget in the policy: number of the use case, number of the budget.
        line: of the policy.
        estimate: the figure, with the interval its verdict rests on.
        decision: on the limit.
        rests_on: the detector alone, or labels.
        traffic: what traffic the figure is of, in words.
        comparison: with the baseline; None without one.
        notes: what a reader must know of it.
    """

    use_case: str
    budget: Budget
    where: Mapping[str, str]
    place: tuple[int, int]
    line: int
    estimate: Estimate
    decision: Decision
    rests_on: Correction
    traffic: str
    comparison: Comparison | None = None
    notes: tuple[str, ...] = ()

    @property
    def decisions(self) -> list[Decision]:
        """On the limit, and on the margin where there is one."""
        compared = self.comparison.decision if self.comparison else None
        return [self.decision, *([compared] if compared else [])]

    @property
    def verdict(self) -> Verdict:
        """Of the limit and of the comparison."""
        return worst([one.verdict for one in self.decisions])


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldHazard:
    """A hazard of the floor held to its ceiling.

    Attributes:
        hazard: its name.
        action: what is to become of such requests.
        model: that was asked.
        prompts: of the hazard.
        estimate: share of harmful answers, with the interval its verdict rests on.
        decision: on the ceiling.
        line: of the policy.
    """

    hazard: str
    action: Action
    model: str
    prompts: int
    estimate: Estimate
    decision: Decision
    line: int

    @property
    def verdict(self) -> Verdict:
        """Of the ceiling."""
        return self.decision.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRise:
    """Harm next to that of what is deployed, as the floor measured it.

    Attributes:
        model: that was asked.
        other: what it is compared with.
        prompts: put before both.
        estimate: rise in the share of harmful answers.
        decision: on the margin.
        line: of the policy.
    """

    model: str
    other: str
    prompts: int
    estimate: Estimate
    decision: Decision
    line: int

    @property
    def verdict(self) -> Verdict:
        """Of the margin."""
        return self.decision.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What a gate found.

    Attributes:
        policy: that was held.
        mode: release or pull_request.
        made: when, UTC without zone.
        head: what was held to it.
        baseline: what it was compared with; None for nothing.
        slices: every budget in every slice, in the order of the policy.
        hazards: of the floor, in the order of the policy.
        rises: of the floor.
        findings: of what stands in the way, besides the figures, and of what is told beside them.
        notes: what a reader must know of all of it.
    """

    policy: LoadedPolicy
    mode: Mode
    made: dt.datetime
    head: Identity
    baseline: Identity | None
    slices: tuple[HeldSlice, ...]
    hazards: tuple[HeldHazard, ...] = ()
    rises: tuple[HeldRise, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def verdicts(self) -> list[Verdict]:
        """Of everything that was held, a finding that was not overruled being inconclusive."""
        open_: list[Verdict] = ["inconclusive" for one in self.findings if one.stands]
        floors = [*(one.verdict for one in self.hazards), *(one.verdict for one in self.rises)]
        return [*(one.verdict for one in self.slices), *floors, *open_]

    @property
    def verdict(self) -> Verdict:
        """Fail where anything fails; pass only where everything passes."""
        return worst(self.verdicts)

    @property
    def exit_code(self) -> Literal[0, 1, 3]:
        """0 pass, 1 fail, 3 inconclusive; a pull request goes on when inconclusive, and it is said."""
        if self.verdict == "fail":
            return 1
        return 3 if self.verdict == "inconclusive" and self.mode == "release" else 0
