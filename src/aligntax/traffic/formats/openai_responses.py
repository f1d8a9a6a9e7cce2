"""The OpenAI Responses API, whose answer is a list of typed output items."""

from collections.abc import Mapping

from aligntax.traffic.formats.fragments import (
    CONTEXT,
    context_projection,
    error_code_sql,
    first_of,
    joined,
    kind_sql,
    let,
    messages_from,
    prompt_sql,
    seconds_sql,
    struct,
    system_sql,
)
from aligntax.traffic.formats.json_format import JsonFormat, any_record, keys_of
from aligntax.traffic.projection import json_text

__all__ = ["OPENAI_RESPONSES", "OPENAI_RESPONSES_FLAT"]

CONTENT = "STRUCT(type VARCHAR, text VARCHAR, refusal VARCHAR)[]"
LABELS = "STRUCT(use_case VARCHAR, feature VARCHAR, route VARCHAR, task VARCHAR)"
REQUEST = {
    "model": "VARCHAR",
    "input": "JSON",
    "instructions": "VARCHAR",
    "user": "VARCHAR",
    "safety_identifier": "VARCHAR",
}
RESPONSE = {
    "id": "VARCHAR",
    "created_at": "VARCHAR",
    "model": "VARCHAR",
    "status": "VARCHAR",
    "incomplete_details": "STRUCT(reason VARCHAR)",
    "error": "JSON",
    "output": f"STRUCT(type VARCHAR, content {CONTENT})[]",
    "usage": "STRUCT(input_tokens DOUBLE, output_tokens DOUBLE)",
    "metadata": LABELS,
    "conversation": "STRUCT(id VARCHAR)",
    "prompt": "STRUCT(id VARCHAR)",
}


def _told(field: str, kind: str, output: str) -> str:
    """One field of the content blocks of one kind, over all message items."""
    blocks = f"flatten([o.content for o in {output} if o.type = 'message'])"
    return joined(f"[b.{field} for b in {blocks} if b.type = '{kind}']")


def _asked(given: str, instructions: str) -> dict[str, str]:
    """Projection of the input, which is a string or a list of items."""
    items, is_list = messages_from(given), f"starts_with({given}, '[')"
    return {
        "prompt": f"CASE WHEN {is_list} THEN {let(items, prompt_sql('it'))} ELSE {json_text(given)} END",
        "system": first_of(instructions, f"CASE WHEN {is_list} THEN {let(items, system_sql('it'))} END"),
    }


def _answered(reply: str, *errors: str) -> dict[str, str]:
    """Projection of a response object that stands at `reply`: "" or ending in a dot."""
    output = f"{reply}output"
    text, refusal = _told("text", "output_text", output), _told("refusal", "refusal", output)
    error = first_of(*(error_code_sql(e) for e in (f"{reply}error", *errors)))
    called = f"len([o.type for o in {output} if ends_with(o.type, '_call')]) > 0"
    return {
        "response": text,
        "refusal_text": refusal,
        "kind": kind_sql(error, called, f"coalesce({text}, {refusal}) IS NOT NULL"),
        "finish_reason": first_of(f"{reply}incomplete_details.reason", f"{reply}status"),
        "error_code": error,
        "model_served": f"{reply}model",
        "tokens_in": f"{reply}usage.input_tokens",
        "tokens_out": f"{reply}usage.output_tokens",
    }


def _usable(given: str, reply: str, *errors: str) -> str:
    error = first_of(f"{reply}error", *errors)
    return f"{given} IS NOT NULL AND ({reply}output IS NOT NULL OR {error} IS NOT NULL)"


def _paired() -> JsonFormat:
    given = first_of("request.input", "input")
    user = first_of("request.user", "request.safety_identifier")
    context = context_projection(user, seconds_sql("try_cast(response.created_at AS DOUBLE)"))
    labels = [f"response.metadata.{name}" for name in ("use_case", "feature", "route", "task")]
    return JsonFormat(
        name="openai-responses",
        describes="OpenAI Responses as {request, response} or {input, response}",
        columns=CONTEXT
        | {"request": struct(REQUEST), "response": struct(RESPONSE), "error": "JSON"}
        | {name: REQUEST[name] for name in ("input", "instructions", "model")},
        projection=context
        | _asked(given, first_of("request.instructions", "instructions"))
        | _answered("response.", "error")
        | {
            "id": first_of("id", "response.id"),
            "model_requested": first_of("request.model", "model"),
            "use_case": first_of(context["use_case"], *labels),
            "cluster": first_of(context["cluster"], "response.conversation.id", "response.prompt.id"),
        },
        required=_usable(given, "response.", "error"),
        missing="input, or response.output and response.error",
        recogniser=any_record(_is_pair),
    )


def _is_pair(record: Mapping[str, object]) -> bool:
    reply = record.get("response")
    asked = "input" in keys_of(record) | keys_of(record.get("request"))
    error = reply.get("error") if isinstance(reply, Mapping) else None
    answered = isinstance(reply, Mapping) and isinstance(reply.get("output"), list)
    return asked and (answered or bool({"code", "param"} & keys_of(error))) and not _is_observation(record)


def _is_flat(record: Mapping[str, object]) -> bool:
    output = record.get("output")
    items = output if isinstance(output, list) else []
    typed = all(isinstance(item, Mapping) and isinstance(item.get("type"), str) for item in items)
    told = isinstance(output, list) and typed and (bool(items) or record.get("object") == "response")
    return "input" in keys_of(record) and told and not _is_observation(record)


def _is_observation(record: Mapping[str, object]) -> bool:
    return bool({"traceId", "trace_id", "sessionId", "parentObservationId"} & record.keys())


OPENAI_RESPONSES = _paired()

OPENAI_RESPONSES_FLAT = JsonFormat(
    name="openai-responses-flat",
    describes="OpenAI Responses as {input, output: [...], ...}, request and response in one object",
    columns=CONTEXT | REQUEST | {k: v for k, v in RESPONSE.items() if k not in ("metadata", "prompt")},
    projection=context_projection(first_of('"user"', "safety_identifier"))
    | _asked('"input"', "instructions")
    | _answered("")
    | {"id": "id"},
    required=_usable('"input"', ""),
    missing="input, or output and error",
    recogniser=any_record(_is_flat),
)
