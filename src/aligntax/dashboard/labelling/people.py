"""Who is labelling: the user who signed in; where nobody need sign in, the name given on this machine."""

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from aligntax.dashboard.labelling.addresses import HOME, NAMING
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import LOCAL, User, needs_role

__all__ = ["COOKIE", "Labeller", "Person", "name_of", "router"]

COOKIE = "aligntax_annotator"
_MONTH = 2_592_000
_MOST = 60
router = APIRouter()
Labeller = Annotated[User, needs_role("labeller")]


def name_of(request: Request) -> str:
    """The name labels are kept under; "" where somebody at this machine has not given theirs yet."""
    user: User = request.state.user
    return _tidy(unquote(request.cookies.get(COOKIE, ""))) if user == LOCAL else user.name


def _named(request: Request, user: Labeller) -> str:
    name = name_of(request)
    if not name:
        back = quote(request.url.path, safe="/")
        raise HTTPException(303, "Say who you are first.", {"Location": f"{NAMING}?back={back}"})
    return name


Person = Annotated[str, Depends(_named)]
"""The name of whoever labels; a page that needs it asks for it first."""


def _tidy(name: str) -> str:
    name = " ".join(name.split())
    return name if name.isprintable() and len(name) <= _MOST and name.casefold() != LOCAL.name else ""


@router.get("/name")
def ask_name(request: Request, user: Labeller, back: str = HOME) -> Response:
    """The page that asks for a name."""
    if user != LOCAL:
        return RedirectResponse(HOME, 303)
    name = name_of(request)
    return render(
        request, "labelling/name.html", title="Who is labelling?", back=_inside(back), name=name, wrong=False
    )


@router.post("/name")
def keep_name(
    request: Request,
    user: Labeller,
    name: Annotated[str, Form(max_length=1000)] = "",
    back: Annotated[str, Form(max_length=1000)] = HOME,
) -> Response:
    """Keeps the name in this browser."""
    tidy = _tidy(name)
    if user != LOCAL:
        return RedirectResponse(HOME, 303)
    if not tidy:
        context = {"back": _inside(back), "name": "", "wrong": True}
        return render(request, "labelling/name.html", title="Who is labelling?", status=422, **context)
    answer = RedirectResponse(_inside(back), 303)
    answer.set_cookie(COOKIE, quote(tidy), max_age=_MONTH, path="/", httponly=True, samesite="lax")
    return answer


def _inside(back: str) -> str:
    """A page of the labelling screen to go back to: never another site's."""
    return (
        back
        if back.startswith(f"{HOME}/") and back.isascii() and back.isprintable() and "\\" not in back
        else HOME
    )
