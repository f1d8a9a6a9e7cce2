"""Who may reach the dashboard, and what every request must pass first.

`install(app, access)` puts the guard around an application; `needs_role("labeller")` stands at each route.
"""

from fastapi import FastAPI

from aligntax.dashboard.security.guard import HEADERS, OPEN_PATHS, SIGN_IN, Guard
from aligntax.dashboard.security.sign_in import inside, needs_role, sign_in_router
from aligntax.dashboard.security.users import (
    LOCAL,
    ROLES,
    Access,
    Proxy,
    Role,
    TokenHolder,
    User,
    load_access,
    local_access,
)

__all__ = [
    "HEADERS",
    "LOCAL",
    "OPEN_PATHS",
    "ROLES",
    "SIGN_IN",
    "Access",
    "Proxy",
    "Role",
    "TokenHolder",
    "User",
    "inside",
    "install",
    "load_access",
    "local_access",
    "needs_role",
    "sign_in_router",
]


def install(app: FastAPI, access: Access) -> None:
    """Puts the guard around an application; call it last, so that nothing stands outside."""
    app.add_middleware(Guard, access=access)
