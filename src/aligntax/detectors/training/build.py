"""From a recipe to a classifier with its thresholds, its held-out scores and its model card."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aligntax.detectors.classifier.model import HEADS, Model, over_cuts
from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.training.apart import Apart, keep_apart
from aligntax.detectors.training.evaluate import Known, Reals, by_fold, known, left_out, thresholds, train
from aligntax.detectors.training.examples import UNKNOWN, Recipe, read_source
from aligntax.detectors.training.fit import Settings
from aligntax.records import Estimate
from aligntax.stats.agreement import agreement_table, cohens_kappa

__all__ = ["Built", "Score", "build"]

_SHOWN = ("noncompliant", "refused", "declines")
"""Heads whose scores are kept for every file that was left out; the others are scored on folds."""
_FEWEST = 10
"""Examples of either class below which a head is not scored on a set."""


@dataclass(frozen=True, slots=True)
class Score:
    """How a head agrees with people on examples it was not fitted on.

    Attributes:
        how: "left out" (nothing of the file was fitted on), "folds" (other prompts of the file, and all other
            files, were), or "alone" (other prompts of the file and nothing else).
        set: name of the examples.
        head: what was told.
        n: examples.
        share: of them with it, according to people.
        kappa: Cohen's.
        sensitivity: share of those with it that were found.
        specificity: share of those without it that were passed.
    """

    how: str
    set: str
    head: str
    n: int
    share: float
    kappa: Estimate
    sensitivity: float
    specificity: float


@dataclass(frozen=True, slots=True)
class Built:
    """A classifier and what is known of it.

    Attributes:
        model: with its thresholds.
        sets: what it was fitted on.
        apart: measured sets whose prompts were looked for among the examples, and not found.
        scores: on what it was not fitted on.
        settings: of the fit.
        phrases: version of the phrases whose findings are features.
    """

    model: Model
    sets: list[Known]
    apart: list[Apart]
    scores: list[Score]
    settings: Settings
    phrases: str


def build(
    recipe: Recipe,
    data: Path | None,
    *,
    settings: Settings | None = None,
    say: Callable[[str], None] = lambda step: None,
) -> Built:
    """Fits a classifier and scores it on what it was not fitted on.

    Args:
        recipe: what on.
        data: directory of the sources that come from elsewhere.
        settings: of the fit.
        say: told every step.

    Raises:
        UsageError: a source that is not there, or a prompt of ours that stands in a measured set.
        UnreadableInput: a row that cannot be used.
    """
    settings, phrases = settings or Settings(), PhraseDetector()
    read = [one for source in recipe.sources for one in read_source(source, recipe.home, data)]
    apart = keep_apart(read, recipe.measured, data)
    for name in set(recipe.measured) - {one.name for one in apart}:
        say(f"{name} is not there: whether examples repeat its prompts is not checked")
    sets: list[Known] = []
    for examples in read:
        say(f"reading {examples.name}")
        sets.append(known(examples, phrases))
    said: dict[str, Reals] = {}
    for one, probable in left_out(sets, settings):
        say(f"left out {one.examples.name}")
        said[one.examples.name] = probable
    own = [one for one in sets if not one.examples.source.data] or sets
    cuts, unmarked = thresholds(
        np.vstack([said[one.examples.name] for one in own]),
        np.vstack([one.examples.targets for one in own]),
        np.concatenate([one.seen.marked for one in own]),
    )
    scores = [
        score
        for one in sets
        for score in _scores("left out", one, said[one.examples.name], cuts, unmarked)
        if score.head in _SHOWN
    ]
    tested = [one for one in sets if one.examples.source.data] or sets
    say(f"{recipe.folds} folds")
    for one, probable in zip(tested, by_fold(sets, tested, recipe.folds, recipe.seed, settings), strict=True):
        scores += _scores("folds", one, probable, cuts, unmarked)
    say(f"{recipe.folds} folds of each set alone")
    for one in tested:
        (probable,) = by_fold([one], [one], recipe.folds, recipe.seed, settings)
        scores += _scores("alone", one, probable, np.full(len(HEADS), 0.5), 0.5)
    say("fitting on everything")
    model = replace(train([one.all for one in sets], settings), cuts=cuts, unmarked_cut=unmarked)
    return Built(model, sets, apart, scores, settings, phrases.version)


def _scores(
    how: str, one: Known, said: Reals, cuts: npt.NDArray[np.floating], unmarked: float
) -> list[Score]:
    told = over_cuts(said, one.seen.marked, cuts, unmarked)
    scores = []
    for head in range(len(HEADS)):
        target = one.examples.targets[:, head]
        rows = np.flatnonzero(target != UNKNOWN)
        if min((target[rows] == 1).sum(), (target[rows] == 0).sum()) < _FEWEST:
            continue
        truth, found = target[rows].astype(np.int64), told[rows, head].astype(np.int64)
        scores.append(
            Score(
                how=how,
                set=one.examples.name,
                head=HEADS[head],
                n=len(rows),
                share=float(truth.mean()),
                kappa=cohens_kappa(agreement_table(truth, found, 2)),
                sensitivity=float(found[truth == 1].mean()),
                specificity=float(1 - found[truth == 0].mean()),
            )
        )
    return scores
