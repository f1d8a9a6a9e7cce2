"""Policies for tests."""

from pathlib import Path

from aligntax.policy.model import Policy
from aligntax.policy.read import LoadedPolicy, read_policy

__all__ = ["EXAMPLE", "policy_of", "read"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "aligntax.toml"
HEAD = 'version = 1\nservice = "desk"\n'


def read(text: str) -> LoadedPolicy:
    """A policy of these lines below its first two."""
    return read_policy(HEAD + text)


def policy_of(**cases: str) -> Policy:
    """A policy of use cases, each with these lines."""
    return read("".join(f'[[use_case]]\nname = "{name}"\n{lines}\n' for name, lines in cases.items())).policy
