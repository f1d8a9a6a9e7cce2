"""Langfuse exports: traces, and observations of type GENERATION, in camelCase (API) or snake_case."""

from collections.abc import Mapping

from aligntax.traffic.formats.fragments import (
    cluster_sql,
    first_of,
    kind_sql,
    let,
    messages_from,
    opened_sql,
    paths,
    prompt_sql,
    refusal_code_in,
    role_text_sql,
    said_sql,
    system_sql,
    text_sql,
)
from aligntax.traffic.formats.json_format import JsonFormat, any_record
from aligntax.traffic.projection import json_text, timestamp_sql

__all__ = ["LANGFUSE"]

TEXTS = (
    *("id", "type", "name", "level", "statusMessage", "status_message"),
    *("timestamp", "startTime", "start_time", "promptName", "prompt_name"),
    *("model", "provided_model_name", "traceId", "trace_id", "sessionId", "session_id", "userId", "user_id"),
    *("totalCost", "total_cost", "calculatedTotalCost"),
)
JSONS = (
    *("input", "output", "metadata", "tags"),
    *("usage", "usageDetails", "usage_details", "costDetails", "cost_details"),
)

SOURCE = f"""(
    SELECT *,
        CASE WHEN starts_with(asked, '[') THEN asked ELSE asked -> '$.messages' END AS chat,
        coalesce(answer -> '$.choices[0].message', answer) AS message
    FROM (
        SELECT *, {opened_sql('"input"')} AS asked, {opened_sql('"output"')} AS answer,
            {opened_sql("metadata")} AS meta, {opened_sql("tags")} AS labels,
            {opened_sql("coalesce(usageDetails, usage_details, usage)")} AS used,
            {opened_sql("coalesce(costDetails, cost_details)")} AS costs
        FROM log
        WHERE coalesce("type", 'GENERATION') = 'GENERATION'
    )
)"""

IN_CHAT = f"CASE WHEN starts_with(chat, '[') THEN {let(messages_from('chat'), prompt_sql('it'))} END"
PROMPT = first_of(IN_CHAT, paths("asked", "prompt", "input", "question", "query", "text"), json_text("asked"))

CONTENT = "message -> '$.content'"
TOLD = let(messages_from("message"), role_text_sql("it", "assistant") + "[-1]")
CALLED = (
    "json_array_length(message, '$.tool_calls') > 0 OR json_exists(message, '$.function_call') "
    "OR list_contains(message ->> '$.content[*].type', 'tool_use') "
    "OR list_contains(message ->> '$[*].type', 'tool_use')"
)
IS_MESSAGE = "json_exists(message, '$.content') OR json_exists(message, '$.tool_calls')"
NAMED = paths("message", "text", "output", "answer", "completion", "response")
TEXT = (
    f"CASE WHEN starts_with(message, '[') THEN coalesce({TOLD}, {text_sql('message')}) "
    f"WHEN {IS_MESSAGE} THEN {text_sql(f'({CONTENT})')} "
    f"ELSE coalesce({NAMED}, {json_text('message')}) END"
)
STATUS = first_of("statusMessage", "status_message")
ERROR = f"""CASE WHEN "level" = 'ERROR' THEN {first_of(refusal_code_in(STATUS), "'error'")} END"""


def _is_export(record: Mapping[str, object]) -> bool:
    keys = record.keys()
    observation = isinstance(record.get("type"), str) and bool({"traceId", "trace_id"} & keys)
    trace = {"timestamp", "sessionId", "userId"} <= keys or {"timestamp", "session_id", "user_id"} <= keys
    return {"id", "name", "input", "output"} <= keys and (observation or trace)


LANGFUSE = JsonFormat(
    name="langfuse",
    describes="Langfuse traces, or observations (those of type GENERATION)",
    columns=dict.fromkeys(TEXTS, "VARCHAR") | dict.fromkeys(JSONS, "JSON"),
    source=SOURCE,
    projection={
        "id": "id",
        "use_case": first_of(
            paths("meta", "use_case", "feature", "route", "task"), json_text("labels", "$[0]"), '"name"'
        ),
        "cluster": cluster_sql(
            first_of("userId", "user_id", paths("meta", "user_id", "userId")),
            first_of("sessionId", "session_id", paths("meta", "session_id", "sessionId")),
            first_of("promptName", "prompt_name", "traceId", "trace_id"),
        ),
        "time": timestamp_sql('coalesce(startTime, start_time, "timestamp")'),
        "system": f"CASE WHEN starts_with(chat, '[') THEN {let(messages_from('chat'), system_sql('it'))} END",
        "prompt": PROMPT,
        "response": TEXT,
        "kind": f"CASE WHEN answer IS NULL AND {ERROR} IS NULL THEN 'no_text' "
        f"ELSE {kind_sql(ERROR, f'({CALLED})', said_sql(TEXT))} END",
        "finish_reason": first_of(
            paths("answer", "choices[0].finish_reason", "finish_reason", "stop_reason"),
            paths("meta", "finish_reason"),
        ),
        "refusal_text": json_text("message", "$.refusal"),
        "error_code": ERROR,
        "model_served": first_of("provided_model_name", "model"),
        "tokens_in": paths("used", "input", "promptTokens", "prompt_tokens", "input_tokens"),
        "tokens_out": paths("used", "output", "completionTokens", "completion_tokens", "output_tokens"),
        "cost": first_of(paths("costs", "total"), "calculatedTotalCost", "totalCost", "total_cost"),
        "sampling_rate": json_text("meta", "$.sampling_rate"),
    },
    required='id IS NOT NULL AND (asked IS NOT NULL OR answer IS NOT NULL OR "type" IS NOT NULL)',
    missing="id, or input and output",
    recogniser=any_record(_is_export),
)
