"""Which exchanges the cheaper layers left open."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.detectors.verdict import NONE, UNDETERMINED, Verdict
from aligntax.errors import UsageError
from aligntax.records import LAYERS, REASONS

__all__ = ["band_of", "readable", "undecided"]

Band = tuple[float, float]
_OPEN_REASONS = (NONE, REASONS.index("unknown_language"), REASONS.index("asks_back"))
_SIGNALLED = (LAYERS.index("provider_filter"), LAYERS.index("guardrail"))


def undecided(verdict: Verdict, exchanges: pa.RecordBatch, band: Band | None) -> npt.NDArray[np.int64]:
    """Rows to judge, ascending: undetermined for want of a layer that could tell, or unsure.

    Whatever the provider said, and whatever has no text, is settled: there is nothing to read.

    Args:
        verdict: of the layers so far.
        exchanges: the same rows, EXCHANGE schema.
        band: lowest and highest score, both included, at which a verdict counts as unsure; None for never.
    """
    open_ = (verdict.outcome == UNDETERMINED) & np.isin(verdict.reason, _OPEN_REASONS)
    if band is not None:
        # stored as float32: 0.7 must lie in a band that ends at 0.7
        low, high = np.float32(band[0]), np.float32(band[1])
        unsure = (verdict.score >= low) & (verdict.score <= high) & (verdict.outcome != UNDETERMINED)
        open_ |= unsure
    open_ &= ~np.isin(verdict.layer, _SIGNALLED) & readable(exchanges)
    return np.flatnonzero(open_)


def readable(exchanges: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """(rows,) whether there is a response in words and no field that holds a refusal beside it."""
    text = pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(exchanges.column("response"))), 0)
    told = np.asarray(pc.fill_null(text, False).to_numpy(zero_copy_only=False), bool)
    if "kind" in exchanges.schema.names:
        kind = pc.fill_null(pc.equal(exchanges.column("kind"), "text"), True)
        told &= kind.to_numpy(zero_copy_only=False)
    if "refusal_text" in exchanges.schema.names:
        other = pc.fill_null(pc.greater(pc.utf8_length(exchanges.column("refusal_text")), 0), False)
        told &= ~other.to_numpy(zero_copy_only=False)
    return told


def band_of(text: str) -> Band:
    """A band from "LOW-HIGH", as in "0.3-0.7".

    Raises:
        UsageError: it is not two numbers in [0, 1], the lower one first.
    """
    low, _, high = text.partition("-")
    try:
        band = float(low), float(high)
    except ValueError:
        band = (1.0, 0.0)
    if not 0.0 <= band[0] <= band[1] <= 1.0:
        raise UsageError(f"no band of scores: {text!r}", hint="two numbers from 0 to 1, as in 0.3-0.7")
    return band
