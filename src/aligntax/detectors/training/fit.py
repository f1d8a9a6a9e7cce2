"""Fits the heads of the classifier: logistic regressions over one matrix of features."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags, hstack, vstack
from scipy.special import expit

from aligntax.detectors.classifier.features import Features
from aligntax.detectors.classifier.model import HEADS, Model, Vocabulary, scaled
from aligntax.detectors.classifier.words import BUCKETS, Grams

__all__ = ["Matrix", "Settings", "fit", "matrix", "normed", "stacked"]

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the model is fitted; compared by leaving out one file of examples after the other.

    Attributes:
        inverse_penalty: strength of the data against the squared weights, C.
        texts: an n-gram must stand in so many texts to be known.
        prompt_scale: length of the prompt's n-grams; the response's have 1.
        dense_scale: length of the dense features.
        steps: of the optimiser at most.
    """

    inverse_penalty: float = 10.0
    texts: int = 3
    prompt_scale: float = 0.5
    dense_scale: float = 1.0
    steps: int = 120


@dataclass(frozen=True, slots=True)
class Matrix:
    """Features of many exchanges, before it is decided which n-grams are known.

    Attributes:
        response: (rows, BUCKETS) how often each n-gram stands in the response.
        prompt: (rows, BUCKETS) in the prompt.
        dense: (rows, columns).
        marked: (rows,) see `Features`.
    """

    response: csr_matrix
    prompt: csr_matrix
    dense: npt.NDArray[np.float32]
    marked: npt.NDArray[np.bool_]

    def take(self, rows: npt.NDArray[np.int64]) -> "Matrix":
        """Some of the rows."""
        return Matrix(self.response[rows], self.prompt[rows], self.dense[rows], self.marked[rows])


def matrix(seen: Features) -> Matrix:
    """The matrix of some features."""
    return Matrix(_counted(seen.response), _counted(seen.prompt), seen.dense, seen.marked)


def stacked(parts: Sequence[Matrix]) -> Matrix:
    """Matrices one below the other."""
    return Matrix(
        vstack([part.response for part in parts]).tocsr(),
        vstack([part.prompt for part in parts]).tocsr(),
        np.vstack([part.dense for part in parts]),
        np.concatenate([part.marked for part in parts]),
    )


def fit(
    seen: Matrix,
    targets: npt.NDArray[np.int8],
    weights: Reals,
    settings: Settings,
    heads: Sequence[int] = range(len(HEADS)),
) -> Model:
    """Fits a model.

    Args:
        seen: (rows,) features.
        targets: (rows, heads) 0 or 1; what stands where the weight is 0 does not matter.
        weights: (rows, heads) >= 0. Within a head, both classes are made to weigh the same.
        settings: how.
        heads: those to fit; the others say 1/2.

    Returns:
        The model, with all heads.
    """
    response, prompt = _known(seen.response, settings.texts), _known(seen.prompt, settings.texts)
    centre, spread = seen.dense.mean(axis=0), np.maximum(seen.dense.std(axis=0), 0.05)
    per_column = settings.dense_scale / np.sqrt(seen.dense.shape[1])
    design = hstack(
        [
            normed(seen.response, *response),
            normed(seen.prompt, *prompt) * settings.prompt_scale,
            csr_matrix(scaled(seen.dense, centre, spread) * per_column),
        ]
    ).tocsr()
    solved = np.zeros((design.shape[1] + 1, len(HEADS)))

    def solve(head: int) -> None:
        used = np.flatnonzero(weights[:, head] > 0)
        if len(np.unique(targets[used, head])) == 2:
            solved[:, head] = _logistic(design[used], targets[used, head], weights[used, head], settings)

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # products of sparse matrices let other threads run
        list(threads.map(solve, heads))
    cuts = np.cumsum([len(response[0]), len(prompt[0])])
    of_response, of_prompt, of_dense = np.split(solved[:-1], cuts)
    return Model(
        response=Vocabulary(*response, of_response.astype(np.float32)),
        prompt=Vocabulary(*prompt, (of_prompt * settings.prompt_scale).astype(np.float32)),
        centre=centre.astype(np.float32),
        spread=spread.astype(np.float32),
        dense=(of_dense * per_column).astype(np.float32),
        bias=solved[-1].astype(np.float32),
    )


def _counted(grams: Sequence[Grams]) -> csr_matrix:
    """(rows, BUCKETS) how often each n-gram stands in each text."""
    rows = len(grams[0].bounds) - 1
    row = np.concatenate([np.repeat(np.arange(rows), np.diff(found.bounds)) for found in grams])
    bucket = np.concatenate([found.bucket for found in grams])
    counted = csr_matrix((np.ones(len(row), np.float32), (row, bucket)), shape=(rows, BUCKETS))
    counted.sum_duplicates()
    return counted


def _known(counted: csr_matrix, texts: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Buckets in at least so many texts, and their rarity."""
    frequency = np.asarray((counted > 0).sum(axis=0)).ravel()
    bucket = np.flatnonzero(frequency >= texts).astype(np.int32)
    rarity = np.log((1 + counted.shape[0]) / (1 + frequency[bucket]))
    return bucket, rarity.astype(np.float32)


def normed(counted: csr_matrix, bucket: npt.NDArray[np.int32], rarity: npt.NDArray[np.float32]) -> csr_matrix:
    """(rows, known) as `Vocabulary.logits` weighs them."""
    chosen = counted[:, bucket]
    norm = np.sqrt(np.maximum(chosen @ rarity**2, 1e-12))
    return diags(1 / norm) @ chosen @ diags(rarity)


def _logistic(design: csr_matrix, target: npt.NDArray[np.int8], weight: Reals, settings: Settings) -> Reals:
    """(columns + 1,) weights and bias that minimise the weighted log loss and the squared weights."""
    sign = np.where(target > 0, 1.0, -1.0)
    total = weight.sum() / 2
    share = np.where(target > 0, weight[target > 0].sum(), weight[target == 0].sum())
    balanced = settings.inverse_penalty * weight * total / share
    transposed = design.T.tocsr()

    def loss(solution: Reals) -> tuple[float, Reals]:
        margin = sign * (design @ solution[:-1] + solution[-1])
        pull = -balanced * sign * expit(-margin)
        value = float(balanced @ np.logaddexp(0, -margin) + solution[:-1] @ solution[:-1] / 2)
        return value, np.append(transposed @ pull + solution[:-1], pull.sum())

    start = np.zeros(design.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": settings.steps})
    solution: Reals = found.x
    return solution
