"""Judged traffic is counted once, into sums that every measure is made from.

DuckDB groups the Parquet file by use case x model x period x cluster group. These sums are sufficient:
measures of any slice are sums of them, the same to the last digit however the traffic was split up.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import numpy.typing as npt

from aligntax.records import FLAGS
from aligntax.stats import GROUPS

__all__ = ["DIMENSIONS", "LEVELS", "Histogram", "Period", "Slice", "Tally", "connect", "count"]

Period = Literal["day", "week", "month"]
Floats = npt.NDArray[np.float64]

DIMENSIONS = ("use_case", "model", "period")
LEVELS: tuple[tuple[str, ...], ...] = (
    (),
    ("use_case",),
    ("model",),
    ("period",),
    ("use_case", "model"),
    ("use_case", "period"),
    ("model", "period"),
    ("use_case", "model", "period"),
)
"""What measures are broken down by."""
NOT_APPLICABLE = ("tool_call_only", "provider_error", "no_text")
"""Reasons for which an exchange is no request answered in words: left out of every rate, and counted."""
_MOST_SLICES = 400
_OTHER = "(other)"

_UNSCORED = f"reason IN {NOT_APPLICABLE}"
_SUMS: dict[str, str] = {
    "exchanges": "count(*)",
    "not_applicable": f"count(*) FILTER ({_UNSCORED})",
    **{f"unscored.{reason}": f"count(*) FILTER (reason = '{reason}')" for reason in NOT_APPLICABLE},
    "undetermined": f"count(*) FILTER (outcome = 'undetermined' AND NOT coalesce({_UNSCORED}, false))",
    **{name: f"count(*) FILTER (outcome = '{name}')" for name in ("complete", "hedged", "refused")},
    "cannot": "count(*) FILTER (outcome = 'refused' AND reason = 'cannot')",
    "completion_tax": "count(*) FILTER (outcome = 'hedged' OR outcome = 'refused' AND reason <> 'cannot')",
    **{
        f"layer.{name}": f"count(*) FILTER (outcome IN ('refused', 'hedged') AND layer = '{name}')"
        for name in ("provider_filter", "guardrail", "model")
    },
    **{f"flag.{flag}": f"count(*) FILTER ({flag} AND outcome <> 'undetermined')" for flag in FLAGS},
    "fallback": "count(*) FILTER (fallback)",
    "model_pairs": "count(*) FILTER (model_requested IS NOT NULL AND model IS NOT NULL)",
    "delayed": "count(*) FILTER (answer_offset > 0)",
    "answered": "count(*) FILTER (answer_offset IS NOT NULL)",
    "hedge_density": "sum(hedge_density) FILTER (outcome <> 'undetermined')",
    "tokens_in": "sum(tokens_in)",
    "tokens_out": "sum(tokens_out)",
    "caveat_tokens": "sum(tokens_out * caveat_chars / greatest(response_chars, 1)) "
    "FILTER (outcome IN ('complete', 'hedged'))",
    "refusal_tokens_in": "sum(tokens_in) FILTER (outcome = 'refused' AND reason <> 'cannot')",
    "refusal_tokens_out": "sum(tokens_out) FILTER (outcome = 'refused' AND reason <> 'cannot')",
    "cost": "sum(cost)",
    "priced": "count(cost)",
    "caveat_cost": "sum(cost * tokens_out / greatest(tokens_in + tokens_out, 1) "
    "* caveat_chars / greatest(response_chars, 1)) FILTER (outcome IN ('complete', 'hedged'))",
    "refusal_cost": "sum(cost) FILTER (outcome = 'refused' AND reason <> 'cannot')",
    "estimated": "count(*) FILTER (tokens_estimated)",
}
_RETRIES = {
    "retries": "count(*)",
    "retry_tokens_in": "sum(tokens_in)",
    "retry_tokens_out": "sum(tokens_out)",
    "retry_cost": "sum(cost)",
}


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often each value was seen in a use case."""

    values: Floats
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slice:
    """Part of the traffic.

    Attributes:
        where: dimension -> value; empty for all traffic.
        sums: name -> (groups,) sums; one group a cluster group.
        clustered: whether the groups are clusters of a cluster field in the log.
    """

    where: dict[str, str]
    sums: dict[str, Floats]
    clustered: bool

    def total(self, name: str) -> float:
        """Sum over all groups."""
        return float(self.sums[name].sum())

    @cached_property
    def determined(self) -> Floats:
        """(groups,) exchanges with an outcome."""
        return self.sums["complete"] + self.sums["hedged"] + self.sums["refused"]

    @cached_property
    def applicable(self) -> Floats:
        """(groups,) exchanges that asked for words and got an answer of some kind."""
        return self.sums["exchanges"] - self.sums["not_applicable"]


@dataclass(frozen=True)
class Tally:
    """Everything measures are made from.

    Attributes:
        period: what time is cut into; None when the log has no times.
        first: earliest time, UTC.
        last: latest time.
        clustered: whether the log has a cluster field.
        duplicate_ids: exchanges whose id was seen before.
        sampling_rate: mean of the sampling rates the log states; None when it states none.
        keys: (cells, 3) values of DIMENSIONS.
        groups: (cells,) cluster group.
        sums: name -> (cells,) sums.
        histograms: measure -> use case ("" for all) -> histogram.
    """

    period: Period | None
    first: dt.datetime | None
    last: dt.datetime | None
    clustered: bool
    duplicate_ids: int
    sampling_rate: float | None
    keys: npt.NDArray[np.object_]
    groups: npt.NDArray[np.int64]
    sums: dict[str, Floats]
    histograms: dict[str, dict[str, Histogram]] = field(repr=False)

    def slices(self, *levels: tuple[str, ...]) -> Iterator[Slice]:
        """The traffic broken down by each of the levels, largest slices first."""
        for level in levels or LEVELS:
            yield from self._broken_down(level)

    @cached_property
    def whole(self) -> Slice:
        """All traffic."""
        return next(self.slices(()))

    def _broken_down(self, level: tuple[str, ...]) -> Iterator[Slice]:
        columns = [self.keys[:, DIMENSIONS.index(name)] for name in level]
        if level and any(not column.astype(bool).any() for column in columns):
            return  # the log does not tell
        names = np.array([" \x1f ".join(values) for values in zip(*columns, strict=True)] or [""] * len(self.keys))
        distinct, which = np.unique(names, return_inverse=True)
        sizes = np.bincount(which, weights=self.sums["exchanges"], minlength=len(distinct))
        for at in np.argsort(-sizes, kind="stable")[:_MOST_SLICES]:
            cells = which == at
            where = dict(zip(level, str(distinct[at]).split(" \x1f "), strict=True)) if level else {}
            yield Slice({name: value or "(none)" for name, value in where.items()}, self._by_group(cells), self.clustered)

    def _by_group(self, cells: npt.NDArray[np.bool_]) -> dict[str, Floats]:
        groups = self.groups[cells]
        return {n: np.bincount(groups, weights=v[cells], minlength=GROUPS) for n, v in self.sums.items()}


def connect(judged: Path) -> duckdb.DuckDBPyConnection:
    """A connection that sees the file as `judged`: UTC, memory bounded, spilling to disk beyond."""
    connection = duckdb.connect(config={"memory_limit": "512MB", "autoinstall_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    quoted = str(judged).replace("'", "''")
    connection.execute(f"CREATE VIEW judged AS SELECT * FROM read_parquet('{quoted}')")
    numbered = f"read_parquet('{quoted}', file_row_number=true)"
    connection.execute(f"CREATE VIEW numbered AS SELECT * FROM {numbered}")
    return connection


def count(judged: Path, *, period: Period | None = None) -> Tally:
    """Counts judged traffic.

    Args:
        judged: Parquet file of the JUDGED schema.
        period: what to cut time into; None to choose by the span of the log: days up to two weeks,
            weeks up to half a year, months beyond.
    """
    with connect(judged) as connection:
        row = connection.execute(
            "SELECT min(time), max(time), count(cluster_group), count(*) - count(DISTINCT hash(id)), "
            "avg(sampling_rate) FROM judged"
        ).fetchone()
        first, last, clusters, duplicates, rate = row or (None, None, 0, 0, None)
        period = (period or _period(first, last)) if first else None
        keys, groups, sums = _cells(connection, period, clustered=bool(clusters))
        return Tally(
            period=period,
            first=first,
            last=last,
            clustered=bool(clusters),
            duplicate_ids=duplicates,
            sampling_rate=rate,
            keys=keys,
            groups=groups,
            sums=sums,
            histograms=_histograms(connection),
        )


def _cells(
    connection: duckdb.DuckDBPyConnection, period: Period | None, *, clustered: bool
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64], dict[str, Floats]]:
    time = f"coalesce(strftime(date_trunc('{period}', time), '%Y-%m-%d'), '')" if period else "''"
    group = f"coalesce(cluster_group, hash(id) % {GROUPS})"  # without a cluster an exchange is its own
    key = (
        f"coalesce(use_case, '') AS use_case, coalesce(model, '') AS model, {time} AS period, "
        f"CAST({group} AS BIGINT) AS cell_group"
    )
    counted = f"SELECT {key}, {_named(_SUMS)} FROM judged GROUP BY ALL"
    retried = _RETRIED.format(key=key, sums=_named(_RETRIES), condition="true" if clustered else "false")
    found = connection.execute(
        f"WITH counted AS ({counted}), {retried} SELECT * FROM counted "
        "LEFT JOIN retried USING (use_case, model, period, cell_group) ORDER BY ALL"
    ).fetchnumpy()
    keys = np.stack([np.asarray(found[name], dtype=object) for name in DIMENSIONS], axis=1)
    sums = {
        name: np.nan_to_num(np.ma.filled(np.ma.asarray(found[name], np.float64), 0.0))
        for name in (*_SUMS, *_RETRIES)
    }
    return keys, np.asarray(found["cell_group"], np.int64), sums


_RETRIED = """
turned_away AS (
    SELECT cluster, prompt_key, min(time) AS since, min(file_row_number) AS place
    FROM numbered WHERE outcome IN ('refused', 'hedged') AND cluster IS NOT NULL AND {condition}
    GROUP BY cluster, prompt_key
),
retried AS (
    SELECT {key}, {sums}
    FROM numbered JOIN turned_away USING (cluster, prompt_key)
    WHERE file_row_number > place AND coalesce(time - since <= INTERVAL 1 DAY, true)
    GROUP BY ALL
)
"""
"""Exchanges whose user had the very same prompt refused or hedged within the day before."""


def _named(sums: dict[str, str]) -> str:
    return ", ".join(f'{expression} AS "{name}"' for name, expression in sums.items())


def _histograms(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Histogram]]:
    queries = {
        "delay": ("answer_offset", "answer_offset IS NOT NULL"),
        "length": ("response_chars", "outcome IN ('complete', 'hedged')"),
    }
    return {name: _by_use_case(connection, *query) for name, query in queries.items()}


def _by_use_case(connection: duckdb.DuckDBPyConnection, value: str, condition: str) -> dict[str, Histogram]:
    rows = connection.execute(
        f"SELECT coalesce(use_case, ''), {value}, count(*) FROM judged WHERE {condition} GROUP BY ALL"
    ).fetchnumpy()
    use_cases, values, counts = (np.asarray(column) for column in rows.values())
    found = {"": _histogram(values, counts)}
    for use_case in sorted(set(use_cases.tolist())):
        here = use_cases == use_case
        found[use_case or "(none)"] = _histogram(values[here], counts[here])
    return found


def _histogram(values: Floats, counts: Floats) -> Histogram:
    distinct, which = np.unique(values.astype(np.float64), return_inverse=True)
    return Histogram(distinct, np.bincount(which, weights=counts, minlength=len(distinct)).astype(np.int64))


def _period(first: dt.datetime, last: dt.datetime) -> Period:
    days = (last - first).days
    return "day" if days <= 14 else "week" if days <= 184 else "month"
