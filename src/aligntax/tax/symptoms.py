"""Symptoms: what the wording shows, whatever the outcome; who stepped in; how thickly it hedges."""

from collections.abc import Iterator

from aligntax.records import FLAGS, Measurement, unknown
from aligntax.stats import clustered_mean
from aligntax.tax.completion import measured, rate
from aligntax.tax.tally import Slice, Tally

__all__ = ["symptoms"]

_LAYERS = ("provider_filter", "guardrail", "model")


def symptoms(tally: Tally, *, level: float = 0.95) -> list[Measurement]:
    """Rate of each flag, of each layer that stepped in, of fallback models, and the hedge density."""
    parts = tally.slices((), ("use_case",), ("model",), ("use_case", "model"))
    return [measurement for part in parts for measurement in _of(part, level)]


def _of(part: Slice, level: float) -> Iterator[Measurement]:
    for flag in FLAGS:
        yield measured(part, f"symptom.{flag}", rate(part, f"flag.{flag}", part.determined, level))
    for layer in _LAYERS:
        yield measured(part, f"layer.{layer}", rate(part, f"layer.{layer}", part.determined, level))
    if part.total("model_pairs"):
        yield measured(part, "fallback", rate(part, "fallback", part.groups("model_pairs"), level))
    else:
        missing = unknown(
            "the log does not tell the model asked for from the model served", unit="rate", level=level
        )
        yield measured(part, "fallback", missing)
    density = clustered_mean(
        part.groups("hedge_density"), part.determined, unit="per 1,000 characters", level=level
    )
    yield measured(part, "hedge_density", density)
