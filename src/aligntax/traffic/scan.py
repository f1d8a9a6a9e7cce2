"""The SQL that reads one file of a log, and the connection it runs on."""

import contextlib
from collections.abc import Sequence

import duckdb

from aligntax.traffic.formats.tabular import FieldMap, overrides
from aligntax.traffic.lines import MAX_RECORD_BYTES
from aligntax.traffic.projection import projection_sql, quoted
from aligntax.traffic.sniff import LogFile, parquet_sql, path_sql

__all__ = ["BUFFER", "connect", "exchanges_sql", "forget_rejects", "lacking", "rejects"]

BUFFER = 2 * MAX_RECORD_BYTES
"""Bytes DuckDB reads at a time from a JSON file."""

_ORDINAL = "aligntax_ordinal"
_MEGABYTES = (384, 96)
"""Memory DuckDB may use, and how much more for each thread, which holds a buffer or two."""


def connect(threads: int, scratch: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection of its own: UTC, bounded memory, nothing fetched from outside.

    Args:
        threads: that may read.
        scratch: directory for what does not fit into memory.
    """
    connection = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": f"{_MEGABYTES[0] + _MEGABYTES[1] * threads}MB",
            "temp_directory": scratch,
            "autoinstall_known_extensions": "false",
        }
    )
    connection.execute(
        "SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false"
    )
    return connection


def exchanges_sql(file: LogFile, columns: Sequence[str], fields: FieldMap) -> str:
    """The query for some EXCHANGE columns of a file, and `usable`.

    Args:
        file: sniffed.
        columns: names; "prompt_key" is a hash of the prompt.
        fields: field names a person gave.
    """
    source, expressions = _log(file, fields)
    wanted = [name for name in columns if name != "prompt_key"]
    if "prompt_key" in columns and "prompt" not in wanted:
        wanted.append("prompt")
    projection = projection_sql(file.format, wanted, expressions)
    key = ", hash(prompt) AS prompt_key" if "prompt_key" in columns else ""
    hidden = " EXCLUDE (prompt)" if "prompt" in wanted and "prompt" not in columns else ""
    return f"WITH log AS ({source}), exchanges AS ({projection}) SELECT *{hidden}{key} FROM exchanges"


def lacking(connection: duckdb.DuckDBPyConnection, file: LogFile, fields: FieldMap, limit: int) -> list[int]:
    """Positions, among the file's records, of the first that cannot be used.

    For a format whose `source` is more than `log`. If it keeps the columns of `log`, a record's position
    comes through it; if not, those count that have none of the format's keys.
    """
    source, _ = _log(file, fields)
    log = f"WITH read AS ({source}), log AS (SELECT *, row_number() OVER () - 1 AS {_ORDINAL} FROM read)"
    unusable = f"NOT coalesce(({file.format.required}), false)"
    keys = ", ".join(f"{_name(key)}::VARCHAR" for key in file.format.columns)
    for relation, condition in ((file.format.source, unusable), ("log", f"coalesce({keys}) IS NULL")):
        query = f"{log} SELECT {_ORDINAL} FROM {relation} WHERE {condition} ORDER BY 1 LIMIT {limit}"
        with contextlib.suppress(duckdb.BinderException):
            return [int(row[0]) for row in connection.execute(query).fetchall()]
    return []


def rejects(connection: duckdb.DuckDBPyConnection, limit: int) -> tuple[int, list[tuple[int, str]]]:
    """Rows of the CSV file read last that were refused.

    Args:
        connection: the file was read on.
        limit: how many to tell of.

    Returns:
        How many there are; and of the first, the byte each begins at and what is wrong with it.
    """
    counted = connection.execute("SELECT count(DISTINCT line_byte_position) FROM rejected").fetchone()
    if not counted or not counted[0]:
        return 0, []
    found = "try_cast(regexp_extract(error_message, 'Found: ([0-9]+)', 1) AS BIGINT)"
    first = connection.execute(
        f"SELECT line_byte_position, min(error_type), min({found}), max({found}), any_value(error_message), "
        "max(length(lost) - length(replace(lost, chr(10), ''))) "
        "FROM (SELECT *, trim(csv_line, chr(10) || chr(13)) AS lost FROM rejected) "
        f"GROUP BY 1 ORDER BY 1 LIMIT {limit}"
    ).fetchall()
    return int(counted[0]), [(int(at), _refusal(*about)) for at, *about in first]


def _refusal(kind: str, fewest: int | None, most: int | None, message: str, newlines: int | None) -> str:
    """DuckDB's words on a refused row in ours."""
    more = f"; it takes {newlines:,} more lines with it" if newlines else ""
    if str(kind) in ("MISSING COLUMNS", "TOO MANY COLUMNS"):
        expected = str(message).partition("Expected Number of Columns: ")[2].partition(" ")[0]
        fields = fewest if str(kind) == "MISSING COLUMNS" else most
        return f"{fields} fields, where the header has {expected}{more}"
    words = {
        "UNQUOTED VALUE": "a quote left open, or text after a closing quote",
        "INVALID ENCODING": "not UTF-8",
        "LINE SIZE OVER MAXIMUM": f"a row over the limit of {MAX_RECORD_BYTES // 2**20} MiB",
    }
    return words.get(str(kind), str(message).partition("\n")[0].lower()) + more


def forget_rejects(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes room for those of the next file."""
    connection.execute("DROP TABLE IF EXISTS rejected; DROP TABLE IF EXISTS scanned")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _log(file: LogFile, fields: FieldMap) -> tuple[str, dict[str, str]]:
    """SQL for the relation `log`, and what a person's fields put in place of the format's expressions."""
    log_format = file.format
    wanted, expressions = dict(log_format.columns), dict[str, str]()
    if log_format.name != "tabular":
        wanted, expressions = overrides(fields, log_format.columns, keys=file.columns)
    whole = ""
    if (
        file.container == "csv"
    ):  # else a row is refused for a broken column only when that column is asked for
        whole = f" WHERE hash({', '.join(_name(name) for name in file.columns)}) IS NOT NULL"
    return f"SELECT * FROM {_table_function(file, wanted)}{whole}", expressions


def _table_function(file: LogFile, columns: dict[str, str]) -> str:
    """What DuckDB would guess is said: asked for one column alone, it may take records for values of it."""
    if file.container == "parquet":
        return parquet_sql(file.path)
    if file.container == "csv":
        return _csv_sql(file)
    layout = {"ndjson": "newline_delimited", "array": "array", "object": "unstructured"}[file.container]
    return (
        f"read_json({path_sql(file.path)}, format={quoted(layout)}, columns={_struct(columns)}, "
        f"compression={quoted(file.compression)}, ignore_errors=true, records='true', "
        f"hive_partitioning=false, maximum_object_size={MAX_RECORD_BYTES})"
    )


def _csv_sql(file: LogFile) -> str:
    """Nothing is left to DuckDB's own sniffer, which may take lines for comments or titles."""
    return (
        f"read_csv({path_sql(file.path)}, auto_detect=false, header=true, skip={file.blank}, "
        f"columns={_struct(dict.fromkeys(file.columns, 'VARCHAR'))}, delim={quoted(file.delimiter)}, "
        f"quote='\"', escape='\"', nullstr='\\0', compression={quoted(file.compression)}, "
        f"max_line_size={MAX_RECORD_BYTES}, hive_partitioning=false, "
        "store_rejects=true, rejects_table='rejected', rejects_scan='scanned')"
    )


def _struct(columns: dict[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in columns.items()) + "}"
