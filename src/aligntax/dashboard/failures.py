"""What is said when something goes wrong: a page in words, or JSON to a program; never a stack trace."""

import logging
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from aligntax.dashboard.labelling.blinding import Blinded
from aligntax.dashboard.rendering import render
from aligntax.errors import AligntaxError, UnreadableInput, UsageError

__all__ = ["say_failures"]

_TITLES = {
    400: "That request makes no sense",
    401: "Sign in first",
    403: "That is not yours to do",
    404: "There is no such page",
    405: "That cannot be done here",
    409: "That has changed meanwhile",
    422: "That cannot be asked for",
    500: "Something went wrong here",
    503: "That cannot be read just now",
}
_LOG = logging.getLogger("aligntax.dashboard")


def say_failures(app: FastAPI) -> None:
    """Hangs in what answers when a route raises."""
    for kind, answer in (
        (Blinded, _blinded),
        (HTTPException, _refused),
        (RequestValidationError, _not_valid),
        (AligntaxError, _ours),
        (Exception, _unforeseen),
    ):
        app.add_exception_handler(kind, _typed(answer))


def _typed(answer: Callable[..., Response]) -> Callable[[Request, Exception], Response]:
    return answer


def _refused(request: Request, error: HTTPException) -> Response:
    given = error.detail if isinstance(error.detail, str) else ""
    plain = {404: "Not Found", 405: "Method Not Allowed"}.get(error.status_code)
    words = [given] if given and given != plain else []
    answer = _answer(request, error.status_code, words)
    answer.headers.update(error.headers or {})
    return answer


def _blinded(request: Request, error: Blinded) -> Response:
    if request.url.path.startswith("/api/"):
        return _answer(request, error.status_code, [error.detail])
    return render(
        request,
        "labelling/blinded.html",
        title="First the labels, then the verdicts",
        status=error.status_code,
        words=error.detail,
        task=error.desk.task,
        may_open=error.may_open,
        back=f"{request.url.path}?{request.url.query}".rstrip("?"),
    )


def _not_valid(request: Request, error: RequestValidationError) -> Response:
    words = [f"{'.'.join(map(str, one['loc'][1:])) or 'body'}: {one['msg']}" for one in error.errors()]
    return _answer(request, 422, words)


def _ours(request: Request, error: AligntaxError) -> Response:
    status = 422 if isinstance(error, UsageError) else 404 if isinstance(error, UnreadableInput) else 503
    return _answer(request, status, [error.message, *([error.hint] if error.hint else [])])


def _unforeseen(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
    return _answer(request, 500, ["It is written down in the log of the server. Nothing was changed."])


def _answer(request: Request, status: int, words: list[str]) -> Response:
    title = _TITLES.get(status, "That did not work")
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": title, "detail": words}, status)
    return render(request, "failure.html", title=title, status=status, words=words)
