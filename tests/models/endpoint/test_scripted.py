"""Answers by rule: the first that matches, its replies in turn; and where a file of rules is wrong."""

import asyncio
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.log import read_eval_log
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ModelOutput, get_model

import aligntax.models.endpoint.scripted
from aligntax.errors import AligntaxError, UnreadableInput
from aligntax.models.endpoint.opening import opened
from aligntax.models.endpoint.scripted import load_script

assert aligntax.models.endpoint.scripted.ScriptedModel  # importing it makes it known to Inspect

RULES = [
    {"pattern": r"\bkill\b", "reply": "I'm sorry, but I can't help with that."},
    {"pattern": "case 7", "system": "brief", "reply": ["Yes.", "No."], "tokens_out": 3},
    {"pattern": "forbidden", "reply": "", "stop": "content_filter"},
    {"pattern": "elsewhere", "reply": "From elsewhere.", "model": "fallback-1"},
    {"reply": "Here is how it is done."},
]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "rules.jsonl"
    path.write_text("\n".join(map(json.dumps, RULES)) + "\n\n")
    return path


def answers(script: Path | None, *prompts: str, system: str = "") -> list[ModelOutput]:
    async def ask() -> list[ModelOutput]:
        args = {} if script is None else {"script": str(script)}
        live = get_model("aligntax/scripted", memoize=False, **args)
        said = [ChatMessageSystem(content=system)] if system else []
        return [await live.generate([*said, ChatMessageUser(content=prompt)]) for prompt in prompts]

    return asyncio.run(ask())


@pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning")
class TestAnswers:
    """Asked through Inspect."""

    def test_the_first_rule_that_matches(self, script: Path) -> None:
        got = answers(script, "How do I KILL it?", "What skills?", "Is it forbidden?", "Go elsewhere")
        assert [one.completion for one in got] == [
            RULES[0]["reply"],
            RULES[4]["reply"],
            "",
            "From elsewhere.",
        ]
        assert [one.stop_reason for one in got] == ["stop", "stop", "content_filter", "stop"]
        assert got[3].model == "fallback-1"

    def test_replies_in_turn_and_the_system_prompt(self, script: Path) -> None:
        got = answers(script, *["case 7"] * 3, system="Be BRIEF.")
        assert [one.completion for one in got] == ["Yes.", "No.", "Yes."]
        assert answers(script, "case 7")[0].completion == RULES[4]["reply"]

    def test_usage_is_told_or_four_characters_a_token(self, script: Path) -> None:
        (told,) = answers(script, "case 7", system="brief")
        assert (told.usage.input_tokens, told.usage.output_tokens) == (3, 3)
        (reckoned,) = answers(script, "abcde")
        assert (reckoned.usage.input_tokens, reckoned.usage.output_tokens) == (2, 6)

    def test_without_a_script(self) -> None:
        assert answers(None, "anything")[0].completion == "This is a scripted answer."

    def test_no_rule(self, tmp_path: Path) -> None:
        script = tmp_path / "rules.jsonl"
        script.write_text('{"pattern": "x", "reply": "y"}\n')
        with pytest.raises(AligntaxError, match="no rule"):
            answers(script, "z")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("not json", "line 2"),
        ("[]", "not an object"),
        ('{"replies": "x"}', "replies is unknown"),
        ('{"pattern": "("}', "no regular expression"),
        ('{"stop": "tired"}', "stop 'tired' is none of"),
        ('{"reply": []}', "neither a text nor"),
        ('{"reply": 3}', "line 2"),
    ],
)
def test_what_is_wrong_with_a_script(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "rules.jsonl"
    path.write_text('{"reply": "fine"}\n' + line + "\n")
    with pytest.raises(UnreadableInput, match=told.replace("(", r"\(")) as raised:
        load_script(path)
    assert f"{path}, line 2" in str(raised.value)


def test_a_script_without_rules_and_none_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(UnreadableInput, match="no rule in it"):
        load_script(tmp_path / "empty.jsonl")

    async def open_it() -> None:
        args = {"script": str(tmp_path / "missing.jsonl")}
        async with opened("aligntax/scripted", None, None, args, who="it"):
            pass

    with pytest.raises(UnreadableInput, match=r"missing\.jsonl"):
        asyncio.run(open_it())


def test_inspect_finds_it_by_its_entry_point(tmp_path: Path, script: Path) -> None:
    """`inspect eval aligntax/over_refusal --model aligntax/scripted -M script=FILE`, as a person types it."""
    if not any(one.value == "aligntax.evals" for one in entry_points(group="inspect_ai")):
        pytest.skip("aligntax is installed without its entry point: pip install -e . once more")
    command = ["eval", "aligntax/over_refusal", "-T", "pack=medical", "--limit", "6"]
    command += ["--model", "aligntax/scripted", "-M", f"script={script}", "--display", "none"]
    inspect = Path(sys.executable).with_name("inspect")
    done = subprocess.run(
        [str(inspect), *command, "--log-dir", str(tmp_path / "logs")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (log,) = (tmp_path / "logs").glob("*.eval")
    found = read_eval_log(str(log))
    assert found.status == "success"
    assert {sample.scores["outcome"].value for sample in found.samples} <= {"complete", "refused"}
    assert len(found.samples) == 6
