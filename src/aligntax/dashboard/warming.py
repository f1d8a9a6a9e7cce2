"""What first visits would wait for, done once the first page is out.

A server is up in the time its first page needs; what other pages import (a third of a second here, half a
second there) comes while that page is read.
"""

import atexit
import gc
import importlib
import threading
from typing import Final

import numpy as np
import pyarrow as pa
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aligntax.dashboard.rendering import load_templates

__all__ = ["WARMED", "Warming"]

WARMED: Final = (
    "aligntax.report.view",
    "aligntax.report.compare",
    "aligntax.labels.agreement",
    "aligntax.tax.labelling",
)
"""Modules that pages import when they are asked for."""
_FIRST: Final = ("base.html", "drawn.html", "overview.html")


class Warming:
    """An application that gets the rest ready behind its first answer.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        load_templates(*_FIRST)
        self._app = app
        self._thread: threading.Thread | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on; after the first page is sent (no data, no asset) a thread begins."""
        page = False

        async def sending(message: Message) -> None:
            nonlocal page
            await send(message)
            page = page or _begins_page(message)
            if page and self._thread is None and _ends(message):
                self._thread = threading.Thread(target=_warm, name="warming", daemon=True)
                self._thread.start()

        await self._app(scope, receive, sending if self._thread is None else send)

    def wait(self) -> None:
        """Until all is ready; at once where nothing has been asked for."""
        if self._thread is not None:
            self._thread.join()


def _begins_page(message: Message) -> bool:
    return message["type"] == "http.response.start" and any(
        name.lower() == b"content-type" and value.startswith(b"text/html")
        for name, value in message.get("headers", ())
    )


def _ends(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body", False)


def _warm() -> None:
    load_templates()
    pa.array(np.zeros(1))  # the first looks for pandas, and imports it where it is
    for name in WARMED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what stays for good is not looked through again in the middle of a page
    atexit.register(gc.unfreeze)  # DuckDB complains of what is left of it
