"""Drift of every stage from the one before: documents of `aligntax drift`, given to the steps they are of."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from aligntax.answers.selector import parse_argument
from aligntax.errors import UnreadableInput, UsageError
from aligntax.tax.stages.sources import Stage
from aligntax.traffic.rows import document

__all__ = ["SCHEMA", "StepDrift", "drift_of_steps", "read_drift"]

SCHEMA = "aligntax.drift/1"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDrift:
    """How far a stage has moved from another one.

    Attributes:
        before: number of the stage that is the reference.
        after: of the stage that is the model.
        document: of `aligntax drift`; None where that was not measured.
        by: how the document was found to be of this step: "names", "order" or "measured"; "" without one.
    """

    before: int
    after: int
    document: Document | None
    by: str = ""


def read_drift(path: Path) -> Document:
    """A document of `aligntax drift --json`.

    Raises:
        UnreadableInput: it is something else, or of another version.
    """
    found = document(path)
    if found.get("schema") != SCHEMA:
        schema = found.get("schema")
        raise UnreadableInput(
            f"{path}: not a drift: schema {schema!r}, not {SCHEMA!r}",
            hint="aligntax drift REF MODEL --prompts FILE --json > FILE",
        )
    if not all(isinstance(found.get(name), str) for name in ("reference", "model")):
        raise UnreadableInput(f"{path}: a drift without reference or model", hint="which aligntax wrote it?")
    return found


def drift_of_steps(documents: Sequence[Document], stages: Sequence[Stage]) -> list[StepDrift]:
    """Which document is of which step.

    By name where reference and model are called as two stages are, by their models or by their files. Else
    in the order given, where there is one for every step and each begins where the last one ended.

    Args:
        documents: of `read_drift`.
        stages: the start first.

    Returns:
        One entry a step, then those from the start to a later stage, as far as there are documents.

    Raises:
        UsageError: it cannot be told what a document is of, or two are of the same step.
    """
    last, found = len(stages) - 1, dict[tuple[int, int], tuple[Document, str]]()
    placed = [_place(one, stages) for one in documents]
    in_order = bool(documents) and all(place is None for place in placed) and len(documents) == last
    if in_order and _chain(documents):
        placed = [(at, at + 1) for at in range(last)]
    for one, place in zip(documents, placed, strict=True):
        if place is None:
            raise UsageError(
                f"--drift: {one['reference']} to {one['model']} is no step from one stage to another",
                hint="name stages as the checkpoints are, NAME=FILE, or give a chain: one for every step",
            )
        if place in found:
            names = f"{stages[place[0]].name} to {stages[place[1]].name}"
            raise UsageError(f"--drift: two documents are of {names}", hint="leave one out")
        found[place] = (one, "order" if in_order else "names")
    steps = [(at, at + 1) for at in range(last)]
    return [
        StepDrift(before=a, after=b, document=one, by=by)
        for a, b in [*steps, *sorted(found.keys() - set(steps))]
        for one, by in [found.get((a, b), (None, ""))]
    ]


def _place(one: Document, stages: Sequence[Stage]) -> tuple[int, int] | None:
    before, after = (_stage(str(one[name]), stages) for name in ("reference", "model"))
    if before is None or after is None or before == after:
        return None
    if not (after == before + 1 or before == 0):
        return None
    return before, after


def _stage(checkpoint: str, stages: Sequence[Stage]) -> int | None:
    """The stage of a checkpoint; None where none is called so, or several are."""
    found = [at for at, stage in enumerate(stages) if _called(checkpoint) & _all_names(stage)]
    return found[0] if len(found) == 1 else None


def _all_names(stage: Stage) -> set[str]:
    files = [parse_argument(argument)[0] for argument in stage.arguments]
    return {name for text in (stage.name, *stage.models, *files) for name in _called(text)}


def _called(text: str) -> set[str]:
    """A name in full and its last part, without the differences that ways of writing it make."""
    path = PurePath(text.rstrip("/"))
    return {str(path).lower(), path.name.lower()} - {""}


def _chain(documents: Sequence[Document]) -> bool:
    """Whether each document begins with the model that the one before ended with."""
    return all(one["model"] == other["reference"] for one, other in itertools.pairwise(documents))
