"""Finding the figures in a document, whatever its schema.

Any object with the keys of an `Estimate` is a figure. Its component is the path to it, with dots, from the
nearest object that names a component; what it is of (a benchmark, a hazard, a model) stands in the objects
around it and becomes its slice.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aligntax.errors import UnreadableInput
from aligntax.records import Estimate, Measurement

__all__ = ["KEYED", "Naming", "walk"]

_NEEDED = frozenset({"value", "low", "high", "level", "n", "unit"})
_CORRECTIONS = frozenset({"raw", "labels", "powered", "published"})
_DIMENSIONS = (
    *(
        "use_case",
        "model",
        "period",
        "benchmark",
        "hazard",
        "set",
        "topic",
        "prompt_type",
        "convention",
        "metric",
    ),
    *(
        "text",
        "direction",
        "group",
        "term",
        "neutral",
        "method",
        "knob",
        "configuration",
        "pre_weight",
        "from",
    ),
    *("to", "stage", "part", "law", "response", "about", "name", "tensor", "side"),
)
"""Keys that, in a document of no known schema, tell what the figures beside and below them are of."""
_LONGEST = 200
_MOST = 2**63
"""Beyond what a database counts."""


KEYED = "*"
"""Stands in a path for a key that became part of the slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How the figures of a schema are called.

    Attributes:
        renamed: (pattern of a whole path, what the component is called), the first that fits; a path that
            none fits is the component itself.
        dimensions: key of an object around a figure -> dimension of its slice.
        nested: "key.key" of a name two objects deep around a figure -> dimension of its slice.
        keyed: path of an object whose keys are what its figures are of -> dimension.
        listed: path of a list of figures -> dimension, and what each is of, in the list's order.
        left: pattern of paths whose figures are not kept: too many, or no use over time.
        inner: whether what stands at the top of the document says nothing of its figures' slices.
    """

    renamed: Sequence[tuple[str, str]] = ()
    dimensions: Mapping[str, str] = field(default_factory=lambda: {name: name for name in _DIMENSIONS})
    nested: Mapping[str, str] = field(default_factory=dict)
    keyed: Mapping[str, str] = field(default_factory=dict)
    listed: Mapping[str, tuple[str, Sequence[str]]] = field(default_factory=dict)
    left: str = ""
    inner: bool = False

    def component(self, path: Sequence[str]) -> str:
        """What the figure at a path is called."""
        whole = ".".join(step for step in path if step != KEYED)
        for pattern, name in self.renamed:
            if found := re.fullmatch(pattern, whole):
                return found.expand(name)
        return whole


def walk(document: Mapping[str, Any], naming: Naming | None = None) -> list[Measurement]:
    """The figures of a document, in its order.

    Args:
        document: any.
        naming: how its figures are called; by their paths by default.

    Returns:
        Figures of which no two have component, slice and correction in common: where a document has several,
        the later ones are told apart by their number in its order, "entry".

    Raises:
        UnreadableInput: it is nested too deep.
    """
    try:
        return list(_told_apart(_walk(document, naming or Naming(), (), {})))
    except RecursionError:
        raise UnreadableInput(
            "the document is nested too deep to be read", hint="is it a document?"
        ) from None


def _walk(
    node: object, naming: Naming, path: tuple[str, ...], around: Mapping[str, str]
) -> Iterator[Measurement]:
    if isinstance(node, Mapping):
        if node.keys() >= _NEEDED and (estimate := _estimate(node)) is not None:
            if not re.fullmatch(naming.left or "(?!)", ".".join(path)):
                yield _measurement(node, estimate, naming.component(path), around)
            return
        yield from _walk_object(node, naming, path, around)
    elif isinstance(node, list | tuple):
        dimension, names = naming.listed.get(".".join(path), ("", ()))
        for at, one in enumerate(node):
            here = {dimension: names[at]} if at < len(names) else {}
            yield from _walk(one, naming, path, {**around, **here})


def _walk_object(
    node: Mapping[str, Any], naming: Naming, path: tuple[str, ...], around: Mapping[str, str]
) -> Iterator[Measurement]:
    here = {**around, **({} if naming.inner and not path else dict(_names(node, naming)))}
    if (component := _name(node.get("component"))) is not None:
        path = (component,)
    dimension = naming.keyed.get(".".join(path), "")
    for key, one in node.items():
        if isinstance(one, Mapping | list):
            if dimension:
                yield from _walk(one, naming, (*path, KEYED), here | {dimension: str(key)})
            else:
                yield from _walk(one, naming, (*path, str(key)), here)


def _names(node: Mapping[str, Any], naming: Naming) -> Iterator[tuple[str, str]]:
    """What an object says its figures are of: dimension and name."""
    for key, dimension in naming.dimensions.items():
        if (name := _name(node.get(key))) is not None:
            yield dimension, name
    for keys, dimension in naming.nested.items():
        outer, _, inner = keys.partition(".")
        beneath = node.get(outer)
        if isinstance(beneath, Mapping) and (name := _name(beneath.get(inner))) is not None:
            yield dimension, name


def _name(value: object) -> str | None:
    if isinstance(value, bool) or value is None or value == "":
        return None
    if isinstance(value, str | int | float):
        text = str(value)
        return text if len(text) <= _LONGEST else None
    return None


def _measurement(
    node: Mapping[str, Any], estimate: Estimate, path: str, around: Mapping[str, str]
) -> Measurement:
    narrowed = node.get("slice")
    correction = node.get("correction")
    if isinstance(narrowed, Mapping):
        around = {str(key): str(value) for key, value in narrowed.items()}
    component = node.get("component")
    return Measurement(
        component=component if isinstance(component, str) else path,
        estimate=estimate,
        slice=dict(around),
        small=node.get("small") is True,
        correction=correction if correction in _CORRECTIONS else "raw",
    )


def _estimate(node: Mapping[str, Any]) -> Estimate | None:
    """The estimate; None where what stands under its keys is something else."""
    ends = [math.nan if node[key] is None else node[key] for key in ("value", "low", "high")]
    clusters = node.get("clusters")
    counts = [node["n"], node.get("labelled", 0), 0 if clusters is None else clusters]
    if not all(_is_number(one) for one in (*ends, node["level"], *counts)):
        return None
    if not all(abs(one) < _MOST for one in (node["level"], *counts)) or not isinstance(node["unit"], str):
        return None
    value, low, high = (float(end) for end in ends)
    reason = str(node.get("reason") or "")
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=float(node["level"]),
        n=int(node["n"]),
        unit=node["unit"],  # type: ignore[arg-type]
        method=str(node.get("method") or ""),
        labelled=int(counts[1]),
        clusters=None if clusters is None else int(clusters),
        reason=reason if reason or not math.isnan(value) else "the document does not say why",
    )


def _is_number(value: object) -> bool:
    """Whether a float can hold it: whole numbers of a thousand digits are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < _MOST


def _told_apart(figures: Iterator[Measurement]) -> Iterator[Measurement]:
    seen = dict[tuple[object, ...], int]()
    for figure in figures:
        key = (figure.component, frozenset(figure.slice.items()), figure.correction)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 1:
            figure = replace(figure, slice=figure.slice | {"entry": str(seen[key])})
        yield figure
