"""What a reader must know to take the stages of a training rightly."""

import math
from collections.abc import Iterator, Sequence

from aligntax.records import Estimate
from aligntax.tax.stages.drift import StepDrift
from aligntax.tax.stages.sources import Stage
from aligntax.tax.stages.stages import Staged, Stages

__all__ = ["general_notes", "staged_notes"]


def staged_notes(one: Staged, names: Sequence[str]) -> list[str]:
    """Notes on one benchmark or prompt set, the gravest first."""
    told = (
        _forced(one, names),
        _items(one, names),
        _compounding(one),
        _scores(one, names),
        _outcomes(one, names),
        _untold(one),
    )
    return [note for kind in told for note in kind]


def general_notes(found: Stages, stages: Sequence[Stage], drift: Sequence[StepDrift]) -> list[str]:
    """Notes on all of it."""
    return [*_mean(found), *_sources(stages), *_drift(found, drift)]


def _forced(one: Staged, names: Sequence[str]) -> Iterator[str]:
    for clash, first, second in one.track.differing:
        yield f"forced: {clash.name} is {clash.first} in {names[first]} and {clash.second} in {names[second]}"


def _items(one: Staged, names: Sequence[str]) -> Iterator[str]:
    if one.why_unpaired:
        yield (
            f"unpaired: {one.why_unpaired}; of the same items the intervals would mostly be shorter, and it "
            "could be told which step cost the most"
        )
    elif any(count != one.items for count in one.counts):
        has = ", ".join(f"{name} {count:,}" for name, count in zip(names, one.counts, strict=True))
        yield f"measured on the {one.items:,} items that all stages have ({has})"
    for name, changed in zip(names, one.changed, strict=False):
        if changed:
            yield f"{changed:,} items of {name} left out: they ask something else than those of {names[0]}"
    yield from (note for note in one.notes if not note.endswith("under the same name"))
    if one.scores and one.scores[0].unscored:
        yield f"{one.scores[0].unscored:,} items without a score at some stage are left out"


def _compounding(one: Staged) -> Iterator[str]:
    own = one.scores[0].compounding.own_items if one.scores else None
    if own is None or not own.gap.known:
        return
    counts = ", ".join(f"{count:,}" for count in own.counts)
    yield (
        f"with every step on the items its own two stages have ({counts}), the steps compound to "
        f"{_share(own.compounded)}; end to end on {own.end_count:,} items it is {_share(own.end_to_end)}: "
        f"{_points(own.gap)} apart, because the items are not the same"
    )


def _scores(one: Staged, names: Sequence[str]) -> Iterator[str]:
    if not one.scores:
        return
    unparsed = one.scores[0].unparsed
    if any(unparsed):
        told = ", ".join(f"{n:,} of {name}" for name, n in zip(names, unparsed, strict=True) if n)
        yield f"unparsed answers: {told}"
    if one.chance is None:
        yield "no capability tax: what a guess scores is not known (--chance NAME=0.25)"


def _outcomes(one: Staged, names: Sequence[str]) -> Iterator[str]:
    found = one.outcomes
    if found is None:
        return
    if found.source == "file":
        yield "outcomes are the ones in the files; --detector has a detector tell them"
    else:
        yield (
            f"outcomes by {found.source}, raw: a difference may be the detector's, if it errs otherwise "
            "on a stage"
        )
    for counts, what in (
        (found.undetermined, "undetermined, and in no rate"),
        (found.cannot, "refused for lack of an ability, which is no tax"),
    ):
        if any(counts):
            told = ", ".join(f"{n:,} of {name}" for name, n in zip(names, counts, strict=True) if n)
            yield f"{what}: {told}"
    if found.left_out:
        yield f"rates are of the {found.prompts:,} prompts with an outcome at every stage"
    if not any(answers.prompt_type for answers in one.track.answers):
        yield "nothing tells whether the prompts are harmful; they are taken as benign"


def _untold(one: Staged) -> Iterator[str]:
    if one.untold:
        yield f"not told by all stages, so not checked: {', '.join(one.untold)}"


def _mean(found: Stages) -> Iterator[str]:
    left = [s.track.benchmark for s in found.staged if s.scores and s.track.leads]
    missing = [name for name in left if name not in found.taxed]
    if found.taxed and missing:
        yield f"not in the mean tax, since theirs is not known: {', '.join(missing)}"


def _sources(stages: Sequence[Stage]) -> Iterator[str]:
    for stage in stages:
        if len(stage.models) > 1:
            yield f"the sources of {stage.name} name {len(stage.models)} models: {', '.join(stage.models)}"


def _drift(found: Stages, drift: Sequence[StepDrift]) -> Iterator[str]:
    missing = [f"{found.names[one.before]} to {found.names[one.after]}" for one in drift if not one.document]
    if missing:
        how = "--drift FILE, or --checkpoint with --prompts"
        yield f"drift not measured: {', '.join(missing)} ({how})"
    if any(one.by == "order" for one in drift):
        yield "drift documents were taken in the order given: their names are not those of the stages"


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:+.1%}"


def _points(estimate: Estimate) -> str:
    ends = "" if math.isnan(estimate.low) else f" ({100 * estimate.low:+.2f} to {100 * estimate.high:+.2f})"
    return f"{100 * estimate.value:+.2f} points{ends}"
