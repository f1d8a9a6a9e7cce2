"""What a classifier is worth on exchanges it was not fitted on: folds by prompt, and whole files left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.classifier.features import features
from aligntax.detectors.classifier.model import HEADS, Model, scaled
from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.training.examples import UNKNOWN, Examples
from aligntax.detectors.training.fit import Matrix, Settings, fit, matrix, normed, stacked
from aligntax.records import EXCHANGE

__all__ = ["Known", "by_fold", "known", "left_out", "predicted", "train"]

Reals = npt.NDArray[np.float64]

_REFUSED, _DECLINES = HEADS.index("refused"), HEADS.index("declines")
_FLAGS = HEADS.index("disclaimer")
_LIKELY, _SURE, _VERY_SURE = 0.5, 0.95, 0.99
_GROUPS = 5
"""Groups into which the files of a source are parted, to be left out one after the other."""


@dataclass(frozen=True, slots=True)
class Known:
    """Examples of one file, as the fit sees them.

    Attributes:
        examples: the texts and what is known of them.
        seen: (rows,) their features.
    """

    examples: Examples
    seen: Matrix

    @property
    def weights(self) -> Reals:
        """(rows, heads) how much each counts."""
        return np.column_stack([self.examples.weights(head) for head in range(len(HEADS))])

    def take(self, rows: npt.NDArray[np.int64]) -> tuple[Matrix, npt.NDArray[np.int8], Reals]:
        """Features, targets and weights of some rows."""
        return self.seen.take(rows), self.examples.targets[rows], self.weights[rows]

    @property
    def all(self) -> tuple[Matrix, npt.NDArray[np.int8], Reals]:
        """Features, targets and weights of every row."""
        return self.seen, self.examples.targets, self.weights


def known(examples: Examples, phrases: PhraseDetector) -> Known:
    """Makes the features of some examples."""
    rows = len(examples)
    columns = {"prompt": examples.prompts, "response": examples.responses}
    arrays = [columns.get(field.name, pa.nulls(rows, field.type)) for field in EXCHANGE]
    batch = pa.RecordBatch.from_arrays(arrays, schema=EXCHANGE)
    return Known(examples, matrix(features(examples.prompts, examples.responses, phrases.judge(batch))))


def train(
    parts: Sequence[tuple[Matrix, npt.NDArray[np.int8], Reals]],
    settings: Settings,
    heads: Sequence[int] = range(len(HEADS)),
) -> Model:
    """Fits a model on several parts at once."""
    return fit(
        stacked([part[0] for part in parts]),
        np.vstack([part[1] for part in parts]),
        np.vstack([part[2] for part in parts]),
        settings,
        heads,
    )


def predicted(model: Model, seen: Matrix) -> Reals:
    """(rows, heads) probabilities, as `Model.probabilities` gives them."""
    logits = scaled(seen.dense, model.centre, model.spread) @ model.dense + model.bias
    for counted, vocabulary in ((seen.response, model.response), (seen.prompt, model.prompt)):
        logits = logits + normed(counted, vocabulary.bucket, vocabulary.rarity) @ vocabulary.weight
    return np.asarray(1 / (1 + np.exp(-logits)), np.float64)


def left_out(sets: Sequence[Known], settings: Settings) -> Iterator[tuple[Known, Reals]]:
    """Every file, and what a model that was fitted on nothing of its source, or of a few files, says of it.

    A source of one file is left out by itself; files of a source that has several, some at a time.

    Yields:
        The file and (rows, heads) probabilities.
    """
    names = dict.fromkeys(one.examples.source.name for one in sets)
    of_source = [[one for one in sets if one.examples.source.name == name] for name in names]
    groups = [of[at::_GROUPS] for of in of_source for at in range(min(_GROUPS, len(of)))]
    for group in groups:
        model = train([other.all for other in sets if other not in group], settings)
        for one in group:
            yield one, predicted(model, one.seen)


def by_fold(
    sets: Sequence[Known], tested: Sequence[Known], folds: int, seed: int, settings: Settings
) -> list[Reals]:
    """Cross-validation by prompt: what models fitted on the other folds, and on the other files, say.

    Args:
        sets: all files that are fitted on.
        tested: those that are cut into folds; rows of the same prompt fall into the same fold.
        folds: how many.
        seed: of the cut.
        settings: of the fit.

    Returns:
        (rows, heads) for each tested file.
    """
    cuts = [_folds(one.examples.prompts, folds, seed) for one in tested]
    targets = np.vstack([one.examples.targets for one in tested])
    heads = [head for head in range(len(HEADS)) if {0, 1} <= set(targets[:, head].tolist())]
    said = [np.full(one.examples.targets.shape, np.nan) for one in tested]
    rest = [one.all for one in sets if one not in tested]
    for fold in range(folds):
        fitted = [one.take(np.flatnonzero(cut != fold)) for one, cut in zip(tested, cuts, strict=True)]
        model = train([*rest, *fitted], settings, heads)
        for one, cut, out in zip(tested, cuts, said, strict=True):
            rows = np.flatnonzero(cut == fold)
            out[rows] = predicted(model, one.seen.take(rows))
    return said


def thresholds(
    said: Reals, targets: npt.NDArray[np.int8], marked: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float32], float]:
    """Where a probability counts, set on files that were left out.

    Training weighs both classes of a head the same; in traffic most is complete and without symptoms. So cuts
    keep 95 % of the complete responses complete, 99 % of those in which nothing is marked, 95 % of refusals
    that do not say so from counting as outright, and 95 % of responses without a symptom without it. That of
    refused against hedged is at the best macro-F1.

    Args:
        said: (rows, heads) of models that had not seen the file.
        targets: (rows, heads) the truth.
        marked: (rows,) see `Features`.

    Returns:
        (heads,) the cuts, none but that of *refused* and *declines* below 1/2, and the cut of *noncompliant*
        for responses in which nothing is marked.
    """
    cuts = np.full(len(HEADS), _LIKELY)
    complete, declined = targets[:, 0] == 0, targets[:, 0] == 1
    cuts[0] = _kept_below(said[complete, 0], _SURE)
    lacking = (said[:, 0] >= cuts[0]) & (targets[:, _REFUSED] != UNKNOWN)
    truth, refused = targets[lacking, _REFUSED], said[lacking, _REFUSED]
    cuts[_REFUSED] = max(np.arange(0.3, 0.71, 0.02), key=lambda cut: _two_sided_f1(refused >= cut, truth))
    silent = declined & (targets[:, _DECLINES] == 0)
    cuts[_DECLINES] = _kept_below(said[silent, _DECLINES], _SURE)
    for head in range(_FLAGS, len(HEADS)):
        cuts[head] = max(_LIKELY, _kept_below(said[targets[:, head] == 0, head], _SURE))
    unmarked = max(cuts[0], _kept_below(said[complete & ~marked, 0], _VERY_SURE))
    return np.round(cuts, 2).astype(np.float32), float(np.round(unmarked, 2))


def _kept_below(said: Reals, share: float) -> float:
    """The probability below which so many lie."""
    return float(np.quantile(said, share)) if len(said) else _LIKELY


def _two_sided_f1(said: npt.NDArray[np.bool_], truth: npt.NDArray[np.int8]) -> float:
    """Mean F1 of both classes."""
    scores = []
    for of in (0, 1):
        hit = float(((said == of) & (truth == of)).sum())
        scores.append(2 * hit / max(float((said == of).sum() + (truth == of).sum()), 1.0))
    return sum(scores) / 2


def _folds(prompts: pa.StringArray, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """(rows,) the fold of each row, the same for the same prompt."""
    codes = prompts.dictionary_encode()
    of_prompt = np.random.default_rng(seed).permutation(len(codes.dictionary)) % folds
    drawn: npt.NDArray[np.int64] = of_prompt[codes.indices.to_numpy(zero_copy_only=False)]
    return drawn
