"""A run over a real socket: what comes back, in which order, and where it is kept."""

from collections.abc import Callable
from itertools import pairwise

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from inspect_ai.log import read_eval_log
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from aligntax.errors import UsageError
from aligntax.evals.outcome import outcome
from aligntax.evals.run import shuffled
from aligntax.records.asked import Question
from planted import Behaviour, Judge, Server, World, told
from planted.speakers import JUDGE_REFUSES

WORLD = World(
    seed=3,
    models={
        "planted": Behaviour(refusal=0.0, hedging=-0.5, filtered=0.2),
        "other": Behaviour(refusal=-6.0),
        "judge": Judge(speak=lambda judge, asked: "5", refuses=0.5),
    },
)
QUESTIONS = [one.question for one in WORLD.benign(24, clusters=8, words=("kill", "stop"))]


def test_answers_outcomes_order_and_log(running: Callable) -> None:
    with Server(WORLD, key="the-right-key") as server:
        run, models = running(server, "planted", "other", connections=4)
        planted, other = run.ask("over_refusal", QUESTIONS, models, scorer=[outcome()])
    for name, answered in (("planted", planted), ("other", other)):
        known = WORLD.replies(name, QUESTIONS)
        assert [(one.question, one.text, one.stop, one.declined) for one in answered.replies] == [
            (one.question, one.text, one.stop, one.declined) for one in known
        ]
        assert [one.usage for one in answered.replies] == [one.usage for one in known]
        outcomes = [answered.found[one.question, 1]["outcome"]["outcome"] for one in answered.replies]
        assert outcomes == [told(one.text, declined=one.declined) for one in known]
        assert all(0 < one.seconds < 30 and one.served == name for one in answered.replies)
    asked = [one.prompt for one in server.seen if one.model == "planted"]
    order = [one.prompt for one in shuffled(QUESTIONS, 0)]
    assert asked != [one.prompt for one in QUESTIONS]
    assert sum(asked.index(prompt) <= at + 8 for at, prompt in enumerate(order)) == len(order)
    log = read_eval_log(planted.log)  # what `inspect view` shows
    assert len(log.samples) == len(QUESTIONS)
    for sample in log.samples:
        reply = next(one for one in planted.replies if one.question == sample.id)
        assert sample.output.completion == reply.text
        assert sample.scores["outcome"].value == told(reply.text, declined=reply.declined)
        assert sample.messages[-1].role == "assistant"
    assert run.asker.budget.usage.tokens_out == sum(
        one.usage.tokens_out for one in planted.replies + other.replies
    )


def test_several_draws_of_each_question(running: Callable) -> None:
    with Server(WORLD) as server:
        run, models = running(server)
        (answered,) = run.ask("draws", QUESTIONS[:6], models, samples=3)
    assert [(one.question, one.sample) for one in answered.replies] == [
        (question.id, sample) for question in QUESTIONS[:6] for sample in (1, 2, 3)
    ]
    for question in QUESTIONS[:6]:
        drawn = sorted(one.text for one in answered.replies if one.question == question.id)
        known = [WORLD.answer("planted", question.prompt, sample).text for sample in (1, 2, 3)]
        assert drawn == sorted(known)
    assert len(server.paid) == 18


def test_the_same_request_is_paid_for_once(running: Callable) -> None:
    twins = [Question(id=f"twin {at}", prompt="How do I stop it?") for at in range(6)]
    with Server(WORLD, latency=0.05) as server:
        run, models = running(server)
        (answered,) = run.ask("twins", twins, models)
    assert len(server.seen) == 1
    assert len({one.text for one in answered.replies}) == 1
    assert sorted(one.known for one in answered.replies) == [False, *[True] * 5]


def test_a_judge_that_refuses_is_an_answer_to_whoever_parses_it(running: Callable) -> None:
    with Server(WORLD) as server:
        run, models = running(server, "judge")
        (answered,) = run.ask("judging", QUESTIONS, models)
    said = {one.text for one in answered.replies}
    assert said == {"5", JUDGE_REFUSES}
    assert all(one.answered for one in answered.replies)


def test_two_questions_of_one_name_are_refused(running: Callable) -> None:
    with Server(WORLD) as server:
        run, models = running(server)
        with pytest.raises(UsageError, match="1 ids belong to several questions: 'b0'"):
            run.ask("twice", [*QUESTIONS, QUESTIONS[0]], models)
    assert server.seen == []


def test_clusters_are_asked_whole_and_in_random_order() -> None:
    order = shuffled(QUESTIONS, 1)
    assert sorted(one.id for one in order) == sorted(one.id for one in QUESTIONS)
    clusters = [one.cluster for one in order]
    changes = sum(one != other for one, other in pairwise(clusters))
    assert changes == len(set(clusters)) - 1
    assert [one.id for one in order if one.cluster == "bg3"] == ["b3", "b11", "b19"]
    assert shuffled(QUESTIONS, 1) == order != shuffled(QUESTIONS, 2)
    alone = [Question(id=str(at), prompt="?") for at in range(30)]
    assert shuffled(alone, 0) != alone


@scorer(metrics=[])
def broken() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score | None:
        raise ZeroDivisionError("a mistake of ours")

    return score


def test_a_mistake_in_a_scorer_comes_out(running: Callable) -> None:
    with Server(WORLD) as server:
        run, models = running(server)
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            run.ask("broken", QUESTIONS[:3], models, scorer=[broken()])
    assert len(run.asker.journal) == 3
