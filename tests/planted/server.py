"""The world behind a real socket: OpenAI's chat completions, and whatever can go wrong with them."""

import asyncio
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from planted.world import Answer, World

__all__ = ["Fault", "Received", "Server", "always", "every", "first", "scripted"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        kind: HTTP status; or "stall" (nothing is ever sent), "truncate" (half of the JSON, with the length of
            half), "drop" (the connection is cut).
        retry_after: seconds the server asks to wait; None to leave it out.
    """

    kind: int | str
    retry_after: float | None = None


@dataclass(slots=True)
class Received:
    """A request: its number from 1, and what became of it (an HTTP status or the kind of a fault)."""

    number: int
    time: float
    model: str
    messages: list[dict[str, Any]]
    parameters: dict[str, Any] = field(default_factory=dict)
    became: int | str = ""

    @property
    def prompt(self) -> str:
        content = self.messages[-1]["content"] if self.messages else ""
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


Faults = Callable[[Received], Fault | None]


def always(fault: Fault) -> Faults:
    return lambda received: fault


def first(n: int, fault: Fault) -> Faults:
    """The first n requests."""
    return lambda received: fault if received.number <= n else None


def every(n: int, fault: Fault) -> Faults:
    """Each n-th request."""
    return lambda received: fault if received.number % n == 0 else None


def scripted(faults: Iterable[Fault | None]) -> Faults:
    """One after the other, as requests come; none after the last."""
    waiting = iter(faults)
    return lambda received: next(waiting, None)


class Server:
    """Serves a world on a free port of this machine, on a thread of its own.

    Args:
        world: answers.
        latency: seconds before an answer.
        key: the API key that is right; None for any.
        faults: what goes wrong with a request.
    """

    def __init__(
        self,
        world: World,
        *,
        latency: float = 0.0,
        key: str | None = None,
        faults: Faults = lambda received: None,
        port: int = 0,
    ) -> None:
        self.world, self.latency, self.key, self.faults, self.port = world, latency, key, faults, port
        self.seen: list[Received] = []
        self.paid: list[Received] = []
        self._more = threading.Condition()
        self.under_way = self.most_under_way = 0
        self._draws: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """The server is down: connections are cut, new ones refused."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
            self._thread = None

    def wait_until_paid(self, count: int, seconds: float = 120) -> bool:
        """Waits until so many answers have been sent whole; whether that came in time."""
        with self._more:
            return self._more.wait_for(lambda: len(self.paid) >= count, seconds)

    def _serve(self, ready: threading.Event) -> None:
        try:
            self._loop.run_until_complete(self._main(ready))
        finally:
            self._loop.close()

    async def _main(self, ready: threading.Event) -> None:
        self._end = asyncio.Event()
        listening = await asyncio.start_server(self._connected, "127.0.0.1", self.port, backlog=512)
        self.port = listening.sockets[0].getsockname()[1]
        ready.set()
        await self._end.wait()
        listening.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other side has gone, or the server goes down
        finally:
            self._connections.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False where the connection ends with it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = head[0].split()[1]
        if not path.endswith("/chat/completions"):
            await _send(writer, 404, {"error": {"message": "no such page"}})
            return True
        asked = json.loads(body)
        received = Received(
            next(self._numbers), self._loop.time(), asked.pop("model"), asked.pop("messages"), asked
        )
        self.seen.append(received)
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            return await self._respond(received, headers.get("authorization", ""), writer)
        finally:
            self.under_way -= 1

    async def _respond(self, received: Received, authorization: str, writer: asyncio.StreamWriter) -> bool:
        if self.key is not None and authorization != f"Bearer {self.key}":
            return await self._refuse(received, Fault(401), writer)
        fault = self.faults(received)
        if fault is not None and isinstance(fault.kind, int):
            return await self._refuse(received, fault, writer)
        if fault is not None and fault.kind == "stall":
            received.became = "stall"
            await self._end.wait()
            return False
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault is not None and fault.kind == "drop":
            received.became = "drop"
            return False
        try:
            document = self._answer(received)
        except KeyError:
            return await self._refuse(received, Fault(404), writer)
        if fault is not None:
            received.became = "truncate"
            await _send(writer, 200, document, cut=True)
            return True
        received.became = 200
        with self._more:
            self.paid.append(received)
            self._more.notify_all()
        await _send(writer, 200, document)
        return True

    async def _refuse(self, received: Received, fault: Fault, writer: asyncio.StreamWriter) -> bool:
        status = int(fault.kind)
        received.became = status
        about = {"message": f"planted: {HTTPStatus(status).phrase}", "type": "planted", "code": str(status)}
        extra = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
        await _send(writer, status, {"error": about}, extra)
        return True

    def _answer(self, received: Received) -> dict[str, Any]:
        which = json.dumps([received.model, received.messages])
        answer = self.world.answer(received.model, received.messages, self._draws[which] + 1)
        self._draws[which] += 1
        return _completion(received, answer)


def _completion(received: Received, answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    return {
        "id": f"chatcmpl-{received.number}",
        "object": "chat.completion",
        "created": 0,
        "model": received.model,
        "choices": [{"index": 0, "message": message, "finish_reason": answer.stop, "logprobs": None}],
        "usage": {
            "prompt_tokens": answer.tokens_in,
            "completion_tokens": answer.tokens_out,
            "total_tokens": answer.tokens_in + answer.tokens_out,
        },
    }


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    document: object,
    extra: dict[str, str] | None = None,
    *,
    cut: bool = False,
) -> None:
    body = json.dumps(document).encode()
    if cut:
        body = body[: len(body) // 2]
    headers = {"content-type": "application/json", "content-length": str(len(body)), **(extra or {})}
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()
