"""The asker by itself: one payment for one request, and nobody overtakes where money is short."""

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.model import ChatMessageUser, ModelOutput, ModelUsage

from aligntax.models.endpoint.asking import Asker
from aligntax.models.endpoint.budget import Budget, Rate
from aligntax.models.endpoint.journal import Journal
from aligntax.models.endpoint.spec import ModelSpec, Sampling
from aligntax.records.asked import Reply

SPEC = ModelSpec("m", "openai/m")
SAMPLING = Sampling(max_tokens=100)


def answer(tokens: int = 10) -> ModelOutput:
    output = ModelOutput.from_content("m", "Yes.")
    output.usage = ModelUsage(input_tokens=0, output_tokens=tokens, total_tokens=tokens)
    return output


@pytest.fixture
def asker(tmp_path: Path) -> Asker:
    return Asker(Journal(tmp_path / "answers.jsonl"), Budget({"m": Rate(1.0, 1.0)}, most=None))


async def put(asker: Asker, name: str, words: str, sent: list[str], *, fails: bool = False) -> Reply:
    async def generate() -> ModelOutput:
        sent.append(name)
        await asyncio.sleep(0)
        if fails:
            raise TimeoutError("late")
        return answer()

    reply, _ = await asker.ask(name, 1, SPEC, SAMPLING, [ChatMessageUser(content=words)], generate)
    return reply


def test_short_requests_do_not_overtake_long_ones(asker: Asker) -> None:
    """Room for one long request: those behind it wait, though the short ones among them would fit."""
    asker.budget.most = (1000 + 12 + 100 + 60) / 1e6
    sent: list[str] = []

    async def ask() -> list[Reply]:
        asked = [("long 1", "a" * 1000), ("long 2", "b" * 1000), ("short 1", "c"), ("short 2", "d")]
        return await asyncio.gather(*(put(asker, name, words, sent) for name, words in asked))

    replies = asyncio.run(ask())
    assert sent == ["long 1", "long 2", "short 1", "short 2"]
    assert all(one.answered for one in replies)


def test_the_first_that_does_not_fit_ends_it(asker: Asker) -> None:
    asker.budget.most = 200 / 1e6
    sent: list[str] = []

    async def ask() -> list[Reply]:
        asked = [("short 1", "a"), ("long", "b" * 1000), ("short 2", "c")]
        return await asyncio.gather(*(put(asker, name, words, sent) for name, words in asked))

    assert [one.stop for one in asyncio.run(ask())] == ["stop", "not_asked", "not_asked"]
    assert sent == ["short 1"]
    assert asker.missing == 2
    assert asker.skipped("short 3", 1, SPEC, SAMPLING, [ChatMessageUser(content="d")])
    assert not asker.skipped("known", 1, SPEC, SAMPLING, [ChatMessageUser(content="a")])


def test_a_twin_of_what_failed_is_sent_itself(asker: Asker) -> None:
    sent: list[str] = []

    async def ask() -> list[Reply]:
        return await asyncio.gather(
            put(asker, "one", "same", sent, fails=True), put(asker, "two", "same", sent)
        )

    failed, answered = asyncio.run(ask())
    assert (failed.stop, failed.error) == ("error", "TimeoutError")
    assert answered.answered
    assert not answered.known
    assert sent == ["one", "two"]
    third = asyncio.run(put(asker, "three", "same", sent))
    assert third.known
    assert sent == ["one", "two"]


def test_a_full_disk_stops_the_spending(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    from aligntax.errors import UnwritableOutput

    def full(*_: object) -> None:
        raise UnwritableOutput("no room", hint="make room")

    sent: list[str] = []
    monkeypatch.setattr(Journal, "put", full)
    assert asyncio.run(put(asker, "one", "a", sent)).answered
    assert not asyncio.run(put(asker, "two", "b", sent)).answered
    assert sent == ["one"]
    assert isinstance(asker.failed, UnwritableOutput)
