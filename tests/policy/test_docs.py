"""The page on the policy: its example loads, its table knows every key, its mistakes are real ones."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import aligntax.policy.model as module
from aligntax.policy.mistakes import UnreadablePolicy
from aligntax.policy.model import Policy
from aligntax.policy.read import read_policy

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")
EXAMPLE = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]


def test_the_example_loads_and_sets_every_key() -> None:
    """None is left to its default."""
    policy = read_policy(EXAMPLE).policy
    assert [case.name for case in policy.use_case] == ["triage", "letters"]
    for model in _models():
        for key in set(model.model_fields) - set(module.Counts.model_fields):
            assert re.search(rf"\b{key}\b", EXAMPLE), f"{model.__name__}.{key}"


def test_the_table_has_every_key_with_its_default() -> None:
    """As the model has it."""
    keys = {
        key
        for line in PAGE.splitlines()
        if line.startswith("| ")
        for key in re.findall(r"`[\[\]]*([\w.]+)", line)
    }
    for model in _models():
        for key, field in model.model_fields.items():
            assert {key, f"match.{key}", f"use_case.{key}", f"floor.{key}"} & keys, f"{model.__name__}.{key}"
            if field.is_required():
                continue
            default = field.get_default(call_default_factory=True)
            if isinstance(default, str | float | bool) and default and key != "version":
                shown = f'"{default}"' if isinstance(default, str) else str(default).lower()
                assert re.search(rf"\| `.*{key}.*\|.*\| `{shown}` \|", PAGE), f"{model.__name__}.{key}"


def test_the_mistakes_shown_are_those_made() -> None:
    """To the letter."""
    broken = EXAMPLE.replace('tell = ["on-call"]', 'tell = ["oncall"]', 1).replace('"at_most"', '"less"', 1)
    with pytest.raises(UnreadablePolicy) as caught:
        read_policy(broken)
    assert f"```\n{caught.value}\n```" in PAGE


def _models() -> list[type[BaseModel]]:
    return [Policy, *(getattr(module, name) for name in Policy.model_json_schema()["$defs"])]
