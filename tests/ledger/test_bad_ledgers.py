"""Ledgers that cannot be opened, read or written: said clearly, and no password with it."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aligntax.errors import AligntaxError, UnreadableInput, UnwritableOutput, UsageError
from aligntax.ledger import open_ledger
from aligntax.ledger.labels import add_labels
from aligntax.ledger.located import located
from aligntax.ledger.record import record
from aligntax.records import Label
from ledger_databases import Server
from ledger_worlds import bill


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALIGNTAX_LEDGER", raising=False)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    for name, contents in (("a.db", b"PK\x03\x04" * 500), ("b.db", b"version = 1\n" * 200)):
        (tmp_path / name).write_bytes(contents)
        with pytest.raises(UnreadableInput, match=rf"{name}: file is not a database") as caught:
            open_ledger(tmp_path / name)
        assert "this file is no ledger" in caught.value.hint
        assert (tmp_path / name).read_bytes() == contents


def test_a_database_that_is_damaged(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "a.db")
    record(ledger, bill(use_cases=tuple(map(str, range(500)))))
    ledger.close()
    raw = bytearray((tmp_path / "a.db").read_bytes())
    raw[4096 : len(raw) // 2] = b"\xff" * (len(raw) // 2 - 4096)
    (tmp_path / "a.db").write_bytes(raw)
    with pytest.raises(UnreadableInput, match="malformed") as caught:
        ledger = open_ledger(tmp_path / "a.db")
        try:
            record(ledger, bill(0.5))
        finally:
            ledger.close()
    assert "copy" in caught.value.hint


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableOutput, match=r"file/below: the ledger's directory cannot be made"):
        open_ledger(tmp_path / "file" / "below")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_directory_nobody_may_write_to() -> None:
    with pytest.raises(UnreadableInput, match=r"^/proc/ledger.db: unable to open database file") as caught:
        open_ledger("/proc/ledger.db")
    assert "--ledger" in caught.value.hint


OPEN = """
import sys
from aligntax.ledger import open_ledger
from aligntax.ledger.record import record
from aligntax.errors import AligntaxError
try:
    record(open_ledger(sys.argv[1]), {"schema": "aligntax.bill/1"})
except AligntaxError as error:
    print(type(error).__name__, error, sep=": ")
"""


def _bound_by_permissions() -> list[str]:
    """What to put before a command so that file permissions bind it, which they do not for root."""
    if os.geteuid() != 0:
        return []
    if (setpriv := shutil.which("setpriv")) is None:
        pytest.skip("root may write anywhere, and there is no setpriv to give that up with")
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.mark.parametrize("there", [False, True])
def test_a_ledger_on_a_read_only_directory(tmp_path: Path, there: bool) -> None:
    """Whether the ledger is there or not."""
    home = tmp_path / "read-only"
    home.mkdir()
    if there:
        open_ledger(home).close()
        (home / "ledger.db").chmod(0o444)
    home.chmod(0o555)
    command = [*_bound_by_permissions(), sys.executable, "-W", "ignore", "-c", OPEN, str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    home.chmod(0o755)
    assert done.stderr == ""
    assert done.stdout.startswith(f"UnreadableInput: {home}/ledger.db: ")
    assert "hint: this user may not" in done.stdout


def test_there_is_no_ledger(tmp_path: Path) -> None:
    for where in (None, tmp_path / "none", f"sqlite:///{tmp_path}/none.db"):
        with pytest.raises(UnreadableInput, match="there is no ledger here") as caught:
            open_ledger(where, create=False)
        assert "aligntax record" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_urls_that_are_none() -> None:
    for url, why in (
        ("mysql://u:secret@h/d", "cannot be kept in mysql"),
        ("://", "cannot be read"),
        ("postgresql://u:secret@h:port/d", "cannot be read"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ):
        with pytest.raises(UsageError, match=why) as caught:
            open_ledger(url)
        assert "secret" not in str(caught.value)


def _said(error: BaseException) -> str:
    """All that a person could come to see of an error, its causes included."""
    causes = []
    while error is not None:
        causes.append(f"{error!r} {error}")
        error = error.__cause__  # type: ignore[assignment]
    return "\n".join(causes)


def test_postgresql_is_down_and_no_password_is_shown() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for url in (
            f"postgresql://owner:hunter2@127.0.0.1:{port}/ledger",
            f"postgres://owner@127.0.0.1:{port}/ledger?password=hunter2",
        ):
            with pytest.raises(UnreadableInput, match="refused") as caught:
                open_ledger(url)
            assert "is PostgreSQL running there" in caught.value.hint
            assert any(hidden in caught.value.message for hidden in ("owner:***@", "password=hidden"))
            assert "hunter2" not in _said(caught.value)


def test_postgresql_refuses(postgresql: Server) -> None:
    for url, why in (
        (postgresql.url("none"), "does not exist"),
        (f"postgresql://stranger:hunter2@/postgres?host={postgresql.directory}", "does not exist"),
        (f"{postgresql.url('postgres')}&nonsense=hunter2", "nonsense"),
    ):
        with pytest.raises(UnreadableInput, match=why) as caught:
            open_ledger(url)
        if "nonsense" not in url:
            assert "hunter2" not in _said(caught.value)


def test_postgresql_stops_in_the_middle(postgresql: Server) -> None:
    """A connection that is lost is an error of ours; the next one is made anew."""
    import psycopg

    url = postgresql.fresh()
    ledger = open_ledger(url)
    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
    record(ledger, bill())
    with pytest.raises(UnreadableInput, match="terminat") as caught, ledger.writing() as inside:
        pid = inside.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        inside.exec_driver_sql("SELECT 1")
    assert "Traceback" not in str(caught.value)
    ledger.close()


def test_the_error_does_not_quote_what_was_written(where: str) -> None:
    """A database's error names no value: they may be anybody's words."""
    ledger = open_ledger(where)
    secret = Label(id="x", outcome="o" * 20 + "SECRET", annotator="a", policy_version="1")  # type: ignore[arg-type]
    with pytest.raises(AligntaxError) as caught:
        add_labels(ledger, [secret], "no such run")
    ledger.close()
    assert "SECRET" not in _said(caught.value)


def test_where_a_ledger_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the nearest .aligntax upward; a variable goes before that, an argument before both."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert located(None)[1] == below / ".aligntax"
    (tmp_path / ".aligntax").mkdir()
    assert located(None)[1] == tmp_path / ".aligntax"
    assert located("postgresql://h/d")[1] == tmp_path / ".aligntax"
    assert located(tmp_path)[0].database == str(tmp_path / "ledger.db")
    (tmp_path / ".aligntax" / "ledger.db").write_bytes(b"")
    assert located(tmp_path)[0].database == str(tmp_path / ".aligntax" / "ledger.db")
    monkeypatch.setenv("ALIGNTAX_LEDGER", "sqlite:///other/kept.db")
    assert located(None) == (located("other/kept.db")[0], below / "other")
    assert located("mine.db")[0].database == str(below / "mine.db")
