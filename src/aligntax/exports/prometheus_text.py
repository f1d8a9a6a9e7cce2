"""The text a Prometheus server reads: format 0.0.4, and OpenMetrics 1.0.

Samples carry no time of their own: the textfile collector takes none that does, and a server marks as stale
what is not there any more. When the figures were measured is a metric like the others.

Source: Prometheus, "Exposition formats"; OpenMetrics 1.0.0.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

__all__ = [
    "CONTENT_TYPES",
    "Family",
    "Format",
    "Kind",
    "Labels",
    "label_name",
    "label_set",
    "number",
    "render",
]

Kind = Literal["gauge", "counter"]
Format = Literal["text", "openmetrics"]
Labels = tuple[tuple[str, str], ...]
CONTENT_TYPES: Mapping[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
"""What a server answers with, by format."""
_TOTAL = "_total"


@dataclass
class Family:
    """A metric with all its samples.

    Attributes:
        name: of the metric; a counter's ends with _total.
        kind: gauge or counter.
        help: one line.
        samples: labels -> value; two of the same labels would be one too many for a server.
    """

    name: str
    kind: Kind
    help: str
    samples: dict[Labels, float] = field(default_factory=dict)

    def add(self, value: float, labels: Mapping[str, str] | Labels) -> None:
        """Adds a sample; the first one of the same labels stays."""
        self.samples.setdefault(labels if isinstance(labels, tuple) else label_set(labels), value)


def label_set(labels: Mapping[str, str]) -> Labels:
    """Labels as they are told, in their order; those of "" are left out."""
    return tuple(sorted((label_name(name), text) for name, text in labels.items() if text))


@lru_cache(maxsize=1000)
def label_name(text: str) -> str:
    """A name fit for a label: letters, digits and _, not beginning with a digit or with __."""
    plain = re.sub(r"[^a-zA-Z0-9_]", "_", text) or "_"
    plain = f"_{plain}" if plain[0].isdigit() else plain
    return "_" + plain.lstrip("_") if plain.startswith("__") else plain


def number(value: float) -> str:
    """A value as the formats write it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def render(families: Iterable[Family], *, to: Format = "text", notes: Iterable[str] = ()) -> str:
    """The text of metrics.

    Args:
        families: the metrics; those without samples are left out.
        to: the format.
        notes: said as comments; OpenMetrics allows none, so they are left out there.
    """
    lines = list[str]() if to == "openmetrics" else [f"# {_one_line(note)}" for note in notes]
    for family in families:
        if family.samples:
            lines += _family(family, to)
    if to == "openmetrics":
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _family(family: Family, to: Format) -> Iterator[str]:
    counted = family.kind == "counter" and to == "openmetrics"
    name = family.name.removesuffix(_TOTAL) if counted else family.name
    yield f"# HELP {name} {_help(family.help, to)}"
    yield f"# TYPE {name} {family.kind}"
    for labels, value in family.samples.items():
        told = ",".join(f'{name}="{_label(text)}"' for name, text in labels)
        yield f"{family.name}{{{told}}} {number(value)}" if told else f"{family.name} {number(value)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _help(text: str, to: Format) -> str:
    plain = text.replace("\\", "\\\\").replace("\n", "\\n")
    return plain.replace('"', '\\"') if to == "openmetrics" else plain


@lru_cache(maxsize=10_000)
def _label(text: str) -> str:
    """Escaped; what is no character of UTF-8 (half a surrogate pair) is replaced."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
