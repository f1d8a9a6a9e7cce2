"""Safety against over-refusal over many models, as a document.

schema      "aligntax.correlate/1"
aligntax    version that wrote it
source      the table; columns: what -> column; units: column -> "percent" or "share"
left_out    {only, without}: the names a person gave
level       coverage of the interval; replicates and seed of the bootstrap and the permutations
spearman    {value, low, high, level, n, unit, method, reason}: of over-refusal and safety, over models
p_value     of no association, by permutation; null where spearman is unknown
influence   null, or {low, high, model, rho, change}: the range of rho with any one model left out, and the
            model whose absence moves it most
models      [{model, over_refusal, safety, residual, rho_without, non_dominated}] in the order of the table;
            shares in [0, 1]; residual is the ranks by which over-refusal lies above what safety explains
notes       what a reader must know
"""

import math
from collections.abc import Sequence

from aligntax import __version__
from aligntax.report.document import Document, flat
from aligntax.tax.correlated import Correlated

__all__ = ["CAUTION", "SCHEMA", "correlate_document"]

SCHEMA = "aligntax.correlate/1"
CAUTION = (
    "a correlation across models says nothing about the trade-off of a single model: it does not follow that "
    "one of them could only be made safer by refusing more"
)
_FAMILIES = (
    "each model counts as independent of the others; models of one maker are not, so the interval is rather "
    "too narrow than too wide"
)
_NO_COUNTS = (
    "the table does not say how many prompts stand behind a figure: near neighbours, on the non-dominated "
    "set too, may differ by chance"
)


def correlate_document(
    found: Correlated, *, replicates: int, seed: int, only: Sequence[str] = (), without: Sequence[str] = ()
) -> Document:
    """What was found as plain values, ready for JSON.

    Args:
        found: the correlation and what stands out.
        replicates: it was computed with.
        seed: likewise.
        only: names a person kept.
        without: names a person left out.
    """
    table = found.table
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "source": table.source,
        "columns": dict(table.columns),
        "units": dict(table.units),
        "left_out": {"only": list(only), "without": list(without)},
        "level": found.spearman.level,
        "replicates": replicates,
        "seed": seed,
        "spearman": flat(found.spearman),
        "p_value": _known(found.p_value),
        "influence": _influence(found),
        "models": list(_models(found)),
        "notes": [CAUTION, *([_FAMILIES] if found.spearman.known else []), _NO_COUNTS, *table.notes],
    }


def _influence(found: Correlated) -> dict[str, object] | None:
    most = found.most_influential
    if most is None:
        return None
    known = [entry.rho for entry in found.influence if not math.isnan(entry.rho)]
    return {
        "low": min(known),
        "high": max(known),
        "model": most.model,
        "rho": most.rho,
        "change": most.change,
    }


def _models(found: Correlated) -> list[dict[str, object]]:
    table = found.table
    rho = {entry.model: entry.rho for entry in found.influence}
    return [
        {
            "model": model,
            "over_refusal": float(table.over_refusal[at]),
            "safety": float(table.safety[at]),
            "residual": _known(float(found.residuals[at])),
            "rho_without": _known(rho.get(model, math.nan)),
            "non_dominated": bool(found.non_dominated[at]),
        }
        for at, model in enumerate(table.models)
    ]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
