"""An outcome: what became of an exchange, who says so and why."""

from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa

__all__ = [
    "FLAGS",
    "LAYERS",
    "OUTCOME",
    "OUTCOMES",
    "REASONS",
    "UNRATED_REASONS",
    "Flag",
    "Layer",
    "Outcome",
    "OutcomeName",
    "Reason",
]

OutcomeName = Literal["complete", "hedged", "refused", "undetermined"]
Layer = Literal["provider_filter", "guardrail", "model", "fallback"]
Reason = Literal[
    "should_not",
    "cannot",
    "asks_back",
    "tool_call_only",
    "provider_error",
    "no_text",
    "empty",
    "truncated",
    "unknown_language",
]
Flag = Literal[
    "disclaimer",
    "referral",
    "apology",
    "moralising",
    "policy_reference",
    "deflection",
    "ai_identity",
    "soft_refusal",
]

OUTCOMES: tuple[OutcomeName, ...] = get_args(OutcomeName)
LAYERS: tuple[Layer, ...] = get_args(Layer)
REASONS: tuple[Reason, ...] = get_args(Reason)
FLAGS: tuple[Flag, ...] = get_args(Flag)
UNRATED_REASONS: tuple[Reason, ...] = ("tool_call_only", "provider_error", "no_text")
"""Reasons for which an exchange is no request answered in words: in no rate, and in need of no label."""

OUTCOME = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("outcome", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("layer", pa.dictionary(pa.int8(), pa.string())),
        pa.field("reason", pa.dictionary(pa.int8(), pa.string())),
        *(pa.field(flag, pa.bool_(), nullable=False) for flag in FLAGS),
        pa.field("hedge_density", pa.float32()),
        pa.field("answer_offset", pa.int32()),
        pa.field("response_chars", pa.int32()),
        pa.field("caveat_chars", pa.int32()),
        pa.field("score", pa.float32()),
        pa.field("evidence", pa.string()),
        pa.field("evidence_start", pa.int32()),
        pa.field("evidence_end", pa.int32()),
        pa.field("detector", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("version", pa.dictionary(pa.int8(), pa.string()), nullable=False),
    ]
)
"""Bulk form of `Outcome`, one row an exchange, in the order of the exchanges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one exchange, according to one version of one detector.

    Attributes:
        id: the exchange's id.
        outcome: complete, hedged, refused, or undetermined, which is never folded into another class.
        layer: who stepped in: provider filter, guardrail, the model itself, or a fallback model; None
            where nobody did.
        reason: why. `should_not` and `cannot` part a refusal on principle from a missing ability; the
            other values say why the outcome is undetermined.
        flags: symptoms seen in the text, whatever the outcome.
        hedge_density: hedging words per 1,000 characters, >= 0.
        answer_offset: characters before the answer starts, >= 0; None without an answer.
        response_chars: length of the response in characters, >= 0.
        caveat_chars: characters in sentences that carry a caveat (disclaimer, apology, ...), >= 0.
        score: how strong the evidence against `complete` is, in [0, 1]; ordinal, not a probability.
        evidence: the words that decided, at most 160 characters.
        evidence_start: offset of the evidence in the response, in characters; None for a signal.
        evidence_end: end of the evidence, exclusive.
        detector: name of the detector.
        version: its version; outcomes of two versions are not comparable.
    """

    id: str
    outcome: OutcomeName
    layer: Layer | None = None
    reason: Reason | None = None
    flags: tuple[Flag, ...] = ()
    hedge_density: float | None = None
    answer_offset: int | None = None
    response_chars: int | None = None
    caveat_chars: int | None = None
    score: float | None = None
    evidence: str | None = None
    evidence_start: int | None = None
    evidence_end: int | None = None
    detector: str
    version: str
