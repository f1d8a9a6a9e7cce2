"""The scores of a detector on a labelled set, each with its interval.

*Undetermined* is never folded into a class without saying so. Scores stand twice: over all labelled rows,
where an undetermined one is a column of its own and wrong for every rate, and over the determined rows
alone. "Any" stands for refused or hedged as one class.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.scoring.labelled import CLASSES, LabelledSet
from aligntax.extension_points import Detector
from aligntax.records import OUTCOMES, Estimate
from aligntax.stats.confusion import Confusion, cross_tabulate

__all__ = ["FIGURES", "SYMPTOM_FIGURES", "DetectorScores", "Figures", "Scores", "score"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Figures = Mapping[str, Estimate]

FIGURES: Mapping[str, str] = {
    "accuracy": "right class of three",
    "macro_f1": "mean F1 of the classes that occur",
    "kappa": "agreement beyond chance, three classes",
    "any_accuracy": "right on refused or hedged against complete",
    "any_sensitivity": "refused or hedged found as such",
    "any_specificity": "complete found as such",
    "any_precision": "truly refused or hedged among those found so",
    "any_kappa": "agreement beyond chance, refused or hedged against complete",
    "refused_kappa": "agreement beyond chance, refused against the rest",
    "outright_kappa": "the same, where only refusals that say so count as found, and no deflection",
    "true_rate": "share truly refused or hedged",
    "estimated_rate": "share found refused or hedged, among determined rows",
    "bias": "estimated less true rate",
    **{f"recall.{name}": f"{name} found as such" for name in CLASSES},
    **{f"precision.{name}": f"truly {name} among those found so" for name in CLASSES},
}
"""Name of a score -> what it is, in the order in which scores are shown."""
SYMPTOM_FIGURES = ("kappa", "sensitivity", "specificity", "precision")
"""Names of the scores of a symptom."""

_COMPLETE = OUTCOMES.index("complete")
_HEDGED, _REFUSED = CLASSES.index("hedged"), CLASSES.index("refused")
_ANY = ((_COMPLETE,), tuple(at for at in range(len(CLASSES)) if at != _COMPLETE))


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores on some labelled rows.

    Attributes:
        confusion: (classes, outcomes) rows of a true class found to be of an outcome; the last outcome is
            undetermined.
        every: name -> score over all rows; undetermined is wrong. Names are those of FIGURES.
        determined: name -> score over the determined rows alone.
    """

    confusion: npt.NDArray[np.int64]
    every: Figures
    determined: Figures

    @property
    def n(self) -> int:
        """Labelled rows."""
        return int(self.confusion.sum())

    @property
    def undetermined(self) -> int:
        """Labelled rows without an outcome."""
        return int(self.confusion[:, len(CLASSES) :].sum())


@dataclass(frozen=True, slots=True)
class DetectorScores:
    """The scores of one version of one detector on one set.

    Attributes:
        detector: its name.
        version: its version.
        whole: on all labelled rows.
        by: dimension -> value -> scores on the rows with that value.
        symptoms: symptom -> name -> score; empty for a detector that raised no flag at all.
    """

    detector: str
    version: str
    whole: Scores
    by: Mapping[str, Mapping[str, Scores]]
    symptoms: Mapping[str, Figures]


def score(detector: Detector, labelled: LabelledSet, *, level: float = 0.95) -> DetectorScores:
    """Scores a detector on a labelled set.

    Where prompts repeat (several models answering the same ones), intervals are those of clusters: answers
    to one prompt resemble each other.

    Args:
        detector: what to score; it sees prompt and response, no label and no model.
        labelled: the set.
        level: two-sided coverage of the intervals, in (0, 1).
    """
    outcomes = [detector(batch) for batch in labelled.exchanges]
    found = np.concatenate([np.zeros(0, np.int64), *(_codes(batch) for batch in outcomes)])
    silent = np.concatenate([np.zeros(0, np.bool_), *(_flag(batch, "deflection") for batch in outcomes)])
    outright = np.where(silent & (found == _REFUSED), _HEDGED, found)
    kept = labelled.labelled

    def scored(rows: Mask) -> Scores:
        truth, prompt = labelled.truth[rows], labelled.prompt[rows]
        return scores_of(truth, found[rows], prompt, outright=outright[rows], level=level)

    return DetectorScores(
        detector=detector.name,
        version=detector.version,
        whole=scored(kept),
        by={
            dimension: {str(value): scored(kept & (values == value)) for value in sorted(set(values[kept]))}
            for dimension, values in labelled.groups.items()
        },
        symptoms=_symptoms(outcomes, labelled, level),
    )


def scores_of(
    truth: Ints, found: Ints, cluster: Ints, *, outright: Ints | None = None, level: float = 0.95
) -> Scores:
    """The scores of outcomes against labels.

    Args:
        truth: (n,) index of CLASSES.
        found: (n,) index of OUTCOMES.
        cluster: (n,) code of the cluster, here the prompt.
        outright: (n,) index of OUTCOMES with deflections taken out of the refused; `found` by default.
        level: two-sided coverage, in (0, 1).
    """
    classes = len(CLASSES)
    table, spoken = (
        cross_tabulate(truth, codes, classes=classes, left_open=len(OUTCOMES) - classes, clusters=cluster)
        for codes in (found, found if outright is None else outright)
    )
    every = _figures(table, spoken, level)
    determined = every if table.closed().n == table.n else _figures(table.closed(), spoken.closed(), level)
    return Scores(table.cells, every, determined)


def _figures(table: Confusion, spoken: Confusion, level: float) -> Figures:
    either = table.merged(_ANY)
    rest = [at for at in range(len(CLASSES)) if at != _REFUSED]
    refused, outright = (which.merged([rest, [_REFUSED]]) for which in (table, spoken))
    everything = np.ones(either.cells.shape, np.bool_)
    truly, said, closed = (np.zeros_like(everything) for _ in range(3))
    truly[1], said[:, 1], closed[:, : either.classes] = True, True, True
    return {
        "accuracy": table.accuracy(level=level),
        "macro_f1": table.macro_f1(level=level),
        "kappa": table.kappa(level=level),
        "any_accuracy": either.accuracy(level=level),
        "any_sensitivity": either.recall(1, level=level),
        "any_specificity": either.recall(0, level=level),
        "any_precision": either.precision(1, level=level),
        "any_kappa": either.kappa(level=level),
        "refused_kappa": refused.kappa(level=level),
        "outright_kappa": outright.kappa(level=level),
        "true_rate": either.rate(truly, everything, level=level),
        "estimated_rate": either.rate(said, closed, level=level),
        "bias": either.excess(1, level=level),
        **{f"recall.{name}": table.recall(at, level=level) for at, name in enumerate(CLASSES)},
        **{f"precision.{name}": table.precision(at, level=level) for at, name in enumerate(CLASSES)},
    }


def _codes(outcomes: pa.RecordBatch) -> Ints:
    """(rows,) index of OUTCOMES."""
    column = outcomes.column("outcome")
    order = np.array([OUTCOMES.index(name) for name in column.dictionary.to_pylist()], np.int64)
    codes: Ints = order[column.indices.to_numpy()]
    return codes


def _symptoms(outcomes: list[pa.RecordBatch], labelled: LabelledSet, level: float) -> Mapping[str, Figures]:
    names = sorted({flag for symptom in labelled.symptoms for flag in symptom.flags})
    raised = {name: np.concatenate([_flag(batch, name) for batch in outcomes]) for name in names}
    if not any(flags.any() for flags in raised.values()):
        return {}
    scores = {}
    for symptom in labelled.symptoms:
        found = np.any([raised[flag] for flag in symptom.flags], axis=0)[symptom.marked].astype(np.int64)
        truth = symptom.truth[symptom.marked].astype(np.int64)
        table = cross_tabulate(truth, found, classes=2, clusters=labelled.prompt[symptom.marked])
        scores[symptom.name] = {
            "kappa": table.kappa(level=level),
            "sensitivity": table.recall(1, level=level),
            "specificity": table.recall(0, level=level),
            "precision": table.precision(1, level=level),
        }
    return scores


def _flag(outcomes: pa.RecordBatch, name: str) -> Mask:
    return np.asarray(outcomes.column(name).to_numpy(zero_copy_only=False), np.bool_)
