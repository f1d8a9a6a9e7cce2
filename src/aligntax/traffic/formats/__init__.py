"""Importers, one file each; `FORMATS` lists them in the order in which a file is tried."""

from aligntax.extension_points import LogFormat
from aligntax.traffic.formats.anthropic import ANTHROPIC, ANTHROPIC_BATCH, ANTHROPIC_FLAT
from aligntax.traffic.formats.bedrock import BEDROCK
from aligntax.traffic.formats.gemini import GEMINI
from aligntax.traffic.formats.inspect import INSPECT
from aligntax.traffic.formats.langfuse import LANGFUSE
from aligntax.traffic.formats.litellm import LITELLM
from aligntax.traffic.formats.openai_chat import (
    OPENAI_BATCH,
    OPENAI_CHAT,
    OPENAI_EVALS,
    OPENAI_FLAT,
    OPENAI_PAIRS,
)
from aligntax.traffic.formats.openai_responses import OPENAI_RESPONSES, OPENAI_RESPONSES_FLAT
from aligntax.traffic.formats.opentelemetry import OPENTELEMETRY

__all__ = ["FORMATS"]

FORMATS: tuple[LogFormat, ...] = (
    OPENTELEMETRY,
    BEDROCK,
    INSPECT,
    LITELLM,
    LANGFUSE,
    GEMINI,
    ANTHROPIC_BATCH,
    ANTHROPIC,
    ANTHROPIC_FLAT,
    OPENAI_BATCH,
    OPENAI_PAIRS,
    OPENAI_EVALS,
    OPENAI_RESPONSES,
    OPENAI_RESPONSES_FLAT,
    OPENAI_FLAT,
    OPENAI_CHAT,
)
"""Every JSON format, most specific first; tables of any shape are `tabular`'s."""
