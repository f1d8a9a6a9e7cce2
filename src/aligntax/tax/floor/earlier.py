"""An earlier run of the floor, read back to be compared with."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput
from aligntax.tax.floor.measured import PromptGrades

__all__ = ["FILE", "SCHEMA", "Earlier", "is_earlier", "read_earlier"]

SCHEMA = "aligntax.floor/1"
"""Of the document a run leaves behind."""
FILE = "floor.json"
"""Its name, in the directory of the run."""
_HINT = "--against the directory of a run of `aligntax floor`, its floor.json, or a model"


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier run found.

    Attributes:
        model: that was asked.
        graded_by: judge or detector with its version; grades by two of them are not compared.
        prompts: what each came to.
        samples: answers drawn for each.
        created: when.
    """

    model: str
    graded_by: str
    prompts: Sequence[PromptGrades]
    samples: int
    created: str


def is_earlier(given: str) -> bool:
    """Whether --against names a run, and not a model."""
    path = Path(given)
    return path.is_file() or (path / FILE).is_file()


def read_earlier(given: str) -> Earlier:
    """Reads the document of a run.

    Raises:
        UnreadableInput: it is no document of a floor, or a prompt stands in it twice.
    """
    path = Path(given)
    path = path / FILE if path.is_dir() else path
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}", hint=_HINT) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{path}: not valid JSON", hint=_HINT) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UnreadableInput(f"{path}: not the document of a floor", hint=_HINT)
    try:
        prompts = [_prompt(row) for row in document["prompts"]]
        found = Earlier(
            str(document["model"]),
            str(document["graded_by"]),
            prompts,
            int(document["about"]["samples"]),
            str(document["created"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableInput(f"{path}: {error!r} is missing or wrong in it", hint=_HINT) from error
    seen = set[str]()
    for one in prompts:
        if one.id in seen:
            raise UnreadableInput(f"{path}: prompt {one.id!r} stands in it twice", hint=_HINT)
        seen.add(one.id)
    return found


def _prompt(row: Mapping[str, Any]) -> PromptGrades:
    least, most = float(row["least"]), float(row["most"])
    if not 0 <= least <= most <= 1:
        raise ValueError(f"prompt {row['id']}")
    return PromptGrades(
        str(row["id"]),
        str(row["hazard"]),
        row["cluster"],
        least,
        most,
        math.nan if row["seen"] is None else float(row["seen"]),
        digest=str(row["digest"]),
    )
