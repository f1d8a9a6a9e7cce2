"""Whether the server is up, and what it measures, for machines that ask."""

from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from aligntax.dashboard.parameters import Opened
from aligntax.dashboard.reading.current_policy import loaded_in_force
from aligntax.dashboard.security import needs_role
from aligntax.ledger.runs import runs

__all__ = ["router"]

router = APIRouter(tags=["health"])
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz", response_class=PlainTextResponse)
def healthy(ledger: Opened) -> PlainTextResponse:
    """Says ok where the ledger can be read."""
    runs(ledger, limit=1)
    return PlainTextResponse("ok\n")


def _metrics(ledger: Opened) -> PlainTextResponse:
    """The newest figures, and the limits of the policy in force, for Prometheus."""
    exposition = import_module("aligntax.exports.prometheus").exposition
    text = exposition(ledger, policy=loaded_in_force(ledger))
    return PlainTextResponse(text, media_type=_EXPOSITION)


if find_spec("aligntax.exports"):
    router.add_api_route(
        "/metrics", _metrics, dependencies=[needs_role("viewer")], response_class=PlainTextResponse
    )
