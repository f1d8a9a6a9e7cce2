"""OpenTelemetry GenAI spans and log events in OTLP/JSON, in every generation of the conventions.

Generations, as the code names them: 1, content in `gen_ai.prompt` and `gen_ai.completion`, of the span or of
its events; 1b, the same indexed by message (OpenLLMetry); 2, content in log events that name the span; 3,
`gen_ai.input.messages` and `gen_ai.output.messages`, of the span or of an event, as JSON text or structured.
"""

from aligntax.traffic.formats.fragments import (
    cluster_sql,
    first_of,
    joined,
    kind_sql,
    let,
    messages_from,
    prompt_sql,
    refusal_code_in,
    role_text_sql,
    system_sql,
)
from aligntax.traffic.formats.json_format import JsonFormat, any_record
from aligntax.traffic.projection import quoted, timestamp_sql

__all__ = ["OPENTELEMETRY"]

VALUE = "STRUCT(stringValue VARCHAR, intValue VARCHAR, doubleValue VARCHAR, arrayValue JSON)"
ATTRIBUTES = f"STRUCT(key VARCHAR, value {VALUE})[]"
ENTRIES = "STRUCT(key VARCHAR, value STRUCT(stringValue VARCHAR, arrayValue JSON))[]"
BODY = (
    "STRUCT(stringValue VARCHAR, kvlistValue STRUCT(values STRUCT(key VARCHAR, value "
    f"STRUCT(stringValue VARCHAR, arrayValue JSON, kvlistValue STRUCT(values {ENTRIES})))[]))"
)
RESOURCE = f"resource STRUCT(attributes {ATTRIBUTES})"
SPAN = (
    "STRUCT(traceId VARCHAR, spanId VARCHAR, startTimeUnixNano VARCHAR, "
    f"status STRUCT(code VARCHAR, message VARCHAR), attributes {ATTRIBUTES}, "
    f"events STRUCT(name VARCHAR, attributes {ATTRIBUTES})[])"
)
RECORD = (
    "STRUCT(traceId VARCHAR, spanId VARCHAR, timeUnixNano VARCHAR, observedTimeUnixNano VARCHAR, "
    f"eventName VARCHAR, attributes {ATTRIBUTES}, body {BODY})"
)

KV = '{"kvlistValue":{"values":[{"key":"VARCHAR","value":{"stringValue":"VARCHAR"%s}}]}}'
PARTS_SCHEMA = '{"values":[' + KV % "" + "]}"
MESSAGES_SCHEMA = '{"values":[' + KV % (',"arrayValue":' + PARTS_SCHEMA) + "]}"
PLAIN_PART = '{"type":"VARCHAR","content":"VARCHAR"}'
PLAIN_SCHEMA = f'[{{"role":"VARCHAR","content":"VARCHAR","finish_reason":"VARCHAR","parts":[{PLAIN_PART}]}}]'

OPERATIONS = "('chat', 'text_completion', 'generate_content', 'completion')"
"""What makes a span an exchange; agents, tools and embeddings have spans of their own."""

DETAILS = "gen_ai.client.inference.operation.details"
EVENTS = (
    "gen_ai.system.message",
    "gen_ai.user.message",
    "gen_ai.assistant.message",
    "gen_ai.choice",
    DETAILS,
)


def _entry(entries: str, key: str) -> str:
    """The value under a key of a kvlist."""
    return f"list_filter({entries}, lambda e: e.key = {quoted(key)})[1].value"


def _value(key: str) -> str:
    """An attribute of the exchange, as OTLP writes it."""
    return f"vals[list_position(keys, {quoted(key)})]"


def _text(*keys: str) -> str:
    """The first attribute present, as text."""
    found = (f"{_value(key)}.{form}" for key in keys for form in ("stringValue", "intValue", "doubleValue"))
    return first_of(*found)


def _parts(values: str) -> str:
    """Structured parts as the plain ones."""
    kind, content = _entry("p.kvlistValue.values", "type"), _entry("p.kvlistValue.values", "content")
    return f"[{{'type': {kind}.stringValue, 'content': {content}.stringValue}} for p in {values}]"


def _messages(key: str) -> str:
    """Messages of generation 3, from JSON text or structured: a list of role, content, parts."""
    fields = {
        name: _entry("m.kvlistValue.values", name) for name in ("role", "content", "finish_reason", "parts")
    }
    plain = ", ".join(
        f"'{name}': {fields[name]}.stringValue" for name in ("role", "content", "finish_reason")
    )
    values = f"from_json({_value(key)}.arrayValue, '{MESSAGES_SCHEMA}').values"
    message = f"{{{plain}, 'parts': {_parts(fields['parts'] + '.arrayValue.values')}}}"
    text = f"{_value(key)}.stringValue"
    return (  # text cut off by a length limit is not JSON
        f"CASE WHEN json_valid({text}) THEN from_json({text}, '{PLAIN_SCHEMA}') "
        f"WHEN {_value(key)}.arrayValue IS NOT NULL THEN [{message} for m in {values}] END"
    )


def _instructions(key: str) -> str:
    text = f"{_value(key)}.stringValue"
    plain = f"from_json({text}, '[{PLAIN_PART}]')"
    structured = _parts(f"from_json({_value(key)}.arrayValue, '{PARTS_SCHEMA}').values")
    return (
        f"CASE WHEN starts_with({text}, '[') AND json_valid({text}) THEN {_said(plain)} "
        f"ELSE coalesce({text}, {_said(structured)}) END"
    )


def _said(parts: str, separator: str = "chr(10)") -> str:
    return joined(f"[p.content for p in {parts} if p.type = 'text']", separator)


def _spoken(messages: str, role: str) -> str:
    """Texts of the messages of a role, where they have any: a list."""
    said = _said("m.parts", "''" if role == "assistant" else "chr(10)")
    texts = f"[coalesce({said}, m.content) for m in {messages} if m.role = '{role}']"
    return f"list_filter({texts}, lambda said: said <> '')"


def _indexed(side: str, role: str, pick: str) -> str:
    """Generation 1b: content of the first or last (`pick`) message of a role."""
    prefix = f"gen_ai.{side}."
    numbers = (
        f"[try_cast(split_part(a.key, '.', 3) AS BIGINT) for a in attrs if starts_with(a.key, '{prefix}') "
        f"AND ends_with(a.key, '.role') AND a.value.stringValue = '{role}']"
    )
    return f"vals[list_position(keys, '{prefix}' || list_{pick}({numbers}) || '.content')].stringValue"


def _typed(text: str, chosen: str) -> str:
    """Generation 1: text that may be JSON of messages, `chosen` from them as `it`; else the text itself."""
    is_list = f"starts_with({text}, '[') AND json_valid({text})"
    return f"CASE WHEN {is_list} THEN coalesce({let(messages_from(text), chosen)}, {text}) ELSE {text} END"


def _event(name: str, expression: str, pick: str = "last") -> str:
    return f"{pick}({expression} ORDER BY moment) FILTER (name = '{name}')"


FIELDS = "body.kvlistValue.values"
CHOICE = f"{_entry(FIELDS, 'message')}.kvlistValue.values"
CHOSEN_CALLS = _entry(CHOICE, "tool_calls")
BLOCKS = _entry("b.kvlistValue.values", "text") + ".stringValue"
BLOCK_VALUES = f"from_json({_entry(FIELDS, 'content')}.arrayValue, '{PARTS_SCHEMA}').values"
CONTENT = first_of(
    f"{_entry(FIELDS, 'content')}.stringValue",
    joined(f"[{BLOCKS} for b in {BLOCK_VALUES}]", "chr(10)"),
    "CASE WHEN json_valid(body.stringValue) THEN body.stringValue ->> '$.content' END",
)
ANSWER = first_of(
    f"{_entry(CHOICE, 'content')}.stringValue",
    "CASE WHEN json_valid(body.stringValue) THEN body.stringValue ->> '$.message.content' END",
)
BROKEN = "resourceSpans IS NULL AND resourceLogs IS NULL"
IS_EXCHANGE = (
    "len([a.key for a in attrs if starts_with(a.key, 'gen_ai.')]) > 0 "
    f"AND coalesce({_text('gen_ai.operation.name', 'llm.request.type')}, 'chat') IN {OPERATIONS}"
)
EVENT_NAMES = ", ".join(quoted(name) for name in EVENTS)
EVENT_NAME = _entry("record.attributes", "event.name")
KEYS = "[a.key for a in attrs] AS keys, [a.value for a in attrs] AS vals"

SPANS = f"""
    SELECT * FROM (
        SELECT *, {KEYS} FROM (
            SELECT span.traceId AS trace, span.spanId AS span_id, span.startTimeUnixNano AS started,
                span.status AS status, broken,
                list_concat(span.attributes, flatten([e.attributes for e in span.events
                    if starts_with(e.name, 'gen_ai.')]), service) AS attrs
            FROM (
                SELECT broken, r.resource.attributes AS service, unnest(
                    CASE WHEN broken THEN [NULL] ELSE flatten([s.spans for s in r.scopeSpans]) END
                ) AS span
                FROM (
                    SELECT {BROKEN} AS broken,
                        unnest(CASE WHEN {BROKEN} THEN [NULL] ELSE resourceSpans END) AS r
                    FROM log
                )
            )
        )
    ) WHERE broken OR ({IS_EXCHANGE})"""

LOGGED = f"""
    SELECT nullif(record.traceId, '') AS trace,
        coalesce(nullif(record.spanId, ''), 'record ' || row_number() OVER ()) AS span_id,
        coalesce(nullif(record.timeUnixNano, '0'), record.observedTimeUnixNano) AS started,
        (lpad(coalesce(record.timeUnixNano, ''), 20, '0'), row_number() OVER ()) AS moment,
        coalesce(nullif(record.eventName, ''), {EVENT_NAME}.stringValue) AS name,
        record.attributes AS own, service, record.body AS body
    FROM (
        SELECT r.resource.attributes AS service,
            unnest(flatten([s.logRecords for s in r.scopeLogs])) AS record
        FROM (SELECT unnest(resourceLogs) AS r FROM log)
    )"""

LOGS = f"""
    SELECT *, {KEYS} FROM (
        SELECT trace, span_id, min(started) AS started,
            {_event("gen_ai.system.message", CONTENT, "first")} AS system_said,
            {_event("gen_ai.user.message", CONTENT)} AS user_said,
            {_event("gen_ai.choice", ANSWER, "first")} AS model_said,
            {_event("gen_ai.choice", f"{_entry(FIELDS, 'finish_reason')}.stringValue", "first")} AS finish,
            bool_or(name = 'gen_ai.choice' AND {CHOSEN_CALLS}.arrayValue IS NOT NULL) AS called,
            list_concat(flatten(list(own ORDER BY moment)), any_value(service)) AS attrs
        FROM ({LOGGED})
        WHERE name IN ({EVENT_NAMES})
        GROUP BY trace, span_id
    )"""

MERGED = f"""
    SELECT coalesce(s.trace, l.trace) AS trace, coalesce(s.span_id, l.span_id) AS span_id, s.broken, s.status,
        coalesce(s.started, l.started) AS started, l.* EXCLUDE (trace, span_id, started, attrs, keys, vals),
        list_concat(s.attrs, l.attrs) AS attrs, list_concat(s.keys, l.keys) AS keys,
        list_concat(s.vals, l.vals) AS vals
    FROM ({SPANS}) s FULL OUTER JOIN ({LOGS}) l ON s.trace = l.trace AND s.span_id = l.span_id"""

SOURCE = f"""(
    SELECT *,
        {_messages("gen_ai.input.messages")} AS asked, {_messages("gen_ai.output.messages")} AS answered,
        {_text("gen_ai.prompt")} AS prompted, {_text("gen_ai.completion")} AS completed,
        {_value("gen_ai.response.finish_reasons")} AS reasons
    FROM ({MERGED})
    ORDER BY started, span_id
)"""

PROMPT = first_of(
    f"{_spoken('asked', 'user')}[-1]",
    _indexed("prompt", "user", "max"),
    _typed("prompted", prompt_sql("it")),
    "user_said",
)
SYSTEM = first_of(
    _instructions("gen_ai.system_instructions"),
    f"{_spoken('asked', 'system')}[1]",
    _indexed("prompt", "system", "min"),
    f"CASE WHEN starts_with(prompted, '[') THEN nullif({_typed('prompted', system_sql('it'))}, prompted) END",
    "system_said",
)
RESPONSE = first_of(
    f"{_spoken('answered', 'assistant')}[1]",
    f"nullif({_text('gen_ai.completion.0.content')}, '')",
    _typed("completed", role_text_sql("it", "assistant") + "[-1]"),
    "nullif(model_said, '')",
)
REASONS = first_of(
    "reasons.arrayValue ->> '$.values[*].stringValue'",
    "CASE WHEN json_valid(reasons.stringValue) THEN reasons.stringValue ->> '$[*]' END",
)
FINISH = first_of(
    f"CASE WHEN list_contains({REASONS}, 'content_filter') THEN 'content_filter' END",
    f"{REASONS}[1]",
    "reasons.stringValue",
    "answered[1].finish_reason",
    _text("gen_ai.completion.0.finish_reason"),
    "finish",
)
FAILED = "status.code IN ('2', 'STATUS_CODE_ERROR')"
ERROR = first_of(
    f"CASE WHEN {FAILED} THEN {refusal_code_in('status.message')} END",
    _text("error.type"),
    f"CASE WHEN {FAILED} THEN 'error' END",
)
CALLS = "[p.type for p in flatten([m.parts for m in answered]) if p.type = 'tool_call']"
INDEXED_CALLS = "[k for k in keys if starts_with(k, 'gen_ai.completion.0.tool_calls.')]"
CALLED = (
    f"coalesce(called OR len({CALLS}) > 0 OR len({INDEXED_CALLS}) > 0 "
    f"OR {FINISH} IN ('tool_call', 'tool_calls', 'tool_use'), false)"
)
SILENT = f"{ERROR} IS NULL AND NOT {CALLED} AND coalesce({PROMPT}, {RESPONSE}) IS NULL"
KIND = kind_sql(ERROR, CALLED, f"{RESPONSE} IS NOT NULL")

OPENTELEMETRY = JsonFormat(
    name="opentelemetry",
    describes="OpenTelemetry GenAI spans and log events, OTLP/JSON",
    columns={
        "resourceSpans": f"STRUCT({RESOURCE}, scopeSpans STRUCT(spans {SPAN}[])[])[]",
        "resourceLogs": f"STRUCT({RESOURCE}, scopeLogs STRUCT(logRecords {RECORD}[])[])[]",
    },
    source=SOURCE,
    projection={
        "id": "span_id",
        "use_case": _text(
            *("use_case", "feature", "route", "task", "traceloop.association.properties.use_case"),
            *("traceloop.workflow.name", "gen_ai.agent.name", "service.name"),
        ),
        "cluster": cluster_sql(
            _text("user.id", "enduser.id", "traceloop.association.properties.user_id"),
            _text("gen_ai.conversation.id", "session.id", "gen_ai.prompt.name"),
            "trace",
        ),
        "time": timestamp_sql("started"),
        "system": SYSTEM,
        "prompt": PROMPT,
        "response": RESPONSE,
        "kind": f"CASE WHEN {SILENT} THEN 'no_text' ELSE {KIND} END",
        "finish_reason": FINISH,
        "error_code": ERROR,
        "model_requested": _text("gen_ai.request.model"),
        "model_served": _text("gen_ai.response.model"),
        "tokens_in": _text("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "tokens_out": _text("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "cost": _text("gen_ai.usage.cost"),
        "sampling_rate": _text("sampling_rate"),
    },
    required="span_id IS NOT NULL",
    missing="resourceSpans and resourceLogs",
    recogniser=any_record(lambda record: bool({"resourceSpans", "resourceLogs"} & record.keys())),
)
