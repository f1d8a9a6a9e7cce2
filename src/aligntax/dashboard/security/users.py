"""Who may do what: users, their roles, and how they show who they are."""

import hashlib
import hmac
import ipaddress
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from aligntax.errors import UnreadableInput, UsageError

__all__ = ["LOCAL", "ROLES", "Access", "Proxy", "Role", "TokenHolder", "User", "load_access", "local_access"]

Role = Literal["viewer", "labeller", "approver"]
"""What a user may do; each role may do what those before it may."""
ROLES: tuple[Role, ...] = get_args(Role)
_TOKEN_BYTES = 16  # a shorter token can be guessed


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has shown who they are.

    Attributes:
        name: as it stands beside labels and approvals.
        role: the most they may do.
    """

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this user may do what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = User("local", "approver")
"""Whoever sits at this machine, where only this machine can reach the server."""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """A user and the SHA-256, in hexadecimal, of their token: the token itself is kept nowhere."""

    user: User
    digest: str


@dataclass(frozen=True, slots=True)
class Proxy:
    """A reverse proxy that signs people in and says in headers who they are.

    Attributes:
        user_header: holds the user's name.
        groups_header: holds their groups, separated by commas; "" where roles come from `default_role` alone.
        roles: group -> role; the highest counts.
        default_role: of a user with none of these groups; None turns them away.
        trusted: networks the proxy's connections come from; headers of anybody else are not believed.
    """

    user_header: str = "X-Forwarded-User"
    groups_header: str = "X-Forwarded-Groups"
    roles: Mapping[str, Role] = field(default_factory=dict)
    default_role: Role | None = None
    trusted: tuple[str, ...] = ("127.0.0.1/32", "::1/128")

    def trusts(self, address: str) -> bool:
        """Whether a connection from this address is the proxy's."""
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(peer in ipaddress.ip_network(network) for network in self.trusted)

    def user(self, name: str, groups: str) -> User | None:
        """The user the headers tell of; None where there is no name or no role."""
        held = [self.roles[group] for part in groups.split(",") if (group := part.strip()) in self.roles]
        role = max(held, key=ROLES.index, default=self.default_role)
        return User(name, role) if name and role else None


@dataclass(frozen=True)
class Access:
    """How the server is reached and by whom.

    Attributes:
        holders: users with tokens.
        proxy: a reverse proxy that signs users in; None without one.
        open_locally: whether whoever reaches the server is LOCAL; only for a server on loopback.
        hosts: names the server answers to (the Host header, without port); others are refused, since a
            page elsewhere could have its own name point to this machine.
        secure: whether browsers may send cookies over HTTPS only.
        secret: cookies are signed with it; by default a new one, which signs everybody out at a restart.
        rate: requests a second one client may go on making.
        burst: requests it may make at once.
    """

    holders: tuple[TokenHolder, ...] = ()
    proxy: Proxy | None = None
    open_locally: bool = False
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    secure: bool = False
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    rate: float = 50.0
    burst: int = 300

    def __post_init__(self) -> None:
        if not (self.holders or self.proxy or self.open_locally):
            raise UsageError(
                "nobody could sign in: an exposed dashboard needs users",
                hint="give --access FILE with tokens or a proxy, or stay on 127.0.0.1",
            )

    def holder(self, token: str) -> User | None:
        """Whose token this is; every holder is compared, so that time tells nothing."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for holder in self.holders:
            if hmac.compare_digest(holder.digest, digest):
                found = holder.user
        return found


def local_access() -> Access:
    """For a server only this machine can reach: no sign-in, everything else as when exposed."""
    return Access(open_locally=True)


def load_access(path: Path) -> Access:
    """Reads who may come in.

    Args:
        path: of a TOML file::

            hosts = ["tax.example.com"]
            secure = true                      # cookies over HTTPS only
            [[user]]
            name = "reviewer"
            role = "approver"
            token_file = "reviewer.token"      # or token_sha256 = "…"
            [proxy]
            user_header = "X-Forwarded-User"
            groups_header = "X-Forwarded-Groups"
            trusted = ["10.0.0.0/8"]
            default_role = "viewer"
            [proxy.roles]
            "safety-team" = "approver"

    Raises:
        UnreadableInput: it cannot be read, or a key, role, network or token in it is no good.
    """
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableInput(f"{path}: {error}", hint="see `aligntax serve --help` for its form") from error
    try:
        settings: dict[str, Any] = {k: given.pop(k) for k in ("secure", "rate", "burst") if k in given}
        if "hosts" in given:
            settings["hosts"] = tuple(given.pop("hosts"))
        holders = tuple(_holder(entry, path) for entry in given.pop("user", ()))
        proxy = _proxy(given.pop("proxy")) if "proxy" in given else None
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UnreadableInput(f"{path}: {error}", hint="see `aligntax serve --help` for its form") from error
    if given:
        raise UnreadableInput(f"{path}: {', '.join(sorted(given))}: there is no such key")
    return Access(holders=holders, proxy=proxy, **settings)


def _holder(entry: Mapping[str, Any], path: Path) -> TokenHolder:
    rest = dict(entry)
    user = User(str(rest.pop("name")), _role(rest.pop("role")))
    if "token_sha256" in rest:
        digest = str(rest.pop("token_sha256")).lower()
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ValueError(f"user {user.name}: token_sha256 is no SHA-256 in hexadecimal")
    else:
        digest = _token_digest(path.parent / rest.pop("token_file"), user.name)
    if rest:
        raise ValueError(f"user {user.name}: {', '.join(sorted(rest))}: there is no such key")
    return TokenHolder(user, digest)


def _token_digest(file: Path, name: str) -> str:
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"user {name}: {file}: {error}") from error
    if len(token) < _TOKEN_BYTES:
        raise ValueError(f"user {name}: a token of fewer than {_TOKEN_BYTES} characters can be guessed")
    return hashlib.sha256(token.encode()).hexdigest()


def _proxy(entry: Mapping[str, Any]) -> Proxy:
    rest = dict(entry)
    roles = {str(group): _role(role) for group, role in rest.pop("roles", {}).items()}
    default = rest.pop("default_role", None)
    trusted = tuple(str(ipaddress.ip_network(network)) for network in rest.pop("trusted", Proxy().trusted))
    return Proxy(roles=roles, default_role=_role(default) if default else None, trusted=trusted, **rest)


def _role(name: object) -> Role:
    for role in ROLES:
        if name == role:
            return role
    raise ValueError(f"{name!r} is no role; roles are {', '.join(ROLES)}")
