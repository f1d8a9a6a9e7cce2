"""How good a detector is: labelled responses in, scores with intervals out."""

from aligntax.detectors.scoring.labelled import LabelledSet, LabelWords, Symptom
from aligntax.detectors.scoring.read import Fields, read_labelled
from aligntax.detectors.scoring.scores import DetectorScores, Scores, score

__all__ = [
    "DetectorScores",
    "Fields",
    "LabelWords",
    "LabelledSet",
    "Scores",
    "Symptom",
    "read_labelled",
    "score",
]
