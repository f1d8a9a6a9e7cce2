"""Documents as the ledger keeps them: JSON, compressed, with null for what is no number."""

import gzip
import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["pack", "plain_json", "unpack"]


def pack(document: Mapping[str, Any]) -> bytes:
    """A document as bytes, the same for the same document."""
    return gzip.compress(plain_json(document).encode(), compresslevel=6, mtime=0)


def unpack(body: bytes) -> dict[str, Any]:
    """The document back."""
    contents: dict[str, Any] = json.loads(gzip.decompress(body))
    return contents


def plain_json(value: object) -> str:
    """JSON in ASCII, which every database keeps; nan and infinity, which JSON has not, become null."""
    try:
        return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_plain(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
