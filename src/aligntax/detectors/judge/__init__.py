"""An LLM judge, asked through Inspect about what the cheaper layers left open."""

from aligntax.detectors.judge.journal import Tally
from aligntax.detectors.judge.judge import Judge
from aligntax.detectors.judge.model import ModelSettings
from aligntax.detectors.judge.rubric import Rubric, load_rubric
from aligntax.detectors.judge.undecided import band_of

__all__ = ["Judge", "ModelSettings", "Rubric", "Tally", "band_of", "load_rubric"]
