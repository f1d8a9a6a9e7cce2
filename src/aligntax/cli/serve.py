"""`aligntax serve`: the dashboard, on loopback unless it is told who may come in."""

import contextlib
import ipaddress
import socket
import tempfile
import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from aligntax.cli.output import stderr
from aligntax.errors import UsageError, needs
from aligntax.ledger.opened import Ledger, open_ledger

with needs("serve"):
    import uvicorn

    from aligntax.dashboard.app import make_app
    from aligntax.dashboard.security import Access, load_access, local_access
    from aligntax.dashboard.warming import Warming

__all__ = ["run"]


def run(
    *,
    logs: Sequence[str] | None,
    policy: Path | None,
    ledger: str | None,
    host: str,
    port: int,
    access: Path | None,
    show_text: bool,
    browser: bool,
    quiet: bool,
) -> None:
    """Opens the ledger, says where the pages are, serves them until it is stopped; see the options.

    Raises:
        UsageError: it would be exposed without users, or cannot listen there.
    """
    allowed = _access(host, access)
    with _listening(host, port) as listening, _opened(logs or (), policy, ledger, show_text, quiet) as found:
        where = _address(host, listening.getsockname()[1])
        if not quiet:
            stderr().print(f"the dashboard is at {where} (Ctrl-C stops it)", markup=False, soft_wrap=True)
        if browser:
            webbrowser.open(where)
        app = Warming(make_app(found, allowed, show_text=show_text))
        settings = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whose word on the client counts is for the guard to say
            lifespan="off",
            timeout_graceful_shutdown=3,
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run(sockets=[listening])


def _access(host: str, path: Path | None) -> Access:
    """Who may come in; without a file everybody who sits at this machine, if nobody else can reach it."""
    if path is not None:
        given = load_access(path)
        wild = host in ("0.0.0.0", "::", "")
        return given if wild or host in given.hosts else replace(given, hosts=(*given.hosts, host))
    if not _loopback(host):
        raise UsageError(
            f"{host}: others could reach the dashboard there, and nobody would have to sign in",
            hint="--access FILE says who may come in; or leave out --host",
        )
    return local_access()


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens, so that the address is known, and a port in use is said, before all else."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(128)
        except OSError as error:
            raise UsageError(
                f"{host} port {port}: {(error.strerror or str(error)).lower()}",
                hint="--port 0 takes a free one",
            ) from error
        yield listening


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


@contextlib.contextmanager
def _opened(
    logs: Sequence[str], policy: Path | None, ledger: str | None, show_text: bool, quiet: bool
) -> Iterator[Ledger]:
    """The ledger; with logs, what they came to is in it."""
    with contextlib.ExitStack() as stack:
        where = ledger
        if logs and ledger is None:
            where = stack.enter_context(tempfile.TemporaryDirectory(prefix="aligntax-serve-"))
        found = open_ledger(where, create=bool(logs))
        stack.callback(found.close)
        if logs:
            from aligntax.cli.measuring import measure_logs

            measure_logs(found, logs, policy, keep_text=show_text, quiet=quiet)
        yield found
