"""The nouns: frozen dataclasses for one item, Arrow schemas for many."""

from aligntax.records.exchange import EXCHANGE, Exchange
from aligntax.records.measurement import MEASUREMENT, Estimate, Measurement, Unit, unknown
from aligntax.records.outcome import (
    FLAGS,
    LAYERS,
    OUTCOME,
    OUTCOMES,
    REASONS,
    Flag,
    Layer,
    Outcome,
    OutcomeName,
    Reason,
)

__all__ = [
    "EXCHANGE",
    "FLAGS",
    "LAYERS",
    "MEASUREMENT",
    "OUTCOME",
    "OUTCOMES",
    "REASONS",
    "Estimate",
    "Exchange",
    "Flag",
    "Layer",
    "Measurement",
    "Outcome",
    "OutcomeName",
    "Reason",
    "Unit",
    "unknown",
]
