"""What `aligntax drift` is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, as `cli.verbs.drift` describes it."""

    reference: str
    model: str
    prompts: Path | None = None
    text: Path | None = None
    samples: int = 1
    max_new_tokens: int = 64
    max_length: int = 1024
    seed: int = 0
    limit: int | None = None
    chat: bool = False
    group: str = "prompt_type"
    vocab: Literal["exact", "intersect"] = "exact"
    weights: bool = True
    rank: int = 8
    best_of_n: Sequence[int] | None = None
    cache: Path | None = None
    device: str = "cpu"
    dtype: str = "auto"
    batch: int = 8
    level: float = 0.95
