"""The cost limit, over a real socket: never exceeded, nearly used, and what there is is a random sample."""

from collections.abc import Callable, Sequence

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from aligntax.evals.run import shuffled
from aligntax.records.asked import Question
from planted import Behaviour, Received, Server, World

WORLD = World(seed=9, models={"planted": Behaviour(refusal=0.0)})
QUESTIONS = [one.question for one in WORLD.benign(120)]


def billed(paid: Sequence[Received]) -> float:
    """US dollars of what the server sent, at the prices of `running`."""
    total = 0.0
    for one in paid:
        answer = WORLD.answer(one.model, one.messages)
        total += (answer.tokens_in * 1000 + answer.tokens_out * 2000) / 1e6
    return total


def test_a_cost_limit_half_way(running: Callable) -> None:
    with Server(WORLD, latency=0.01) as server:
        run, models = running(server, most=3.0, connections=16)
        (answered,) = run.ask("limited", QUESTIONS, models)
        spent = billed(server.paid)
        assert run.asker.budget.spent == pytest.approx(spent)
        longest = (240 * 1000 + 100 * 2000) / 1e6  # a request reckoned at its longest
        assert 3.0 - longest < spent <= 3.0
        assert run.asker.stopped == "the cost limit was reached"
        assert run.asker.budget.reached
        got = {one.question for one in answered.replies if one.answered}
        assert 10 < len(got) < 110
        assert {one.stop for one in answered.replies if not one.answered} == {"not_asked"}
        assert got <= {one.id for one in shuffled(QUESTIONS, 0)[: len(got) + 2 * 16]}  # a random sample
        run.asker.journal.close()

        paid = len(server.paid)
        again, models = running(server, most=3.0)
        (answered,) = again.ask("limited", QUESTIONS, models)
        assert billed(server.paid) <= 3.0  # what was spent before counts
        assert len(server.paid) <= paid + 1
        assert sum(one.answered for one in answered.replies) == len(server.paid)
        again.asker.journal.close()

        further, models = running(server, most=50.0)
        (answered,) = further.ask("limited", QUESTIONS, models)
        assert all(one.answered for one in answered.replies)
        assert len(server.paid) == len(server.seen) == len(QUESTIONS)


def test_a_limit_too_small_for_one_request(running: Callable) -> None:
    with Server(WORLD) as server:
        run, models = running(server, most=0.0)
        (answered,) = run.ask("nothing", QUESTIONS, models)
    assert server.seen == []
    assert {one.stop for one in answered.replies} == {"not_asked"}


def test_no_token_is_shorter_than_a_byte(running: Callable) -> None:
    """Languages with more tokens than characters do not break the limit."""
    dense = World(seed=1, models={"planted": lambda world, asked: WORLD.answer("planted", asked.prompt)})
    questions = [Question(id=str(at), prompt="如何停止服务器上的任务" * 20 + str(at)) for at in range(10)]
    with Server(dense) as server:
        run, models = running(server, most=1.5)
        run.ask("dense", questions, models)
    most = max(len(one.prompt.encode()) for one in questions) * 1000 / 1e6
    assert len(server.seen) == int((1.5 - 100 * 2000 / 1e6) / most) or len(server.seen) >= 1
