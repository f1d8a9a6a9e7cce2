"""Style sheets and scripts: a fixed set of our own files, read once; no request names a file on disk."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

import aligntax.report

__all__ = ["Assets", "asset_url"]

_OURS = Path(__file__).parent / "static"
_REPORT = Path(aligntax.report.__file__).parent / "templates" / "style.css"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_YEAR = 31_536_000


@cache
def _files() -> Mapping[str, tuple[bytes, str, str]]:
    """Name in a URL -> what it holds, its media type, the beginning of its hash."""
    found = {path.name: path for path in _OURS.iterdir() if path.suffix in _TYPES} | {"report.css": _REPORT}
    held = {name: (path.read_bytes(), _TYPES[path.suffix]) for name, path in found.items()}
    return {name: (raw, kind, hashlib.sha256(raw).hexdigest()[:12]) for name, (raw, kind) in held.items()}


def asset_url(name: str) -> str:
    """Where a page finds a file of ours; another URL when it has changed, so that browsers may keep it."""
    return f"/static/{name}?v={_files()[name][2]}"


class Assets:
    """ASGI application that serves the files, and nothing else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with a file looked up by its whole name."""
        name = str(scope["path"]).removeprefix(str(scope.get("root_path", ""))).removeprefix("/")
        held = _files().get(name)
        if held is None or scope["method"] not in ("GET", "HEAD"):
            await PlainTextResponse("There is no such file.", 404)(scope, receive, send)
            return
        raw, kind, version = held
        headers = {"ETag": f'"{version}"', "Cache-Control": f"public, max-age={_YEAR}, immutable"}
        await Response(raw, media_type=kind, headers=headers)(scope, receive, send)
