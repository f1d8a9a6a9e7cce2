"""The format of `aligntax.toml` as a JSON Schema, for editors that complete and check TOML with one."""

from typing import Any

from aligntax.policy.model import Policy

__all__ = ["DIALECT", "policy_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def policy_schema() -> dict[str, Any]:
    """The schema, with a title and a description for every key."""
    schema = Policy.model_json_schema(mode="validation")
    title = {"$schema": DIALECT, "title": "aligntax.toml"}
    return title | {key: value for key, value in schema.items() if key not in title}
