"""Whether methods were tried equally hard: a method with more attempts finds more by luck."""

from collections.abc import Mapping

from aligntax.errors import UsageError
from aligntax.frontier.collected import BUDGETS
from aligntax.frontier.runs import Runs

__all__ = ["budgets_of", "unequal_budgets"]

_TOLERANCE = 0.1
"""Share by which hours and money may differ; configurations and trials may not."""


def budgets_of(runs: Runs) -> dict[str, dict[str, float]]:
    """Method -> what it was given: configurations, and trials, gpu_hours and cost where all its runs tell."""
    return {
        method: {"configurations": float(len(runs.of(method))), **runs.budgets.get(method, {})}
        for method in runs.methods
    }


def unequal_budgets(runs: Runs, *, force: bool) -> list[str]:
    """What differs between the budgets of methods, as sentences.

    Args:
        runs: what was measured.
        force: take unequal budgets.

    Returns:
        A sentence for each budget that differs; none where all are equal or there is one method.

    Raises:
        UsageError: budgets differ, and `force` is not set.
    """
    budgets = budgets_of(runs)
    found = []
    for name in ("configurations", *BUDGETS):
        given = {method: budget[name] for method, budget in budgets.items() if name in budget}
        if len(given) > 1 and _differ(name, given):
            listed = ", ".join(f"{method} {value:,.6g}" for method, value in given.items())
            found.append(f"unequal {name.replace('_', ' ').replace('gpu', 'GPU')}: {listed}")
    if found and not force:
        raise UsageError(
            "methods had " + "; ".join(found),
            hint="give each method as many configurations and as much of everything; "
            "--force compares all the same and says so",
        )
    return found


def _differ(name: str, given: Mapping[str, float]) -> bool:
    tolerance = 0.0 if name in ("configurations", "trials") else _TOLERANCE
    return min(given.values()) < (1 - tolerance) * max(given.values())
