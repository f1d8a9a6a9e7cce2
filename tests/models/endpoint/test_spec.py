"""One word tells which model is meant, and everything that can change an answer is in its key."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")

from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.models.endpoint.asking import identity
from aligntax.models.endpoint.journal import key_of
from aligntax.models.endpoint.spec import ModelSpec, Sampling, model_spec


@pytest.mark.parametrize(
    ("given", "name", "url"),
    [
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini", None),
        ("anthropic/claude-x", "anthropic/claude-x", None),
        ("llama@http://localhost:8000/v1", "openai-api/url/llama", "http://localhost:8000/v1"),
        ("openai/llama@http://10.0.0.1/v1", "openai-api/url/llama", "http://10.0.0.1/v1"),
        ("openai/org/llama@https://x.example/v1", "openai-api/url/org/llama", "https://x.example/v1"),
        ("openai/gpt-5@https://eu.api.openai.com/v1", "openai/gpt-5", "https://eu.api.openai.com/v1"),
        ("gpt-5@https://api.openai.com/v1", "openai/gpt-5", "https://api.openai.com/v1"),
        ("anthropic/claude-x@https://proxy.example", "anthropic/claude-x", "https://proxy.example"),
        ("aligntax/scripted", "aligntax/scripted", None),
    ],
)
def test_a_provider_or_an_address(given: str, name: str, url: str | None) -> None:
    found = model_spec(given)
    assert (found.given, found.name, found.base_url) == (given, name, url)


@pytest.mark.parametrize(
    "given",
    ["gpt-4o", "openai/", "/x", "@http://x/v1", "openai/@http://x/v1", "aligntax/scripted@no-such-file"],
)
def test_neither(given: str) -> None:
    with pytest.raises(UsageError, match="--model"):
        model_spec(given)


def test_a_checkpoint_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="config.json"):
        model_spec(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    first = model_spec(str(tmp_path))
    assert first.name == f"hf/{tmp_path.name}"
    assert first.args["model_path"] == str(tmp_path)
    (tmp_path / "config.json").write_text('{"a": 1}')
    assert model_spec(str(tmp_path)).revision != first.revision
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    assert model_spec(str(tmp_path)).template != first.template


def test_a_script_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    script = tmp_path / "rules.jsonl"
    script.write_text('{"reply": "a"}\n')
    first = model_spec(f"aligntax/scripted@{script}")
    assert (first.name, first.args) == ("aligntax/scripted", {"script": str(script)})
    script.write_text('{"reply": "b"}\n')
    assert model_spec(f"aligntax/scripted@{script}").revision != first.revision


SPEC = ModelSpec("a", "openai/a", "http://x/v1", revision="1", template="2")
SAMPLING = Sampling(temperature=0.5, top_p=0.9, max_tokens=10, seed=1)
SAID = [["system", "s"], ["user", "u"]]


def key(spec: ModelSpec = SPEC, sampling: Sampling = SAMPLING, said: list = SAID, sample: int = 1) -> str:
    return key_of(identity(spec, sampling, said, sample))


@pytest.mark.parametrize(
    "other",
    [
        {"spec": replace(SPEC, name="anthropic/a")},
        {"spec": replace(SPEC, name="openai/b")},
        {"spec": replace(SPEC, base_url="http://y/v1")},
        {"spec": replace(SPEC, base_url=None)},
        {"spec": replace(SPEC, revision="2")},
        {"spec": replace(SPEC, template="3")},
        {"sampling": replace(SAMPLING, temperature=0.6)},
        {"sampling": replace(SAMPLING, temperature=None)},
        {"sampling": replace(SAMPLING, top_p=0.8)},
        {"sampling": replace(SAMPLING, max_tokens=11)},
        {"sampling": replace(SAMPLING, seed=2)},
        {"said": [["user", "u"]]},
        {"said": [["system", "su"], ["user", ""]]},
        {"said": [["user", "s"], ["system", "u"]]},
        {"said": [["system", "s"], ["user", "u "]]},
        {"sample": 2},
    ],
)
def test_what_can_change_an_answer_changes_its_key(other: dict) -> None:
    assert key(**other) != key()


def test_what_a_person_calls_it_does_not() -> None:
    assert key(spec=replace(SPEC, given="another name")) == key()


@given(st.text(), st.text())
def test_other_words_other_key(one: str, other: str) -> None:
    assert (key(said=[["user", one]]) == key(said=[["user", other]])) == (one == other)


@pytest.mark.parametrize("wrong", [{"max_tokens": 0}, {"temperature": -0.1}])
def test_numbers_nobody_can_ask_with(wrong: dict) -> None:
    with pytest.raises(UsageError):
        Sampling(**wrong)
