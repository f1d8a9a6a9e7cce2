"""Rates corrected by an error of the detector that was measured elsewhere, without labels of one's own.

It rests on an assumption nobody checks here: that the detector errs on this traffic as it did where it was
scored. Expert labels need no such assumption; where there are any, use `corrected`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput, UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.misclassification import rogan_gladen
from aligntax.tax.completion import effective_size, measured, rate
from aligntax.tax.corrected import SLICES, Corrected
from aligntax.tax.tally import Slice, Tally

__all__ = ["DetectorError", "correct_published", "detector_error"]

_SCHEMA = "aligntax.scores/1"
_FORM = "SENSITIVITY,N,SPECIFICITY,N as in 0.85,120,0.95,400, or a file of `aligntax detectors score --json`"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorError:
    """How often a detector is wrong, from wherever it was measured.

    Attributes:
        sensitivity: share of what is refused or hedged that it finds, in [0, 1].
        sensitivity_n: independent exchanges behind that, >= 1.
        specificity: share of what is neither that it passes, in [0, 1].
        specificity_n: independent exchanges behind that, >= 1.
        source: where it was measured, in words.
        detector: name of the detector; "" where nobody says.
        detector_version: its version.
    """

    sensitivity: float
    sensitivity_n: int
    specificity: float
    specificity_n: int
    source: str
    detector: str = ""
    detector_version: str = ""


def detector_error(said: str, *, detector: str, version: str, force: bool = False) -> DetectorError:
    """Reads a detector's error: four numbers, or scores of the detector on one labelled set.

    Args:
        said: "SENSITIVITY,N,SPECIFICITY,N", or the path of a document of `aligntax detectors score --json`.
        detector: name of the detector that is to be corrected.
        version: its version.
        force: take the scores of another version of it.

    Raises:
        UsageError: numbers out of range, or scores of another detector or version.
        UnreadableInput: neither numbers nor a document of scores.
    """
    if not Path(said).exists() and said.count(",") == 3:
        return _from_numbers(said)
    return _from_scores(Path(said), detector, version, force)


def _from_numbers(said: str) -> DetectorError:
    try:
        sensitivity, positives, specificity, negatives = (float(part) for part in said.split(","))
    except ValueError:
        raise UsageError(f"--detector-error {said}: not four numbers", hint=_FORM) from None
    counted = all(1 <= count < math.inf for count in (positives, negatives))
    if not (0 <= sensitivity <= 1 and 0 <= specificity <= 1 and counted):
        raise UsageError(
            f"--detector-error {said}: sensitivity and specificity lie between 0 and 1, and each stands on "
            "1 exchange or more",
            hint=_FORM,
        )
    return DetectorError(
        sensitivity=sensitivity,
        sensitivity_n=int(positives),
        specificity=specificity,
        specificity_n=int(negatives),
        source="figures given by hand",
    )


def _from_scores(path: Path, detector: str, version: str, force: bool) -> DetectorError:
    contents = _scores(path)
    found = [
        (str(labelled["name"]), entry)
        for labelled in contents["sets"]
        for entry in labelled["detectors"]
        if entry["detector"] == detector
    ]
    if len(found) != 1:
        raise UsageError(
            f"{path}: it scores {detector} on {len(found)} sets, not on one",
            hint=f"score it on one set: `aligntax detectors score SET --detector {detector} --json`",
        )
    (name, entry), scored = found[0], found[0][1]["version"]
    if scored != version and not force:
        raise UsageError(
            f"{path}: scores of {detector} {scored}, but the log is judged by {version}",
            hint="score this version, or --force if it errs as the other did",
        )
    whole, level = entry["whole"], float(contents["level"])
    figures = whole.get("determined", whole["every"])
    (sensitivity, positives), (specificity, negatives) = (
        _counted(figures[figure], level, path) for figure in ("any_sensitivity", "any_specificity")
    )
    return DetectorError(
        sensitivity=sensitivity,
        sensitivity_n=positives,
        specificity=specificity,
        specificity_n=negatives,
        source=f"{name}, version {scored}",
        detector=detector,
        detector_version=str(scored),
    )


def _scores(path: Path) -> Mapping[str, Any]:
    try:
        contents = json.loads(path.read_text("utf-8"))
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise UnreadableInput(f"--detector-error {path}: {cause}", hint=_FORM) from error
    except ValueError as error:
        raise UnreadableInput(f"--detector-error {path}: not JSON: {error}", hint=_FORM) from error
    if not isinstance(contents, dict) or contents.get("schema") != _SCHEMA:
        raise UnreadableInput(f"--detector-error {path}: not scores of schema {_SCHEMA!r}", hint=_FORM)
    return contents


def _counted(figure: Mapping[str, Any], level: float, path: Path) -> tuple[float, int]:
    """A score and how many independent exchanges its interval is worth."""
    if figure["value"] is None:
        raise UsageError(
            f"{path}: the detector's error is not known there: {figure['reason']}",
            hint="score it on a set with more responses of either kind",
        )
    ends = float(figure["low"]), float(figure["high"])
    return float(figure["value"]), effective_size(float(figure["value"]), ends, int(figure["n"]), level)


def correct_published(tally: Tally, error: DetectorError, *, level: float = 0.95) -> Corrected:
    """The completion tax as it would be if the detector erred as it did elsewhere.

    Args:
        tally: the judged traffic.
        error: of the detector, for refused or hedged against complete.
        level: two-sided coverage.

    Returns:
        Figures by Rogan and Gladen; nan, with the reason, where sensitivity + specificity - 1 < 0.2.
    """
    measurements = [
        replace(
            measured(part, "completion_tax", _corrected(part, error, level)),
            correction="published",
        )
        for part in tally.slices(*SLICES)
    ]
    whole, assumption = measurements[0].estimate, _assumption(error)
    if not whole.known:
        return Corrected(
            read="raw", why=f"no correction: {whole.reason}", measurements=measurements, notes=[assumption]
        )
    why = "corrected by the detector's published error (Rogan-Gladen), on an assumption"
    return Corrected(read="published", why=why, measurements=measurements, notes=[assumption])


def _corrected(part: Slice, error: DetectorError, level: float) -> Estimate:
    raw = rate(part, "completion_tax", part.determined, level)
    if not raw.known:
        return unknown(raw.reason, unit="rate", level=level, n=raw.n)
    n = effective_size(raw.value, (raw.low, raw.high), raw.n, level) if part.clustered else raw.n
    found = rogan_gladen(
        raw.value * n,
        n,
        error.sensitivity,
        error.sensitivity_n,
        error.specificity,
        error.specificity_n,
        level=level,
    )
    return replace(found, n=raw.n, clusters=raw.clusters)


def _assumption(error: DetectorError) -> str:
    found, passed = (
        _share(figure, n)
        for figure, n in (
            (error.sensitivity, error.sensitivity_n),
            (error.specificity, error.specificity_n),
        )
    )
    return (
        f"the correction assumes that the detector errs here as it did elsewhere ({error.source}): that it "
        f"finds {found} of what is refused or hedged and passes {passed} of the rest. Nothing in this log "
        "checks that; a hundred labels of your own would (`aligntax label plan`)"
    )


def _share(figure: float, n: int) -> str:
    return f"{figure:.1%} (of {n:,})"
