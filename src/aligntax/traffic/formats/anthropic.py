"""The Anthropic Messages API: pairs, flat records and batch results."""

from collections.abc import Mapping

from aligntax.traffic.formats.fragments import (
    BLOCKS,
    CONTEXT,
    MESSAGES,
    blocks_sql,
    context_projection,
    error_code_sql,
    first_of,
    kind_sql,
    prompt_sql,
    struct,
    text_sql,
)
from aligntax.traffic.formats.json_format import JsonFormat, any_record, keys_of

__all__ = ["ANTHROPIC", "ANTHROPIC_BATCH", "ANTHROPIC_FLAT"]

REQUEST = {
    "model": "VARCHAR",
    "system": "JSON",
    "messages": MESSAGES,
    "metadata": "STRUCT(user_id VARCHAR)",
}
RESPONSE = {
    "id": "VARCHAR",
    "model": "VARCHAR",
    "content": BLOCKS,
    "stop_reason": "VARCHAR",
    "stop_details": "STRUCT(category VARCHAR)",
    "usage": "STRUCT(input_tokens DOUBLE, cache_creation_input_tokens DOUBLE, "
    "cache_read_input_tokens DOUBLE, output_tokens DOUBLE)",
    "error": "JSON",
}
CALLS = "('tool_use', 'server_tool_use', 'mcp_tool_use')"


def _asked(request: str) -> dict[str, str]:
    return {"prompt": prompt_sql(f"{request}messages"), "system": text_sql(f"{request}system", "chr(10)")}


def _answered(reply: str, *errors: str) -> dict[str, str]:
    """Projection of a message.

    Args:
        reply: where it stands, "" or ending in a dot.
        errors: SQL of the error codes to consider.
    """
    content, usage = f"{reply}content", f"{reply}usage"
    text, error = blocks_sql(content), first_of(*errors)
    called = f"len([b.type for b in {content} if b.type IN {CALLS}]) > 0"
    written, read = f"{usage}.cache_creation_input_tokens", f"{usage}.cache_read_input_tokens"
    return {
        "response": text,
        "kind": kind_sql(error, called, f"({text}) IS NOT NULL"),
        "finish_reason": f"{reply}stop_reason",
        "block_reason": f"{reply}stop_details.category",
        "error_code": error,
        "model_served": f"{reply}model",
        # the API counts cached tokens beside the others, not among them
        "tokens_in": f"{usage}.input_tokens + coalesce({written}, 0) + coalesce({read}, 0)",
        "tokens_out": f"{usage}.output_tokens",
    }


def _is_message(reply: object) -> bool:
    return keys_of(reply) >= {"content", "stop_reason"}


def _is_error(reply: object) -> bool:
    error = reply.get("error") if isinstance(reply, Mapping) else None
    return isinstance(reply, Mapping) and reply.get("type") == "error" and "type" in keys_of(error)


def _is_pair(record: Mapping[str, object]) -> bool:
    reply = record.get("response")
    return "messages" in keys_of(record.get("request")) and (_is_message(reply) or _is_error(reply))


def _is_result(record: Mapping[str, object]) -> bool:
    result = record.get("result")
    return "custom_id" in record and isinstance(result, Mapping) and isinstance(result.get("type"), str)


ANTHROPIC = JsonFormat(
    name="anthropic",
    describes="Anthropic messages as {request, response}",
    columns=CONTEXT | {"request": struct(REQUEST), "response": struct(RESPONSE), "error": "JSON"},
    projection=context_projection("request.metadata.user_id")
    | _asked("request.")
    | _answered("response.", error_code_sql("response.error"), error_code_sql("error"))
    | {"id": first_of("id", "response.id"), "model_requested": "request.model"},
    required="request.messages IS NOT NULL AND "
    "(response.content IS NOT NULL OR response.error IS NOT NULL OR error IS NOT NULL)",
    missing="request.messages, or response.content and response.error",
    recogniser=any_record(_is_pair),
)

ANTHROPIC_FLAT = JsonFormat(
    name="anthropic-flat",
    describes="Anthropic messages as {messages, content, stop_reason, ...}, all in one object",
    columns=CONTEXT | {k: v for k, v in (REQUEST | RESPONSE).items() if k != "metadata"},
    projection=context_projection() | _asked("") | _answered("", error_code_sql("error")) | {"id": "id"},
    required="messages IS NOT NULL AND (content IS NOT NULL OR error IS NOT NULL)",
    missing="messages, or content and error",
    recogniser=any_record(lambda record: "messages" in keys_of(record) and _is_message(record)),
)

FAILED = "CASE WHEN result.type <> 'succeeded' THEN result.type END"

ANTHROPIC_BATCH = JsonFormat(
    name="anthropic-batch",
    describes="results of the Anthropic batch API: {custom_id, result: {type, message}}; no prompts",
    columns={
        "custom_id": "VARCHAR",
        "result": f"STRUCT(type VARCHAR, message {struct(RESPONSE)}, "
        "error STRUCT(type VARCHAR, error STRUCT(type VARCHAR)))",
    },
    projection=_answered("result.message.", "result.error.error.type", FAILED)
    | {"id": first_of("custom_id", "result.message.id")},
    required="result.type IS NOT NULL AND (result.type <> 'succeeded' OR result.message.content IS NOT NULL)",
    missing="result.message.content",
    recogniser=any_record(_is_result),
)
