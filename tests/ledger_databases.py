"""The databases a ledger can be kept in, started for tests: a file of SQLite, a PostgreSQL of their own."""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that listens on a socket in a directory and nowhere else."""

    directory: Path
    user: str

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@/{database}?host={self.directory}"

    def fresh(self) -> str:
        """URL of a database without a table."""
        import psycopg

        name = f"ledger_{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


def program(name: str) -> str:
    """Where a program of PostgreSQL is; Debian keeps them off the path."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: path.parts[4])
    found = shutil.which(name) or (str(kept[-1]) if kept else None)
    if found is None:
        pytest.skip(f"PostgreSQL is not installed: there is no {name}")
    return str(Path(found).resolve())


@contextmanager
def running_server() -> Iterator[Server]:
    """Starts a PostgreSQL, not as root, which it refuses to run as, and stops it."""
    pytest.importorskip("psycopg")
    control, initdb = program("pg_ctl"), program("initdb")
    directory = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 characters at most
    root = os.geteuid() == 0
    user = next((name for name in ("postgres", "nobody") if _there(name)), "") if root else getpass.getuser()
    kept: dict[str, object] = {"cwd": directory, "check": True, "stdout": subprocess.DEVNULL}
    if root:
        shutil.chown(directory, user)
        kept |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    data = directory / "data"
    settings = f"-c listen_addresses='' -c fsync=off -c unix_socket_directories={directory}"
    try:
        command = [initdb, "-D", str(data), "-U", user, "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(command, **kept)  # type: ignore[call-overload]
        log = str(directory / "log")
        subprocess.run([control, "-D", str(data), "-l", log, "-w", "-o", settings, "start"], **kept)  # type: ignore[call-overload]
        yield Server(directory, user)
    finally:
        if (data / "postmaster.pid").exists():
            subprocess.run([control, "-D", str(data), "-m", "immediate", "-w", "stop"], **kept)  # type: ignore[call-overload]
        shutil.rmtree(directory, ignore_errors=True)


def _there(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL for the session; tests that want it are skipped where it is not installed."""
    with running_server() as server:
        yield server


@pytest.fixture(params=DATABASES)
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a ledger can be kept that does not exist yet: once a directory, once a URL."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALIGNTAX_LEDGER", raising=False)
    if request.param == "sqlite":
        return str(tmp_path / "ledger")
    server: Server = request.getfixturevalue("postgresql")
    return server.fresh()
