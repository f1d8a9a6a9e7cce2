"""JSON of the shape one expects, or nothing in its place: files of results leave out what they like."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["mapping", "sequence"]


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """A JSON array, or an empty one in place of anything else."""
    return value if isinstance(value, list) else []
