"""The policy in force, read once for each text."""

from functools import lru_cache

from aligntax.errors import AligntaxError
from aligntax.ledger.opened import Ledger
from aligntax.ledger.policies import KeptPolicy, policies, policy_text
from aligntax.policy.model import Budget, Policy
from aligntax.policy.read import LoadedPolicy, read_policy

__all__ = ["budget_of", "loaded_in_force", "policy_in_force", "read_kept"]


@lru_cache(maxsize=64)
def _read(text: str) -> LoadedPolicy | None:
    try:
        return read_policy(text)
    except AligntaxError:
        return None  # kept by a later version, or by hand: it is shown as text


def read_kept(ledger: Ledger, policy_id: str) -> tuple[str, Policy | None]:
    """The text of a policy, and what it says where it can be read."""
    text = policy_text(ledger, policy_id)
    loaded = _read(text)
    return text, loaded.policy if loaded else None


def policy_in_force(ledger: Ledger) -> tuple[KeptPolicy | None, Policy | None]:
    """The newest policy that is kept, and what it says; None where there is none."""
    kept = policies(ledger, limit=1)
    return (kept[0], read_kept(ledger, kept[0].id)[1]) if kept else (None, None)


def loaded_in_force(ledger: Ledger) -> LoadedPolicy | None:
    """The newest policy that is kept, with its text and key; None where there is none to be read."""
    kept = policies(ledger, limit=1)
    return _read(policy_text(ledger, kept[0].id)) if kept else None


def budget_of(policy: Policy | None, use_case: str, component: str) -> Budget | None:
    """The budget of a component in a use case; None where there is none."""
    if policy is None:
        return None
    found = (b for case in policy.use_case if case.name == use_case for b in case.budget)
    return next((budget for budget in found if budget.component == component), None)
