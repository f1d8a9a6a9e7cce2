"""Answers on disk survive a kill, and what is not a journal is not taken for one."""

import json
from pathlib import Path

import pytest

from aligntax.errors import UnreadableInput, UnwritableOutput, UsageError
from aligntax.models.endpoint.journal import Journal


def test_what_is_put_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "answers.jsonl"
    journal = Journal(path)
    journal.put("a", {"text": "ü\nline\u2028", "n": 1})
    journal.put("b", {"text": "lone \ud800"})
    assert len(path.read_bytes().splitlines()) >= 2  # written at once, not when it is closed
    journal.close()
    journal.close()
    again = Journal(path)
    assert dict(again) == {"a": {"text": "ü\nline\u2028", "n": 1}, "b": {"text": "lone \ud800"}}
    assert "a" in again
    assert again.get("c") is None
    again.close()


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_the_line_a_kill_cut_short_is_dropped(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "answers.jsonl"
    whole = json.dumps({"key": "a", "n": 1}) + "\n"
    path.write_text(whole + (json.dumps({"key": "b", "n": 2}) + "\n")[:-cut])
    journal = Journal(path)
    assert dict(journal) == {"a": {"n": 1}}
    journal.put("c", {"n": 3})
    journal.close()
    last = Journal(path)
    assert list(dict(last)) == ["a", "c"]
    last.close()


def test_two_runs_do_not_share_a_journal(tmp_path: Path) -> None:
    first = Journal(tmp_path / "answers.jsonl")
    with pytest.raises(UsageError, match="another run"):
        Journal(tmp_path / "answers.jsonl")
    first.close()
    Journal(tmp_path / "answers.jsonl").close()


def test_another_file_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"key": "a"}\nnot json\n')
    with pytest.raises(UnreadableInput, match="line 2"):
        Journal(path)
    assert path.read_text() == '{"key": "a"}\nnot json\n'


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    journal = Journal(tmp_path / "answers.jsonl")
    descriptor = journal._descriptor
    with full.open("wb", buffering=0) as device:
        journal._descriptor = device.fileno()
        with pytest.raises(UnwritableOutput, match="space"):
            journal.put("a", {})
        journal._descriptor = descriptor
    assert "a" not in journal
    journal.close()
