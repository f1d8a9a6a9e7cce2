"""How a visitor wants pages to look."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from aligntax.dashboard.rendering import THEME_COOKIE
from aligntax.dashboard.security import needs_role

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_YEAR = 31_536_000


@router.post("/theme")
def choose_theme(
    theme: Annotated[Literal["auto", "light", "dark"], Form()],
    back: Annotated[str, Form(max_length=4000)] = "/",
) -> RedirectResponse:
    """Keeps the choice in a cookie, and goes back to where it was made."""
    inside = (
        back.startswith("/") and not back.startswith(("//", "/\\")) and back.isascii() and back.isprintable()
    )
    answer = RedirectResponse(back if inside else "/", 303)
    answer.set_cookie(THEME_COOKIE, theme, max_age=_YEAR, httponly=True, samesite="lax")
    return answer
