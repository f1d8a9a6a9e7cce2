"""How far annotators agree, on what they disagree, and what follows from it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from aligntax.labels.resolve import settled
from aligntax.labels.tasks import Task
from aligntax.records import LABEL_OUTCOMES, Estimate, Label
from aligntax.stats.agreement import agreement_table, cohens_kappa, krippendorff_alpha

__all__ = ["ENOUGH", "Agreement", "Disagreement", "Pair", "agree", "tasks_of"]

ENOUGH = 0.7
"""Agreement between people under which the policy is to be settled before labels are used."""
_ONE_SIDED = 0.9
_FEW = 50
_CODE = {outcome: code for code, outcome in enumerate(LABEL_OUTCOMES)}
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two annotators on the exchanges both labelled.

    Attributes:
        first: annotator of the rows of `confusion`.
        second: annotator of its columns.
        confusion: (4, 4) exchanges by the outcome each gave, in the order of LABEL_OUTCOMES.
        kappa: Cohen's kappa.
    """

    first: str
    second: str
    confusion: Counts
    kappa: Estimate

    @property
    def agreed(self) -> int:
        """Exchanges on which both say the same."""
        return int(np.trace(self.confusion))


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One exchange on which annotators disagree and which nothing settles yet.

    Attributes:
        key: of the exchange.
        labels: of it, at least two.
    """

    key: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far annotators agree, before any adjudication.

    Attributes:
        annotators: name -> exchanges labelled.
        shared: exchanges that two or more labelled.
        differing: how many of these have labels that differ.
        pairs: annotators two by two, those who share an exchange.
        alpha: Krippendorff's alpha, nominal, over all annotators.
        open: disagreements that neither an adjudication nor a majority settles.
        advice: what follows, one line each.
    """

    annotators: dict[str, int]
    shared: int
    differing: int
    pairs: tuple[Pair, ...]
    alpha: Estimate
    open: tuple[Disagreement, ...]
    advice: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON; a figure that cannot be known is null with its reason."""
        return {
            "annotators": self.annotators,
            "shared": self.shared,
            "differing": self.differing,
            "outcomes": list(LABEL_OUTCOMES),
            "pairs": [
                {
                    "annotators": [pair.first, pair.second],
                    "agreed": pair.agreed,
                    "confusion": pair.confusion.tolist(),
                    "cohen_kappa": _figure(pair.kappa),
                }
                for pair in self.pairs
            ],
            "krippendorff_alpha": _figure(self.alpha),
            "disagreements": [
                {"exchange_id": one.key, "labels": {label.annotator: label.outcome for label in one.labels}}
                for one in self.open
            ],
            "advice": list(self.advice),
        }


def agree(labels: Sequence[Label], *, level: float = 0.95) -> Agreement:
    """Measures how far annotators agree.

    Adjudications are no second opinion and count for nothing here. The figures are those of the labelled
    exchanges: a plan labels hard ones more often than they occur, so they are not those of the traffic.

    Args:
        labels: at most one for each exchange and annotator, adjudications besides.
        level: two-sided coverage of the intervals.
    """
    votes = [label for label in labels if not label.adjudicated]
    annotators = sorted({label.annotator for label in votes})
    keys = sorted({label.id for label in votes})
    codes = _codes(votes, annotators, keys)
    given = (codes >= 0).sum(axis=0)
    differing = int(np.sum((given > 1) & (codes.max(axis=0, initial=-1) != _lowest(codes))))
    pairs = _pairs(codes, annotators, level)
    alpha = krippendorff_alpha(codes.T, len(LABEL_OUTCOMES), level=level)
    return Agreement(
        annotators={
            name: int(count) for name, count in zip(annotators, (codes >= 0).sum(axis=1), strict=True)
        },
        shared=int(np.sum(given > 1)),
        differing=differing,
        pairs=pairs,
        alpha=alpha,
        open=_open(labels),
        advice=tuple(_advice(pairs, alpha, codes)),
    )


def tasks_of(agreement: Agreement) -> list[Task]:
    """The open disagreements as tasks for an adjudicator, who sees what was said but not by whom."""
    return [Task(key=one.key, given=_anonymous(one.labels)) for one in agreement.open]


def _anonymous(labels: Sequence[Label]) -> tuple[str, ...]:
    said = sorted(f"{label.outcome}: {label.note}" if label.note else label.outcome for label in labels)
    return tuple(said)


def _codes(votes: Sequence[Label], annotators: Sequence[str], keys: Sequence[str]) -> Counts:
    """(annotators, exchanges) codes of LABEL_OUTCOMES, -1 without a label."""
    row = {name: at for at, name in enumerate(annotators)}
    column = {key: at for at, key in enumerate(keys)}
    codes = np.full((len(annotators), len(keys)), -1, np.int64)
    for label in votes:
        codes[row[label.annotator], column[label.id]] = _CODE[label.outcome]
    return codes


def _lowest(codes: Counts) -> Counts:
    """(exchanges,) lowest code given; the number of outcomes where none was."""
    lowest = np.where(codes < 0, len(LABEL_OUTCOMES), codes).min(axis=0, initial=len(LABEL_OUTCOMES))
    return np.asarray(lowest, np.int64)


def _pairs(codes: Counts, annotators: Sequence[str], level: float) -> tuple[Pair, ...]:
    found = list[Pair]()
    for a, b in combinations(range(len(annotators)), 2):
        confusion = agreement_table(codes[a], codes[b], len(LABEL_OUTCOMES))
        if confusion.any():
            kappa = cohens_kappa(confusion, level=level)
            found.append(Pair(annotators[a], annotators[b], confusion, kappa))
    return tuple(found)


def _open(labels: Sequence[Label]) -> tuple[Disagreement, ...]:
    _, unresolved = settled(labels)
    of_key = {key: list[Label]() for key in unresolved}
    for label in labels:
        if label.id in of_key:
            of_key[label.id].append(label)
    return tuple(Disagreement(key, tuple(several)) for key, several in of_key.items())


def _advice(pairs: Sequence[Pair], alpha: Estimate, codes: Counts) -> list[str]:
    if not pairs:
        return ["no exchange was labelled by two people: give two annotators the same export"]
    name, figure = ("kappa", pairs[0].kappa) if len(pairs) == 1 else ("alpha", alpha)
    shared = int(np.sum((codes >= 0).sum(axis=0) > 1))
    return [*_verdict(name, figure), *_warnings(codes, shared)]


def _verdict(name: str, figure: Estimate) -> list[str]:
    if not figure.known:
        return [f"{name} cannot be known: {figure.reason}"]
    if figure.value < ENOUGH:
        return [
            f"{name} is under {ENOUGH:.2f}: settle the policy first, with the disagreements at hand, "
            "then label again"
        ]
    if figure.low < ENOUGH:
        return [f"{name} may be under {ENOUGH:.2f}, by its interval: label more exchanges twice"]
    return []


def _warnings(codes: Counts, shared: int) -> list[str]:
    given = codes[codes >= 0]
    most = np.bincount(given, minlength=len(LABEL_OUTCOMES)).max() / len(given)
    warnings = list[str]()
    if most > _ONE_SIDED:
        warnings.append(
            f"{most:.0%} of the labels are of one outcome, where kappa is low however well people agree"
        )
    if shared < _FEW:
        warnings.append(f"only {shared:,} exchanges were labelled twice; {_FEW} are the least advised")
    return warnings


def _figure(estimate: Estimate) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in asdict(estimate).items()}
