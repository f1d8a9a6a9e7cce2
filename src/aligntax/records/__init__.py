"""The nouns: frozen dataclasses for one item, Arrow schemas for many."""

from aligntax.records.answers import ANSWER, Answers, LengthUnit, PromptType, Summary
from aligntax.records.exchange import EXCHANGE, Exchange
from aligntax.records.label import LABEL, LABEL_OUTCOMES, Label, LabelOutcome
from aligntax.records.measurement import MEASUREMENT, Correction, Estimate, Measurement, Unit, unknown
from aligntax.records.outcome import (
    FLAGS,
    LAYERS,
    OUTCOME,
    OUTCOMES,
    REASONS,
    UNRATED_REASONS,
    Flag,
    Layer,
    Outcome,
    OutcomeName,
    Reason,
)

__all__ = [
    "ANSWER",
    "EXCHANGE",
    "FLAGS",
    "LABEL",
    "LABEL_OUTCOMES",
    "LAYERS",
    "MEASUREMENT",
    "OUTCOME",
    "OUTCOMES",
    "REASONS",
    "UNRATED_REASONS",
    "Answers",
    "Correction",
    "Estimate",
    "Exchange",
    "Flag",
    "Label",
    "LabelOutcome",
    "Layer",
    "LengthUnit",
    "Measurement",
    "Outcome",
    "OutcomeName",
    "PromptType",
    "Reason",
    "Summary",
    "Unit",
    "unknown",
]
