"""LiteLLM: the StandardLoggingPayload of its callbacks, and rows of its table LiteLLM_SpendLogs."""

from collections.abc import Mapping

from aligntax.traffic.formats.fragments import (
    cluster_sql,
    first_of,
    joined,
    kind_sql,
    let,
    messages_from,
    opened_sql,
    paths,
    prompt_sql,
    refusal_code_in,
    said_sql,
    system_sql,
    text_sql,
)
from aligntax.traffic.formats.json_format import JsonFormat, any_record
from aligntax.traffic.projection import json_text, timestamp_sql

__all__ = ["LITELLM"]

TEXTS = (
    *("id", "request_id", "trace_id", "session_id", "call_type", "status", "startTime", "model"),
    *("model_group", "end_user", "user", "error_str", "prompt_tokens", "completion_tokens"),
    *("response_cost", "spend"),
)
JSONS = ("messages", "response", "proxy_server_request", "metadata", "request_tags", "error_information")
REDACTED = "redacted-by-litellm"
"""What LiteLLM writes in place of text when message logging is turned off."""

NO_EXCHANGE = "embedding|image|speech|transcription|moderation|rerank|file|batch"

SOURCE = f"""(
    SELECT *,
        CASE WHEN starts_with(stored, '[') AND stored <> '[]' THEN stored
            ELSE coalesce(stored -> '$.messages', sent -> '$.messages') END AS chat,
        reply -> '$.choices[0].message' AS message
    FROM (
        SELECT *, {opened_sql("messages")} AS stored, {opened_sql("response")} AS reply,
            {opened_sql("proxy_server_request")} AS sent, {opened_sql("metadata")} AS meta,
            {opened_sql("request_tags")} AS labels
        FROM log
        WHERE call_type IS NULL OR NOT regexp_matches(call_type, '{NO_EXCHANGE}')
    )
)"""

CHATTED = "starts_with(chat, '[')"
IN_CHAT = f"CASE WHEN {CHATTED} THEN {let(messages_from('chat'), prompt_sql('it'))} END"
BARE = "CASE WHEN starts_with(stored, '\"') THEN nullif(stored ->> '$', '') END"
TEXT = first_of(
    text_sql("(message -> '$.content')"),
    joined(json_text("reply", "$.output[*].content[*].text")),  # the Responses API by way of LiteLLM
    f"CASE WHEN starts_with(reply, '\"') THEN nullif({json_text('reply')}, '') END",
)
CALLED = "(json_array_length(message, '$.tool_calls') > 0)"
GUARDRAIL = first_of(
    "status_fields.guardrail_status",
    json_text("meta", "$.status_fields.guardrail_status"),
    "CASE WHEN list_contains(meta ->> '$.guardrail_information[*].guardrail_status', 'guardrail_intervened') "
    "THEN 'guardrail_intervened' END",
)
INTERVENED = f"coalesce({GUARDRAIL}, '') = 'guardrail_intervened'"
DETAILS = first_of("error_information", "meta -> '$.error_information'")
CLASS = json_text(DETAILS, "$.error_class")
ERROR = (
    "CASE WHEN status = 'failure' THEN "
    + first_of(
        refusal_code_in(first_of("error_str", json_text(DETAILS, "$.error_message"))),
        f"CASE WHEN starts_with({CLASS}, 'ContentPolicyViolation') THEN 'content_policy_violation' END",
        f"nullif({json_text(DETAILS, '$.error_code')}, '')",
        CLASS,
        "'error'",
    )
    + " END"
)
KEPT = f"({CHATTED} IS true OR {BARE} IS NOT NULL OR message IS NOT NULL OR {TEXT} IS NOT NULL)"
LABEL = "[t for t in labels ->> '$[*]' if NOT starts_with(t, 'User-Agent')][1]"  # LiteLLM adds those itself


def _is_payload(record: Mapping[str, object]) -> bool:
    keys = record.keys()
    payload = bool({"status_fields", "hidden_params", "response_cost"} & keys) and "id" in keys
    row = {"request_id", "spend"} <= keys
    return {"call_type", "startTime"} <= keys and (payload or row)


LITELLM = JsonFormat(
    name="litellm",
    describes="LiteLLM StandardLoggingPayload, or rows of LiteLLM_SpendLogs",
    columns=dict.fromkeys(TEXTS, "VARCHAR")
    | dict.fromkeys(JSONS, "JSON")
    | {"status_fields": "STRUCT(guardrail_status VARCHAR)"},
    source=SOURCE,
    projection={
        "id": first_of("id", "request_id"),
        "use_case": first_of(
            paths("meta", "use_case", "feature", "route", "task"),
            paths("meta", "spend_logs_metadata.use_case", "spend_logs_metadata.feature"),
            LABEL,
            paths("meta", "user_api_key_alias", "user_api_key_team_alias"),
        ),
        "cluster": cluster_sql(
            first_of("nullif(end_user, '')", paths("meta", "user_api_key_end_user_id")),
            "nullif(session_id, '')",
            "nullif(trace_id, '')",
            "md5(nullif(\"user\", ''))",  # who owns the key: rarely who asked
        ),
        "time": timestamp_sql("startTime"),
        "system": f"CASE WHEN {CHATTED} THEN {let(messages_from('chat'), system_sql('it'))} END",
        "prompt": f"nullif({first_of(IN_CHAT, BARE)}, '{REDACTED}')",
        "response": f"nullif({TEXT}, '{REDACTED}')",
        "kind": f"CASE WHEN {INTERVENED} THEN 'text' "
        f"WHEN {ERROR} IS NULL AND (coalesce({TEXT}, '') = '{REDACTED}' OR NOT {KEPT}) THEN 'no_text' "
        f"ELSE {kind_sql(ERROR, CALLED, said_sql(TEXT))} END",
        "finish_reason": json_text("reply", "$.choices[0].finish_reason"),
        "refusal_text": json_text("message", "$.refusal"),
        "block_reason": f"CASE WHEN {INTERVENED} THEN 'guardrail_intervened' END",
        "error_code": ERROR,
        "model_requested": first_of("nullif(model_group, '')", "model"),
        "model_served": first_of(json_text("reply", "$.model"), "model"),
        "tokens_in": "prompt_tokens",
        "tokens_out": "completion_tokens",
        "cost": first_of("response_cost", "spend"),
        "sampling_rate": json_text("meta", "$.sampling_rate"),
    },
    required="coalesce(id, request_id) IS NOT NULL AND (call_type IS NOT NULL OR status IS NOT NULL)",
    missing="id or request_id, or call_type",
    recogniser=any_record(_is_payload),
)
