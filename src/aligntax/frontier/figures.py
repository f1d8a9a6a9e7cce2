"""What is asked of a frontier, and the answer: figures of configurations, methods and pairs of methods."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from aligntax.frontier.ranking import Pair
from aligntax.frontier.runs import Configuration, Runs
from aligntax.records import Estimate

__all__ = ["ConfigurationFigures", "Frontier", "MethodFigures", "Point", "Question"]

Point = tuple[float, float, float]
"""Harm, over-refusal, and capability as a share of the reference's above chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, fixed before the runs are looked at.

    Attributes:
        harm: harm at which methods are compared, in (0, 1); None to look only.
        over_refusal: highest over-refusal allowed, in [0, 1]; None for none.
        reference_points: what is just not good enough: worst harm, worst over-refusal, least capability (1 is
            the reference's, 0 chance); hypervolumes are taken to each.
        vanilla: the method that hypervolumes are compared with.
        harm_range: least and most harm of the area under the trade-off curve.
        chance: benchmark -> what guessing scores; 0 for those not named.
        level: coverage of the intervals.
        replicates: how many.
        random_seed: where chance starts.
    """

    harm: float | None = None
    over_refusal: float | None = None
    reference_points: tuple[Point, ...] = ()
    vanilla: str | None = None
    harm_range: tuple[float, float] | None = None
    chance: Mapping[str, float] = field(default_factory=dict)
    level: float = 0.95
    replicates: int = 4000
    random_seed: int = 0

    @property
    def cap(self) -> float:
        """The cap on over-refusal as a number."""
        return math.inf if self.over_refusal is None else self.over_refusal

    @property
    def fixed(self) -> bool:
        """Whether enough is fixed to name a better method."""
        return self.harm is not None and self.over_refusal is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFigures:
    """One configuration.

    Attributes:
        configuration: which.
        harm: unit "rate".
        over_refusal: unit "rate".
        capability: benchmark -> unit "rate".
        tax: normalised, mean over benchmarks, unit "share".
        taxes: benchmark -> the same of one.
        allowed: whether over-refusal, as measured, is at most the cap.
        on_front: whether, as measured, no other configuration beats it on all three axes.
        non_dominated: share of replicates in which none does.
        seeds: training runs.
    """

    configuration: Configuration
    harm: Estimate
    over_refusal: Estimate
    capability: Mapping[str, Estimate]
    tax: Estimate
    taxes: Mapping[str, Estimate]
    allowed: bool
    on_front: bool
    non_dominated: float
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFigures:
    """One method.

    Attributes:
        method: its name.
        budget: what it was given.
        tax: normalised tax at the matched harm, mean over benchmarks; nan where not reached; None without a
            harm to match.
        taxes: benchmark -> the same of one; the worst benchmark stands first.
        over_refusal: at the matched harm.
        between: the knobs that were interpolated, one or two of them.
        reached: share of replicates in which the method reaches the harm under the cap.
        least_harm: least harm of its configurations under the cap, as measured; nan without any.
        volumes: hypervolume to each reference point, as a share of the box between it and a model without
            harm, over-refusal or tax; above 1 is possible, since a tax may be a bonus.
        ratio: hypervolume over that of the vanilla method, to the first reference point.
        non_dominated: share of replicates in which one of its configurations is on the joint front.
        epsilon: by how much all its configurations must improve on every axis to cover the joint front.
        area: mean tax over the range of harm.
    """

    method: str
    budget: Mapping[str, float]
    tax: Estimate | None
    taxes: Mapping[str, Estimate]
    over_refusal: Estimate | None
    between: tuple[str, ...]
    reached: float
    least_harm: float
    volumes: tuple[Estimate, ...]
    ratio: Estimate | None
    non_dominated: float
    epsilon: Estimate
    area: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """Everything there is to say.

    Attributes:
        question: what was asked.
        runs: what was measured.
        configurations: in the order of the runs.
        methods: likewise.
        pairs: every two methods; empty unless harm and cap are both fixed.
        best: the method that beats every other one that reaches the harm; None where none is shown to.
        levels: without a harm to match, several: (harm, method -> tax).
        guessed: benchmarks whose chance was taken as 0.
        method: how replicates were made, in a word.
        n: items of the axis that has fewest.
    """

    question: Question
    runs: Runs
    configurations: tuple[ConfigurationFigures, ...]
    methods: tuple[MethodFigures, ...]
    pairs: tuple[Pair, ...]
    best: str | None
    levels: tuple[tuple[float, Mapping[str, Estimate]], ...]
    guessed: tuple[str, ...]
    method: str
    n: int
