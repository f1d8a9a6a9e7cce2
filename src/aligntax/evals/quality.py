"""A judge asked about answers: which of two is better, and what an answer covers."""

from collections.abc import Sequence

from aligntax.evals.run import Run
from aligntax.models.endpoint.spec import ModelSpec, Sampling
from aligntax.records.asked import Question, Reply
from aligntax.tax.quality.pairwise import Pair, Votes, decide, pair_questions
from aligntax.tax.quality.points import Coverage, Marked, covered, point_questions

__all__ = ["cover", "judged", "prefer"]


def prefer(
    run: Run, pairs: Sequence[Pair], judge: ModelSpec, sampling: Sampling
) -> tuple[Votes, Sequence[Reply]]:
    """Asks a judge which of two answers is better, in both orders.

    Args:
        run: that asks; answers are kept in its journal and counted in its budget.
        pairs: answers to the same questions.
        judge: model that is asked.
        sampling: how it draws its answers.

    Returns:
        Decisions, and the judge's replies.
    """
    replies = judged(run, "pairwise_quality", pair_questions(pairs), judge, sampling)
    return decide(pairs, replies), replies


def cover(
    run: Run, answers: Sequence[Marked], judge: ModelSpec, sampling: Sampling
) -> tuple[Coverage, Sequence[Reply]]:
    """Asks a judge which points every answer covers; arguments and results as of `prefer`."""
    replies = judged(run, "points_covered", point_questions(answers), judge, sampling)
    return covered(answers, replies), replies


def judged(
    run: Run, title: str, questions: Sequence[Question], judge: ModelSpec, sampling: Sampling
) -> Sequence[Reply]:
    """Puts questions before a judge, as a task of their own; nothing is asked where there are none."""
    if not questions:
        return []
    return run.ask(title, questions, [judge], sampling=sampling)[0].replies
