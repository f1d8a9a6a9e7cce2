"""Documents of weights and of laws: drift, importance, merges, laws of the tax, models side by side."""

from pathlib import PurePath

from aligntax.ledger.documents.reader import Document, Reader, named, part, texts
from aligntax.ledger.documents.walk import Naming

__all__ = ["READERS"]


def _naming(*dimensions: str, **more: object) -> Naming:
    return Naming(dimensions={name: name for name in dimensions}, **more)  # type: ignore[arg-type]


_DRIFT = _naming(
    "model",
    "reference",
    "text",
    "direction",
    "divergence",
    "group",
    renamed=[(r"groups\.(.+)", r"drift.group.\1")],
    left=r"positions\..*",  # a curve, which the document keeps
)
_LAWS = _naming(
    *("response", "on", "law", "name", "kind", "at"),
    renamed=[(r"settings\.laws\.(.+)", r"law.\1")],
)
_FISHER = _naming("model", "part")
_CORRELATE = _naming("model", renamed=[("spearman", "correlation")])
_MERGE_FIT = _naming(renamed=[("gain", "merge_fit.gain")])
_MERGE_SWEEP = _naming(
    "configuration",
    "pre_weight",
    "about",
    renamed=[(r"points\.(.+)", r"merge.\1"), (r"ends\.(\w+)\.(.+)", r"merge.\1.\2")],
    keyed={
        "points.texts": "text",
        "points.measured.capability": "benchmark",
        "ends.aligned.texts": "text",
        "ends.pre.texts": "text",
        "ends.aligned.measured.capability": "benchmark",
        "ends.pre.measured.capability": "benchmark",
    },
)


def _file(path: object) -> str:
    return PurePath(named(path) or "").name


def _drift_title(document: Document) -> str:
    model, reference = named(document.get("model")), named(document.get("reference"))
    return f"{_file(model)} from {_file(reference)}" if model and reference else ""


def _sweep_title(document: Document) -> str:
    about = part(document, "about")
    aligned = ", ".join(_file(one) for one in texts(about.get("aligned")))
    return f"{_file(about.get('pre'))} into {aligned}: {named(about.get('method')) or ''}"


READERS = (
    Reader(
        schema="aligntax.drift/1",
        naming=lambda document: _DRIFT,
        title=_drift_title,
        origin=lambda document: {
            "source": "; ".join(str(document[side]) for side in ("reference", "model") if document.get(side))
        },
    ),
    Reader(
        schema="aligntax.laws/1",
        naming=lambda document: _LAWS,
        title=lambda document: _file(part(document, "about").get("table")),
        origin=lambda document: {"source": named(part(document, "about").get("table")) or ""},
    ),
    Reader(
        schema="aligntax.fisher/1",
        naming=lambda document: _FISHER,
        title=lambda document: _file(document.get("model")),
        origin=lambda document: {"source": named(document.get("model")) or ""},
    ),
    Reader(
        schema="aligntax.correlate/1",
        naming=lambda document: _CORRELATE,
        title=lambda document: _file(document.get("source")),
        origin=lambda document: {"source": named(document.get("source")) or ""},
    ),
    Reader(
        schema="aligntax.merge_fit/1",
        naming=lambda document: _MERGE_FIT,
        origin=lambda document: {"source": named(part(document, "proxy").get("source")) or ""},
    ),
    Reader(schema="aligntax.merge_sweep/1", naming=lambda document: _MERGE_SWEEP, title=_sweep_title),
)
