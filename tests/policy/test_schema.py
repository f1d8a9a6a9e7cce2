"""The JSON Schema that editors use says what the reader says."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from aligntax.policy.schema import DIALECT, policy_schema
from policy.policies import EXAMPLE

jsonschema = pytest.importorskip("jsonschema")


def example() -> dict[str, Any]:
    return tomllib.loads(EXAMPLE.read_text("utf-8"))


def test_the_schema_takes_the_example_and_no_misspelling_of_it() -> None:
    """As the reader does."""
    check = jsonschema.Draft202012Validator(policy_schema())
    jsonschema.Draft202012Validator.check_schema(policy_schema())
    assert not list(check.iter_errors(example()))
    for change in (
        {"servce": "x"},
        {"version": 2},
        {"use_case": []},
        {"everything_else": "drop"},
        {"floor": {"margin": 2}},
    ):
        assert list(check.iter_errors(example() | change)), change


def test_every_key_has_a_title_and_a_description() -> None:
    """An editor shows them."""
    schema = policy_schema()
    assert schema["$schema"] == DIALECT
    for name, key, entry in _properties(schema):
        assert entry.get("description"), f"{name}.{key}"


def _properties(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, table in {"": schema, **schema["$defs"]}.items():
        assert table["title"]
        assert table["description"]
        for key, entry in table["properties"].items():
            yield name, key, entry
