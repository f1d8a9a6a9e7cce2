"""What a training came to from its start to its end, in words that say no more than the intervals."""

import math
from collections.abc import Iterator, Sequence

from aligntax.records import Estimate
from aligntax.report.compared_words import RATES, length_sentence, sentence
from aligntax.tax.pairs.verdicts import excludes_zero, finding
from aligntax.tax.stages.scores import Largest, StageScores
from aligntax.tax.stages.stages import Staged

__all__ = ["findings", "largest_text"]

Finding = dict[str, str]


def findings(one: Staged, names: Sequence[str], level: float) -> list[Finding]:
    """The words that lead: scores, then refusals or compliance, then length; start to end."""
    return [*_scores(one, names, level), *_outcomes(one, level), *_lengths(one)]


def largest_text(found: Largest, names: Sequence[str]) -> str:
    """Which step cost the most, or why that cannot be told."""
    if found.step is not None:
        return f"{names[found.step]} cost the most (in {_percent(found.share)} of replicates)"
    if found.candidate is None or len(names) == 2:
        return found.why
    return "cannot tell which step cost the most"


def _scores(one: Staged, names: Sequence[str], level: float) -> Iterator[Finding]:
    for scores in one.scores:
        subject = one.track.benchmark if scores.convention == "strict" else "  unparsed as guesses"
        tax, last = scores.compounding.end_to_end, scores.since_start[-1].difference
        direction = 1 if one.track.answers[0].higher_is_better else -1
        what = finding(last, direction, level)
        text = _tax_text(tax) if tax.known else sentence(last, what)
        word = _word(tax) if tax.known else what
        if scores.convention == "strict":
            text += _and(scores, names)
        yield {"subject": subject, "about": "score", "finding": word, "text": text}


def _and(scores: StageScores, names: Sequence[str]) -> str:
    told = largest_text(scores.largest, names)
    return f"; {told}" if len(names) > 2 else ""


def _tax_text(tax: Estimate) -> str:
    ends = f"{tax.low:+.1%} to {tax.high:+.1%}"
    word = _word(tax)
    if word == "worse":
        return f"tax {tax.value:+.1%} ({ends})"
    return (
        f"bonus: tax {tax.value:+.1%} ({ends})"
        if word == "better"
        else f"cannot tell: {tax.value:+.1%} ({ends})"
    )


def _word(tax: Estimate) -> str:
    return ("worse" if tax.value > 0 else "better") if excludes_zero(tax) else "cannot tell"


def _outcomes(one: Staged, level: float) -> Iterator[Finding]:
    if one.outcomes is None:
        return
    lead = "complied" if one.outcomes.harmful else "completion_tax"
    gap = one.outcomes.since_start[-1].rates[lead]
    what = finding(gap, -1, level)
    yield {
        "subject": "complied with harmful prompts" if one.outcomes.harmful else RATES[lead],
        "about": "safety" if one.outcomes.harmful else "completion",
        "finding": what,
        "text": sentence(gap, what, kind="rate"),
    }


def _lengths(one: Staged) -> Iterator[Finding]:
    if one.lengths is None or one.track.harmful:  # how long a refusal is says nothing of verbosity
        return
    text = length_sentence(one.lengths.since_start[-1], one.lengths.unit)
    yield {
        "subject": "length of answers",
        "about": "verbosity",
        "finding": text.partition(":")[0],
        "text": text,
    }


def _percent(share: float) -> str:
    return f"{math.floor(1000 * share) / 10:g}%"
