"""SQL fragments that several importers share. Every argument is SQL, and so is every result."""

from collections.abc import Mapping

from aligntax.traffic.projection import json_text, quoted, timestamp_sql

__all__ = [
    "BLOCKS",
    "CONTEXT",
    "MESSAGES",
    "REFUSAL_CODES",
    "blocks_sql",
    "cluster_sql",
    "context_projection",
    "error_code_sql",
    "first_of",
    "joined",
    "kind_sql",
    "let",
    "messages_from",
    "opened_sql",
    "paths",
    "prompt_sql",
    "refusal_code_in",
    "role_text_sql",
    "said_sql",
    "seconds_sql",
    "struct",
    "system_sql",
    "text_sql",
]

MESSAGES = "STRUCT(role VARCHAR, content JSON)[]"
"""Chat messages. Content is JSON because it may be a string or a list of blocks."""

BLOCKS = "STRUCT(type VARCHAR, text VARCHAR)[]"
"""Content where it is always a list of typed blocks."""

REFUSAL_CODES = ("invalid_prompt", "content_policy_violation", "content_filter", "cyber_policy")
"""Error codes by which a provider refuses, where other codes tell of a technical failure."""

TEXT_TYPES = "('text', 'input_text', 'output_text')"

META = (  # each field costs 1 % of the time a log takes to read, whether it is there or not
    "STRUCT(use_case VARCHAR, feature VARCHAR, route VARCHAR, task VARCHAR, user_id VARCHAR, "
    "session_id VARCHAR, sampling_rate DOUBLE)"
)

CONTEXT = {
    "id": "VARCHAR",
    "timestamp": "VARCHAR",
    "created_at": "VARCHAR",
    "use_case": "VARCHAR",
    "feature": "VARCHAR",
    "route": "VARCHAR",
    "task": "VARCHAR",
    "tags": "VARCHAR[]",
    "user_id": "VARCHAR",
    "session_id": "VARCHAR",
    "conversation_id": "VARCHAR",
    "prompt_name": "VARCHAR",
    "cost": "DOUBLE",
    "sampling_rate": "DOUBLE",
    "metadata": META,
}
"""What applications write around a raw request and response."""


def context_projection(user: str = "NULL", time: str = "NULL", cost: str = "NULL") -> dict[str, str]:
    """The EXCHANGE columns that `CONTEXT` can fill.

    Args:
        user: where the provider's own record names the user.
        time: where the provider's own record tells the time, as TIMESTAMP.
        cost: where the provider's own record tells the cost.
    """
    return {
        "use_case": first_of(
            "use_case",
            "metadata.use_case",
            "feature",
            "metadata.feature",
            "route",
            "metadata.route",
            "task",
            "metadata.task",
            "tags[1]",
        ),
        "cluster": cluster_sql(
            first_of("user_id", "metadata.user_id", user),
            "session_id",
            "metadata.session_id",
            "conversation_id",
            "prompt_name",
        ),
        "time": first_of(time, timestamp_sql("timestamp"), timestamp_sql("created_at")),
        "cost": first_of("cost", cost),
        "sampling_rate": first_of("sampling_rate", "metadata.sampling_rate"),
    }


def first_of(*expressions: str) -> str:
    """The first that is not NULL; later ones are computed only for rows that need them."""
    return f"coalesce({', '.join(expressions)})"


def struct(fields: Mapping[str, str]) -> str:
    """A DuckDB STRUCT type; names are quoted because "user" and others are reserved words."""
    return "STRUCT(" + ", ".join(f'"{name}" {kind}' for name, kind in fields.items()) + ")"


def let(expression: str, body: str) -> str:
    """`body` with `it` standing for `expression`, computed once: SQL has no other local name."""
    return f"list_transform([{expression}], lambda it: {body})[1]"


def cluster_sql(user: str, *others: str) -> str:
    """What makes exchanges depend on each other; user ids leave the log only as a hash."""
    return first_of(f"md5({user})", *others)


def seconds_sql(number: str) -> str:
    """Epoch seconds (DOUBLE) as TIMESTAMP."""
    return f"make_timestamp(try_cast({number} * 1e6 AS BIGINT))"


def joined(texts: str, separator: str = "''") -> str:
    """A list of texts as one text; NULL where there is none."""
    return f"nullif(array_to_string({texts}, {separator}), '')"


def blocks_sql(blocks: str, separator: str = "''") -> str:
    """Text of a typed list of content blocks: images, thoughts and tool calls are left out.

    Providers split one answer over blocks in mid-sentence, so nothing is put between them unless asked.
    """
    texts = f"[b.text for b in {blocks} if coalesce(b.type, 'text') IN {TEXT_TYPES}]"
    return (  # a single block is the common case, and list comprehension is ten times as dear
        f"CASE WHEN len({blocks}) = 1 AND {blocks}[1].type = 'text' THEN {blocks}[1].text "
        f"ELSE {joined(texts, separator)} END"
    )


def text_sql(content: str, separator: str = "''") -> str:
    """Text of JSON content: a string as it is, a list of blocks flattened."""
    blocks = f"""from_json({content}, '[{{"type":"VARCHAR","text":"VARCHAR"}}]')"""
    texts = f"[b.text for b in {blocks} if coalesce(b.type, 'text') IN {TEXT_TYPES}]"
    flattened = joined(texts, separator)
    return f"CASE WHEN starts_with({content}, '[') THEN {flattened} ELSE {json_text(content)} END"


def role_text_sql(messages: str, *roles: str) -> str:
    """Texts of the messages with one of these roles, where they have any: a list."""
    among = ", ".join(quoted(role) for role in roles)
    texts = f"[{text_sql('m.content', 'chr(10)')} for m in {messages} if m.role IN ({among})]"
    return f"list_filter({texts}, lambda said: said <> '')"


def prompt_sql(messages: str) -> str:
    """The last words of the user. Messages of the user that only carry tool results do not count."""
    last = f"{messages}[-1]"
    text = json_text(f"{last}.content")
    return (
        f"CASE WHEN {last}.role = 'user' AND starts_with({last}.content, '\"') THEN {text} "
        f"ELSE {role_text_sql(messages, 'user')}[-1] END"
    )


def system_sql(messages: str) -> str:
    """The first system or developer message."""
    first = f"{messages}[1]"
    return (
        f"CASE WHEN {first}.role = 'system' AND starts_with({first}.content, '\"') "
        f"THEN {json_text(f'{first}.content')} ELSE {role_text_sql(messages, 'system', 'developer')}[1] END"
    )


def said_sql(text: str) -> str:
    """Condition, that a text is there and not empty."""
    return f"coalesce(({text}) <> '', false)"


def messages_from(json: str) -> str:
    """JSON as typed messages."""
    return f"""from_json({json}, '[{{"role":"VARCHAR","content":"JSON"}}]')"""


def opened_sql(json: str) -> str:
    """JSON, also where the log stores it as a string that holds JSON."""
    text = json_text(json)
    return (
        f"CASE WHEN starts_with({json}, '\"') AND {text}[1] IN ('{{', '[') AND json_valid({text}) "
        f"THEN {text}::JSON ELSE {json} END"
    )


def paths(json: str, *found: str) -> str:
    """The first text found in JSON under these paths, each without its `$.`."""
    return first_of(*(f"nullif({json_text(json, f'$.{path}')}, '')" for path in found))


def error_code_sql(error: str, *keys: str) -> str:
    """The code of a JSON error object, or 'error' for an error that names none."""
    named = [json_text(error, f"$.{key}") for key in keys or ("code", "type")]
    return f"CASE WHEN {error} IS NOT NULL THEN {first_of(*named, quoted('error'))} END"


def refusal_code_in(text: str) -> str:
    """The refusal code that a text mentions, for logs that keep errors as prose."""
    return f"nullif(regexp_extract({text}, '{'|'.join(REFUSAL_CODES)}'), '')"


def kind_sql(error_code: str, tool_call: str, words: str) -> str:
    """The `kind` of an exchange whose content was captured.

    Args:
        error_code: NULL where there was no error.
        tool_call: condition, that the model called a tool.
        words: condition, that there is text too.
    """
    codes = ", ".join(quoted(code) for code in REFUSAL_CODES)
    return (
        f"CASE WHEN {error_code} NOT IN ({codes}) THEN 'error' "
        f"WHEN {tool_call} AND NOT {words} THEN 'tool_call' ELSE 'text' END"
    )
