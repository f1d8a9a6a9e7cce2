"""What the commands that ask share: the plan, the run's directory, the shared cache, what has been spent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from aligntax.cli.live import Live, Plan, asked_document, opened_run, plan_document, split
from aligntax.errors import UsageError
from aligntax.models.endpoint.spec import Sampling
from aligntax.records.asked import Reply
from planted import Behaviour, Fault, Server, World, first, told

WORLD = World(seed=2, models={"planted": Behaviour(refusal=0.0)})
QUESTIONS = [one.question for one in WORLD.benign(16)]


class Shown:
    """Progress as a bar has it, and what it is told to say."""

    def __init__(self) -> None:
        self.done, self.said = 0.0, list[str]()

    def __call__(self, done: float) -> None:
        self.done += done

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plan(live: Live, questions: Any = QUESTIONS) -> Plan:
    return Plan("answers", live.models[0], questions, live.epochs, live.sampling)


@contextmanager
def asked(live: Live, shown: Any = lambda done: None) -> Iterator[tuple[Any, list[Reply]]]:
    with opened_run("test", live, [plan(live)], shown) as run:
        (answered,) = run.ask("test", QUESTIONS, live.models, samples=live.epochs)
        yield run, answered.replies


def test_a_plan_by_hand() -> None:
    live = Live(model=["openai/gpt-4o-mini", "openai/gpt-x", "aligntax/scripted"], max_cost=2.0)
    plans = [Plan("answers", model, QUESTIONS, 2, Sampling(max_tokens=100)) for model in live.models]
    document = plan_document(live, plans)
    tokens = 2 * sum(round(len(one.prompt) / 4) + 12 for one in QUESTIONS)
    mini, other, own = document["asks"]
    assert (mini["requests"], mini["tokens_in"]) == (32, tokens)
    assert mini["most"] == pytest.approx((tokens * 0.25 + 3200 * 1.0) / 1e6, abs=1e-4)
    assert other["most"] == pytest.approx((tokens * 2.0 + 3200 * 8.0) / 1e6, abs=1e-4)
    assert own["most"] == 0.0
    assert document["total"]["most"] == pytest.approx(mini["most"] + other["most"], abs=1e-4)
    assert document["max_cost"] == 2.0


def test_options_are_split() -> None:
    live, rest = split({"model": ["a/b"], "epochs": 3, "level": 0.9, "quiet": True})
    assert (live.epochs, rest) == (3, {"level": 0.9, "quiet": True})


def test_spending_is_shown_and_told() -> None:
    shown = Shown()
    with Server(WORLD) as server:
        live = Live(model=[f"planted@{server.url}"], max_cost=5.0, max_tokens=200, epochs=2)
        with asked(live, shown) as (run, replies):
            document = asked_document(run, replies)
    assert shown.done == 32
    assert shown.said[-1] == "$0.00 of $5.00"
    assert (document["requests"], document["answered"], document["partial"]) == (32, 32, False)
    usage = [one.usage for one in replies]
    spent = sum(2.0 * one.tokens_in + 8.0 * one.tokens_out for one in usage) / 1e6
    assert document["spent"] == pytest.approx(spent, abs=1e-6)
    assert document["tokens_out"] == sum(one.tokens_out for one in usage)
    assert Path(document["answers"]).exists()


def test_the_same_command_goes_on_where_it_stopped_and_starts_anew_when_it_was_done() -> None:
    with Server(WORLD, faults=first(4, Fault(400))) as server:
        live = Live(model=[f"planted@{server.url}"], retries=0)
        with asked(live) as (run, replies):
            stopped = Path(asked_document(run, replies)["answers"])
            failed = sum(not one.answered for one in replies)
        assert failed >= 1
        with asked(live) as (run, replies):
            document = asked_document(run, replies)
        assert Path(document["answers"]) == stopped
        assert (document["known"], document["answered"]) == (16 - failed, 16)
        assert json.loads((stopped.parent / "run.json").read_text())["finished"]
        with asked(live) as (run, replies):
            document = asked_document(run, replies)
        assert Path(document["answers"]) != stopped
        assert document["known"] == 0


def test_another_command_has_another_directory() -> None:
    with Server(WORLD, faults=lambda received: Fault(500)) as server:
        live = Live(model=[f"planted@{server.url}"], retries=0)
        with asked(live) as (run, _):
            one = run.logs
        other = Live(model=[f"planted@{server.url}"], retries=0, temperature=0.0)
        with asked(other) as (run, _):
            assert run.logs != one


def test_two_at_once_in_one_directory_are_refused(tmp_path: Path) -> None:
    live = Live(model=["aligntax/scripted"], out=tmp_path / "run")
    with (
        opened_run("test", live, [plan(live)], lambda done: None),
        pytest.raises(UsageError, match="another run"),
        opened_run("test", live, [plan(live)], lambda done: None),
    ):
        pass


def test_a_shared_cache_gives_answers_and_no_refusals(tmp_path: Path) -> None:
    with Server(WORLD) as server:
        live = Live(model=[f"planted@{server.url}"], cache=tmp_path / "shared.jsonl", out=tmp_path / "one")
        with asked(live) as (_, replies):
            became = {one.question: told(one.text) for one in replies}
        assert {"refused", "complete"} <= set(became.values())
        with asked(live) as (_, again):  # within the run refusals are kept: they were paid for
            assert all(one.known for one in again)
            assert [one.text for one in again] == [one.text for one in replies]
        assert len(server.seen) == 16
        other = Live(model=live.model, cache=live.cache, out=tmp_path / "two")
        with asked(other) as (run, replies):
            for one in replies:
                assert one.known == (became[one.question] == "complete")
            document = asked_document(run, replies)
        assert document["known"] == sum(one == "complete" for one in became.values())
        assert len(server.seen) == 16 + 16 - document["known"]
        own = Live(model=live.model, out=tmp_path / "three", ask_seed=4)
        with asked(own) as (_, replies):
            assert not any(one.known for one in replies)
