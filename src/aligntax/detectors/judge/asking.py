"""The one module that speaks with Inspect: questions in, replies out, its errors in our words."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from inspect_ai.model import (
    CachePolicy,
    ChatCompletionChoice,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    get_model,
)

from aligntax.detectors.judge.model import ModelSettings, Question, Reply, Usage
from aligntax.errors import AligntaxError, UsageError

__all__ = ["ask", "probe"]

_PATIENCE = 20
"""Requests in a row that may fail, retries and all, before the judge is given up."""
_HOPELESS = {
    401: "the API key is not accepted; check the environment variable of the provider",
    403: "the key may not use this model; check what the account allows",
    404: "there is no such model at this address; check the name and the base URL",
}
"""HTTP status that no other request will fare better than -> what to do."""
_MARKUP = re.compile(r"\[/?[a-z ]+\]")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_NAMES = "a provider and a model, as in openai/gpt-4o-mini, anthropic/claude-... or ollama/llama3"


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
        return _failure(str(live), error)
    spent = Usage(0, 0)
    if (usage := output.usage) is not None:
        before = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        spent = Usage(usage.input_tokens + before, usage.output_tokens)
    if output.empty:
        return Reply("", "unknown", usage=spent)
    return Reply(output.completion, output.stop_reason, _declined(output.choices[0]), spent)


def _declined(choice: ChatCompletionChoice) -> bool:
    """Whether a field made for it says so: the reason of the stop, or content marked as a refusal."""
    parts = choice.message.content
    marked = not isinstance(parts, str) and any(getattr(part, "refusal", None) for part in parts)
    told = choice.stop_details is not None and choice.stop_details.type == "refusal"
    return bool(marked or told or choice.stop_reason == "content_filter")


def _failure(model: str, error: Exception) -> Reply:
    """A failed request, told without the provider's own words, which may repeat the request.

    Raises:
        AligntaxError: the same would become of every request.
    """
    attempt = getattr(error, "last_attempt", None)  # Inspect's retries wrap the last failure
    cause = attempt.exception() if attempt is not None else error
    status = getattr(cause, "status_code", None)
    if status in _HOPELESS:
        raise AligntaxError(f"judge {model}: HTTP {status}", hint=_HOPELESS[status])
    told = type(cause).__name__ + (f" (HTTP {status})" if status else "")
    return Reply("", "error", error=told)


@asynccontextmanager
async def _opened(model: str, settings: ModelSettings) -> AsyncIterator[Model]:
    """The model, closed afterwards: its connections belong to the event loop of this call."""
    config = GenerateConfig(
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        max_connections=settings.max_connections,
        max_retries=settings.max_retries,
        attempt_timeout=settings.timeout,
    )
    try:
        live = get_model(
            model, config=config, base_url=settings.base_url, memoize=False, **dict(settings.model_args)
        )
    except Exception as error:
        raise _not_ready(model, error) from error
    async with live:
        yield live


def _not_ready(model: str, error: Exception) -> UsageError:
    """What is wrong with the model's name, package or key, from what Inspect says of it."""
    said = _MARKUP.sub("", str(getattr(error, "message", error)))
    if install := re.search(r"pip install .*", said):
        return UsageError(
            f"judge {model}: the provider's package is missing or too old", hint=install[0].strip()
        )
    if variables := _VARIABLE.findall(said):
        names = " or ".join(dict.fromkeys(variables))
        return UsageError(f"judge {model}: {names} is not set", hint=f"export {variables[0]}=...")
    return UsageError(f"judge {model}: {' '.join(said.split())}", hint=_NAMES)
