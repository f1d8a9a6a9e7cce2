"""Tables and flat records: CSV, Parquet, or JSON objects, one exchange a row, by a map of field names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from aligntax.errors import UsageError
from aligntax.extension_points import LogFormat
from aligntax.traffic.formats.json_format import JsonFormat
from aligntax.traffic.projection import json_text, timestamp_sql

__all__ = ["FieldMap", "guess_fields", "overrides", "tabular"]


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


def overrides(chosen: FieldMap, columns: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What a person's own field names change in a format.

    Args:
        chosen: the field names given.
        columns: the format's own columns, name -> DuckDB type.

    Returns:
        The columns to read, and EXCHANGE column -> SQL expression.
    """
    wanted = dict(columns)
    expressions: dict[str, str] = {}
    named = chosen.chosen()
    nested = _nested([path for path in named.values() if path not in wanted], wanted)
    for name, path in named.items():
        top, _, below = path.partition(".")
        if top in nested and below and path not in wanted:
            wanted[top] = nested[top]
            text = f"{_identifier(top)}.{_identifier(below)}"
        elif below and path not in wanted and top not in named.values():
            wanted.setdefault(top, "JSON")
            keys = "".join(f'."{key}"' for key in below.split("."))
            text = json_text(f"to_json({_identifier(top)})", "$" + keys)
        else:
            wanted.setdefault(path, "VARCHAR")
            text = _plain(path, wanted[path])
        expressions[_TARGET.get(name, name)] = timestamp_sql(text) if name == "time" else text
    return wanted, expressions


def _nested(paths: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Top-level keys read one level down alone, as a STRUCT: twice as fast as through JSON."""
    inner: dict[str, list[str]] = {}
    for path in paths:
        top, _, below = path.partition(".")
        inner.setdefault(top, []).append(below)
    simple = {t: keys for t, keys in inner.items() if t not in columns and all(k and "." not in k for k in keys)}
    return {
        top: "STRUCT(" + ", ".join(f"{_identifier(key)} VARCHAR" for key in dict.fromkeys(keys)) + ")"
        for top, keys in simple.items()
    }


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(column: str, kind: str) -> str:
    quoted = _identifier(column)
    return quoted if kind == "VARCHAR" else json_text(f"to_json({quoted})")


def tabular(keys: Sequence[str], chosen: FieldMap, *, where: str) -> LogFormat:
    """A format for rows with these keys.

    Args:
        keys: the names the rows have.
        chosen: the field names a person gave; what is None is guessed from `keys`.
        where: the file, for the error message.

    Raises:
        UsageError: a named field is not there, or no field can be taken for the response.
    """
    named = chosen.chosen()
    for name, path in named.items():
        if path not in keys and path.partition(".")[0] not in keys:
            option = name.replace("_", "-")
            raise UsageError(f"{where}: no field {path!r} (--{option}-field)", hint=_listing(keys))
    guessed = guess_fields(keys).chosen()
    fields_used = FieldMap(**{**{n: p for n, p in guessed.items() if p not in named.values()}, **named})
    if fields_used.response is None:
        hint = f"name it with --response-field; {_listing(keys)}"
        raise UsageError(f"{where}: no field holds the model's response", hint=hint)
    columns, expressions = overrides(fields_used, {})
    described = ", ".join(f"{name} = {path}" for name, path in fields_used.chosen().items())
    return JsonFormat(
        name="tabular",
        describes=described,
        columns=columns,
        projection={"kind": "'text'", **expressions},
        required=f"({expressions['response']}) IS NOT NULL",
        missing=f"no field {fields_used.response!r}, or null in it",
        recogniser=lambda records: True,
    )


def _listing(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:20]) + (", …" if len(keys) > 20 else "")
    return f"the fields are: {shown}"
