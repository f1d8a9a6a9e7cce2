"""Stage tax: what every stage of a training cost and what safety it bought."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aligntax.answers.conditions import Differing, differing
from aligntax.answers.conditions import unknown as untold
from aligntax.errors import UsageError
from aligntax.records import Answers, Estimate
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.completion import Completion
from aligntax.tax.pairs.differences import Difference, adjusted
from aligntax.tax.pairs.matching import Match, match
from aligntax.tax.stages.items import Items, line_up
from aligntax.tax.stages.outcomes import (
    StageLengths,
    StageOutcomes,
    stage_lengths,
    stage_outcomes,
    told_outcomes,
)
from aligntax.tax.stages.price import exchange_rate, mean_tax
from aligntax.tax.stages.scores import StageScores, stage_scores, stage_scores_unpaired
from aligntax.tax.stages.sources import Stage

__all__ = ["ExchangeRate", "Staged", "Stages", "Track", "measure_stages", "refuse_stages", "tracks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One benchmark through all stages.

    Attributes:
        answers: of each stage.
        differing: conditions that stages tell, and tell otherwise: with the numbers of two such stages.
        leads: whether this is the first metric of its benchmark; what does not depend on the metric is
            measured there alone.
    """

    answers: Sequence[Answers]
    differing: Sequence[tuple[Differing, int, int]] = ()
    leads: bool = True

    @property
    def benchmark(self) -> str:
        """The name the start gives it."""
        return self.answers[0].benchmark

    @property
    def harmful(self) -> bool:
        """Whether the prompts are, as far as any stage tells."""
        return any(one.prompt_type == "harmful" for one in self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One benchmark, measured.

    Attributes:
        track: what was measured.
        chance: score of a guess; None where nobody knows.
        untold: conditions that not all stages tell.
        why_unpaired: why stages are not compared item by item; "" where they are.
        items: that all stages have.
        counts: of each stage, the items it has.
        changed: of each stage, items left out for asking something else than the start does.
        clustered: whether items depend on each other.
        notes: what a reader must know of the matching.
        scores: one entry a convention; empty without scores.
        outcomes: refusals, or compliance with harmful prompts; None without outcomes.
        lengths: None where lengths are not known.
    """

    track: Track
    chance: float | None
    untold: Sequence[str]
    why_unpaired: str = ""
    items: int = 0
    counts: Sequence[int] = ()
    changed: Sequence[int] = ()
    clustered: bool = False
    notes: Sequence[str] = ()
    scores: Sequence[StageScores] = ()
    outcomes: StageOutcomes | None = None
    lengths: StageLengths | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRate:
    """Mean capability tax by safety gain on one set of harmful prompts.

    Attributes:
        benchmark: the harmful prompts.
        steps: (steps,) tax and gain of each step.
        since_start: (steps,) the same against the start.
    """

    benchmark: str
    steps: Sequence[Estimate]
    since_start: Sequence[Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What all stages cost.

    Attributes:
        names: of the stages, the start first.
        staged: one entry a benchmark and metric.
        taxed: benchmarks in the mean.
        mean_steps: (steps,) mean capability tax of each step over benchmarks; empty without scores.
        mean_since_start: the same against the start.
        exchange_rates: one entry a set of harmful prompts; empty without such or without scores.
    """

    names: Sequence[str]
    staged: Sequence[Staged]
    taxed: Sequence[str]
    mean_steps: Sequence[Estimate]
    mean_since_start: Sequence[Estimate]
    exchange_rates: Sequence[ExchangeRate]


def tracks(stages: Sequence[Stage]) -> tuple[list[Track], list[str]]:
    """Benchmarks that all stages have, in the order of the start, and what is not in all, in words.

    Raises:
        UsageError: nothing is in all stages.
    """
    start, names = stages[0], [stage.name for stage in stages]
    found: dict[int, list[Answers]] = {id(one): [one] for one in start.answers}
    clashes: dict[int, list[tuple[Differing, int, int]]] = {id(one): [] for one in start.answers}
    for at, stage in enumerate(stages[1:], start=1):
        for one in _matched(start, stage):
            found[id(one.first)].append(one.second)
            clashes[id(one.first)] += [(clash, 0, at) for clash in one.differing]
    whole, seen = list[Track](), set[str]()
    for key, answers in found.items():
        if len(answers) == len(stages):
            told = {clash.name for clash, _, _ in clashes[key]}
            later = [c for c in _later(answers) if c[0].name not in told]
            name = answers[0].benchmark
            whole.append(Track(answers=answers, differing=[*clashes[key], *later], leads=name not in seen))
            seen.add(name)
    notes = _missing(stages, whole)
    if not whole:
        raise UsageError(
            f"no benchmark is in all stages: {'; '.join(notes)}",
            hint=f"the names of the benchmarks must agree in {', '.join(names)}",
        )
    return whole, notes


def refuse_stages(found: Sequence[Track], names: Sequence[str], *, force: bool) -> list[str]:
    """What differs between stages where it must not, in words; an error unless it is forced.

    Raises:
        UsageError: something does, and it is not forced.
    """
    clashes = dict[tuple[str, str], str]()
    for track in found:
        for clash, first, second in track.differing:
            text = f"{clash.name} is {clash.first} in {names[first]} and {clash.second} in {names[second]}"
            clashes.setdefault((track.benchmark, clash.name), f"{track.benchmark}: {text}")
    if clashes and not force:
        raise UsageError(
            f"not to be compared: {'; '.join(clashes.values())}",
            hint="run all stages under the same conditions, or --force to see the tax all the same",
        )
    return list(clashes.values())


def measure_stages(
    found: Sequence[Track],
    names: Sequence[str],
    settings: Settings,
    seen: Callable[[int], None] = lambda done: None,
) -> Stages:
    """Every benchmark through all stages, with p-values adjusted for all benchmarks and steps.

    Args:
        found: what to measure.
        names: of the stages.
        settings: what a person chose.
        seen: told the number of benchmarks done, for a progress bar.
    """
    staged = list[Staged]()
    for at, track in enumerate(found, start=1):
        staged.append(_measured(track, names, settings))
        seen(at)
    staged = _adjusted(staged)
    level, count = settings.precision.level, len(names) - 1
    taxed = [one for one in staged if one.scores and one.track.leads]
    means = [
        [mean_tax([getattr(t.scores[0], way)[at].tax for t in taxed], level=level) for at in range(count)]
        for way in ("steps", "since_start")
    ]
    return Stages(
        names=names,
        staged=staged,
        taxed=[one.track.benchmark for one in taxed if one.scores[0].compounding.end_to_end.known],
        mean_steps=means[0] if taxed else (),
        mean_since_start=means[1] if taxed else (),
        exchange_rates=[_exchange(one, taxed, count, level) for one in staged if _bought(one)]
        if taxed
        else [],
    )


def _matched(start: Stage, stage: Stage) -> Sequence[Match]:
    try:
        matches, _ = match(start.answers, stage.answers)
    except UsageError as error:
        text = error.message.replace("A has", f"{start.name} has").replace("B has", f"{stage.name} has")
        raise UsageError(text, hint="the names of the benchmarks must agree") from error
    return matches


def _later(answers: Sequence[Answers]) -> list[tuple[Differing, int, int]]:
    """What differs between two stages neither of which is the start."""
    return [
        (clash, first, second)
        for second in range(2, len(answers))
        for first in range(1, second)
        for clash in differing(answers[first], answers[second])
    ]


def _missing(stages: Sequence[Stage], whole: Sequence[Track]) -> list[str]:
    """Benchmarks that not all stages have, and who has them."""
    used = {id(one) for track in whole for one in track.answers}
    has: dict[str, list[str]] = {}
    for stage in stages:
        for one in stage.answers:
            if id(one) not in used:
                name = f"{one.benchmark} ({one.metric})" if one.metric else one.benchmark
                has.setdefault(name, []).append(stage.name)
    return [f"{name} is not in all stages, only in {', '.join(who)}" for name, who in has.items()]


def _measured(track: Track, names: Sequence[str], settings: Settings) -> Staged:
    first = track.answers[0]
    chances = [one.chance for one in track.answers if one.chance is not None]
    chance = settings.chances.get(first.benchmark, chances[0] if chances else None)
    rules = replace(settings.rules(first, first), chance=chance)
    told = [name for one in track.answers[1:] for name in untold(first, one)]
    staged = Staged(track=track, chance=chance, untold=list(dict.fromkeys(told)))
    summaries = [name for name, one in zip(names, track.answers, strict=True) if one.table is None]
    items = None if summaries else line_up(list(zip(names, track.answers, strict=True)))
    if items is None or not items.common.any():
        why = f"only the mean of {', '.join(summaries)} is known, not the items" if summaries else ""
        return replace(
            staged,
            why_unpaired=why or "no item is in all stages",
            counts=_counts(track),
            scores=stage_scores_unpaired(track.answers, rules, names),
        )
    staged = replace(
        staged,
        items=int(items.common.sum()),
        counts=items.counts,
        changed=items.changed,
        clustered=items.clusters is not None,
        notes=items.notes,
        scores=stage_scores(items, rules, names),
    )
    return _with_responses(staged, items, names, settings) if track.leads else staged


def _with_responses(staged: Staged, items: Items, names: Sequence[str], settings: Settings) -> Staged:
    told = told_outcomes(items, settings)
    outcomes = None
    if told is not None:
        outcomes = stage_outcomes(told, items, settings, names, harmful=staged.track.harmful)
    return replace(staged, outcomes=outcomes, lengths=stage_lengths(items, told, settings))


def _counts(track: Track) -> list[int]:
    """Items of each stage; 0 where nobody knows."""
    return [
        len(one.table) if one.table is not None else (one.summary.n or 0) if one.summary else 0
        for one in track.answers
    ]


def _bought(one: Staged) -> bool:
    return one.outcomes is not None and one.outcomes.harmful


def _exchange(one: Staged, taxed: Sequence[Staged], count: int, level: float) -> ExchangeRate:
    assert one.outcomes is not None
    assert one.outcomes.drawn is not None
    harm, gains, whole = one.outcomes.drawn, one.outcomes.gains, one.outcomes.gains_since_start

    def rate(way: str, gain: Estimate, before: int, after: int) -> Estimate:
        """Of the benchmarks whose tax is known for this step."""
        scores = [(t.scores[0], t.chance) for t in taxed if getattr(t.scores[0], way)[after - 1].tax.known]
        known = [(found, chance) for found, chance in scores if chance is not None]
        return exchange_rate(known, harm, gain, before, after, level=level)

    return ExchangeRate(
        benchmark=one.track.benchmark,
        steps=[rate("steps", gains[at], at, at + 1) for at in range(count)],
        since_start=[rate("since_start", whole[at], 0, at + 1) for at in range(count)],
    )


def _adjusted(staged: Sequence[Staged]) -> list[Staged]:
    """Holm over all benchmarks and steps, for each convention and each rate by itself."""
    changed = list(staged)
    for convention in ("strict", "guess credit"):
        places = [
            (at, which)
            for at, one in enumerate(changed)
            for which, scores in enumerate(one.scores)
            # without unparsed answers both conventions are one
            if scores.convention == convention or len(one.scores) == 1
        ]
        gaps = [step.difference for at, which in places for step in changed[at].scores[which].steps]
        told = iter(adjusted(gaps))
        for at, which in places:
            scores = list(changed[at].scores)
            steps = [replace(step, difference=next(told)) for step in scores[which].steps]
            if scores[which].convention == convention:
                scores[which] = replace(scores[which], steps=steps)
            changed[at] = replace(changed[at], scores=scores)
    return _adjusted_rates(changed)


def _adjusted_rates(staged: Sequence[Staged]) -> list[Staged]:
    """Holm over all prompt sets and steps, for each rate by itself."""
    changed = list(staged)
    names = dict.fromkeys(n for one in staged if one.outcomes for n in one.outcomes.rates)
    for name in names:
        places = [at for at, one in enumerate(changed) if one.outcomes and name in one.outcomes.rates]
        told = iter(adjusted([s.rates[name] for at in places for s in _steps(changed[at])]))
        for at in places:
            outcomes = changed[at].outcomes
            assert outcomes is not None
            steps = [_with_rate(step, name, next(told)) for step in outcomes.steps]
            changed[at] = replace(changed[at], outcomes=replace(outcomes, steps=steps))
    return changed


def _steps(one: Staged) -> Sequence[Completion]:
    return one.outcomes.steps if one.outcomes else ()


def _with_rate(step: Completion, name: str, gap: Difference) -> Completion:
    return replace(step, rates={**step.rates, name: gap})
