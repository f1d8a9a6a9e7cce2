"""The classifier: reads what phrases cannot tell, such as a lecture in place of an answer.

It sees prompt and response, and what the phrases found. Where it speaks, its outcome stands; it abstains
where the phrases could not tell either (nothing to read, a question back), on what is not English, and on
long responses in which the phrases found nothing to remark.
"""

import hashlib
import io
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.classifier.features import features
from aligntax.detectors.classifier.model import HEADS, Model, load_model
from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.scan import Texts
from aligntax.detectors.spans import Marks, excerpts
from aligntax.detectors.verdict import COMPLETE, HEDGED, NONE, REFUSED, UNDETERMINED, Verdict
from aligntax.records import FLAGS, LAYERS, REASONS, Flag

__all__ = ["Classifier", "shipped_model"]

_GREETING = 40
"""Bytes up to which an opening sentence is not shown alone."""
_PLAINLY_ANSWERED = 1000
"""Characters from which on a response without any caveat is an answer, and is not read again. Set by looking
at the labelled sets, measured ones too: kappa fell on none by more than .001, and a fifth of the text of
real traffic is left to read."""
_SAID: tuple[Flag, ...] = ("disclaimer", "referral", "apology", "moralising", "policy_reference")
"""Flags that are heads of the model."""


class Classifier:
    """Outcome by a linear model over words of prompt and response and cues.

    Args:
        phrases: the layer below, whose findings are features and whose verdict stands where this abstains.
        model: the weights; the shipped ones by default.
    """

    name = "classifier"

    def __init__(self, phrases: PhraseDetector | None = None, model: Model | None = None) -> None:
        self._phrases = phrases or PhraseDetector()
        self._model, weights = (model, "own") if model else shipped_model()
        self.layer_version = f"1 ({weights})"
        self.version = f"{self._phrases.name} {self._phrases.version}, {self.name} {self.layer_version}"

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """EXCHANGE schema in (`id`, `prompt` and `response` are read), OUTCOME schema out."""
        return self.judge(exchanges).batch(exchanges.column("id"), self.name, self.version)

    def judge(self, exchanges: pa.RecordBatch) -> Verdict:
        """The verdicts as arrays, for a cascade to overrule."""
        verdict = self._phrases.judge(exchanges)
        answers = (verdict.outcome == COMPLETE) & ~verdict.flags.any(axis=1)
        answers &= verdict.response_chars > _PLAINLY_ANSWERED
        rows = np.flatnonzero(verdict.english & (verdict.outcome != UNDETERMINED) & ~answers)
        if len(rows):
            wanted = pa.array(rows)
            prompts, responses = (exchanges.column(name).take(wanted) for name in ("prompt", "response"))
            told, probable = self._model.told(features(prompts, responses, verdict.take(rows)))
            _conclude(verdict, rows, told, probable[:, 0], responses)
        return verdict


def _conclude(
    verdict: Verdict,
    rows: npt.NDArray[np.int64],
    told: npt.NDArray[np.bool_],
    noncompliant: npt.NDArray[np.float32],
    responses: pa.StringArray,
) -> None:
    """Writes into the verdicts what the (rows, heads) of the model tell of some rows."""
    head = dict(zip(HEADS, told.T, strict=True))
    lacking = np.where(head["refused"], np.where(head["asks_back"], UNDETERMINED, REFUSED), HEDGED)
    outcome = np.where(head["noncompliant"], lacking, COMPLETE).astype(np.int8)
    refused, hedged = outcome == REFUSED, outcome == HEDGED
    ground = np.where(head["cannot"], REASONS.index("cannot"), REASONS.index("should_not"))
    ground = np.where(verdict.outcome[rows] == REFUSED, verdict.reason[rows], ground)
    asks = REASONS.index("asks_back")
    verdict.outcome[rows] = outcome
    verdict.layer[rows] = np.where(refused, LAYERS.index("model"), NONE)
    verdict.reason[rows] = np.select([refused, outcome == UNDETERMINED], [ground, asks], NONE)
    verdict.score[rows] = noncompliant
    offset = np.maximum(verdict.answer_offset[rows], 0)
    verdict.answer_offset[rows] = np.where(refused | (outcome == UNDETERMINED), NONE, offset)
    for flag in _SAID:
        verdict.flags[rows, FLAGS.index(flag)] = head[flag]
    verdict.flags[rows, FLAGS.index("deflection")] = refused & ~head["declines"]
    _show(verdict, rows[~(refused | hedged)], None)
    unshown = (refused | hedged) & verdict.evidence.take(pa.array(rows)).is_null().to_numpy(False)
    _show(verdict, rows[unshown], responses.take(pa.array(np.flatnonzero(unshown))))


@cache
def shipped_model() -> tuple[Model, str]:
    """The weights that come with aligntax, and a hash that tells them from others."""
    raw = resources.files("aligntax.detectors.classifier").joinpath("weights.npz").read_bytes()
    return load_model(io.BytesIO(raw)), hashlib.sha256(raw).hexdigest()[:8]


def _show(verdict: Verdict, rows: npt.NDArray[np.int64], responses: pa.StringArray | None) -> None:
    """Shows the opening words of responses as evidence, or nothing."""
    if not len(rows):
        return
    if responses is None:
        verdict.show(rows, pa.nulls(len(rows), pa.string()))
        return
    texts = Texts.of(responses)
    starts = texts.offsets[:-1]
    stops = np.append(Marks.of(texts).stops, len(texts.data))
    # the first sentence, and with it the second where the first is but a greeting
    ends = stops[np.minimum(np.searchsorted(stops, starts + _GREETING), len(stops) - 1)] + 1
    ends = np.minimum(ends, texts.offsets[1:])
    verdict.show(rows, *excerpts(texts, np.arange(len(rows)), starts, ends))
