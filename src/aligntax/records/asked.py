"""What is put before a live model, and what comes back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from aligntax.records.exchange import EXCHANGE

__all__ = ["Question", "Reply", "Usage", "exchange", "exchanges"]

_WHERE = re.compile(r"@(https?://\S+|\S+\.jsonl)$")
"""Where a model is asked, after its name: no part of what it is called when it answers."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of requests, as the provider reports them; prompt tokens it had cached are among `tokens_in`."""

    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request to put before a model.

    Attributes:
        id: unique in a run.
        prompt: words of the user.
        system: the system prompt.
        cluster: questions that depend on each other share it: variants of one prompt, one user's or one
            template's prompts; None for a question that stands alone.
        facets: what tells questions of a run apart, name -> value: variant, term, hazard, use case.
    """

    id: str
    prompt: str
    system: str | None = None
    cluster: str | None = None
    facets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back.

    Attributes:
        question: id of the question.
        sample: number of the draw, from 1.
        model: who was asked.
        text: the answer; "" without one.
        stop: why it ended, in Inspect's words: stop, max_tokens, content_filter, ...; "error" where the
            request failed and "not_asked" where it was never sent.
        declined: whether the provider says in a field of its own that it declined.
        served: the model that answered, as the provider tells it; "" where it does not.
        usage: tokens.
        seconds: from request to answer; 0 where it was known already.
        error: kind of the failure and HTTP status, without any text of the request; "" without one.
        known: whether an earlier run had the answer, so that nothing was paid for it now.
    """

    question: str
    sample: int
    model: str
    text: str = ""
    stop: str = "stop"
    declined: bool = False
    served: str = ""
    usage: Usage = Usage()
    seconds: float = 0.0
    error: str = ""
    known: bool = False

    @property
    def answered(self) -> bool:
        """Whether the model gave an answer, if only a refusal; what failed or was not sent is missing."""
        return self.stop not in ("error", "not_asked")


def exchanges(questions: Mapping[str, Question], replies: Sequence[Reply]) -> pa.RecordBatch:
    """Replies as exchanges, for a detector.

    Args:
        questions: by id.
        replies: to them, in any order.

    Returns:
        (replies,) rows of the EXCHANGE schema, in the order of the replies.
    """
    rows = [exchange(questions[reply.question], reply) for reply in replies]
    return pa.RecordBatch.from_pylist(rows, schema=EXCHANGE)


def exchange(question: Question, reply: Reply) -> dict[str, object]:
    """One reply as a row of the EXCHANGE schema."""
    return {
        "id": f"{reply.question}#{reply.sample}",
        "use_case": question.facets.get("use_case"),
        "system": question.system,
        "prompt": question.prompt,
        "response": reply.text,
        "kind": "text" if reply.answered else "error",
        "finish_reason": "content_filter" if reply.declined else reply.stop,
        "error_code": reply.error or None,
        "model_requested": _WHERE.sub("", reply.model),
        "model_served": reply.served or None,
        "cluster": question.cluster,
        "tokens_in": reply.usage.tokens_in,
        "tokens_out": reply.usage.tokens_out,
    }
