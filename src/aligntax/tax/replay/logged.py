"""What a model says now against what the log recorded of it, where it is the one that answered then."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from aligntax.detectors import served_by_fallback
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.completion import BENIGN_RATES
from aligntax.tax.pairs.differences import Difference
from aligntax.tax.replay.drawn import Drawn
from aligntax.tax.replay.measured import Replayed, weighted

__all__ = ["Logged", "against_log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One model then and now.

    Attributes:
        side: "A" or "B".
        model: as it was asked for.
        rows: exchanges of the sample it answered in the log.
        share: of the log that they stand for, in [0, 1].
        why_not: why there is nothing to compare; "" where there is.
        rates: name -> now less then.
    """

    side: str
    model: str
    rows: int
    share: float
    why_not: str = ""
    rates: Mapping[str, Difference] = field(default_factory=dict)


def against_log(replayed: Replayed, drawn: Drawn, side: int, asked_for: str, settings: Settings) -> Logged:
    """Compares a model's answers with those the log recorded of it, on the same requests.

    Args:
        replayed: both models' answers.
        drawn: the sample, with what the log recorded.
        side: 0 for A, 1 for B.
        asked_for: the name it was asked for by.
        settings: margin and precision.
    """
    row = replayed.records[:, 1]
    mine = _by(asked_for, [drawn.rows[at].model for at in row.tolist()])
    name, rows = asked_for.rpartition("/")[2], len(set(row[mine].tolist()))
    sample = drawn.sample
    weights = sample.weights
    all_of = _by(asked_for, [one.model for one in drawn.rows])
    share = float(weights[all_of].sum() / weights.sum())
    known = Logged(side="AB"[side], model=name, rows=rows, share=share)
    if replayed.outcomes is None or rows < 2:
        there = sorted({one.model for one in drawn.rows if one.model})
        said = ", ".join(there[:4]) + (", ..." if len(there) > 4 else "")
        why = f"the log was answered by {said}" if said else "the log does not tell which model answered"
        return Logged(side=known.side, model=name, rows=rows, share=share, why_not=why)
    outcomes = replayed.outcomes[side]
    then = np.array([drawn.rows[at].outcome for at in row.tolist()], dtype=object)
    unable = np.array([drawn.rows[at].cannot for at in row.tolist()], dtype=bool)
    at = replayed.records[:, 0]
    among = mine & (then != "undetermined") & (outcomes.determined | outcomes.missing)[at]
    whole = type(sample)(sample.strata[row], sample.sizes, sample.clusters[row])
    rates = {}
    for rate in BENIGN_RATES:
        refused, hedged = (then == "refused") & ~(unable & (rate == "completion_tax")), then == "hedged"
        recorded = {"completion_tax": refused | hedged, "refused": refused, "hedged": hedged}[rate]
        rates[rate] = weighted(
            recorded.astype(np.float64),
            outcomes.seen(rate)[at],
            among,
            whole,
            margin=settings.margin,
            precision=settings.precision,
        )
    return Logged(side=known.side, model=name, rows=rows, share=share, rates=rates)


def _by(asked_for: str, models: list[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(rows,) whether the log's model is the one asked for; a dated snapshot is the model its alias names."""
    columns = {
        "model_requested": pa.array([asked_for] * len(models), pa.string()),
        "model_served": pa.array([one or None for one in models], pa.string()),
    }
    other = served_by_fallback(pa.RecordBatch.from_pydict(columns))
    told = np.array([bool(one) for one in models], dtype=bool)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = ~other & told
    return found
