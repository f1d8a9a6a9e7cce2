"""Keys of the ledger's rows: short enough to type, in the order of time, never given twice."""

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Mapping

__all__ = ["content_hash", "new_key", "now"]


def now() -> dt.datetime:
    """UTC without zone, to the microsecond."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def new_key(at: dt.datetime) -> str:
    """A key for what was made at `at` (UTC): 20261122T211000-7f3a9c."""
    return f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def content_hash(content: str | bytes | Mapping[str, object]) -> str:
    """SHA-256, in hexadecimal, of a text, of bytes, or of a document whatever the order of its keys."""
    if isinstance(content, Mapping):
        content = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return hashlib.sha256(raw).hexdigest()
