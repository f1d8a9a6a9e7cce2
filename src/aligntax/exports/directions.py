"""Whether less of a component is better; a target that ranks results has to be told."""

from aligntax.exports.exported import Exported
from aligntax.policy.components import COMPONENTS

__all__ = ["lower_is_better"]

_HIGHER = ("complete", "score", "accuracy")
_LOWER = ("harmful_compliance", "over_refusal", "capability_tax", "stage_tax", "verbosity_tax", "drift")
_NEITHER = ("length.median", "length.p90", "bill.spent_cost")


def lower_is_better(exported: Exported, component: str) -> bool | None:
    """As the policy says, else as the component is made; None where neither way is better."""
    for case in exported.policy.policy.use_case if exported.policy else ():
        for budget in case.budget:
            if budget.component == component:
                return budget.direction == "at_most"
    if component in _NEITHER:
        return None
    if _within(component, _HIGHER):
        return False
    return True if component in COMPONENTS or _within(component, _LOWER) else None


def _within(component: str, families: tuple[str, ...]) -> bool:
    return any(component == one or component.startswith(f"{one}.") for one in families)
