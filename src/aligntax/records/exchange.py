"""An exchange: one request and what came back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

__all__ = ["EXCHANGE", "Exchange", "Kind"]

Kind = Literal["text", "tool_call", "error", "no_text"]
"""What came back: words, only tool calls, a technical error, or words the log did not keep."""

EXCHANGE = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("use_case", pa.string()),
        pa.field("system", pa.string()),
        pa.field("prompt", pa.string()),
        pa.field("response", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("finish_reason", pa.string()),
        pa.field("refusal_text", pa.string()),
        pa.field("block_reason", pa.string()),
        pa.field("error_code", pa.string()),
        pa.field("model_requested", pa.string()),
        pa.field("model_served", pa.string()),
        pa.field("time", pa.timestamp("us")),
        pa.field("cluster", pa.string()),
        pa.field("tokens_in", pa.int64()),
        pa.field("tokens_out", pa.int64()),
        pa.field("cost", pa.float64()),
        pa.field("sampling_rate", pa.float64()),
    ]
)
"""Bulk form of `Exchange`, one row each. Every column may be null but `kind`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came back.

    Attributes:
        id: the log's own identifier, else `file:ordinal`.
        prompt: the last words of the user.
        response: the words of the model; None when the log kept none.
        kind: `text`, `tool_call` (nothing but tool calls came back), `error` (a technical failure),
            `no_text` (the log did not capture content).
        use_case: what the request was for; None is shown as "(none)".
        system: the system prompt.
        finish_reason: the provider's own word for why generation stopped.
        refusal_text: text in a field the provider reserves for refusals.
        block_reason: why a filter or guardrail stepped in, in the provider's own word.
        error_code: the provider's error code.
        model_requested: what the caller asked for.
        model_served: what answered.
        time: UTC, without zone.
        cluster: what makes exchanges depend on each other: user, session or template.
        tokens_in: tokens of the request, as billed.
        tokens_out: tokens of the response, as billed.
        cost: US dollars, as billed.
        sampling_rate: share of the traffic the log kept, in (0, 1]; None when it does not say.
    """

    id: str
    prompt: str | None = None
    response: str | None = None
    kind: Kind = "text"
    use_case: str | None = None
    system: str | None = None
    finish_reason: str | None = None
    refusal_text: str | None = None
    block_reason: str | None = None
    error_code: str | None = None
    model_requested: str | None = None
    model_served: str | None = None
    time: datetime | None = None
    cluster: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    sampling_rate: float | None = None
