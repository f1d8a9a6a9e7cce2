"""Amazon Bedrock model-invocation logs: Converse and Anthropic InvokeModel bodies, whole or streamed."""

from collections.abc import Mapping

from aligntax.traffic.formats.fragments import cluster_sql, first_of, joined, kind_sql
from aligntax.traffic.formats.json_format import JsonFormat, any_record
from aligntax.traffic.projection import json_text, timestamp_sql

__all__ = ["BEDROCK"]

BODY = '"output".outputBodyJson'
MESSAGES = '"input".inputBodyJson.messages'
META = "requestMetadata"


def _each(path: str) -> str:
    """The texts at a path with a wildcard, as one text."""
    return joined(json_text(BODY, path))


def _said(content: str) -> str:
    """Text of message content: a string, or blocks with or without a type; guarded text is text."""
    schema = '[{"text":"VARCHAR","guardContent":{"text":{"text":"VARCHAR"}}}]'
    texts = f"[coalesce(b.text, b.guardContent.text.text) for b in from_json({content}, '{schema}')]"
    flattened = joined(texts, "chr(10)")
    return f"CASE WHEN starts_with({content}, '[') THEN {flattened} ELSE {json_text(content)} END"


def _meta(*keys: str) -> list[str]:
    return [json_text(META, f"$.{key}") for key in keys]


PROMPTS = f"[{_said('m.content')} for m in {MESSAGES} if m.role = 'user']"
TEXT = first_of(
    _each("$.output.message.content[*].text"),
    _each("$.content[*].text"),
    _each("$[*].contentBlockDelta.delta.text"),  # a stream is logged as the list of its events
    _each("$[*].delta.text"),
)
FINISH = first_of(
    json_text(BODY, "$.stopReason"),
    json_text(BODY, "$.stop_reason"),
    f"{json_text(BODY, '$[*].messageStop.stopReason')}[1]",
    f"{json_text(BODY, '$[*].delta.stop_reason')}[-1]",
)
ACTION = f"""{BODY} ->> '$."amazon-bedrock-guardrailAction"'"""
GUARDED = f"coalesce({FINISH}, '') = 'guardrail_intervened' OR {ACTION} = 'INTERVENED'"
BLOCK_REASON = first_of(
    f"CASE WHEN {GUARDED} THEN 'guardrail_intervened' END",
    json_text(BODY, "$.stop_details.category"),
    f"{json_text(BODY, '$[*].delta.stop_details.category')}[-1]",
)
ELSEWHERE = '"input".inputBodyS3Path IS NOT NULL OR "output".outputBodyS3Path IS NOT NULL'
KIND = kind_sql("errorCode", f"coalesce({FINISH}, '') = 'tool_use'", f"{TEXT} IS NOT NULL")


def _is_invocation(record: Mapping[str, object]) -> bool:
    return record.get("schemaType") == "ModelInvocationLog"


BEDROCK = JsonFormat(
    name="bedrock",
    describes="Amazon Bedrock model-invocation log (Converse, and Anthropic models by InvokeModel)",
    columns={
        "timestamp": "VARCHAR",
        "requestId": "VARCHAR",
        "modelId": "VARCHAR",
        "errorCode": "VARCHAR",
        "input": "STRUCT(inputBodyJson STRUCT(messages STRUCT(role VARCHAR, content JSON)[], system JSON), "
        "inputBodyS3Path VARCHAR, inputTokenCount DOUBLE)",
        "output": "STRUCT(outputBodyJson JSON, outputBodyS3Path VARCHAR, outputTokenCount DOUBLE)",
        META: "JSON",
    },
    projection={
        "id": "requestId",
        "time": timestamp_sql('"timestamp"'),
        "use_case": first_of(*_meta("use_case", "feature", "route", "task", "app")),
        "cluster": cluster_sql(_meta("user_id")[0], *_meta("session_id", "conversation_id")),
        "system": _said('"input".inputBodyJson.system'),
        "prompt": f"list_filter({PROMPTS}, lambda said: said <> '')[-1]",
        "response": TEXT,
        "kind": f"CASE WHEN ({ELSEWHERE}) AND {TEXT} IS NULL THEN 'no_text' ELSE {KIND} END",
        "finish_reason": FINISH,
        "block_reason": BLOCK_REASON,
        "error_code": "errorCode",
        "model_requested": "modelId",
        "model_served": "modelId",  # the body spells the same model differently, which is not a fallback
        "tokens_in": '"input".inputTokenCount',
        "tokens_out": '"output".outputTokenCount',
    },
    required=f"requestId IS NOT NULL AND ({FINISH} IS NOT NULL OR errorCode IS NOT NULL OR {ELSEWHERE})",
    missing="an outputBodyJson of Converse or of an Anthropic model",
    recogniser=any_record(_is_invocation),
)
