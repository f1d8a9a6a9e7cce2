"""What every request passes before a page sees it: host, rate, size, who it is, whether a form is ours."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aligntax.dashboard.security.limits import Buckets
from aligntax.dashboard.security.sessions import Session, Sessions
from aligntax.dashboard.security.users import LOCAL, Access, User

__all__ = ["HEADERS", "OPEN_PATHS", "SIGN_IN", "Guard"]

SIGN_IN = "/sign-in"
OPEN_PATHS = (SIGN_IN, "/healthz", "/static/")
"""What may be seen without signing in."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE = ("GET", "HEAD", "OPTIONS")
_BODY_BYTES = 1_000_000
_FORM = "application/x-www-form-urlencoded"
_SIGN_IN_RATE, _SIGN_IN_BURST = 0.1, 10  # tokens are long; this keeps the log readable


class _Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, words: str, **headers: str) -> None:
        super().__init__(words)
        self.status, self.words, self.headers = status, words, headers


class Guard:
    """ASGI middleware around the whole application; nothing inside is reached without it.

    Sets `request.state.user` (User or None on open paths), `request.state.csrf` (what every form must hold as
    the field `csrf`, or a script send as X-CSRF-Token) and `request.state.sign_in(user)`.

    Args:
        app: what is guarded.
        access: who may come in.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access
        self._sessions = Sessions(access)
        self._buckets = Buckets(access.rate, access.burst)
        self._sign_ins = Buckets(_SIGN_IN_RATE, _SIGN_IN_BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            return
        visit = _Visit(self._sessions, Headers(scope=scope), send)
        try:
            receive = await self._checked(scope, visit, receive)
        except _Refused as refused:
            await _answer(scope, refused, visit.send)
            return
        await self._app(scope, receive, visit.send)

    async def _checked(self, scope: Scope, visit: "_Visit", receive: Receive) -> Receive:
        headers = visit.headers
        _host(headers.get("host", ""), self._access.hosts)
        client = self._client(scope, headers)
        path = str(scope["path"])
        _paced(self._buckets.wait(client))
        if path == SIGN_IN and scope["method"] not in _SAFE:
            _paced(self._sign_ins.wait(client))
        user, by_token = self._user(scope, visit)
        if user is None and not path.startswith(OPEN_PATHS):
            raise _not_signed_in(scope, headers)
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["user"] = user
        state["csrf"] = self._sessions.form_token(visit.session)
        state["sign_in"] = visit.sign_in
        return await self._form(scope, visit, receive, by_token=by_token)

    def _client(self, scope: Scope, headers: Headers) -> str:
        peer = scope["client"][0] if scope.get("client") else ""
        proxy = self._access.proxy
        if proxy and proxy.trusts(peer):
            return headers.get("x-forwarded-for", peer).rpartition(",")[2].strip() or peer
        return str(peer)

    def _user(self, scope: Scope, visit: "_Visit") -> tuple[User | None, bool]:
        """Who asks, and whether a token in the request itself says so, which no other site can send along."""
        kind, _, token = visit.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            user = self._access.holder(token.strip())
            if user is None:
                raise _Refused(401, "This token is not known here.", **{"WWW-Authenticate": "Bearer"})
            return user, True
        proxy = self._access.proxy
        peer = scope["client"][0] if scope.get("client") else ""
        if proxy and proxy.trusts(peer):
            groups = visit.headers.get(proxy.groups_header, "") if proxy.groups_header else ""
            if user := proxy.user(visit.headers.get(proxy.user_header, "").strip(), groups):
                return user, False
        if visit.session.user:
            return visit.session.user, False
        return (LOCAL if self._access.open_locally else None), False

    async def _form(self, scope: Scope, visit: "_Visit", receive: Receive, *, by_token: bool) -> Receive:
        """Reads what a changing request holds, and lets it pass only with this session's own token."""
        if scope["method"] in _SAFE:
            return receive
        body = await _body(visit.headers, receive)
        if not by_token:
            token = visit.headers.get("x-csrf-token", "") or _field(visit.headers, body)
            if not self._sessions.right(visit.session, token):
                raise _Refused(
                    403, "This form is too old or came from elsewhere. Go back, reload, try again."
                )
        return _replayed(body, receive)


class _Visit:
    """One request's session, and the headers every answer gets."""

    def __init__(self, sessions: Sessions, headers: Headers, send: Send) -> None:
        self.headers = headers
        self._sessions, self._send = sessions, send
        found = sessions.read(headers.get("cookie", ""))
        self.session: Session = found or sessions.new()
        self._changed = found is None

    def sign_in(self, user: User | None) -> None:
        """Starts a session of this user's; None signs out."""
        self.session, self._changed = self._sessions.new(user), True

    async def send(self, message: Message) -> None:
        """Sends on, with the headers of safety, and the cookie where it is new."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            if self._changed:
                headers.append("Set-Cookie", self._sessions.cookie(self.session))
        await self._send(message)


def _host(given: str, hosts: tuple[str, ...]) -> None:
    name = given.rpartition(":")[0] if given.rpartition(":")[2].isdigit() else given
    if name.lower() not in hosts:
        raise _Refused(
            421, "This server does not answer to that name. Start it with --host-name to allow it."
        )


def _paced(seconds: float) -> None:
    if seconds:
        raise _Refused(429, "Too many requests: wait a moment.", **{"Retry-After": str(int(seconds) + 1)})


def _not_signed_in(scope: Scope, headers: Headers) -> _Refused:
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        query = scope["query_string"].decode("latin-1")
        back = quote(scope["path"] + ("?" + query if query else ""), safe="")
        return _Refused(303, "Sign in first.", Location=f"{SIGN_IN}?back={back}")
    return _Refused(401, "Sign in, or send a token.", **{"WWW-Authenticate": "Bearer"})


async def _body(headers: Headers, receive: Receive) -> bytes:
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > _BODY_BYTES:
        raise _Refused(413, "That is more than a form can hold.")
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refused(400, "The request broke off.")
        part = message.get("body", b"")
        size += len(part)
        if size > _BODY_BYTES:
            raise _Refused(413, "That is more than a form can hold.")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _field(headers: Headers, body: bytes) -> str:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return ""
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return ""
    return fields.get("csrf", [""])[-1]


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """The body that was read, once more for the page."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _answer(scope: Scope, refused: _Refused, send: Send) -> None:
    words = b"" if scope["method"] == "HEAD" else refused.words.encode()
    headers = {"Content-Type": "text/plain; charset=utf-8", **refused.headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": raw})
    await send({"type": "http.response.body", "body": words})
