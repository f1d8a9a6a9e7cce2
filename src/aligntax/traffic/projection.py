"""A log format becomes one SQL query: the relation `log`, read by DuckDB, projected onto EXCHANGE."""

from collections.abc import Iterable, Mapping

from aligntax.extension_points import LogFormat
from aligntax.records import EXCHANGE

__all__ = ["DUCKDB_TYPES", "json_text", "projection_sql", "quoted", "timestamp_sql"]

DUCKDB_TYPES: Mapping[str, str] = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "timestamp[us]": "TIMESTAMP",
}
"""Arrow type of an EXCHANGE column -> DuckDB type."""


def projection_sql(log_format: LogFormat, columns: Iterable[str], overrides: Mapping[str, str]) -> str:
    """The query that turns the relation `log` into exchanges.

    Args:
        log_format: whose projection to use.
        columns: names of the EXCHANGE columns wanted, in order.
        overrides: EXCHANGE column -> SQL expression that replaces the format's own.

    Returns:
        SQL with the wanted columns in order and `usable`, a boolean: false where the record is not
        valid JSON or lacks what the format requires.
    """
    chosen = {**log_format.projection, **overrides}
    parts = [f"({_typed(name, chosen)}) AS {name}" for name in columns]
    usable = f"coalesce(({log_format.required}), false) AS usable"
    return f"SELECT {', '.join([*parts, usable])} FROM {log_format.source}"


def _typed(name: str, chosen: Mapping[str, str]) -> str:
    kind = DUCKDB_TYPES[str(EXCHANGE.field(name).type)]
    expression = chosen.get(name)
    if expression is None:
        return f"NULL::{kind}" if name != "kind" else "'text'"
    return f"try_cast({expression} AS {kind})" if kind in ("BIGINT", "DOUBLE") else expression


def quoted(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def json_text(column: str, path: str = "$") -> str:
    """SQL for the text at `path` of a JSON column: NULL for JSON null, unquoted for a JSON string."""
    return f"json_extract_string({column}, {quoted(path)})"


def timestamp_sql(expression: str) -> str:
    """SQL that reads a VARCHAR time in any of the forms logs use, as UTC without zone.

    ISO 8601 with `Z`, an offset or neither; `YYYY-MM-DD hh:mm:ss`; a bare date; epoch seconds (also
    fractional), milliseconds, microseconds or nanoseconds; RFC 2822; the web server's
    `10/Oct/2026:13:55:36 +0000`. Anything else is NULL. The connection's TimeZone must be UTC.
    """
    number = f"try_cast({expression} AS DOUBLE)"
    seconds = (
        f"CASE WHEN {number} < 1e8 THEN NULL WHEN {number} < 1e11 THEN {number} "
        f"WHEN {number} < 1e14 THEN {number} / 1e3 WHEN {number} < 1e17 THEN {number} / 1e6 "
        f"ELSE {number} / 1e9 END"
    )
    formats = "['%a, %d %b %Y %H:%M:%S %z', '%d/%b/%Y:%H:%M:%S %z', '%m/%d/%Y %H:%M:%S', '%m/%d/%Y']"
    return (  # through TIMESTAMPTZ, since a plain TIMESTAMP cast drops the offset without a word
        f"coalesce(CAST(try_cast({expression} AS TIMESTAMPTZ) AS TIMESTAMP), "
        f"make_timestamp(try_cast({seconds} * 1e6 AS BIGINT)), "
        f"CAST(try_strptime({expression}, {formats}) AS TIMESTAMP))"
    )
