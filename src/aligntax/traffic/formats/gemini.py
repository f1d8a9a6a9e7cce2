"""Google Gemini and Vertex AI: generateContent requests with their responses."""

from collections.abc import Mapping

from aligntax.traffic.formats.fragments import (
    CONTEXT,
    context_projection,
    error_code_sql,
    first_of,
    joined,
    kind_sql,
    struct,
)
from aligntax.traffic.formats.json_format import JsonFormat, any_record, keys_of
from aligntax.traffic.projection import timestamp_sql

__all__ = ["GEMINI"]

SAID = "STRUCT(parts STRUCT(text VARCHAR)[])"
RATINGS = "STRUCT(category VARCHAR, blocked BOOLEAN)[]"
CANDIDATE = {
    "content": "STRUCT(parts STRUCT(text VARCHAR, thought BOOLEAN, functionCall JSON)[])",
    "finishReason": "VARCHAR",
    "safetyRatings": RATINGS,
}
REQUEST = {
    "model": "VARCHAR",
    "contents": "STRUCT(role VARCHAR, parts STRUCT(text VARCHAR)[])[]",
    "systemInstruction": SAID,
    "system_instruction": SAID,
    "labels": "STRUCT(use_case VARCHAR, feature VARCHAR)",
}
RESPONSE = {
    "responseId": "VARCHAR",
    "createTime": "VARCHAR",
    "modelVersion": "VARCHAR",
    "candidates": f"{struct(CANDIDATE)}[]",
    "promptFeedback": f"STRUCT(blockReason VARCHAR, safetyRatings {RATINGS})",
    "usageMetadata": "STRUCT(promptTokenCount DOUBLE, candidatesTokenCount DOUBLE, "
    "thoughtsTokenCount DOUBLE)",
    "error": "JSON",
}

FIRST = "response.candidates[1]"
USAGE = "response.usageMetadata"
ERROR = first_of(*(error_code_sql(error, "status", "code") for error in ("response.error", "error")))
TEXT = joined(f"[p.text for p in {FIRST}.content.parts if p.text IS NOT NULL AND p.thought IS NOT true]")
CALLED = f"len([p.text for p in {FIRST}.content.parts if p.functionCall IS NOT NULL]) > 0"
SYSTEM = first_of("request.systemInstruction.parts", "request.system_instruction.parts")
LABELS = ("request.labels.use_case", "request.labels.feature")


def _prompt() -> str:
    """Last words of the user; one turn may lack a role, and function results carry no text."""
    texts = f"[{joined('[p.text for p in c.parts]', 'chr(10)')} for c in request.contents {_USERS}]"
    return f"list_filter({texts}, lambda said: said IS NOT NULL)[-1]"


def _blocked(ratings: str) -> str:
    return f"[r.category for r in {ratings} if r.blocked][1]"


_USERS = "if coalesce(c.role, 'user') = 'user'"
BLOCK_REASON = first_of(
    "response.promptFeedback.blockReason",
    _blocked(f"{FIRST}.safetyRatings"),
    _blocked("response.promptFeedback.safetyRatings"),
    f"CASE WHEN {FIRST} IS NULL AND {ERROR} IS NULL THEN 'NO_CANDIDATES' END",
)
ANSWERED = " OR ".join(
    f"{field} IS NOT NULL"
    for field in ("response.candidates", "response.promptFeedback", USAGE, "response.error", "error")
)


def _is_pair(record: Mapping[str, object]) -> bool:
    answers = {"candidates", "promptFeedback", "usageMetadata"}
    return "contents" in keys_of(record.get("request")) and bool(answers & keys_of(record.get("response")))


_CONTEXT = context_projection(time=timestamp_sql("response.createTime"))

GEMINI = JsonFormat(
    name="gemini",
    describes="Gemini or Vertex AI generateContent as {request, response}",
    columns=CONTEXT
    | {"request": struct(REQUEST), "response": struct(RESPONSE), "error": "JSON", "model": "VARCHAR"},
    projection=_CONTEXT
    | {
        "id": first_of("id", "response.responseId"),
        "use_case": first_of(_CONTEXT["use_case"], *LABELS),
        "prompt": _prompt(),
        "system": joined(f"[p.text for p in {SYSTEM}]", "chr(10)"),
        "response": TEXT,
        "kind": kind_sql(ERROR, CALLED, f"{TEXT} IS NOT NULL"),
        "finish_reason": f"{FIRST}.finishReason",
        "block_reason": BLOCK_REASON,
        "error_code": ERROR,
        "model_requested": first_of("request.model", "model"),
        "model_served": "response.modelVersion",
        "tokens_in": f"{USAGE}.promptTokenCount",
        # thinking is billed as output but not counted among the candidates' tokens
        "tokens_out": f"{USAGE}.candidatesTokenCount + coalesce({USAGE}.thoughtsTokenCount, 0)",
    },
    required=f"request.contents IS NOT NULL AND ({ANSWERED})",
    missing="request.contents, or response.candidates and response.promptFeedback",
    recogniser=any_record(_is_pair),
)
