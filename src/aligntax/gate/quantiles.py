"""Medians and other quantiles of a slice, with bounds that know of clusters."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.gate.bounds import Quantile, Rate, bounds_of
from aligntax.records import Estimate, unknown
from aligntax.stats import clustered_rate, wilson
from aligntax.tax.cells import period_of
from aligntax.tax.tally import Period

__all__ = ["QUANTILES", "Distributions"]

QUANTILES: Mapping[str, tuple[str, float]] = {
    "delay.median": ("answer_offset", 0.5),
    "delay.p90": ("answer_offset", 0.9),
    "length.median": ("response_chars", 0.5),
    "length.p90": ("response_chars", 0.9),
}
"""Component -> the column it is a quantile of, and which."""
_LEAST = 30
_ANSWERED = ("complete", "hedged")


@dataclass(frozen=True)
class Distributions:
    """Values of judged traffic.

    Attributes:
        path: Parquet file of the JUDGED schema.
        period: what time is cut into; None without times.
    """

    path: Path
    period: Period | None

    @cached_property
    def _rows(self) -> pa.Table:
        names = ["use_case", "model", "time", "cluster_group", "outcome", "answer_offset", "response_chars"]
        return pq.read_table(self.path, columns=names)

    def quantile(
        self, component: str, use_case: str, where: Mapping[str, str], *, level: float
    ) -> tuple[Estimate, Quantile | None]:
        """A quantile of a slice, and how its ends move; None where it cannot be known.

        Args:
            component: a key of QUANTILES.
            use_case: the use case.
            where: model or period it is narrowed to.
            level: two-sided coverage.
        """
        column, share = QUANTILES[component]
        rows = self._rows.filter(self._mask(column, use_case, where))
        values = rows[column].to_numpy().astype(np.float64)
        if len(values) < _LEAST:
            reason = f"fewer than {_LEAST} answers"
            return unknown(reason, unit="characters", level=level, n=len(values)), None
        distinct, counts = np.unique(values, return_counts=True)
        below = np.cumsum(counts) / len(values)
        value = float(distinct[np.searchsorted(below, share - 1e-12)])
        rate = _rate(rows["cluster_group"], values <= value)
        bounds = Quantile(distinct, below, share, rate)
        tail = (1 - level) / 2
        estimate = Estimate(
            value=value,
            low=min(value, bounds.low(tail)),
            high=max(value, bounds.high(tail)),
            level=level,
            n=len(values),
            clusters=None if rate.df is None else round(rate.df) + 1,
            unit="characters",
            method="order statistics, exact ranks",
        )
        return estimate, bounds

    def _mask(self, column: str, use_case: str, where: Mapping[str, str]) -> pa.ChunkedArray:
        rows = self._rows
        mask = pc.and_(pc.equal(rows["use_case"], use_case), pc.is_valid(rows[column]))
        if column == "response_chars":
            mask = pc.and_(mask, pc.is_in(rows["outcome"].cast(pa.string()), pa.array(_ANSWERED)))
        if "model" in where:
            mask = pc.and_(mask, pc.equal(rows["model"], where["model"]))
        if "period" in where:
            mask = pc.and_(mask, pa.chunked_array([self._in_period(where["period"])]))
        return pc.fill_null(mask, False)

    def _in_period(self, period: str) -> pa.BooleanArray:
        times = self._rows["time"].to_numpy().astype("datetime64[us]")
        wanted = period_of(np.array([np.datetime64(dt.date.fromisoformat(period), "us")]), self.period)[0]
        known = ~np.isnat(times)
        found = np.zeros(len(times), dtype=bool)
        found[known] = period_of(times[known], self.period) == wanted
        return pa.array(found)


def _rate(groups: pa.ChunkedArray, events: npt.NDArray[np.bool_]) -> Rate:
    """The share of events, with what clusters take from its worth."""
    if groups.null_count == len(groups):
        return Rate(float(events.mean()), float(len(events)))
    codes = pc.fill_null(groups, -1).to_numpy().astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max() + 1 + np.arange(int(alone.sum()))
    _, codes = np.unique(codes, return_inverse=True)
    sums = np.bincount(codes, weights=events).astype(np.float64)
    found = bounds_of(clustered_rate(sums, np.bincount(codes).astype(np.float64)))
    if isinstance(found, Rate):
        return found
    made = bounds_of(wilson(int(events.sum()), len(events)))  # a single cluster says nothing about others
    assert isinstance(made, Rate)
    return Rate(made.share, 1.0, 1.0)
