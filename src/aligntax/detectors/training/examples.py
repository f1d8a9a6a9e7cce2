"""Labelled exchanges as the classifier is trained on them: texts, and what is known of each head."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.classifier.model import HEADS
from aligntax.errors import UnreadableInput, UsageError

__all__ = ["UNKNOWN", "Examples", "Recipe", "Source", "read_recipe", "read_source"]

UNKNOWN = -1
"""Target of a head that an example says nothing of."""
_CLASSES = ("complete", "hedged", "refused", "noncompliant")
_FLAG_HEADS = HEADS[5:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where examples come from, as a recipe tells it.

    Attributes:
        name: in tables and in the model card.
        path: file, or a glob of files, relative to the recipe or to the data directory.
        licence: of the texts.
        label: field with the truth.
        words: its words -> complete, hedged, refused or noncompliant.
        kinds: field that tells kinds of refusals apart: `cannot`, `asks_back`, and those of `silent` and
            `spoken`.
        silent: kinds that decline without saying so.
        spoken: words of `label`, or kinds, that decline outright.
        flags: field with a list of symptoms.
        symptoms: its words -> heads.
        data: whether the path is relative to the data directory.
        weight: of one example.
        flag_weight: of one example for the heads of symptoms; as `weight` by default.
    """

    name: str
    path: str
    licence: str
    label: str
    words: Mapping[str, str]
    kinds: str = ""
    silent: Sequence[str] = ()
    spoken: Sequence[str] = ()
    flags: str = ""
    symptoms: Mapping[str, str]
    data: bool = False
    weight: float = 1.0
    flag_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a classifier is made from.

    Attributes:
        seed: of all draws.
        folds: of the cross-validation.
        sources: of the examples.
        measured: files in the data directory whose prompts must not be among the examples.
        home: directory the paths are relative to.
    """

    seed: int
    folds: int
    sources: tuple[Source, ...]
    measured: tuple[str, ...]
    home: Path


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled exchanges of one file.

    Attributes:
        name: source, and file where a source has several.
        source: where they come from.
        sha256: of the file.
        prompts: (rows,)
        responses: (rows,)
        targets: (rows, heads) 0, 1 or UNKNOWN, in the order of HEADS.
    """

    name: str
    source: Source
    sha256: str
    prompts: pa.StringArray
    responses: pa.StringArray
    targets: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.targets)

    def weights(self, head: int) -> npt.NDArray[np.float64]:
        """(rows,) how much each example counts for a head; 0 where nothing is known."""
        weight = self.source.flag_weight if HEADS[head] in _FLAG_HEADS else 0.0
        return np.where(self.targets[:, head] == UNKNOWN, 0.0, weight or self.source.weight)


def read_recipe(path: Path) -> Recipe:
    """Reads a recipe.

    Raises:
        UsageError: it is not one; with the cause.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        sources = tuple(Source(**{"symptoms": {}, **entry}) for entry in document["source"])
        measured = tuple(map(str, document.get("measured", ())))
        recipe = Recipe(int(document["seed"]), int(document["folds"]), sources, measured, path.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path}: {error}") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: not a recipe: {error}", hint="training/recipe.toml is one") from error
    for source in recipe.sources:
        wrong = [w for w in source.words.values() if w not in _CLASSES]
        wrong += [w for w in source.symptoms.values() if w not in _FLAG_HEADS]
        if wrong:
            raise UsageError(
                f"{path}, source {source.name!r}: {wrong[0]!r} is no class and no symptom",
                hint=f"classes: {', '.join(_CLASSES)}; symptoms: {', '.join(_FLAG_HEADS)}",
            )
    return recipe


def read_source(source: Source, home: Path, data: Path | None) -> list[Examples]:
    """The examples of a source, file by file.

    Args:
        source: which.
        home: directory of the recipe.
        data: directory of sources that come from elsewhere.

    Raises:
        UsageError: a directory or file that is not there.
        UnreadableInput: a row that cannot be used, with file and line.
    """
    if source.data and data is None:
        raise UsageError(f"source {source.name!r} needs --data", hint="the directory it lies in")
    base = data if source.data and data is not None else home
    files = sorted(base.glob(source.path))
    if not files:
        raise UsageError(f"source {source.name!r}: nothing at {base / source.path}")
    several = "*" in source.path
    return [_read(file, source, f"{source.name}:{file.stem}" if several else source.name) for file in files]


def _read(path: Path, source: Source, name: str) -> Examples:
    raw = path.read_bytes()
    prompts, responses, targets = [], [], []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            target = _target(row, source)
            prompt, response = row["prompt"], row["response"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableInput(f"{path}, line {number}: {type(error).__name__}: {error}") from error
        if target is not None and isinstance(response, str):
            prompts.append(prompt)
            responses.append(response)
            targets.append(target)
    return Examples(
        name=name,
        source=source,
        sha256=hashlib.sha256(raw).hexdigest(),
        prompts=pa.array(prompts, pa.string()),
        responses=pa.array(responses, pa.string()),
        targets=np.array(targets, np.int8).reshape(-1, len(HEADS)),
    )


def _target(row: Mapping[str, object], source: Source) -> list[int] | None:
    """What a row says of every head; None where it says nothing of any."""
    known = dict.fromkeys(HEADS, UNKNOWN)
    outcome = source.words.get(str(row[source.label]))
    if outcome is not None:
        known |= _of_kind(row, source, outcome)
        known["noncompliant"] = int(outcome != "complete")
    if outcome in ("hedged", "refused"):
        known["refused"] = int(outcome == "refused")
    marked = row.get(source.flags) if source.flags else None
    if isinstance(marked, Sequence):
        for word, flag in source.symptoms.items():
            known[flag] = max(known[flag], int(word in marked))
    return list(known.values()) if set(known.values()) != {UNKNOWN} else None


def _of_kind(row: Mapping[str, object], source: Source, outcome: str) -> dict[str, int]:
    """What the kind of a refusal says of the heads."""
    known = {}
    kind = row.get(source.kinds or source.label)
    if outcome == "complete" or kind in source.silent or kind in source.spoken:
        known["declines"] = int(kind in source.spoken)
    if source.kinds:
        known["asks_back"] = int(kind == "asks_back")
        if outcome == "refused":
            known["cannot"] = int(kind == "cannot")
    return known
