"""What a guess scores on known benchmarks."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["chance_note", "chance_of"]


def chance_of(benchmark: str) -> float | None:
    """Score of a guess among the options, a share in [0, 1].

    Args:
        benchmark: name of the task. The known name it begins with counts, the longest first:
            "mmlu_anatomy" is "mmlu", "mmlu_pro_law" is "mmlu_pro".

    Returns:
        None where it is not known, or differs from item to item.
    """
    entry = _entry(benchmark)
    return None if entry is None or "guess" not in entry else float(entry["guess"])


def chance_note(benchmark: str) -> str:
    """Where the figure of `chance_of` comes from, or why there is none."""
    entry = _entry(benchmark)
    return str(entry["source"]) if entry else f"nobody has told what a guess scores on {benchmark}"


def _entry(benchmark: str) -> Mapping[str, Any] | None:
    name = _plain(benchmark.rpartition("/")[2])
    known = (n for n in _table() if name == n or name.startswith(f"{n}_"))
    longest = max(known, key=len, default=None)
    return None if longest is None else _table()[longest]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    text = files("aligntax.answers").joinpath("chance.toml").read_text("utf-8")
    return {_plain(name): entry for entry in tomllib.loads(text)["benchmark"] for name in entry["names"]}
