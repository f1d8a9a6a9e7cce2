"""The labelling screen: one exchange at a time, blind, nothing lost."""

from fastapi import APIRouter

from aligntax.dashboard.labelling import blinding, labels, people, policy, results, settling
from aligntax.dashboard.labelling.addresses import HOME

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
for part in (
    people.router,
    blinding.router,
    policy.router,
    settling.router,
    results.router,
    labels.router,
):
    router.include_router(part, prefix=HOME)
