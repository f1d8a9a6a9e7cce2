"""The web application: routes, the guard around them, and what is said when something goes wrong."""

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from aligntax import __version__
from aligntax.dashboard.api import router as api
from aligntax.dashboard.assets import Assets
from aligntax.dashboard.failures import say_failures
from aligntax.dashboard.labelling import router as labelling
from aligntax.dashboard.pages import PAGES
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import Access, install, sign_in_router
from aligntax.ledger.opened import Ledger

__all__ = ["make_app"]


def make_app(ledger: Ledger, access: Access, *, show_text: bool = False) -> FastAPI:
    """The dashboard over a ledger.

    Args:
        ledger: whose runs are shown; it stays open for as long as the application lives.
        access: who may come in.
        show_text: whether texts of exchanges are shown to those whose role allows it.
    """
    app = FastAPI(
        title="aligntax",
        version=__version__,
        summary="What a ledger holds, as JSON.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
    )
    app.state.ledger = ledger
    app.state.show_text = show_text
    app.mount("/static", Assets(), name="static")
    for router in (*PAGES, labelling, api, sign_in_router(access, _sign_in)):
        app.include_router(router)
    say_failures(app)
    install(app, access)
    return app


def _sign_in(request: Request, context: dict[str, object]) -> HTMLResponse:
    return render(request, "sign_in.html", title="Sign in", wrong=context["wrong"], back=context["back"])
