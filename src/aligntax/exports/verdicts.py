"""Which verdict a gate gave on a figure."""

from collections.abc import Mapping
from typing import Any

from aligntax.exports.exported import Exported
from aligntax.records import Measurement

__all__ = ["verdict_of"]


def verdict_of(exported: Exported, figure: Measurement) -> str:
    """pass, fail or inconclusive; "" where the gate did not hold this figure, or none was asked."""
    for one in (exported.gate or {}).get("slices", ()):
        if one["component"] == figure.component and _slice(one) == figure.slice:
            return str(one["verdict"])
    return ""


def _slice(one: Mapping[str, Any]) -> dict[str, str]:
    return {"use_case": str(one["use_case"])} | {str(k): str(v) for k, v in one.get("slice", {}).items()}
