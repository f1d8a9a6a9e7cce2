"""Fitted shares of `adaptive` as a document, `aligntax_fit.json` beside the weights they led to.

schema      "aligntax.merge_fit/1"
aligntax    version that wrote it
proxy       {source, samples, left_out}: the texts whose likelihood stood for reward
pre_weight  mean share of the pre-alignment model, fixed
shares      what the merge takes, input side first
fitted      the best on the samples fitted to
taken       whether the merge takes them; otherwise the same share stands everywhere
gain        nats a token that `fitted` is better than that, on samples held out: {value, low, high, ...}
direction   "early", "late" or "neither" where the pre-alignment model has more weight, "cannot tell" where
            the gain does not show
passes      forward passes over the samples
tried       [{shares, loss}], nats a token on the samples fitted to
"""

from collections.abc import Sequence
from typing import Any, cast

from rich.console import Console

from aligntax import __version__
from aligntax.records import Estimate
from aligntax.report.document import Document, estimate_of, flat
from aligntax.report.tables import printable

__all__ = ["FILE", "SCHEMA", "fit_document", "print_fit"]

SCHEMA = "aligntax.merge_fit/1"
FILE = "aligntax_fit.json"
_DIRECTIONS = {
    "early": "more pre-alignment weight in early blocks than in late ones, as Lin et al. (2024) found",
    "late": "more pre-alignment weight in late blocks, the other way round than in Lin et al. (2024)",
    "neither": "neither early nor late blocks have more pre-alignment weight",
    "cannot tell": "cannot tell whether early or late blocks should have more pre-alignment weight",
}
_LEAST = 1e-3
Shares = Sequence[float]


def fit_document(
    *,
    source: str,
    samples: int,
    left_out: int,
    pre_weight: float,
    shares: Shares,
    fitted: Shares,
    gain: Estimate,
    passes: int,
    tried: Sequence[tuple[Shares, float]],
) -> dict[str, Any]:
    """What was fitted, as plain values.

    Args:
        source: where the samples come from.
        samples: how many were used.
        left_out: how many were not.
        pre_weight: mean share.
        shares: what the merge takes.
        fitted: the best on the samples fitted to.
        gain: of `fitted` over the same share everywhere, on samples held out.
        passes: forward passes.
        tried: shares and their loss.
    """
    taken = gain.known and gain.low > 0
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "proxy": {"source": source, "samples": samples, "left_out": left_out},
        "pre_weight": pre_weight,
        "shares": list(shares),
        "fitted": list(fitted),
        "taken": taken,
        "gain": flat(gain),
        "direction": _direction(fitted) if taken else "cannot tell",
        "passes": passes,
        "tried": [{"shares": list(each), "loss": loss} for each, loss in tried],
    }


def print_fit(document: Document, console: Console) -> None:
    """What was found, and whether it was taken."""
    found = cast(dict[str, Any], document)
    gain = estimate_of(found["gain"])
    proxy = found["proxy"]
    console.print(f"\n[bold]Fitted shares[/bold]  {_listed(found['fitted'])}, mean {found['pre_weight']:g}")
    skipped = f" ({proxy['left_out']:,} left out)" if proxy["left_out"] else ""
    line = f"by {found['passes']} passes over {proxy['samples']:,} samples{skipped}, {proxy['source']}"
    console.print(printable(line), style="dim", markup=False)
    console.print(f"- {_verdict(found, gain)}", markup=False)
    console.print(f"- Measured direction: {_DIRECTIONS[found['direction']]}.", markup=False)


def _verdict(found: dict[str, Any], gain: Estimate) -> str:
    everywhere = f"{found['pre_weight']:g} everywhere"
    if not gain.known:
        return f"Gain on held-out samples unknown: {gain.reason}. The merge takes {everywhere}."
    figures = f"{gain.value:.3g} nats a token ({gain.low:.3g} to {gain.high:.3g})"
    if found["taken"]:
        return f"On held-out samples better than {everywhere} by {figures}: taken."
    return f"Cannot tell: on held-out samples the gain is {figures}. The merge takes {everywhere}."


def _direction(shares: Shares) -> str:
    middle = (len(shares) - 1) / 2
    slope = sum((at - middle) * share for at, share in enumerate(shares))
    return "neither" if abs(slope) < _LEAST else "early" if slope < 0 else "late"


def _listed(shares: Shares) -> str:
    return ", ".join(f"{share:.3g}" for share in shares)
