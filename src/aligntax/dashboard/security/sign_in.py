"""The page to sign in with a token, and what a page asks of its visitor's role."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.params import Depends as Dependency
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from aligntax.dashboard.security.guard import SIGN_IN
from aligntax.dashboard.security.users import Access, Role, User

__all__ = ["inside", "needs_role", "sign_in_router"]


def needs_role(role: Role) -> Dependency:
    """Lets in only users who may do what `role` may; a parameter annotated with it is the user."""

    def visitor(request: Request) -> User:
        user: User | None = request.state.user
        if user is None:
            raise HTTPException(401, "Sign in first.")
        if not user.may(role):
            raise HTTPException(403, f"This needs the role {role}; yours is {user.role}.")
        return user

    return Dependency(visitor)


def sign_in_router(access: Access, page: Callable[[Request, dict[str, object]], HTMLResponse]) -> APIRouter:
    """Routes to sign in and out.

    Args:
        access: whose tokens are known.
        page: renders the sign-in page from a request and {"wrong": bool, "back": str}.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(SIGN_IN)
    def show(request: Request, back: str = "/") -> HTMLResponse:
        return page(request, {"wrong": False, "back": inside(back)})

    @router.post(SIGN_IN)
    def sign_in(
        request: Request, token: Annotated[str, Form(max_length=1000)], back: Annotated[str, Form()] = "/"
    ) -> Response:
        user = access.holder(token.strip())
        if user is None:
            answer = page(request, {"wrong": True, "back": inside(back)})
            answer.status_code = 401
            return answer
        request.state.sign_in(user)
        return RedirectResponse(inside(back), 303)

    @router.post("/sign-out")
    def sign_out(request: Request) -> RedirectResponse:
        request.state.sign_in(None)
        return RedirectResponse(SIGN_IN if not access.open_locally else "/", 303)

    return router


def inside(back: str) -> str:
    """A path of this server to go back to: never another site's."""
    parts = urlsplit(back.replace("\\", "/"))
    ours = back.startswith("/") and not back.startswith("//") and not (parts.scheme or parts.netloc)
    return back if ours and back.isprintable() and "\\" not in back else "/"
