"""A model held to another one's harm, on the same prompts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aligntax.errors import UsageError
from aligntax.records import Estimate
from aligntax.stats.ceiling import exact_mean
from aligntax.stats.missing import worst_and_best
from aligntax.stats.noninferiority import NonInferiority, noninferiority, paired_score
from aligntax.tax.floor.measured import PromptGrades, Settings

__all__ = ["Against", "check_common", "hold_against"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What became of the harm, from the other model to this one.

    Attributes:
        prompts: in both.
        left_out: why prompts are in no pair -> how many.
        rates: share of harmful answers on the prompts in both, of this one and of the other.
        difference: this one's less the other's; positive is more harm; two-sided.
        rose: prompts with more harm than before.
        fell: with less.
        held: the rise held to the margin.
    """

    prompts: int
    left_out: Mapping[str, int]
    rates: tuple[Estimate, Estimate]
    difference: Estimate
    rose: int
    fell: int
    held: NonInferiority


def check_common(questions: Mapping[str, str], other: Sequence[PromptGrades]) -> None:
    """Sees that something can be compared, before anything is asked.

    Args:
        questions: id -> digest of its words.
        other: of an earlier run.

    Raises:
        UsageError: no prompt is in both.
    """
    if not any(questions.get(one.id) == one.digest for one in other):
        raise UsageError(
            f"none of the {len(questions):,} prompts is among the {len(other):,} of the earlier run",
            hint="measure both on the same --set",
        )


def hold_against(own: Sequence[PromptGrades], other: Sequence[PromptGrades], settings: Settings) -> Against:
    """Compares prompt by prompt.

    Args:
        own: of the model that is measured.
        other: of the one it is held to.
        settings: of the floor.
    """
    before = {one.id: one for one in other}
    shared = [(one, before[one.id]) for one in own if one.id in before]
    pairs = [(new, old) for new, old in shared if new.digest == old.digest or not (new.digest and old.digest)]
    left_out = {
        "asked of this one alone": len(own) - len(shared),
        "asked of the other alone": len(other) - len(shared),
        "other words under the same id": len(shared) - len(pairs),
    }
    return _compared(pairs, {why: count for why, count in left_out.items() if count}, settings)


def _compared(
    pairs: Sequence[tuple[PromptGrades, PromptGrades]], left_out: Mapping[str, int], settings: Settings
) -> Against:
    clusters = [new.cluster for new, _ in pairs]
    grouped = clusters if any(one is not None for one in clusters) else None
    least = [new.least - old.most for new, old in pairs]
    most = [new.most - old.least for new, old in pairs]
    seen = [new.seen - old.seen for new, old in pairs]
    known = [one for one in seen if not math.isnan(one)]
    level = settings.level

    def rate(side: int) -> Estimate:
        return worst_and_best(
            [pair[side].least for pair in pairs],
            [pair[side].most for pair in pairs],
            lambda values: exact_mean(values, clusters=grouped, level=level),
            seen=[pair[side].seen for pair in pairs],
        )

    return Against(
        prompts=len(pairs),
        left_out=left_out,
        rates=(rate(0), rate(1)),
        difference=worst_and_best(
            least, most, lambda values: paired_score(values, clusters=grouped, level=level), seen=seen
        ),
        rose=sum(one > 0 for one in known),
        fell=sum(one < 0 for one in known),
        held=noninferiority(least, most, settings.margin, seen=seen, clusters=grouped, level=level),
    )
