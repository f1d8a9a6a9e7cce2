"""A server of the dashboard in a thread, on a socket of its own."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn

from aligntax.dashboard.app import make_app
from aligntax.dashboard.security import Access
from aligntax.ledger.opened import Ledger

__all__ = ["running"]


@contextlib.contextmanager
def running(ledger: Ledger, access: Access, *, show_text: bool = False) -> Iterator[str]:
    """Serves a ledger; yields the address."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = make_app(ledger, access, show_text=show_text)
    settings = uvicorn.Config(
        app, log_level="error", access_log=False, lifespan="off", proxy_headers=False, ws="none"
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        threading.Event().wait(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
