"""Provider signals: every row of the table of what providers say when they decline."""

import pyarrow as pa
import pytest

from aligntax.detectors import Cascade, SignalDetector, served_by_fallback
from aligntax.detectors.signals import SIGNALS
from aligntax.records import EXCHANGE

LONG = (
    "A ledger balances when its two sides agree: for every debit there is a credit of the same sum. Add up "
    "both columns; if the totals differ, look for an entry made on one side only, or for two digits swapped."
)

CASCADE = Cascade()


def exchange(**columns: object) -> pa.RecordBatch:
    """One exchange of text, with these columns set."""
    row = {"id": "1", "kind": "text", "prompt": "When does a ledger balance?", **columns}
    return pa.RecordBatch.from_pylist([row], schema=EXCHANGE)


def outcome(**columns: object) -> dict:
    """What the cascade makes of one exchange."""
    return CASCADE(exchange(**columns)).to_pylist()[0]


ROWS = [(column, word, layer) for column, words in SIGNALS.items() for word, layer in words.items()]


@pytest.mark.parametrize(("column", "word", "layer"), ROWS)
def test_every_signal_refuses(column: str, word: str, layer: str) -> None:
    """An empty answer with a provider's signal is refused, by the one who stepped in, with score 1."""
    row = outcome(**{column: word})
    assert (row["outcome"], row["layer"], row["reason"]) == ("refused", layer, "should_not")
    assert row["score"] == 1.0
    assert row["evidence"] == f"{column}: {word}"


def test_any_other_block_is_a_filter() -> None:
    """A block reason not listed, as Gemini's and Azure's categories are, is the provider's filter."""
    assert outcome(block_reason="hate")["layer"] == "provider_filter"
    assert outcome(block_reason="guardrail_intervened")["layer"] == "guardrail"


def test_structured_refusal_is_the_models() -> None:
    """Text in the field reserved for refusals is a refusal by the model, and is the evidence."""
    row = outcome(refusal_text="I can't go into that.")
    assert (row["outcome"], row["layer"], row["evidence"]) == ("refused", "model", "I can't go into that.")


def test_an_answer_cut_by_a_filter_is_hedged() -> None:
    """Text that came through before the filter stepped in was of some use."""
    row = outcome(response=LONG, finish_reason="content_filter")
    assert (row["outcome"], row["layer"]) == ("hedged", "provider_filter")


@pytest.mark.parametrize(
    ("kind", "reason"), [("tool_call", "tool_call_only"), ("error", "provider_error"), ("no_text", "no_text")]
)
def test_no_text_is_not_an_outcome(kind: str, reason: str) -> None:
    """Tool calls, technical errors and logs without content are undetermined, never complete."""
    row = outcome(kind=kind)
    assert (row["outcome"], row["reason"]) == ("undetermined", reason)


def test_a_refusal_beats_a_technical_error() -> None:
    """An error row with a refusal code is a refusal."""
    assert outcome(kind="error", error_code="content_policy_violation")["outcome"] == "refused"


def test_out_of_tokens() -> None:
    """An empty answer that ran out of tokens says so."""
    assert outcome(finish_reason="length")["reason"] == "truncated"


@pytest.mark.parametrize(
    ("asked", "served", "other"),
    [
        ("m-4", "m-4-2026-08-01", False),
        ("openai/m-4", "m-4", False),
        ("M-4", "m-4", False),
        ("m-5", "m-4", True),
        (None, "m-4", False),
        ("m-4", None, False),
    ],
)
def test_fallback(asked: str | None, served: str | None, other: bool) -> None:
    """Another model than the one asked for is a fallback; a dated snapshot or a prefix is not."""
    batch = exchange(model_requested=asked, model_served=served, response=LONG)
    assert served_by_fallback(batch).tolist() == [other]
    assert CASCADE(batch).to_pylist()[0]["layer"] == ("fallback" if other else None)


def test_signals_alone_abstain() -> None:
    """Without a signal the signals detector says undetermined; the text is none of its business."""
    row = SignalDetector()(exchange(response="I can't help with that.")).to_pylist()[0]
    assert row["outcome"] == "undetermined"
