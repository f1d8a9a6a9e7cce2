"""Async work called from ordinary code, which can be stopped from another thread."""

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

__all__ = ["Errand"]


class Errand:
    """Runs coroutines to their end, one event loop each, on whatever thread it is called from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = set()
        self._stopped = False

    def run(self, coroutine: Coroutine[object, object, None]) -> None:
        """Runs a coroutine.

        Raises:
            KeyboardInterrupt: it was stopped.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._here(coroutine)
            return
        with ThreadPoolExecutor(max_workers=1) as pool:  # a notebook's loop is running on this thread
            done = pool.submit(self._here, coroutine)
            try:
                done.result()
            except KeyboardInterrupt:
                self.stop()
                raise

    def stop(self) -> None:
        """Ends what is running, from any thread; what is run afterwards ends at once."""
        with self._lock:
            self._stopped = True
            for loop, task in self._running:
                loop.call_soon_threadsafe(task.cancel)

    @contextmanager
    def stopped_by_interrupt(self) -> Iterator[None]:
        """Inside, Ctrl-C also stops what runs on other threads; on the main thread only, elsewhere idle."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def interrupted(number: int, frame: FrameType | None) -> None:
            self.stop()
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _here(self, coroutine: Coroutine[object, object, None]) -> None:
        try:
            asyncio.run(self._watched(coroutine))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def _watched(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(coroutine)
        entry = (asyncio.get_running_loop(), task)
        with self._lock:
            self._running.add(entry)
            if self._stopped:
                task.cancel()
        try:
            await task
        finally:
            with self._lock:
                self._running.discard(entry)
