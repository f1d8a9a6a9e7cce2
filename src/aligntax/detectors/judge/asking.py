"""The one module of the judge that speaks with Inspect: questions in, replies out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from inspect_ai.model import CachePolicy, ChatMessageSystem, ChatMessageUser, GenerateConfig, Model

from aligntax.detectors.judge.model import ModelSettings, Question, Reply
from aligntax.errors import AligntaxError
from aligntax.models.endpoint.opening import declined, failure, opened, usage_of

__all__ = ["ask", "probe"]

_PATIENCE = 20
"""Requests in a row that may fail, retries and all, before the judge is given up."""


async def probe(model: str, settings: ModelSettings) -> None:
    """Makes the model ready and lets it go; nothing is asked.

    Raises:
        UsageError: no such provider, or its package or API key is missing.
    """
    async with _opened(model, settings):
        pass


async def ask(
    model: str,
    settings: ModelSettings,
    questions: Iterable[tuple[int, Question]],
    heard: Callable[[int, Question, Reply], None],
) -> None:
    """Asks, several at a time, and tells each reply as it comes.

    Args:
        model: as Inspect names it, "provider/model".
        settings: how to ask.
        questions: with the number each is known by; taken one at a time, as there is room.
        heard: told number, question and reply, in the order the replies come.

    Raises:
        UsageError: no such provider, or its package or API key is missing.
        AligntaxError: the provider turns every request away, or none gets through any more.
    """
    waiting, patience = iter(questions), _Patience(model)
    async with _opened(model, settings) as live:

        async def worker() -> None:
            for number, question in waiting:
                # a task of its own keeps what Inspect notes about a request from piling up in ours
                reply = await asyncio.create_task(_reply(live, settings, question))
                patience.after(reply)
                heard(number, question, reply)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(settings.max_connections):
                    group.create_task(worker())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None


class _Patience:
    """Gives up where further requests would only cost time."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._failed = 0

    def after(self, reply: Reply) -> None:
        self._failed = self._failed + 1 if reply.stop == "error" else 0
        if self._failed >= _PATIENCE:
            raise AligntaxError(
                f"judge {self._model}: {_PATIENCE} requests in a row failed, the last with {reply.error}",
                hint="see that the provider can be reached, ask fewer at a time, and run it again",
            )


async def _reply(live: Model, settings: ModelSettings, question: Question) -> Reply:
    messages = [ChatMessageSystem(content=question.system), ChatMessageUser(content=question.user)]
    cached = CachePolicy(expiry=None, per_epoch=False) if settings.cache else False
    try:
        output = await live.generate(messages, cache=cached)
    except Exception as error:  # whatever a provider's package raises; none of it may stop an audit
        return _failed(str(live), error)
    if output.empty:
        return Reply("", "unknown", usage=usage_of(output))
    return Reply(output.completion, output.stop_reason, declined(output.choices[0]), usage_of(output))


def _failed(model: str, error: Exception) -> Reply:
    """A failed request, told without the provider's own words, which may repeat the request.

    Raises:
        AligntaxError: the same would become of every request.
    """
    return Reply("", "error", error=failure(f"judge {model}", error))


@asynccontextmanager
async def _opened(model: str, settings: ModelSettings) -> AsyncIterator[Model]:
    """The model, closed afterwards."""
    config = GenerateConfig(
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        max_connections=settings.max_connections,
        max_retries=settings.max_retries,
        attempt_timeout=settings.timeout,
    )
    asked = opened(model, config, settings.base_url, settings.model_args, who=f"judge {model}")
    async with asked as live:
        yield live
