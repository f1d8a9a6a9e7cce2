"""A real checkpoint asked through the same path: by its directory, and behind an OpenAI-compatible server."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from aligntax.cli.live import Live, Plan, asked_document, opened_run
from aligntax.evals.outcome import outcome
from aligntax.records.asked import Question
from planted import Answer, Asked, Server, World

QUESTIONS = [
    Question(id="lily", prompt="Once upon a time, there was a little girl named Lily."),
    Question(
        id="max", prompt="One day, a boy named Max went to the park with his mom.", system="Tell a story."
    ),
    Question(id="cat", prompt="The big cat was very sad."),
]
LONGEST = 24


@pytest.fixture(scope="module")
def checkpoint(shared_data: Path) -> Path:
    path = shared_data / "weights" / "stories260K"
    if not path.is_dir():
        pytest.skip(f"the checkpoint is not at hand: {path} is missing")
    return path


@pytest.fixture(scope="module")
def speak(checkpoint: Path) -> Callable[[str], tuple[str, int]]:
    """The checkpoint's likeliest words after a text, without Inspect."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint)

    def said(text: str) -> tuple[str, int]:
        asked = tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            found = model.generate(**asked, max_new_tokens=LONGEST, do_sample=False)[0]
        words = found[asked["input_ids"].shape[1] :]
        return tokenizer.decode(words, skip_special_tokens=True), len(words)

    return said


def written(question: Question) -> str:
    """How Inspect puts messages before a checkpoint that has no chat template."""
    system = f"system: {question.system}\n" if question.system else ""
    return f"{system}user: {question.prompt}\n"


def asked(model: str, out: Path) -> tuple[list, dict]:
    live = Live(model=[model], temperature=0.0, max_tokens=LONGEST, out=out, connections=1)
    plan = Plan("answers", live.models[0], QUESTIONS, 1, live.sampling)
    with opened_run("test", live, [plan], lambda done: None) as run:
        (answered,) = run.ask("checkpoint", QUESTIONS, live.models, scorer=[outcome()])
        assert {key for key, _ in answered.found} == {one.id for one in QUESTIONS}
        return answered.replies, asked_document(run, answered.replies)


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")
def test_by_its_directory(checkpoint: Path, speak: Callable, tmp_path: Path) -> None:
    replies, document = asked(str(checkpoint), tmp_path)
    assert [one.text.strip() for one in replies] == [speak(written(one))[0].strip() for one in QUESTIONS]
    assert all(one.usage.tokens_out == LONGEST for one in replies)
    assert (document["spent"], document["partial"]) == (0.0, False)
    again, document = asked(str(checkpoint), tmp_path)
    assert document["known"] == len(QUESTIONS)
    assert [one.text for one in again] == [one.text for one in replies]


def test_behind_a_server(
    checkpoint: Path, speak: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")  # a server on this machine asks for none

    def speaks(world: World, asked: Asked) -> Answer:
        return Answer(speak(asked.prompt)[0], "length")

    with Server(World(seed=0, models={"stories260K": speaks})) as server:
        replies, document = asked(f"stories260K@{server.url}", tmp_path)
        assert [one.text for one in replies] == [speak(one.prompt)[0] for one in QUESTIONS]
        assert {one.stop for one in replies} == {"max_tokens"}
        assert {one.served for one in replies} == {"stories260K"}
        assert server.seen[0].parameters["temperature"] == 0.0
        assert server.seen[0].parameters["max_tokens"] == LONGEST
    assert document["answered"] == len(QUESTIONS)
