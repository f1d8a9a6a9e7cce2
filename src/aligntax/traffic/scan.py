"""The SQL that reads one file of a log, and the connection it runs on."""

from collections.abc import Sequence

import duckdb

from aligntax.traffic.formats.tabular import FieldMap, overrides
from aligntax.traffic.lines import MAX_RECORD_BYTES
from aligntax.traffic.projection import projection_sql, quoted
from aligntax.traffic.sniff import LogFile, parquet_sql, path_sql

__all__ = ["ORDINAL", "connect", "exchanges_sql", "lacking_sql", "rejected_sql"]

ORDINAL = "aligntax_ordinal"
_MEGABYTES = (384, 96)
"""Memory DuckDB may use, and how much more for each thread: a thread holds two records of the longest kind."""


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
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false")
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


def lacking_sql(file: LogFile, fields: FieldMap, limit: int) -> str:
    """The query for the first records that cannot be used, by their position in the file.

    For a format whose `source` keeps the columns of `log` but not its every row; where `source` keeps
    neither, those records count that have none of the format's keys.
    """
    source, _ = _log(file, fields)
    log = f"WITH numbered AS ({source}), log AS (SELECT *, row_number() OVER () - 1 AS {ORDINAL} FROM numbered)"
    return (
        f"{log} SELECT {ORDINAL} FROM {file.format.source} WHERE NOT coalesce(({file.format.required}), false) "
        f"ORDER BY {ORDINAL} LIMIT {limit}"
    )


def keyless_sql(file: LogFile, fields: FieldMap, limit: int) -> str:
    """The query for the first records that have none of the format's keys, by their position in the file."""
    source, _ = _log(file, fields)
    keys = ", ".join(f"{_name(name)}::VARCHAR" for name in file.format.columns)
    return (
        f"WITH log AS ({source}), numbered AS (SELECT *, row_number() OVER () - 1 AS {ORDINAL} FROM log) "
        f"SELECT {ORDINAL} FROM numbered WHERE coalesce({keys}) IS NULL ORDER BY {ORDINAL} LIMIT {limit}"
    )


def rejected_sql() -> str:
    """The query for the number of rows of the last CSV file that were refused."""
    return "SELECT count(DISTINCT line_byte_position) FROM rejected"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _log(file: LogFile, fields: FieldMap) -> tuple[str, dict[str, str]]:
    """SQL for the relation `log`, and what a person's fields put in place of the format's expressions."""
    log_format = file.format
    wanted, expressions = dict(log_format.columns), dict[str, str]()
    if log_format.name != "tabular":
        wanted, expressions = overrides(fields, log_format.columns, keys=file.columns)
    return f"SELECT * FROM {_table_function(file, wanted)}", expressions


def _table_function(file: LogFile, columns: dict[str, str]) -> str:
    if file.container == "parquet":
        return parquet_sql(file.path)
    if file.container == "csv":
        return _csv_sql(file)
    layout = {"ndjson": "newline_delimited", "array": "array", "object": "unstructured"}[file.container]
    return (
        f"read_json({path_sql(file.path)}, format={quoted(layout)}, columns={_struct(columns)}, "
        f"compression={quoted(file.compression)}, ignore_errors=true, hive_partitioning=false, "
        f"maximum_object_size={MAX_RECORD_BYTES})"
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
