"""The components an audit measures, so that a budget for a misspelled one is found out."""

import difflib
from collections.abc import Mapping

from aligntax.records import FLAGS

__all__ = ["COMPONENTS", "RATES", "nearest"]

_LAYERS = ("provider_filter", "guardrail", "model")

RATES: Mapping[str, str] = {
    "completion_tax": "refused or hedged, refusals for want of an ability left out",
    "refused": "refused",
    "hedged": "answered beside a step back, or mostly in caveats",
    "complete": "answered without either",
    "cannot": "refused for want of an ability",
    "undetermined": "the detector could not tell",
    "fallback": "answered by another model than the one asked for",
    "delay.share": "answered after something else",
    **{f"symptom.{flag}": f"showing {flag.replace('_', ' ')}" for flag in FLAGS},
    **{f"missing.{flag}": f"answered without the required {flag.replace('_', ' ')}" for flag in FLAGS},
    **{f"layer.{layer}": f"stopped by the {layer.replace('_', ' ')}" for layer in _LAYERS},
}
"""Components that are shares in [0, 1], each with what it is the share of."""
COMPONENTS: Mapping[str, str] = {
    **RATES,
    "hedge_density": "hedging words in 1,000 characters",
    "delay.median": "characters before the answer starts, median",
    "delay.p90": "characters before the answer starts, exceeded by one answer in ten",
    "length.median": "characters of an answer, median",
    "length.p90": "characters of an answer, exceeded by one in ten",
    "bill.refused": "requests refused",
    "bill.hedged": "requests hedged",
    "bill.retries": "requests made again after a refusal or a hedge",
    "bill.caveat_tokens": "tokens spent on caveats",
    "bill.refusal_tokens": "tokens spent on refusals",
    "bill.retry_tokens": "tokens spent on asking again",
    "bill.caveat_cost": "US dollars spent on caveats",
    "bill.refusal_cost": "US dollars spent on refusals",
    "bill.retry_cost": "US dollars spent on asking again",
    "bill.wasted_cost": "US dollars spent on all three",
    "bill.spent_cost": "US dollars spent on everything",
}
"""Every component an audit measures by use case. Other documents measure others, which may have budgets."""

_SO_NEAR = 0.86  # of a misspelling; "capability_tax", of another document, is 0.71 from "completion_tax"


def nearest(component: str) -> str:
    """The component that a name is so near to that it must be a misspelling of it; "" where there is none."""
    if component in COMPONENTS:
        return ""
    found = difflib.get_close_matches(component.lower(), COMPONENTS, n=1, cutoff=_SO_NEAR)
    return found[0] if found else ""
