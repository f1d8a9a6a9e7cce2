"""Judged traffic is counted once, into sums that every measure is made from.

The sums stand by use case x model x period x cluster group. They are sufficient: measures of any slice
are sums of them, the same to the last digit however the traffic was split up.
"""

import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import numpy.typing as npt

from aligntax.tax.cells import Accumulator, Floats, period_of
from aligntax.tax.judging import batches_of

__all__ = ["DIMENSIONS", "LEVELS", "Histogram", "Period", "Slice", "Tally", "connect", "count"]

Period = Literal["day", "week", "month"]

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
_MOST_SLICES = 400
_LONG_TEXT = 1 << 17


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often each value was seen in a use case.

    Attributes:
        values: (k,) ascending.
        counts: (k,) how often, > 0.
    """

    values: Floats
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slice:
    """Part of the traffic.

    Attributes:
        where: dimension -> value; empty for all traffic.
        clustered: whether the groups are clusters of a cluster field in the log.
    """

    where: dict[str, str]
    clustered: bool
    _sums: Mapping[str, Floats] = field(repr=False)
    _cells: npt.NDArray[np.int64] = field(repr=False)
    _seen: dict[str, Floats] = field(default_factory=dict, repr=False)

    def groups(self, name: str) -> Floats:
        """(groups,) a sum in each cluster group."""
        found = self._seen.get(name)
        if found is None:
            found = self._seen[name] = self._sums[name][self._cells].sum(axis=0)
        return found

    def total(self, name: str) -> float:
        """A sum over all groups."""
        return float(self.groups(name).sum())

    @cached_property
    def determined(self) -> Floats:
        """(groups,) exchanges with an outcome."""
        return self.groups("complete") + self.groups("hedged") + self.groups("refused")

    @cached_property
    def applicable(self) -> Floats:
        """(groups,) exchanges that asked for words and got an answer of some kind."""
        return self.groups("exchanges") - self.groups("not_applicable")


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
        keys: (cells, 3) values of DIMENSIONS; "" where the log does not tell.
        sums: name -> (cells, groups) sums.
        histograms: measure -> use case ("" for all) -> histogram.
    """

    period: Period | None
    first: dt.datetime | None
    last: dt.datetime | None
    clustered: bool
    duplicate_ids: int
    sampling_rate: float | None
    keys: npt.NDArray[np.object_]
    sums: Mapping[str, Floats]
    histograms: Mapping[str, Mapping[str, Histogram]] = field(repr=False)

    def slices(self, *levels: tuple[str, ...]) -> Iterator[Slice]:
        """The traffic broken down by each of the levels, largest slices first."""
        for level in levels or LEVELS:
            yield from self._broken_down(level)

    @cached_property
    def whole(self) -> Slice:
        """All traffic."""
        return Slice({}, self.clustered, self.sums, np.arange(len(self.keys)))

    def _broken_down(self, level: tuple[str, ...]) -> Iterator[Slice]:
        if not level:
            yield self.whole
            return
        columns = [self.keys[:, DIMENSIONS.index(name)] for name in level]
        if not all(any(column) for column in columns):
            return  # the log does not tell
        cells: dict[tuple[str, ...], list[int]] = {}
        for at, values in enumerate(zip(*columns, strict=True)):
            cells.setdefault(values, []).append(at)
        sizes = {v: -float(self.sums["exchanges"][found].sum()) for v, found in cells.items()}
        for values in sorted(cells, key=lambda v: (sizes[v], v))[:_MOST_SLICES]:
            where = {name: value or "(none)" for name, value in zip(level, values, strict=True)}
            yield Slice(where, self.clustered, self.sums, np.array(cells[values]))


def connect(judged: Path) -> duckdb.DuckDBPyConnection:
    """A connection that sees the file as `judged`: UTC, memory bounded, spilling to disk beyond."""
    connection = duckdb.connect(
        config={
            "memory_limit": "256MB",
            "temp_directory": tempfile.gettempdir(),
            "autoinstall_known_extensions": "false",
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    quoted = str(judged).replace("'", "''")
    connection.execute(
        f"CREATE VIEW judged AS SELECT * FROM read_parquet('{quoted}', file_row_number = true)"
    )
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
        pairs = len(connection.execute("SELECT DISTINCT use_case, model FROM judged").fetchall())
        period = (period or _period(first, last)) if first else None
        cells = Accumulator(period, expected=pairs * _periods(first, last, period))
        for batch in batches_of(judged, cells.columns):
            cells.add(batch)
        if clusters:
            cells.add_retries(_retries(connection))
        return Tally(
            period=period,
            first=first,
            last=last,
            clustered=bool(clusters),
            duplicate_ids=duplicates,
            sampling_rate=rate,
            keys=cells.keys,
            sums=cells.sums,
            histograms=_histograms(connection),
        )


def _retries(connection: duckdb.DuckDBPyConnection) -> dict[str, npt.NDArray[np.generic]]:
    """Exchanges whose user had the very same prompt refused or hedged within the day before."""
    found: dict[str, npt.NDArray[np.generic]] = connection.execute(
        """
        WITH turned_away AS (
            SELECT cluster, prompt_key, min(time) AS since, min(file_row_number) AS place
            FROM judged WHERE outcome IN ('refused', 'hedged') AND cluster IS NOT NULL
            GROUP BY cluster, prompt_key
        )
        SELECT coalesce(use_case, '') AS use_case, coalesce(model, '') AS model, time, cluster_group,
               coalesce(tokens_in, 0) AS tokens_in, coalesce(tokens_out, 0) AS tokens_out,
               coalesce(cost, 0) AS cost
        FROM judged JOIN turned_away USING (cluster, prompt_key)
        WHERE file_row_number > place AND coalesce(time - since <= INTERVAL 1 DAY, true)
        """
    ).fetchnumpy()
    return found


def _histograms(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Histogram]]:
    queries = {
        "delay": ("answer_offset", "answer_offset IS NOT NULL"),
        "length": ("response_chars", "outcome IN ('complete', 'hedged')"),
    }
    return {name: _by_use_case(connection, *query) for name, query in queries.items()}


def _by_use_case(connection: duckdb.DuckDBPyConnection, value: str, condition: str) -> dict[str, Histogram]:
    rows = connection.execute(
        f"SELECT coalesce(use_case, ''), least({value}, {_LONG_TEXT}), count(*) FROM judged "
        f"WHERE {condition} GROUP BY ALL"
    ).fetchnumpy()
    use_cases, values, counts = (np.asarray(column) for column in rows.values())
    found = {"": _histogram(values, counts)}
    for use_case in sorted(set(use_cases.tolist())):
        here = use_cases == use_case
        found[use_case or "(none)"] = _histogram(values[here], counts[here])
    return found


def _histogram(values: npt.NDArray[np.generic], counts: npt.NDArray[np.generic]) -> Histogram:
    distinct, which = np.unique(values.astype(np.float64), return_inverse=True)
    summed = np.bincount(which, weights=counts.astype(np.float64), minlength=len(distinct))
    return Histogram(distinct, summed.astype(np.int64))


def _period(first: dt.datetime, last: dt.datetime) -> Period:
    days = (last - first).days
    return "day" if days <= 14 else "week" if days <= 184 else "month"


def _periods(first: dt.datetime | None, last: dt.datetime | None, period: Period | None) -> int:
    if first is None or last is None:
        return 1
    ends = np.array([first, last], "datetime64[us]")
    low, high = period_of(ends, period)
    return int(high - low) + 1
