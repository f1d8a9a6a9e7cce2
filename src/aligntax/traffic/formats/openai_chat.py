"""OpenAI chat completions, and the many servers that speak the same: Azure, vLLM, OpenRouter, Mistral."""

from collections.abc import Mapping

from aligntax.traffic.formats.fragments import (
    CONTEXT,
    MESSAGES,
    context_projection,
    error_code_sql,
    first_of,
    kind_sql,
    prompt_sql,
    seconds_sql,
    struct,
    system_sql,
    text_sql,
)
from aligntax.traffic.formats.json_format import JsonFormat, any_record, keys_of

__all__ = ["OPENAI_BATCH", "OPENAI_CHAT", "OPENAI_EVALS", "OPENAI_FLAT", "OPENAI_PAIRS"]

CALLS = "STRUCT(id VARCHAR)[]"
SPOKEN = f"content JSON, refusal VARCHAR, tool_calls {CALLS}"
COMPLETION = {
    "id": "VARCHAR",
    "created": "DOUBLE",
    "model": "VARCHAR",
    "choices": f"STRUCT(message STRUCT({SPOKEN}), finish_reason VARCHAR, content_filter_results JSON)[]",
    "prompt_filter_results": "STRUCT(content_filter_results JSON)[]",
    "usage": "STRUCT(prompt_tokens DOUBLE, completion_tokens DOUBLE, cost DOUBLE)",
    "error": "JSON",
}
REQUEST = {"model": "VARCHAR", "user": "VARCHAR", "safety_identifier": "VARCHAR", "messages": MESSAGES}


def _filtered(results: str) -> str:
    """Azure's categories that were filtered, not those merely rated."""
    entries = f"map_entries(try_cast({results} AS MAP(VARCHAR, STRUCT(filtered BOOLEAN))))"
    names = f"array_to_string([e.key for e in {entries} if e.value.filtered], ', ')"
    any_filtered = f"contains({results}, '\"filtered\":true')"
    return f"CASE WHEN {any_filtered} THEN coalesce(nullif({names}, ''), 'filtered') END"


def _error(*errors: str) -> str:
    return first_of(*(error_code_sql(error) for error in errors))


def _spoken(message: str) -> dict[str, str]:
    """What one assistant message says."""
    return {"response": text_sql(f"{message}.content"), "refusal_text": f"{message}.refusal"}


def _kind(error_code: str, message: str, legacy_call: str) -> str:
    called = f"(len({message}.tool_calls) > 0 OR {legacy_call})"
    words = f"coalesce({message}.content::VARCHAR NOT IN ('\"\"', '[]'), false)"
    return kind_sql(error_code, called, words)


def _completion(reply: str, *errors: str) -> dict[str, str]:
    """Projection of a completion object.

    Args:
        reply: where it stands, "" or ending in a dot.
        errors: where else an error may stand.
    """
    choice, usage = f"{reply}choices[1]", f"{reply}usage"
    error = _error(f"{reply}error", *errors)
    blocked = first_of(
        _filtered(f"{choice}.content_filter_results"),
        _filtered(f"{reply}prompt_filter_results[1].content_filter_results"),
        _filtered(f"json_extract({reply}error, '$.innererror.content_filter_result')"),
    )
    return _spoken(f"{choice}.message") | {
        "kind": _kind(error, f"{choice}.message", f"{choice}.finish_reason = 'function_call'"),
        "finish_reason": f"{choice}.finish_reason",
        "block_reason": blocked,
        "error_code": error,
        "model_served": f"{reply}model",
        "tokens_in": f"{usage}.prompt_tokens",
        "tokens_out": f"{usage}.completion_tokens",
    }


def _answered(reply: str, *errors: str) -> str:
    answers = (f"{reply}choices", f"{reply}error", *errors)
    return f"({' OR '.join(f'{answer} IS NOT NULL' for answer in answers)})"


def _asked(request: str) -> dict[str, str]:
    messages = f"{request}messages"
    return {"prompt": prompt_sql(messages), "system": system_sql(messages)}


def _pairs(name: str, key: str, describes: str) -> JsonFormat:
    """Request and response side by side, the response under `key`."""
    reply = f"{key}."
    user = first_of("request.user", "request.safety_identifier")
    return JsonFormat(
        name=name,
        describes=describes,
        columns=CONTEXT | {"request": struct(REQUEST), key: struct(COMPLETION), "error": "JSON"},
        projection=context_projection(user, seconds_sql(f"{reply}created"), f"{reply}usage.cost")
        | _asked("request.")
        | _completion(reply, "error")
        | {"id": first_of("id", f"{reply}id"), "model_requested": "request.model"},
        required=f"request.messages IS NOT NULL AND {_answered(reply, 'error')}",
        missing=f"request.messages, or {key}.choices and {key}.error",
        recogniser=any_record(lambda record: _is_pair(record, key)),
    )


def _is_pair(record: Mapping[str, object], key: str) -> bool:
    reply = record.get(key)
    error = reply.get("error") if isinstance(reply, Mapping) else None
    answered = "choices" in keys_of(reply) or bool({"code", "param"} & keys_of(error))
    return "messages" in keys_of(record.get("request")) and answered


OPENAI_PAIRS = _pairs("openai-pairs", "response", "chat completions as {request, response}")
OPENAI_EVALS = _pairs(
    "openai-evals", "output", "chat completions as {request, output}, as eval exports write them"
)

OPENAI_FLAT = JsonFormat(
    name="openai-flat",
    describes="chat completions as {messages, choices, ...}, request and response in one object",
    columns=CONTEXT | REQUEST | COMPLETION,
    projection=context_projection(
        first_of('"user"', "safety_identifier"), seconds_sql("created"), "usage.cost"
    )
    | _asked("")
    | _completion("")
    | {"id": "id"},
    required=f"messages IS NOT NULL AND {_answered('')}",
    missing="messages, or choices and error",
    recogniser=any_record(lambda record: keys_of(record) >= {"messages", "choices"}),
)

TOLD = "(list_filter(messages, lambda m: m.role = 'assistant'))[-1]"

OPENAI_CHAT = JsonFormat(
    name="openai-chat",
    describes="conversations as {messages: [...]}, the last message of the assistant being the response",
    columns=CONTEXT
    | {"model": "VARCHAR", "messages": f"STRUCT(role VARCHAR, function_call JSON, {SPOKEN})[]"},
    projection=context_projection()
    | _asked("")
    | _spoken(TOLD)
    | {"id": "id", "kind": _kind("NULL", TOLD, f"{TOLD}.function_call IS NOT NULL"), "model_served": "model"},
    required=f"{TOLD} IS NOT NULL",
    missing="messages with one of the assistant",
    recogniser=any_record(lambda record: _is_conversation(record)),
)


def _is_conversation(record: Mapping[str, object]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list):
        return False
    roles = {m.get("role") for m in messages if isinstance(m, Mapping)}
    others = {"choices", "response", "output", "content", "input", "request"}
    return "assistant" in roles and not others & keys_of(record)


OPENAI_BATCH = JsonFormat(
    name="openai-batch",
    describes="OpenAI or Azure batch output: {custom_id, response: {status_code, body}, error}; no prompts",
    columns={
        "id": "VARCHAR",
        "custom_id": "VARCHAR",
        "response": f"STRUCT(status_code BIGINT, body {struct(COMPLETION)})",
        "error": "JSON",
    },
    projection=_completion("response.body.", "error")
    | {
        "id": first_of("custom_id", "id"),
        "time": seconds_sql("response.body.created"),
        "cost": "response.body.usage.cost",
    },
    required=_answered("response.body.", "error"),
    missing="response.body.choices and error",
    recogniser=any_record(lambda record: _is_batch(record)),
)


def _is_batch(record: Mapping[str, object]) -> bool:
    response = record.get("response")
    body = response.get("body") if isinstance(response, Mapping) else None
    failed = response is None and "code" in keys_of(record.get("error"))
    return "custom_id" in record and (bool({"choices", "error"} & keys_of(body)) or failed)
