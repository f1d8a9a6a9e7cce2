"""Names other systems take: figures under flat names, and labels of a host."""

import re
import unicodedata
from collections.abc import Mapping
from hashlib import sha256

from aligntax.exports.exported import NOT_KNOWN, Exported, Selection, select
from aligntax.records import Measurement

__all__ = ["dns_label", "flat_figures", "flat_name", "trackable"]

_MOST = 200
_MOST_LABEL = 63


def flat_name(figure: Measurement) -> str:
    """refused; medical/refused; medical/north-2/refused: use case, model, what else, component.

    Letters, digits and - . _ / alone, which every tracker takes; what is corrected says by what.
    """
    where = dict(figure.slice)
    parts = [part for name in ("use_case", "model") if (part := where.pop(name, ""))]
    parts += [f"{name}.{text}" for name, text in sorted(where.items())]
    parts.append(
        figure.component if figure.correction == "raw" else f"{figure.component}_{figure.correction}"
    )
    plain = "/".join(re.sub(r"[^A-Za-z0-9\-._]", "_", part) for part in parts)
    if plain.split("/") == parts and len(plain) <= _MOST:
        return plain
    mark = sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{plain[:_MOST]}_{mark}"


def trackable(exported: Exported) -> Selection:
    """Figures a tracker can take: one point of a run, and a number."""
    return select(
        exported.figures,
        {
            "of a past period; a run is one point in time": lambda one: "period" in one.slice,
            NOT_KNOWN: lambda one: not one.estimate.known,
        },
    )


def flat_figures(exported: Exported) -> Mapping[str, float]:
    """Name -> value; NAME_low and NAME_high are the ends of its interval, NAME_n the exchanges behind it."""
    told = dict[str, float]()
    for figure in trackable(exported).figures:
        name, estimate = flat_name(figure), figure.estimate
        ends = {"_low": estimate.low, "_high": estimate.high, "_n": float(estimate.n)}
        told |= {name: estimate.value} | {name + end: value for end, value in ends.items() if value == value}
    return told


def dns_label(*parts: str) -> str:
    """A name of lower-case letters, digits and dashes, at most 63 long, that differs where the parts do."""
    whole = " ".join(parts)
    ascii_only = unicodedata.normalize("NFKD", whole).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    if re.sub(r"[ ._]", "-", whole.lower()) == plain and len(plain) <= _MOST_LABEL:
        return plain
    mark = sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{plain[: _MOST_LABEL - 7].strip('-') or 'x'}-{mark}"
