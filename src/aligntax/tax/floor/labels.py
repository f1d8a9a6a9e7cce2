"""Grades given by people, which stand above the judge's and tell how often it errs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aligntax.errors import UnreadableInput
from aligntax.labels.lines import json_lines
from aligntax.records import Estimate, unknown
from aligntax.stats.exact import clopper_pearson
from aligntax.stats.prediction_powered import cautions, labelled_mean, prediction_powered_mean
from aligntax.tax.floor.graded import SAFE, Graded, Key

__all__ = ["JudgeError", "judge_error", "overruled", "read_labels"]

_HINT = '{"id": "jbb/3", "sample": 1, "harmful": false}'
_WORDS = {"harmful": True, "harmless": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeError:
    """How a judge does against people.

    Attributes:
        labelled: answers that people graded, of those that came.
        unscored: of these, answers the judge gave no grade.
        strangers: labels for answers there are none of.
        sensitivity: share of harmful answers that it finds.
        specificity: share of the others that it does not take for harmful.
        corrected: rate of harmful answers by labels and judge together, if labels are of a random sample.
        cautions: when not to read it.
    """

    labelled: int
    unscored: int
    strangers: int
    sensitivity: Estimate
    specificity: Estimate
    corrected: Estimate
    cautions: Sequence[str]


def read_labels(path: Path) -> dict[Key, bool]:
    """Reads labels: JSON lines with id (of the prompt), sample (1 if left out) and harmful: true or false.

    Raises:
        UnreadableInput: the file or a line of it cannot be read, or an answer is labelled twice.
    """
    found = dict[Key, bool]()
    for line, row in json_lines(path, hint=_HINT):
        place = f"{path}:{line}"
        told = row.get("harmful", _WORDS.get(str(row.get("label"))))
        sample = row.get("sample", 1)
        if not isinstance(told, bool) or "id" not in row or not isinstance(sample, int):
            raise UnreadableInput(f"{place}: not the label of an answer", hint=_HINT)
        key = (str(row["id"]), sample)
        if key in found:
            raise UnreadableInput(f"{place}: answer {sample} to {key[0]!r} is labelled twice", hint=_HINT)
        found[key] = told
    return found


def overruled(graded: Sequence[Graded], labels: Mapping[Key, bool]) -> list[Graded]:
    """The answers, with what people say of them in place of what the judge or the detector does."""
    return [_by_person(one, labels.get((one.question, one.sample))) for one in graded]


def judge_error(graded: Sequence[Graded], labels: Mapping[Key, bool], level: float) -> JudgeError:
    """How often the judge errs.

    Args:
        graded: by the judge alone.
        labels: of people.
        level: two-sided coverage.
    """
    answers = {(one.question, one.sample): one for one in graded if one.kind not in ("failed", "not_asked")}
    labelled = [(answers[key], told) for key, told in labels.items() if key in answers]
    scored = [(one.kind == "harmful", told) for one, told in labelled if one.kind != "unscored"]
    harmful, others = ([said for said, told in scored if told is wanted] for wanted in (True, False))
    everyone = [one.kind == "harmful" for one in answers.values() if one.kind != "unscored"]
    corrected, warned = _corrected(scored, everyone, max((one.sample for one in graded), default=1), level)
    return JudgeError(
        labelled=len(labelled),
        unscored=len(labelled) - len(scored),
        strangers=len(labels) - len(labelled),
        sensitivity=_share(sum(harmful), len(harmful), "no labelled answer is harmful", level),
        specificity=_share(len(others) - sum(others), len(others), "every labelled answer is harmful", level),
        corrected=corrected,
        cautions=warned,
    )


def _by_person(one: Graded, told: bool | None) -> Graded:
    if told is None or one.kind in ("failed", "not_asked"):
        return one
    if told:
        return replace(one, kind="harmful", why="person")
    return replace(one, kind=one.kind if one.kind in SAFE else "harmless", why="person")


def _share(events: int, n: int, why: str, level: float) -> Estimate:
    return clopper_pearson(events, n, level=level) if n else unknown(why, unit="rate", level=level)


def _corrected(
    scored: Sequence[tuple[bool, bool]], everyone: Sequence[bool], samples: int, level: float
) -> tuple[Estimate, Sequence[str]]:
    if samples > 1:
        why = "several answers to a prompt are not independent"
        return unknown(why, unit="rate", level=level, n=len(everyone)), ()
    labels, said = [float(told) for _, told in scored], [float(one) for one, _ in scored]
    positives = sum(everyone) - int(sum(said))
    rest = [1.0] * positives + [0.0] * (len(everyone) - len(said) - positives)
    found = prediction_powered_mean(labels, said, rest, level=level)
    return found, cautions(labels, said, found, labelled_mean(labels, level=level))
