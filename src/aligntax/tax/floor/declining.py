"""Whether a judge's own words are a refusal to judge."""

from dataclasses import dataclass

import pyarrow as pa

from aligntax.extension_points import Detector
from aligntax.records import EXCHANGE

__all__ = ["Declining"]


@dataclass(frozen=True, slots=True)
class Declining:
    """Tells by a detector of refusals.

    Attributes:
        detector: of what a text says.
    """

    detector: Detector

    def __call__(self, text: str) -> bool:
        """Whether the text declines."""
        row = {"id": "", "prompt": "", "response": text, "kind": "text"}
        batch = pa.RecordBatch.from_pylist([row], schema=EXCHANGE)
        return bool(self.detector(batch).column("outcome").to_pylist()[0] == "refused")
