"""What a reader must know to take a comparison rightly."""

from collections.abc import Iterator

from aligntax.report.compared_words import margin_text, sentence, signed
from aligntax.tax.pairs.compared import Compared
from aligntax.tax.pairs.preferred import Preferred
from aligntax.tax.pairs.verdicts import finding

__all__ = ["notes", "quality_notes"]


def notes(one: Compared, level: float) -> list[str]:
    """Notes on one benchmark or prompt set, the gravest first."""
    told = (
        _forced(one),
        _items(one),
        _conventions(one, level),
        _needed(one, level),
        _chance(one),
        _outcomes(one),
        _missing(one),
        _untold(one),
    )
    return [note for kind in told for note in kind]


def _forced(one: Compared) -> Iterator[str]:
    for clash in one.differing:
        yield f"forced: {clash.name} is {clash.first} in A and {clash.second} in B"
    if one.first.benchmark != one.second.benchmark:
        yield f"named {one.second.benchmark} in B"


def _items(one: Compared) -> Iterator[str]:
    pairing = one.pairing
    if not pairing.paired:
        yield f"unpaired: {pairing.why_not}; of the same items the interval would mostly be shorter"
    elif pairing.only_first or pairing.only_second:
        yield (
            f"compared on the {pairing.items:,} items both have: A has {pairing.only_first:,} more, "
            f"B {pairing.only_second:,}"
        )
    yield from pairing.notes
    if pairing.paired and one.scores and one.scores[0].unscored:
        yield f"{one.scores[0].unscored:,} items without a score on a side are left out"


def _conventions(one: Compared, level: float) -> Iterator[str]:
    if len(one.scores) != 2:
        return
    direction = 1 if one.first.higher_is_better else -1
    strict, credit = (scores.difference for scores in one.scores)
    found = [finding(difference, direction, level) for difference in (strict, credit)]
    if found[0] != found[1]:
        yield (
            "the verdict hangs on the unparsed answers: counted as wrong, "
            f"{sentence(strict, found[0])}; counted as guesses, {sentence(credit, found[1])}"
        )
    elif strict.difference.value * credit.difference.value < 0:
        yield (
            f"the sign hangs on the unparsed answers: {signed(strict.difference.value, strict.difference)} "
            f"counted as wrong, {signed(credit.difference.value, credit.difference)} counted as guesses"
        )


def _needed(one: Compared, level: float) -> Iterator[str]:
    """What it would take, where neither a difference nor its absence is shown."""
    direction = 1 if one.first.higher_is_better else -1
    for scores in one.scores[:1]:
        test = scores.difference.equivalence
        told = finding(scores.difference, direction, level)
        if told == "cannot tell" and test is not None and test.needed is not None and one.pairing.paired:
            margin = margin_text(test.margin, scores.difference.difference)
            yield f"about {_round(test.needed):,} items would show whether it is more than {margin}"


def _round(count: int) -> int:
    """Two digits, rounded up: it is a forecast."""
    step = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // step) * step


def _chance(one: Compared) -> Iterator[str]:
    if not one.scores:
        return
    unparsed = one.scores[0].unparsed
    if any(unparsed) and one.chance is None:
        yield (
            f"{unparsed[0]:,} answers of A and {unparsed[1]:,} of B could not be parsed and count as the "
            f"harness scored them; what a guess scores is not known (--chance NAME=0.25)"
        )
    elif one.chance is None:
        yield "no capability tax: what a guess scores is not known (--chance NAME=0.25)"


def _outcomes(one: Compared) -> Iterator[str]:
    found = one.completion
    if found is None:
        return
    if found.source == "file":
        yield "outcomes are the ones in the files; --detector has a detector tell them"
    else:
        raw = "raw: a difference may be the detector's, if it errs otherwise on one"
        yield f"outcomes by {found.source}, {raw}"
    if any(found.undetermined):
        first, second = found.undetermined
        yield f"undetermined, and in no rate: {first:,} answers of A, {second:,} of B"
    if any(found.cannot):
        yield (
            f"refused for lack of an ability, which is no tax: {found.cannot[0]:,} answers of A, "
            f"{found.cannot[1]:,} of B"
        )
    if one.first.prompt_type is None and one.second.prompt_type is None:
        yield "nothing tells whether the prompts are harmful; they are taken as benign"


def _missing(one: Compared) -> Iterator[str]:
    if one.completion is not None and any(one.completion.missing):
        first, second = one.completion.missing
        yield (
            f"no answer came to {first:,} prompts of A and {second:,} of B: what they would have been is not "
            "known, and the intervals hold whatever they could be (lengths: among those seen)"
        )


def quality_notes(judged: Preferred | None) -> list[str]:
    """Notes on what a judge made of the answers."""
    if judged is None:
        return []
    told = judged.preference
    found = [
        f"quality by {judged.judge}, among {judged.put:,} pairs in which both answered, each in both orders: "
        f"{judged.disagreed:,} in which the orders disagree are ties"
    ]
    if (first := told.first_place).known:
        ends = f"{first.low:.0%} to {first.high:.0%}"
        found.append(f"of its verdicts {first.value:.0%} ({ends}) are for the answer shown first")
    if told.at_equal_length.known:
        even = told.at_equal_length
        found.append(
            f"at equal length B would win {even.value:.1%} ({even.low:.1%} to {even.high:.1%}), a tie "
            "counting half a win"
        )
    lost = sum(count for reason, count in judged.unscored.items() if reason != "not_asked")
    if lost:
        found.append(
            f"{lost:,} pairs without a verdict may have gone either way, and the interval holds both"
        )
    if judged.not_asked:
        found.append(f"partial: the judge was not asked about {judged.not_asked:,} pairs")
    return found


def _untold(one: Compared) -> Iterator[str]:
    if one.untold:
        yield f"told by one side only, so not checked: {', '.join(one.untold)}"
