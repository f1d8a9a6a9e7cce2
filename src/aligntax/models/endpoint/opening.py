"""Models opened through Inspect, and what becomes of their answers and errors in our words."""

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from inspect_ai.model import (
    ChatCompletionChoice,
    GenerateConfig,
    Model,
    ModelInfo,
    ModelOutput,
    get_model,
    set_model_info,
)

from aligntax.errors import AligntaxError, UsageError
from aligntax.models.endpoint.spec import COMPATIBLE
from aligntax.records.asked import Reply, Usage

__all__ = ["declined", "failure", "made", "opened", "reply_of", "usage_of"]

_HOPELESS = {
    401: "the API key is not accepted; check the environment variable of the provider",
    403: "the key may not use this model; check what the account allows",
    404: "there is no such model at this address; check the name and the base URL",
}
"""HTTP status that no other request will fare better than -> what to do."""
_MARKUP = re.compile(r"\[/?[a-z ]+\]")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_NAMES = "a provider and a model, as in openai/gpt-4o-mini, anthropic/claude-... or ollama/llama3"


@asynccontextmanager
async def opened(
    name: str, config: GenerateConfig, base_url: str | None, args: Mapping[str, object], *, who: str
) -> AsyncIterator[Model]:
    """The model, closed afterwards: its connections belong to the event loop of this call.

    Args:
        name: "provider/model".
        config: how it is asked.
        base_url: of the provider; None for its own.
        args: further arguments of `get_model`.
        who: what an error calls it.

    Raises:
        UsageError: no such provider, or its package or API key is missing.
    """
    async with made(name, config, base_url, args, who=who) as live:
        yield live


def made(
    name: str, config: GenerateConfig, base_url: str | None, args: Mapping[str, object], *, who: str
) -> Model:
    """The model, to be closed by who asked for it; arguments and errors as of `opened`."""
    if "model_path" in args:  # else Inspect looks the directory's name up on the Hub, to tell about the model
        set_model_info(name, ModelInfo())
    keyless = name.startswith(f"openai-api/{COMPATIBLE}/") and "api_key" not in args
    key = _key() if keyless else {}
    try:
        return get_model(name, config=config, base_url=base_url, memoize=False, **{**key, **args})
    except AligntaxError:
        raise
    except Exception as error:
        raise _not_ready(who, error) from error


def _key() -> dict[str, str]:
    """The key for a server that speaks OpenAI's protocol; one on this machine often asks for none."""
    return {"api_key_var": "OPENAI_API_KEY"} if os.environ.get("OPENAI_API_KEY") else {"api_key": "none"}


def usage_of(output: ModelOutput) -> Usage:
    """Tokens an answer took; prompt tokens the provider had cached are among those in."""
    usage = output.usage
    if usage is None:
        return Usage()
    before = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return Usage(usage.input_tokens + before, usage.output_tokens)


def declined(choice: ChatCompletionChoice) -> bool:
    """Whether a field made for it says so: the reason of the stop, or content marked as a refusal."""
    parts = choice.message.content
    marked = not isinstance(parts, str) and any(getattr(part, "refusal", None) for part in parts)
    told = choice.stop_details is not None and choice.stop_details.type == "refusal"
    return bool(marked or told or choice.stop_reason == "content_filter")


def reply_of(
    question: str, sample: int, model: str, output: ModelOutput, *, seconds: float = 0.0, known: bool = False
) -> Reply:
    """What came back, in our words.

    An answer without any choice is a refusal of the provider's, and told as one.
    """
    choice = None if output.empty else output.choices[0]
    return Reply(
        question=question,
        sample=sample,
        model=model,
        text=output.completion,
        stop="content_filter" if choice is None else choice.stop_reason,
        declined=choice is None or declined(choice),
        served=output.fallback.fallback_model if output.fallback else output.model,
        usage=usage_of(output),
        seconds=seconds,
        known=known,
    )


def failure(who: str, error: BaseException) -> str:
    """A failed request in a word, without the provider's own, which may repeat the request.

    Raises:
        AligntaxError: the same would become of every request.
    """
    attempt = getattr(error, "last_attempt", None)  # Inspect's retries wrap the last failure
    cause = attempt.exception() if attempt is not None else error
    status = getattr(cause, "status_code", None)
    if status in _HOPELESS:
        raise AligntaxError(f"{who}: HTTP {status}", hint=_HOPELESS[status])
    return type(cause).__name__ + (f" (HTTP {status})" if status else "")


def _not_ready(who: str, error: Exception) -> UsageError:
    """What is wrong with the model's name, package or key, from what Inspect says of it."""
    said = _MARKUP.sub("", str(getattr(error, "message", error)))
    if install := re.search(r"pip install .*", said):
        return UsageError(f"{who}: the provider's package is missing or too old", hint=install[0].strip())
    if variables := _VARIABLE.findall(said):
        names = " or ".join(dict.fromkeys(variables))
        return UsageError(f"{who}: {names} is not set", hint=f"export {variables[0]}=...")
    return UsageError(f"{who}: {' '.join(said.split())}", hint=_NAMES)
