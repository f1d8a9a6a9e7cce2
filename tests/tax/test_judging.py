"""What is kept of the traffic: outcomes without personal data, written whole or not at all."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from aligntax.tax.judging import JUDGED
from tax.known_traffic import REFUSAL, exchange

MAIL = "I can't help with ann@example.com, since that is private."


def test_nothing_personal_is_kept(judge_traffic: Callable[..., Path]) -> None:
    """Evidence, use case and user are redacted by default; text is not kept."""
    rows = [exchange(n, MAIL, cluster="Ann Example", use_case="mail of ann@example.com") for n in range(5)]
    path = judge_traffic(rows)
    assert pq.read_schema(path).names == JUDGED.names
    assert b"ann@example.com" not in path.read_bytes()
    assert b"Ann Example" not in path.read_bytes()
    table = pq.read_table(path)
    assert "[email:" in table["evidence"][0].as_py()
    assert len(table["cluster"].unique()) == 1


def test_a_user_named_in_the_evidence_is_redacted(judge_traffic: Callable[..., Path]) -> None:
    """The user's own name in the model's words becomes a pseudonym."""
    path = judge_traffic([exchange(0, "I'm sorry, Annabel, but I can't help with that.", cluster="Annabel")])
    assert "Annabel" not in pq.read_table(path)["evidence"][0].as_py()


def test_text_is_kept_on_request(judge_traffic: Callable[..., Path]) -> None:
    """With --keep-text, prompt and response are there as they were."""
    table = pq.read_table(judge_traffic([exchange(0, MAIL)], keep_text=True))
    assert table["response"][0].as_py() == MAIL
    assert table["evidence"][0].as_py() == MAIL


def test_rows_keep_their_order(judge_traffic: Callable[..., Path]) -> None:
    """Outcomes stand in the order of the exchanges."""
    path = judge_traffic([exchange(n, REFUSAL) for n in range(50)], batch=7)
    assert pq.read_table(path)["id"].to_pylist() == [f"x{n}" for n in range(50)]
