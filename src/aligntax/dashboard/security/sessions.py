"""Cookies: who is signed in, signed so that nobody can make one up, and the token that guards every form."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from itsdangerous import BadSignature, URLSafeTimedSerializer

from aligntax.dashboard.security.users import ROLES, Access, Role, User

__all__ = ["COOKIE", "Session", "Sessions"]

COOKIE = "aligntax_session"
_HOURS = 12.0


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's visit.

    Attributes:
        id: random; what its forms' tokens are made from.
        user: who signed in; None for nobody yet.
    """

    id: str
    user: User | None = None


class Sessions:
    """Writes and reads the session cookie.

    Args:
        access: its secret signs the cookies, and `secure` is kept to.
    """

    def __init__(self, access: Access) -> None:
        self._signer = URLSafeTimedSerializer(access.secret, salt="session")
        self._secret = access.secret
        self._secure = access.secure

    def new(self, user: User | None = None) -> Session:
        """A session with an id of its own: signing in never keeps the one from before."""
        return Session(secrets.token_urlsafe(18), user)

    def read(self, header: str) -> Session | None:
        """The session a Cookie header holds; None where there is none, it is too old, or made up."""
        try:
            morsel = SimpleCookie(header).get(COOKIE)
        except CookieError:
            return None
        if morsel is None:
            return None
        try:
            kept, name, role = self._signer.loads(morsel.value, max_age=int(_HOURS * 3600))
        except (BadSignature, ValueError, TypeError):
            return None
        user = User(name, role) if role in ROLES else None
        return Session(kept, user)

    def cookie(self, session: Session) -> str:
        """The Set-Cookie header of a session."""
        name, role = _told(session.user)
        value = self._signer.dumps([session.id, name, role])
        secure = "; Secure" if self._secure else ""
        return f"{COOKIE}={value}; Path=/; Max-Age={int(_HOURS * 3600)}; HttpOnly; SameSite=Lax{secure}"

    def form_token(self, session: Session) -> str:
        """What every form of this session must send back."""
        return hmac.new(self._secret, f"form {session.id}".encode(), hashlib.sha256).hexdigest()

    def right(self, session: Session, token: str) -> bool:
        """Whether a form's token is this session's."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode("utf-8", "surrogatepass"))


def _told(user: User | None) -> tuple[str, Role | str]:
    return (user.name, user.role) if user else ("", "")
