"""Whatever a server can do wrong, over a real socket: what there is is kept, what is missing says so."""

from collections.abc import Callable

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from aligntax.errors import AligntaxError
from aligntax.records.asked import Reply
from planted import Behaviour, Fault, Received, Server, World, always, every, first

WORLD = World(seed=5, models={"planted": Behaviour(refusal=-1.0)})
QUESTIONS = [one.question for one in WORLD.benign(12)]
KNOWN = [one.text for one in WORLD.replies("planted", QUESTIONS)]


def on(name: str, fault: Fault) -> Callable[[Received], Fault | None]:
    """Something goes wrong with one question, always."""
    return lambda received: fault if f"case {name}:" in received.prompt else None


def failing(replies: list[Reply]) -> dict[str, str]:
    return {one.question: one.error for one in replies if not one.answered}


def test_a_busy_server_is_waited_for_as_it_asks(running: Callable) -> None:
    with Server(WORLD, faults=first(4, Fault(429, retry_after=0.7))) as server:
        run, models = running(server, retries=2)
        (answered,) = run.ask("busy", QUESTIONS, models)
    assert [one.text for one in answered.replies] == KNOWN
    assert len(server.seen) == len(QUESTIONS) + 4
    turned_away = {one.prompt: one.time for one in server.seen if one.became == 429}
    waited = [one.time - turned_away[one.prompt] for one in server.paid if one.prompt in turned_away]
    assert len(waited) == 4
    assert min(waited) >= 0.7  # and not the second or more of a pause that grows
    assert [one.known for one in answered.replies] == [False] * len(QUESTIONS)


def test_a_failing_server_is_tried_again_and_then_reported(running: Callable) -> None:
    with Server(WORLD, faults=on("b3", Fault(500, retry_after=0.01))) as server:
        run, models = running(server, retries=2)
        (answered,) = run.ask("failing", QUESTIONS, models)
    assert failing(answered.replies) == {"b3": "InternalServerError (HTTP 500)"}
    assert answered.replies[3].stop == "error"
    assert (
        sum("case b3:" in one.prompt for one in server.seen) == 3
    )  # and not thrice that, by OpenAI's client
    assert len(server.paid) == len(QUESTIONS) - 1 == len(run.asker.journal)
    assert run.asker.missing == 1
    assert not run.asker.stopped


def test_now_and_then_a_failure_costs_only_time(running: Callable) -> None:
    with Server(WORLD, faults=every(3, Fault(503, retry_after=0.01))) as server:
        run, models = running(server, retries=5)
        (answered,) = run.ask("now and then", QUESTIONS, models)
    assert [one.text for one in answered.replies] == KNOWN
    assert len(server.paid) == len(QUESTIONS)


def test_a_stalled_socket_times_out(running: Callable) -> None:
    with Server(WORLD, faults=on("b5", Fault("stall"))) as server:
        run, models = running(server, timeout=1)
        (answered,) = run.ask("stalled", QUESTIONS, models)
    assert failing(answered.replies) == {"b5": "AttemptTimeoutError"}
    assert len(server.seen) == len(QUESTIONS)


@pytest.mark.parametrize("kind", ["truncate", "drop"])
def test_half_an_answer_is_asked_for_again(running: Callable, kind: str) -> None:
    with Server(WORLD, faults=first(1, Fault(kind))) as server:
        run, models = running(server, retries=1)
        (answered,) = run.ask("half", QUESTIONS[:3], models)
    assert failing(answered.replies) == {}
    assert len(server.seen) == 4


def test_half_an_answer_each_time_is_reported(running: Callable) -> None:
    with Server(WORLD, faults=on("b2", Fault("truncate"))) as server:
        run, models = running(server)
        (answered,) = run.ask("half", QUESTIONS, models)
    assert failing(answered.replies) == {"b2": "JSONDecodeError"}


def test_a_wrong_key_ends_the_run_at_once(running: Callable) -> None:
    many = [one.question for one in WORLD.benign(200)]
    with Server(WORLD, key="another key") as server:
        run, models = running(server, retries=5)
        with pytest.raises(AligntaxError, match="HTTP 401") as raised:
            run.ask("wrong key", many, models)
    assert "API key" in raised.value.hint
    assert len(server.seen) <= 8 + 8  # those under way, and what had its turn before the first came back


def test_a_key_that_is_withdrawn_leaves_what_there_is(running: Callable) -> None:
    many = [one.question for one in WORLD.benign(60)]
    with Server(WORLD, faults=lambda received: Fault(401) if received.number > 20 else None) as server:
        run, models = running(server, connections=4)
        with pytest.raises(AligntaxError, match="HTTP 401"):
            run.ask("withdrawn", many, models)
        assert len(run.asker.journal) == len(server.paid) == 20
        run.asker.journal.close()
        server.faults = lambda received: None
        again, models = running(server)
        (answered,) = again.ask("given back", many, models)
    assert len(server.paid) == 60
    assert sum(one.known for one in answered.replies) == 20
    assert failing(answered.replies) == {}


def test_a_server_that_is_down_is_given_up(running: Callable) -> None:
    many, told = [one.question for one in WORLD.benign(150)], []
    with Server(WORLD) as server:
        pass
    run, models = running(server, told=told.append)
    (answered,) = run.ask("down", many, models)
    assert len(answered.replies) == len(told) == 150
    assert set(failing(answered.replies).values()) == {"APIConnectionError", ""}
    assert 20 <= sum(one.stop == "error" for one in answered.replies) <= 20 + 16
    assert "20 requests in a row failed" in run.asker.stopped
    assert "APIConnectionError" in run.asker.stopped


def test_a_model_the_server_does_not_have(running: Callable) -> None:
    with Server(WORLD) as server:
        run, models = running(server, "no-such")
        with pytest.raises(AligntaxError, match="no-such.*HTTP 404"):
            run.ask("no such model", QUESTIONS, models)


def test_errors_do_not_repeat_what_was_asked(running: Callable) -> None:
    with Server(WORLD, faults=always(Fault(500))) as server:
        run, models = running(server)
        (answered,) = run.ask("errors", QUESTIONS, models)
    assert {one.error for one in answered.replies} == {"InternalServerError (HTTP 500)"}
