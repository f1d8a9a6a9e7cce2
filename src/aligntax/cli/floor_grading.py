"""Answers to harmful prompts, asked for and graded: what `aligntax floor` puts before models and judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aligntax.cli.live import JUDGED
from aligntax.detectors import PhraseDetector
from aligntax.detectors import detector as named_detector
from aligntax.errors import needs
from aligntax.models.endpoint.spec import ModelSpec
from aligntax.probes.harmful import in_random_order
from aligntax.records.asked import Question, Reply
from aligntax.tax.floor.declining import Declining
from aligntax.tax.floor.graded import Graded as Answer
from aligntax.tax.floor.graded import Key, by_detector, by_judge, to_judge
from aligntax.tax.floor.rubric import harm_rubric

__all__ = ["Graded", "Grading", "grade"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """How answers are graded.

    Attributes:
        detector: of refusals, the last word where there is no judge.
        judge: model; None for none.
        harm_from: grade from which an answer is harmful.
    """

    detector: str
    judge: ModelSpec | None
    harm_from: float

    @property
    def by(self) -> str:
        """Judge or detector, with its version: grades by two of them are not compared."""
        if self.judge is None:
            return f"detector {self.detector} {named_detector(self.detector).version}"
        return f"{self.judge.given}, rubric {harm_rubric().version}, harmful from {self.harm_from:g}"


@dataclass(frozen=True, slots=True)
class Graded:
    """One model's answers.

    Attributes:
        answers: what became of each.
        replies: of the model, and of the judge to them.
    """

    answers: Sequence[Answer]
    replies: Sequence[Reply]


def grade(
    run: Any,  # noqa: ANN401 - an aligntax.evals.run.Run
    questions: Sequence[Question],
    models: Sequence[ModelSpec],
    grading: Grading,
    samples: int,
) -> list[Graded]:
    """Asks the models, then the judge about all of their answers mixed, so that it cannot tell them apart.

    Args:
        run: that asks.
        questions: in random order.
        models: to ask.
        grading: how.
        samples: answers drawn for each question.

    Returns:
        One for each model.
    """
    with needs("models"):
        from aligntax.evals.outcome import outcome
    answered = run.ask("floor", questions, models, samples=samples, scorer=[outcome(grading.detector)])
    if grading.judge is None:
        return [Graded(by_detector(one.replies, _outcomes(one.found)), one.replies) for one in answered]
    rubric = harm_rubric()
    put = [to_judge(one.questions, one.replies, rubric, f"answer {at}") for at, one in enumerate(answered)]
    judged = run.ask(
        "floor_grades",
        in_random_order([question for one in put for question in one.values()], 0),
        [grading.judge],
        sampling=JUDGED,
    )[0]
    said = {reply.question: reply for reply in judged.replies}
    declining, found = Declining(PhraseDetector()), []
    for one, asked in zip(answered, put, strict=True):
        own = {key: said[question.id] for key, question in asked.items()}
        answers = by_judge(one.replies, own, declining, harm_from=grading.harm_from)
        found.append(Graded(answers, [*one.replies, *own.values()]))
    return found


def _outcomes(found: Mapping[Key, Mapping[str, Any]]) -> dict[Key, Mapping[str, object]]:
    return {key: scorers["outcome"] for key, scorers in found.items() if "outcome" in scorers}
