"""Prometheus metrics read back by the parsers of Prometheus' own client."""

from collections.abc import Callable, Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from aligntax.exports.prometheus_text import Format

__all__ = ["PARSERS", "of", "samples"]

PARSERS: dict[Format, Callable[[str], Iterable[Metric]]] = {
    "text": parse_text,
    "openmetrics": parse_openmetrics,
}


def samples(text: str, name: str, to: Format = "text") -> dict[tuple[tuple[str, str], ...], float]:
    found = [one for family in PARSERS[to](text) for one in family.samples if one.name == name]
    return {tuple(sorted(one.labels.items())): one.value for one in found}


def of(text: str, name: str, **labels: str) -> list[float]:
    return [value for told, value in samples(text, name).items() if labels.items() <= dict(told).items()]
