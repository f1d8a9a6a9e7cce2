"""What all documents share: figures as plain values and back, and files that are whole or not there."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from aligntax.records import Estimate
from aligntax.records.files import atomic

__all__ = ["Document", "estimate_of", "flat", "save_document"]

Document = Mapping[str, object]


def flat(estimate: Estimate) -> dict[str, object]:
    """An estimate as plain values, nan as null; `estimate_of` reads it back."""
    figures = asdict(estimate)
    return figures | {name: None for name in ("value", "low", "high") if math.isnan(figures[name])}


def estimate_of(entry: Mapping[str, object]) -> Estimate:
    """The estimate in an entry of `measurements`."""
    fields = {name: entry[name] for name in Estimate.__slots__}
    for name in ("value", "low", "high"):
        fields[name] = math.nan if fields[name] is None else fields[name]
    return Estimate(**fields)  # type: ignore[arg-type]


def save_document(contents: Document, path: Path) -> None:
    """Writes the document as JSON, whole or not at all."""
    with atomic(path) as part:
        text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", "utf-8", errors="surrogatepass")
