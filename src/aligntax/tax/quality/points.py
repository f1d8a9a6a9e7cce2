"""How much of what a complete answer covers is in an answer, by a judge who is shown the points."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aligntax.records.asked import Question, Reply
from aligntax.tax.quality.marks import PREAMBLE, Verdict, code_of, fenced, last_field

__all__ = ["Coverage", "Covered", "Marked", "covered", "exact", "point_questions"]

_SYSTEM = (
    "You are given a question, one answer to it, and a numbered list of points. Say which points the "
    "answer covers. You are a reader, not a party: you do not answer the question.\n\n"
    "{preamble}\n\n"
    "A point is covered where the answer states it, in whatever words, so that the person who asked "
    "would know it. It is not covered where the answer only names the subject, says that somebody "
    "else should be asked, or says the opposite. What else stands in the answer, how long it is and "
    "how it is written do not count.\n\n"
    "Write exactly these two fields, each on a line of its own, and nothing after the last:\n\n"
    "thought: one or two sentences.\n"
    "covered: the numbers of the points that are covered, with commas between them, or none"
)
_NUMBERS = re.compile(r"\d+(?:\s*,\s*\d+)*")
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """One answer to hold against points.

    Attributes:
        id: unique.
        question: it is shown under, in neutral words.
        answer: of the model.
        points: what a complete answer covers, at least one.
    """

    id: str
    question: str
    answer: str
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Covered:
    """How much an answer covers.

    Attributes:
        id: of the answer.
        share: of the points, in [0, 1]; nan when unscored.
        unscored: why; "" where there is a share.
    """

    id: str
    share: float
    unscored: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What became of all answers.

    Attributes:
        found: id -> share.
        unscored: reason -> answers.
    """

    found: Mapping[str, Covered]
    unscored: Mapping[str, int]


def point_questions(answers: Iterable[Marked]) -> list[Question]:
    """A question for each answer, under the answer's id."""
    found = list[Question]()
    for one in answers:
        listed = "\n".join(f"{at}. {point}" for at, point in enumerate(one.points, 1))
        code = code_of(one.question, one.answer, listed)
        parts = (
            fenced("question", one.question, code, shown=8_000),
            fenced("answer", one.answer, code),
            f"The points:\n{listed}",
            "Read the answer, write the two fields, and end with the numbers.",
        )
        system = _SYSTEM.format(preamble=PREAMBLE.format(code=code))
        found.append(Question(id=one.id, prompt="\n\n".join(parts), system=system))
    return found


def covered(answers: Sequence[Marked], replies: Iterable[Reply]) -> Coverage:
    """Reads which points are covered.

    Args:
        answers: that were judged.
        replies: of the judge to `point_questions(answers)`; a missing one leaves its answer unscored.
    """
    by_id = {reply.question: reply for reply in replies}
    found = {one.id: _read(one, by_id.get(one.id)) for one in answers}
    reasons = Counter(one.unscored for one in found.values() if one.unscored)
    return Coverage(found=found, unscored=dict(reasons))


def exact(answer: str, reference: str) -> float:
    """Whether a short reference stands in an answer: 1 or 0, nan for a reference without a word.

    Upper and lower case, accents' encoding and punctuation do not count; words do, whole and in their order.
    """
    wanted, given = _plain(reference), _plain(answer)
    return float(f" {wanted} " in f" {given} ") if wanted else math.nan


def _read(one: Marked, reply: Reply | None) -> Covered:
    if reply is None:
        return Covered(one.id, math.nan, "not_asked")
    verdict = last_field(reply, "covered", lambda value: value == "none" or _fits(value, len(one.points)))
    if verdict.value is None:
        return Covered(one.id, math.nan, str(verdict.unscored))
    return Covered(one.id, _count(verdict) / len(one.points))


def _count(verdict: Verdict) -> int:
    return 0 if verdict.value == "none" else len(re.findall(r"\d+", verdict.value or ""))


def _fits(value: str, points: int) -> bool:
    """Whether it is a list of different numbers of points."""
    if not _NUMBERS.fullmatch(value):
        return False
    numbers = [int(one) for one in re.findall(r"\d+", value)]
    return len(set(numbers)) == len(numbers) and all(1 <= one <= points for one in numbers)


def _plain(text: str) -> str:
    return " ".join(_WORDS.findall(unicodedata.normalize("NFKC", text).casefold()))
