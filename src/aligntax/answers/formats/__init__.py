"""Readers of results, one file each; `FORMATS` lists them in the order in which a file is tried."""

from aligntax.answers.formats.inspect_scores import INSPECT_SCORES
from aligntax.answers.formats.lm_eval_results import LM_EVAL_RESULTS
from aligntax.answers.formats.lm_eval_samples import LM_EVAL_SAMPLES
from aligntax.answers.formats.log import LOG
from aligntax.answers.formats.pairs import PAIRS
from aligntax.answers.formats.samples import SAMPLES
from aligntax.answers.request import AnswerFormat

__all__ = ["FORMATS"]

FORMATS: tuple[AnswerFormat, ...] = (
    INSPECT_SCORES,
    LM_EVAL_RESULTS,
    LM_EVAL_SAMPLES,
    PAIRS,
    SAMPLES,
    LOG,
)
"""Most specific first; a log of any kind comes last."""
