"""A linear model with several heads over hashed n-grams and dense numbers, and the file it is kept in."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from aligntax.detectors.classifier.features import Features
from aligntax.detectors.classifier.words import BUCKETS, Grams

__all__ = ["HEADS", "Model", "load_model", "over_cuts", "save_model"]

Floats = npt.NDArray[np.float32]

HEADS = (
    "noncompliant",
    "refused",
    "cannot",
    "declines",
    "asks_back",
    "disclaimer",
    "referral",
    "apology",
    "moralising",
    "policy_reference",
)
"""What the model tells, each by a probability: *refused* among the noncompliant, *cannot* and
*declines* (says that it does not do what was asked) among the refused and the complete, the others among all.
"""

_QUANTA = 127
_CLIP = 3.0
"""Standard deviations beyond which a dense number counts as no more extreme."""


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams a model knows.

    Attributes:
        bucket: (known,) their buckets, ascending.
        rarity: (known,) inverse document frequency, log((1 + texts) / (1 + texts with it)).
        weight: (known, heads) of each, for a text in which it is the only n-gram.
    """

    bucket: npt.NDArray[np.int32]
    rarity: Floats
    weight: Floats

    @cached_property
    def _rows(self) -> npt.NDArray[np.int32]:
        """(BUCKETS,) row of the table of a bucket; 0 for one that is not known."""
        rows = np.zeros(BUCKETS, np.int32)
        rows[self.bucket] = np.arange(1, len(self.bucket) + 1)
        return rows

    @cached_property
    def _table(self) -> Floats:
        """(1 + known, heads + 1) what an n-gram adds to each head, and to the squared norm of its text."""
        table = np.zeros((1 + len(self.bucket), self.weight.shape[1] + 1), np.float32)
        table[1:, :-1] = self.rarity[:, None] * self.weight
        table[1:, -1] = self.rarity**2
        return table

    def logits(self, grams: list[Grams]) -> Floats:
        """(rows, heads) the sum over the n-grams of each text, each text scaled to length one."""
        summed = np.sum([self.sums(found) for found in grams], axis=0)
        logits: Floats = summed[:, :-1] / np.sqrt(np.maximum(summed[:, -1:], 1e-12))
        return logits

    def sums(self, grams: Grams) -> Floats:
        """(rows, heads + 1) the entries of the table added up text by text."""
        rows = self._rows[grams.bucket]
        ones = np.ones(len(rows), np.float32)
        shape = (len(grams.bounds) - 1, len(self._table))
        summed: Floats = csr_matrix((ones, rows, grams.bounds), shape=shape) @ self._table
        return summed


@dataclass(frozen=True)
class Model:
    """Weights of all heads.

    Attributes:
        response: n-grams of responses.
        prompt: n-grams of prompts.
        centre: (columns,) of the dense features.
        spread: (columns,) of the dense features, > 0.
        dense: (columns, heads) weights of the dense features.
        bias: (heads,).
        cuts: (heads,) probability from which each head counts.
        unmarked_cut: that of *noncompliant* for a response in which neither phrases nor cues found anything.
    """

    response: Vocabulary
    prompt: Vocabulary
    centre: Floats
    spread: Floats
    dense: Floats
    bias: Floats
    cuts: Floats = field(default_factory=lambda: np.full(len(HEADS), 0.5, np.float32))
    unmarked_cut: float = 0.5

    def told(self, seen: Features) -> tuple[npt.NDArray[np.bool_], Floats]:
        """What the heads tell: (rows, heads) whether each counts, and (rows, heads) probabilities."""
        probable = self.probabilities(seen)
        return over_cuts(probable, seen.marked, self.cuts, self.unmarked_cut), probable

    def probabilities(self, seen: Features) -> Floats:
        """(rows, heads) in the order of HEADS."""
        logits = self.response.logits(seen.response) + self.prompt.logits(seen.prompt)
        logits += scaled(seen.dense, self.centre, self.spread) @ self.dense + self.bias
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def over_cuts(
    probable: npt.NDArray[np.floating[Any]],
    marked: npt.NDArray[np.bool_],
    cuts: npt.NDArray[np.floating[Any]],
    unmarked_cut: float,
) -> npt.NDArray[np.bool_]:
    """(rows, heads) whether each head counts, by the cuts that `Model` tells of."""
    told: npt.NDArray[np.bool_] = probable >= cuts
    told[:, 0] &= marked | (probable[:, 0] >= unmarked_cut)
    return told


def scaled(dense: Floats, centre: Floats, spread: Floats) -> Floats:
    """Dense features in standard deviations from their centre."""
    clipped: Floats = np.clip((dense - centre) / spread, -_CLIP, _CLIP)
    return clipped


def save_model(model: Model, path: Path) -> None:
    """Writes a model; weights of n-grams keep eight bits each."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "centre": model.centre,
        "spread": model.spread,
        "dense": model.dense,
        "bias": model.bias,
    }
    arrays["cuts"], arrays["unmarked_cut"] = model.cuts, np.array(model.unmarked_cut)
    for name, vocabulary in (("response", model.response), ("prompt", model.prompt)):
        scale = np.maximum(np.abs(vocabulary.weight).max(axis=0), 1e-9) / _QUANTA
        kept = np.rint(vocabulary.weight / scale).astype(np.int8)
        used = np.abs(kept).max(axis=1) > 0
        arrays |= {
            f"{name}.bucket": np.diff(vocabulary.bucket[used], prepend=0).astype(np.int32),
            f"{name}.rarity": vocabulary.rarity[used].astype(np.float16),
            f"{name}.weight": np.ascontiguousarray(kept[used].T),
            f"{name}.scale": scale.astype(np.float32),
        }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_model(file: IO[bytes]) -> Model:
    """Reads what `save_model` wrote."""
    with np.load(file) as arrays:
        vocabularies = {
            name: Vocabulary(
                np.cumsum(arrays[f"{name}.bucket"], dtype=np.int32),
                arrays[f"{name}.rarity"].astype(np.float32),
                arrays[f"{name}.weight"].T.astype(np.float32) * arrays[f"{name}.scale"],
            )
            for name in ("response", "prompt")
        }
        return Model(
            **vocabularies,
            centre=arrays["centre"],
            spread=arrays["spread"],
            dense=arrays["dense"],
            bias=arrays["bias"],
            cuts=arrays["cuts"],
            unmarked_cut=float(arrays["unmarked_cut"]),
        )
