"""Tables and flat records: CSV, Parquet, or JSON objects, one exchange a row, by a map of field names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import duckdb

from aligntax.errors import UsageError
from aligntax.extension_points import LogFormat
from aligntax.traffic.formats.json_format import JsonFormat
from aligntax.traffic.projection import json_text, timestamp_sql

__all__ = ["FieldMap", "Fields", "guess_fields", "overrides", "tabular"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """Where the log keeps what: a field's name, or a dotted path into a nested one; None to guess.

    Attributes are the EXCHANGE columns a person may point at.
    """

    id: str | None = None
    prompt: str | None = None
    response: str | None = None
    system: str | None = None
    use_case: str | None = None
    model: str | None = None
    model_requested: str | None = None
    time: str | None = None
    cluster: str | None = None
    tokens_in: str | None = None
    tokens_out: str | None = None
    cost: str | None = None
    finish_reason: str | None = None
    error_code: str | None = None
    sampling_rate: str | None = None

    def chosen(self) -> dict[str, str]:
        """The fields a person named: attribute -> path."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: path for name, path in pairs if path is not None}


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields a log has.

    Attributes:
        types: top-level name -> DuckDB type; VARCHAR for every key of a JSON object.
        nested: dotted paths below them, as far as they are known.
        table: whether these are columns of a table, which have a type, and not keys of JSON objects.
    """

    types: Mapping[str, str]
    nested: Sequence[str] = ()
    table: bool = False

    def have(self, path: str) -> bool:
        """Whether a path leads to a field."""
        inside = self.table and path.partition(".")[0] in self.types
        return path in self.types or path in self.nested or inside


_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "request_id", "exchange_id", "uuid", "question_id", "row_id"),
    "prompt": ("prompt", "instruction", "question", "query", "input", "user_input", "user", "request"),
    "response": ("response", "completion", "output", "answer", "generation", "reply", "model_output"),
    "system": ("system", "system_prompt"),
    "use_case": ("use_case", "usecase", "feature", "domain", "category", "task", "route", "app", "dataset"),
    "model": ("model_served", "model", "model_name", "model_id", "generator", "deployment"),
    "model_requested": ("model_requested", "request_model", "requested_model"),
    "time": ("time", "timestamp", "created_at", "created", "ts", "date", "datetime", "start_time"),
    "cluster": ("cluster", "user_id", "user_hash", "session_id", "conversation_id", "template_id", "user"),
    "tokens_in": ("tokens_in", "prompt_tokens", "input_tokens", "usage.prompt_tokens", "usage.input_tokens"),
    "tokens_out": (
        "tokens_out",
        "completion_tokens",
        "output_tokens",
        "usage.completion_tokens",
        "usage.output_tokens",
    ),
    "cost": ("cost", "cost_usd", "total_cost", "response_cost"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "error_code": ("error_code",),
    "sampling_rate": ("sampling_rate", "sample_rate"),
}
_TARGET = {"model": "model_served"}
"""FieldMap attribute -> EXCHANGE column, where they differ."""
_SPOKEN = ("prompt", "response", "system")
"""Columns where an empty text is something said; in the others it is nothing, as in an empty CSV cell."""


def guess_fields(keys: Iterable[str]) -> FieldMap:
    """The fields a log most likely means, from the names it has ("a" and, one level down, "a.b")."""
    present = {key.lower(): key for key in reversed(list(keys))}
    taken: set[str] = set()
    guesses: dict[str, str] = {}
    for name, synonyms in _SYNONYMS.items():
        found = next((s for s in synonyms if s in present and s not in taken), None)
        if found is not None:
            taken.add(found)
            guesses[name] = present[found]
    return FieldMap(**guesses)


def overrides(
    chosen: FieldMap, columns: Mapping[str, str], *, keys: Iterable[str] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """What a person's own field names change in a JSON format.

    Args:
        chosen: the field names given.
        columns: the format's own columns, name -> DuckDB type.
        keys: the top-level keys the log is known to have; a path that is one of them is not taken apart.

    Returns:
        The columns to read, and EXCHANGE column -> SQL expression (VARCHAR, TIMESTAMP for the time).

    Raises:
        UsageError: two fields differ by case alone, which SQL cannot tell apart.
    """
    wanted = dict(columns)
    named = chosen.chosen()
    known = {*keys, *columns}
    whole = dict.fromkeys(path for path in named.values() if path in known or "." not in path)
    wanted |= {path: "VARCHAR" for path in whole if path not in wanted}
    for path in named.values():
        top, _, below = path.partition(".")
        if path not in whole:
            new = "JSON" if top in whole and top not in columns else _widened(wanted.get(top, ""), below)
            wanted[top] = new
    _distinct(wanted)
    return wanted, _expressions(named, lambda path: _json_path(path, wanted, taken_apart=path not in whole))


def _expressions(named: Mapping[str, str], sql: Callable[[str], str]) -> dict[str, str]:
    """EXCHANGE column -> SQL, for FieldMap attribute -> path."""
    texts = {_TARGET.get(name, name): sql(path) for name, path in named.items()}
    return {name: _typed(name, text) for name, text in texts.items()}


def _typed(column: str, text: str) -> str:
    if column == "time":
        return timestamp_sql(text)
    return text if column in _SPOKEN else f"nullif({text}, '')"


def _json_path(path: str, columns: Mapping[str, str], *, taken_apart: bool) -> str:
    top, *below = path.split(".") if taken_apart else [path]
    return _text(_identifier(top), columns[top], below)


def _text(sql: str, kind: str, below: Sequence[str]) -> str:
    """SQL for the text under keys of a value: through STRUCTs by name, twice as fast as through JSON."""
    children = _children(kind)
    if below and below[0] in children:
        return _text(f"{sql}.{_identifier(below[0])}", children[below[0]], below[1:])
    if not below and kind == "VARCHAR":
        return sql
    pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in below)
    return json_text(f"to_json({sql})", pointer or "$")  # a pointer takes any key, and a place in a list


def _children(kind: str) -> dict[str, str]:
    """The fields of a STRUCT type, none for other types."""
    if not kind.startswith("STRUCT(") or not kind.endswith(")"):
        return {}
    return {str(name): str(inner) for name, inner in duckdb.sqltype(kind).children}


def _widened(kind: str, path: str) -> str:
    """A STRUCT type that also has the field at `path`; a type that has no fields stays as it is."""
    key, _, below = path.partition(".")
    children = _children(kind)
    if kind and not children:
        return kind
    inner = children.get(key, "")
    children[key] = (_widened(inner, below) if below else inner) or "VARCHAR"
    _distinct(children)
    return "STRUCT(" + ", ".join(f"{_identifier(name)} {inner}" for name, inner in children.items()) + ")"


def _distinct(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name or not name:
            raise UsageError(
                f"fields {other!r} and {name!r} differ by case alone" if name else "a field without a name",
                hint="rename one of them in the log, or leave its --…-field option out",
            )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def tabular(present: Fields, chosen: FieldMap, *, where: str) -> LogFormat:
    """A format for rows with these fields.

    Args:
        present: the fields the rows have.
        chosen: the field names a person gave; what is None is guessed.
        where: the file, for the error message.

    Raises:
        UsageError: a named field is not there, or no field can be taken for the response.
    """
    named = chosen.chosen()
    names = [*present.types, *present.nested]
    for name, path in named.items():
        if not present.have(path):
            option = name.replace("_", "-")
            raise UsageError(f"{where}: no field {path!r} (--{option}-field)", hint=_listing(names))
    guessed = guess_fields(names).chosen()
    fields_used = FieldMap(**{**{n: p for n, p in guessed.items() if p not in named.values()}, **named})
    if fields_used.response is None:
        hint = f"name it with --response-field; {_listing(names)}"
        raise UsageError(f"{where}: no field holds the model's response", hint=hint)
    if present.table:
        columns = dict(present.types)
        expressions = _expressions(fields_used.chosen(), lambda path: _table_path(path, present.types))
    else:
        columns, expressions = overrides(fields_used, {}, keys=present.types)
    return JsonFormat(
        name="tabular",
        describes=", ".join(f"{name} = {path}" for name, path in fields_used.chosen().items()),
        columns=columns,
        projection={"kind": "'text'", **expressions},
        required=f"({expressions['response']}) IS NOT NULL",
        missing=f"a value in the field {fields_used.response!r}",
        recogniser=lambda records: True,
    )


def _table_path(path: str, types: Mapping[str, str]) -> str:
    """SQL for the text of a table's column, or under a path in it where it is nested or holds JSON."""
    top, *below = [path] if path in types else path.split(".")
    column, kind = _identifier(top), types[top]
    if kind == "BLOB":
        column, kind = f"try(decode({column}))", "VARCHAR"
    if below and kind == "VARCHAR":
        column = f"CASE WHEN json_valid({column}) THEN {column}::JSON END"
    elif kind != "VARCHAR" and not any(mark in kind for mark in ("(", "[", "JSON")):
        column, kind = f"CAST({column} AS VARCHAR)", "VARCHAR"
    return _text(column, "JSON" if below and kind == "VARCHAR" else kind, below)


def _listing(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:20]) + (", …" if len(keys) > 20 else "")
    return f"the fields are: {shown}"
