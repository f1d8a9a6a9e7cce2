"""Replies as exchanges: what a detector is told of them."""

import pytest

from aligntax.detectors import served_by_fallback
from aligntax.records.asked import Question, Reply, exchanges


@pytest.mark.parametrize(
    ("asked", "served", "other"),
    [
        ("openai/a", "a", False),
        ("openai/a@http://localhost:8000/v1", "a", False),
        ("aligntax/scripted@rules.jsonl", "aligntax/scripted", False),
        ("./checkpoints/small", "small", False),
        ("openai/a@http://localhost:8000/v1", "b", True),
    ],
)
def test_a_fallback_is_told_by_the_models_name(asked: str, served: str, *, other: bool) -> None:
    """Where a model is asked is no part of its name."""
    reply = Reply(question="q", sample=1, model=asked, text="Yes.", served=served)
    batch = exchanges({"q": Question(id="q", prompt="How?")}, [reply])
    assert served_by_fallback(batch).tolist() == [other]
