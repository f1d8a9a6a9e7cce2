"""Where a run was made."""

import subprocess
from pathlib import Path

import pytest

from aligntax import __version__
from aligntax.errors import UnreadableInput
from aligntax.ledger import Ledger
from aligntax.ledger.provenance import config_hash, data_hash, here
from aligntax.ledger.record import record
from ledger_worlds import bill


def _git(*arguments: str, cwd: Path) -> str:
    identity = ["-c", "user.name=owner", "-c", "user.email=owner@example.com"]
    done = subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_and_whether_there_are_changes(tmp_path: Path) -> None:
    _git("init", "-q", cwd=tmp_path)
    assert here(tmp_path).git_sha is None
    (tmp_path / "a").write_text("1")
    _git("add", "a", cwd=tmp_path)
    _git("commit", "-q", "-m", "first", cwd=tmp_path)
    (tmp_path / "untracked").write_text("")
    clean = here(tmp_path)
    assert (clean.git_sha, clean.git_dirty) == (_git("rev-parse", "HEAD", cwd=tmp_path), False)
    (tmp_path / "a").write_text("2")
    assert here(tmp_path).git_dirty is True


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, or no git at all, is fine."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert (here(tmp_path).git_sha, here(tmp_path).git_dirty) == (None, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert here(tmp_path).git_sha is None
    assert here(tmp_path).versions["aligntax"] == __version__
    assert "duckdb" in here(tmp_path).versions


def test_hashes(tmp_path: Path) -> None:
    """Of what was asked, whatever the order; of what was read, whatever its name."""
    assert config_hash({"a": 1, "b": Path("x")}) == config_hash({"b": "x", "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})
    first, second, third = (tmp_path / name for name in "abc")
    first.write_bytes(b"ab")
    second.write_bytes(b"c")
    third.write_bytes(b"ab")
    assert data_hash([first, second]) == data_hash([third, second]) != data_hash([second, first])
    with pytest.raises(UnreadableInput, match="cannot be read"):
        data_hash([tmp_path / "none"])


def test_a_run_says_where_it_was_made(ledger: Ledger, tmp_path: Path) -> None:
    """Of a document of another place only what it says itself."""
    log = tmp_path / "log.jsonl"
    log.write_text("{}")
    made = record(ledger, bill(0.1), settings={"level": 0.95}, read=[log], policy_id="p" * 64).origin
    assert made.data_hash == data_hash([log])
    assert made.config_hash == config_hash({"level": 0.95})
    assert made.policy_id == "p" * 64
    assert "duckdb" in made.versions
    elsewhere = record(ledger, bill(0.2), fresh=False).origin
    assert elsewhere.git_sha is None
    assert elsewhere.versions == {"aligntax": "0.1.0"}
