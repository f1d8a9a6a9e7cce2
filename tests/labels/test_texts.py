"""Texts of chosen exchanges come from the log that was audited, and from no other."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from aligntax.errors import UnreadableInput
from aligntax.labels.texts import COLUMNS, fetch
from aligntax.records import EXCHANGE
from aligntax.traffic.redaction import Redactor

SCHEMA = pa.schema(
    [EXCHANGE.field(name) if name != "prompt_key" else pa.field(name, pa.uint64()) for name in COLUMNS]
)


def log(*rows: dict[str, Any], batch: int = 2) -> Iterator[pa.RecordBatch]:
    default = {"prompt": "p", "response": "r", "prompt_key": 1}
    full = [{name: (default | row).get(name) for name in COLUMNS} for row in rows]
    yield from pa.Table.from_pylist(full, schema=SCHEMA).to_batches(max_chunksize=batch)


def test_the_right_one_of_several_with_an_id() -> None:
    """`id (2)` is the second with that id, counted over batches."""
    rows = [{"id": "a", "response": f"r{at}"} for at in range(5)]
    texts = fetch(log(*rows), {"a (4)": 1, "a": None}, None)
    assert {key: text["response"] for key, text in texts.of_key.items()} == {"a": "r0", "a (4)": "r3"}


def test_another_prompt_under_the_id_is_another_exchange() -> None:
    """Left out and said, for a label would be of the wrong exchange."""
    texts = fetch(log({"id": "a", "prompt_key": 2}, {"id": "b"}), {"a": 1, "b": 1, "c": 1}, None)
    assert (texts.different, texts.missing, set(texts.of_key)) == (["a"], ["c"], {"b"})
    assert "1 chosen exchanges are not in the log and are left out, first c" in texts.notes()[0]
    assert "1 chosen exchanges have another prompt in this log" in texts.notes()[1]


def test_the_wrong_log() -> None:
    with pytest.raises(
        UnreadableInput, match="none of the 1 chosen exchanges is in the log, such as zz\nhint: give"
    ):
        fetch(log({"id": "a"}), {"zz": 1}, None)
    with pytest.raises(UnreadableInput, match="all 1 chosen exchanges have another prompt"):
        fetch(log({"id": "a", "prompt_key": 2}), {"a": 1}, None)


def test_reading_stops_at_the_last_one_wanted() -> None:
    """A log of which the first exchanges are wanted is not read to its end."""

    def endless() -> Iterator[pa.RecordBatch]:
        yield from log({"id": "a"})
        raise AssertionError("read on")

    assert set(fetch(endless(), {"a": 1}, None).of_key) == {"a"}


def test_texts_are_redacted_unless_wanted_raw() -> None:
    """Addresses go, and so does the name of the exchange's own user; the same value, the same placeholder."""
    row = {
        "id": "a",
        "prompt": "mail bob@example.com",
        "response": "bob@example.com, Henrike",
        "cluster": "Henrike",
    }
    clean = fetch(log(row), {"a": None}, Redactor(b"k" * 32)).of_key["a"]
    assert "example.com" not in str(clean)
    assert "Henrike" not in str(clean)
    assert clean["prompt"].removeprefix("mail ") in clean["response"]
    assert fetch(log(row), {"a": None}, None).of_key["a"]["prompt"] == "mail bob@example.com"


def test_a_refusal_without_text_can_be_judged() -> None:
    """The refusal field is shown as a response, and the provider's word for how the exchange ended."""
    row = {
        "id": "a",
        "response": None,
        "refusal_text": "I can't.",
        "finish_reason": "content_filter",
        "block_reason": "SAFETY",
    }
    (text,) = fetch(log(row), {"a": None}, None).of_key.values()
    assert text == {
        "use_case": "",
        "prompt": "p",
        "response": "I can't.",
        "finish_reason": "content_filter; SAFETY",
    }
