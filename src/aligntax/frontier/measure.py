"""All figures of a frontier: tax at matched harm, dominance, hypervolume, and which method is better."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.frontier.bootstrap import Draws, bias_of_choice, draw, estimate
from aligntax.frontier.budgets import budgets_of
from aligntax.frontier.figures import ConfigurationFigures, Frontier, MethodFigures, Question
from aligntax.frontier.hypervolume import hypervolume
from aligntax.frontier.matched import Matched, Standing, area_under, matched, standing
from aligntax.frontier.normalised import chance_levels, normalised_tax
from aligntax.frontier.pareto import additive_epsilon, non_dominated
from aligntax.frontier.ranking import Pair, best, pairs
from aligntax.frontier.runs import Floats, Runs
from aligntax.records import Estimate, Unit

__all__ = ["measure"]

_LEVELS = 5
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Sample:
    """The draws of runs with their tax: (rows, configurations), and by benchmark."""

    runs: Runs
    draws: Draws
    taxes: Floats
    tax: Floats
    losses: Floats


def measure(
    runs: Runs,
    question: Question,
    *,
    chooser: Runs | None = None,
    tell: Callable[[int], None] = lambda axes: None,
) -> Frontier:
    """Draws replicates of the runs and takes every figure from them.

    Args:
        runs: what was measured.
        question: what is asked.
        chooser: the same configurations on other items, by which those to compare at the matched harm are
            chosen; without it they are chosen by the runs themselves.
        tell: called with 1 for every axis that was drawn.

    Raises:
        UsageError: the question makes no sense for these runs.
    """
    _check(question, runs)
    chance, guessed = chance_levels(runs.benchmarks, question.chance)
    sample = _sample(runs, question, chance, tell)
    judge = None if chooser is None else _judge(chooser, runs, question, chance)
    figures = _Figures(sample, question, judge)
    at_harm = {} if question.harm is None else figures.standings(question.harm)
    compared: list[Pair] = []
    if question.fixed:
        compared = pairs(at_harm, level=question.level, n=figures.n, method=sample.draws.method)
    return Frontier(
        question=question,
        runs=runs,
        configurations=figures.configurations(),
        methods=figures.methods(),
        pairs=tuple(compared),
        best=best(compared, at_harm, level=question.level) if compared else None,
        levels=figures.levels() if question.harm is None else (),
        guessed=tuple(guessed),
        method=sample.draws.method,
        n=figures.n,
    )


def _check(question: Question, runs: Runs) -> None:
    if question.vanilla is not None and question.vanilla not in runs.methods:
        raise UsageError(
            f"no method is called {question.vanilla!r}", hint=f"methods are {', '.join(runs.methods)}"
        )
    count = len(runs.methods) * (len(runs.methods) - 1) // 2
    if question.fixed and 2 * count > (1 - question.level) * (1 + question.replicates):
        raise UsageError(
            f"{question.replicates:,} replicates cannot tell {count:,} pairs apart",
            hint=f"--replicates {math.ceil(4 * count / (1 - question.level)):,}".replace(",", ""),
        )


def _sample(runs: Runs, question: Question, chance: Floats, tell: Callable[[int], None]) -> _Sample:
    generator = np.random.default_rng(question.random_seed)
    draws = draw(runs, replicates=question.replicates, generator=generator, tell=tell)
    taxes = normalised_tax(draws.capability, draws.reference, chance, benchmarks=runs.benchmarks)
    tax = taxes.mean(axis=2)
    return _Sample(runs, draws, taxes, tax, np.stack([draws.harm, draws.over_refusal, tax], axis=2))


def _judge(chooser: Runs, runs: Runs, question: Question, chance: Floats) -> _Sample:
    """The measurement of the runs that choose, in the order of those that are compared."""
    if set(chooser.configurations) != set(runs.configurations) or chooser.benchmarks != runs.benchmarks:
        apart = sorted(map(str, set(chooser.configurations) ^ set(runs.configurations)))
        raise UsageError(
            f"the splits differ in their {'configurations: ' + ', '.join(apart) if apart else 'benchmarks'}",
            hint="measure every configuration on the items that choose and on the others",
        )
    ordered = replace(chooser, configurations=runs.configurations)
    alone = Question(replicates=0, random_seed=question.random_seed)
    return _sample(ordered, alone, chance, lambda axes: None)


@dataclass(frozen=True, slots=True)
class _Figures:
    """Estimates from a sample."""

    sample: _Sample
    question: Question
    judge: _Sample | None

    @property
    def n(self) -> int:
        return min(self.sample.draws.counts.values())

    def estimate(
        self, values: Floats, unit: Unit, reason: str = "not measured", stretch: float = 0.0
    ) -> Estimate:
        level, method = self.question.level, self.sample.draws.method
        return estimate(
            values, unit=unit, level=level, n=self.n, method=method, stretch=stretch, reason=reason
        )

    def configurations(self) -> tuple[ConfigurationFigures, ...]:
        front = non_dominated(self.sample.losses)
        return tuple(self._configuration(at, front[:, at]) for at in range(front.shape[1]))

    def _configuration(self, at: int, front: Bools) -> ConfigurationFigures:
        runs, draws, taxes = self.sample.runs, self.sample.draws, self.sample.taxes
        configuration = runs.configurations[at]
        return ConfigurationFigures(
            configuration=configuration,
            harm=self.estimate(draws.harm[:, at], "rate"),
            over_refusal=self.estimate(draws.over_refusal[:, at], "rate"),
            capability={
                name: self.estimate(draws.capability[:, at, j], "rate")
                for j, name in enumerate(runs.benchmarks)
            },
            tax=self.estimate(self.sample.tax[:, at], "share"),
            taxes={name: self.estimate(taxes[:, at, j], "share") for j, name in enumerate(runs.benchmarks)},
            allowed=bool(draws.over_refusal[0, at] <= self.question.cap),
            on_front=bool(front[0]),
            non_dominated=float(front[1:].mean()),
            seeds=len(runs.cells[configuration, "harm"].seeds),
        )

    def methods(self) -> tuple[MethodFigures, ...]:
        front = non_dominated(self.sample.losses)
        volumes = self._volumes()
        return tuple(self._method(method, front, volumes) for method in self.sample.runs.methods)

    def _method(self, method: str, front: Bools, volumes: Mapping[str, Sequence[Floats]]) -> MethodFigures:
        mine = self.sample.runs.of(method)
        losses, vanilla = self.sample.losses, self.question.vanilla
        place = None if self.question.harm is None else self._place(method, self.question.harm)
        allowed = losses[0, mine, 1] <= self.question.cap
        ratio = None
        if vanilla is not None and self.question.reference_points:
            against = np.where(volumes[vanilla][0] > 0, volumes[vanilla][0], np.nan)
            reason = f"{vanilla} dominates nothing there"
            ratio = self._chosen(volumes[method][0] / against, "score", reason)
        tax, over_refusal = None, None
        taxes: dict[str, Estimate] = {}
        if place is not None and self.question.harm is not None:
            tax, taxes, over_refusal = self._at(place, self.question.harm)
        return MethodFigures(
            method=method,
            budget=budgets_of(self.sample.runs)[method],
            tax=tax,
            taxes=taxes,
            over_refusal=over_refusal,
            between=() if place is None else self._between(place),
            reached=math.nan if place is None else float(place.reached[1:].mean()),
            least_harm=float(losses[0, mine, 0][allowed].min()) if allowed.any() else math.nan,
            volumes=tuple(self._chosen(volume, "score") for volume in volumes[method]),
            ratio=ratio,
            non_dominated=float(front[1:, mine].any(axis=1).mean()),
            epsilon=self._chosen(additive_epsilon(losses[:, mine], losses), "difference"),
            area=self._area(mine),
        )

    def _place(self, method: str, harm: float) -> Matched:
        """Where a method stands at a harm; the judge, if there is one, chooses its configurations."""
        mine = self.sample.runs.of(method)
        reached = True
        if self.judge is not None:
            chosen = _matched(self.judge.losses[:1], mine, harm, self.question.cap)
            reached = bool(chosen.reached[0])
            mine = np.unique([chosen.lower[0], chosen.upper[0]])
        place = _matched(self.sample.losses, mine, harm, self.question.cap)
        return Matched(place.lower, place.upper, place.share, place.reached & reached)

    def _at(self, place: Matched, harm: float) -> tuple[Estimate, dict[str, Estimate], Estimate]:
        """Tax, tax of each benchmark with the worst first, over-refusal."""
        draws, names = self.sample.draws, self.sample.runs.benchmarks
        apart = [standing(self.sample.taxes[:, :, j], draws.harm, place, at=harm) for j in range(len(names))]
        worst_first = sorted(range(len(names)), key=lambda j: -apart[j].values[0] if apart[j].known else 0)
        return (
            self._standing(standing(self.sample.tax, draws.harm, place, at=harm), "share"),
            {names[j]: self._standing(apart[j], "share") for j in worst_first},
            _within_rates(self._standing(standing(draws.over_refusal, draws.harm, place, at=harm), "rate")),
        )

    def _standing(self, found: Standing, unit: Unit) -> Estimate:
        return self.estimate(found.values, unit, "not reached", stretch=found.bias)

    def _chosen(self, values: Floats, unit: Unit, reason: str = "not measured") -> Estimate:
        """A figure that picks the best of several in every replicate anew, and so is biased twice there."""
        found = self.estimate(values, unit, reason, stretch=2 * bias_of_choice(values))
        return replace(found, low=0.0) if found.low < 0 and np.nanmin(values) >= 0 else found

    def _between(self, place: Matched) -> tuple[str, ...]:
        if not place.reached[0]:
            return ()
        knobs = [self.sample.runs.configurations[at].knob for at in (place.lower[0], place.upper[0])]
        return tuple(knobs[: 1 + (place.lower[0] != place.upper[0])])

    def standings(self, harm: float) -> dict[str, Standing]:
        """Method -> its tax at a harm."""
        draws, tax = self.sample.draws, self.sample.tax
        methods = self.sample.runs.methods
        return {m: standing(tax, draws.harm, self._place(m, harm), at=harm) for m in methods}

    def levels(self) -> tuple[tuple[float, Mapping[str, Estimate]], ...]:
        """Tax at several harms, evenly spaced over what configurations under the cap show."""
        harm = self.sample.draws.harm[0][self.sample.draws.over_refusal[0] <= self.question.cap]
        if not len(harm) or harm.min() == harm.max():
            return ()
        inner = np.linspace(harm.min(), harm.max(), _LEVELS + 2)[1:-1]
        found = []
        for level in dict.fromkeys(float(f"{h:.2g}") for h in inner):
            found.append((level, {m: self._standing(s, "share") for m, s in self.standings(level).items()}))
        return tuple(found)

    def _volumes(self) -> dict[str, list[Floats]]:
        """Method -> its hypervolume to each reference point, as a share of the box up to nothing lost."""
        gains, runs = 1 - self.sample.losses, self.sample.runs
        boxes = [np.array([1 - h, 1 - o, c]) for h, o, c in self.question.reference_points]
        return {
            m: [hypervolume(gains[:, runs.of(m)], box) / np.prod(1 - box) for box in boxes]
            for m in runs.methods
        }

    def _area(self, mine: Indices) -> Estimate | None:
        if self.question.harm_range is None:
            return None
        low, high = self.question.harm_range
        harm, over_refusal, tax = np.moveaxis(self.sample.losses[:, mine], 2, 0)
        area = area_under(harm, over_refusal, tax, low=low, high=high, cap=self.question.cap)
        return self._chosen(area, "share", "not reached")


def _matched(losses: Floats, mine: Indices, harm: float, cap: float) -> Matched:
    """`matched` for some of the configurations, in the numbers of all of them."""
    place = matched(*np.moveaxis(losses[:, mine], 2, 0), at=harm, cap=cap)
    return Matched(mine[place.lower], mine[place.upper], place.share, place.reached)


def _within_rates(estimate: Estimate) -> Estimate:
    """A rate that was followed along a line, kept in [0, 1]."""
    low, high = max(0.0, estimate.low), min(1.0, estimate.high)
    return replace(estimate, low=low, high=high) if estimate.known else estimate
