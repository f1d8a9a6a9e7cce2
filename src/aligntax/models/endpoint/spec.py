"""Which model is meant, in one word: a provider's, one behind a URL, a checkpoint on this disk."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aligntax.errors import UsageError

__all__ = ["COMPATIBLE", "ModelSpec", "Sampling", "model_spec"]

COMPATIBLE = "url"
"""What a server that speaks OpenAI's protocol is called where Inspect wants a service's name."""

_URL = re.compile(r"^(?P<name>[^@\s]*)@(?P<url>https?://\S+)$")
_SCRIPT = re.compile(r"^(?P<name>aligntax/[^@\s]+)@(?P<script>.+)$")
_OPENAI = re.compile(r"^https://([^/@]+\.)?(openai\.com|openai\.azure\.com)(:\d+)?(/|$)")
_HINT = "openai/gpt-4o-mini, openai/NAME@http://localhost:8000/v1, or a checkpoint's directory"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as Inspect knows it.

    Attributes:
        given: as a person typed it; what tables call it.
        name: "provider/model".
        base_url: of the provider; None for its own, or what its environment variable says.
        args: further arguments of Inspect's `get_model`.
        revision: of a checkpoint: digest of its index and settings; "" for what only a provider knows.
        template: digest of the chat template of a checkpoint; "" where a provider applies its own.
    """

    given: str
    name: str
    base_url: str | None = None
    args: Mapping[str, object] = field(default_factory=dict)
    revision: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a model draws its answers.

    Attributes:
        temperature: None leaves it to the provider, as production often does.
        top_p: likewise.
        max_tokens: of an answer, at most; a reasoning model's thinking included.
        seed: for providers that take one.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 1024
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise UsageError(f"{self.max_tokens} tokens of an answer", hint="--max-tokens 1024")
        if self.temperature is not None and self.temperature < 0:
            raise UsageError(f"temperature {self.temperature:g}", hint="0 or more")


def model_spec(given: str) -> ModelSpec:
    """Reads what --model was given.

    Args:
        given: "provider/model" as Inspect names it, "provider/model@URL" for another server that speaks
            the provider's protocol ("NAME@URL" for OpenAI's), the directory of a checkpoint, or
            "aligntax/scripted@FILE" for answers by rule.

    Raises:
        UsageError: none of these.
    """
    if found := _URL.match(given):
        return _behind(given, found["name"], found["url"])
    if found := _SCRIPT.match(given):
        return _scripted(given, found["name"], Path(found["script"]).expanduser())
    path = Path(given).expanduser()
    if path.is_dir():
        return _checkpoint(given, path)
    provider, slash, name = given.partition("/")
    if not slash or not provider or not name:
        raise UsageError(f"--model {given}: neither provider and model nor a directory", hint=_HINT)
    return ModelSpec(given, given)


def _behind(given: str, name: str, url: str) -> ModelSpec:
    """A model at an address; one that is not OpenAI's own speaks its chat completions.

    Inspect takes a name it does not know for OpenAI's latest model, and would use the newer protocol and
    leave out the temperature; its provider for compatible servers does neither.
    """
    provider, slash, rest = name.partition("/")
    if not name or (slash and not rest):
        raise UsageError(f"--model {given}: which model at that address?", hint=_HINT)
    if slash and provider != "openai":
        return ModelSpec(given, name, url)
    model = rest if slash else name
    if _OPENAI.match(url):
        return ModelSpec(given, f"openai/{model}", url)
    return ModelSpec(given, f"openai-api/{COMPATIBLE}/{model}", url)


def _scripted(given: str, name: str, script: Path) -> ModelSpec:
    try:
        digest = hashlib.sha256(script.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise UsageError(
            f"--model {given}: {script}: {error.strerror}", hint="name a file of rules"
        ) from error
    return ModelSpec(given, name, None, {"script": str(script)}, revision=digest)


def _checkpoint(given: str, path: Path) -> ModelSpec:
    if not (path / "config.json").exists():
        raise UsageError(f"--model {given}: a directory without config.json", hint="name a checkpoint")
    args = {"model_path": str(path), "tokenizer_path": str(path)}
    template = _digest(path, "chat_template.jinja", "tokenizer_config.json")
    revision = _digest(path, "config.json", "generation_config.json", "model.safetensors.index.json")
    sizes = "".join(f"{one.name}{one.stat().st_size}" for one in sorted(path.glob("*.safetensors")))
    revision = hashlib.sha256((revision + sizes).encode()).hexdigest()[:16]
    return ModelSpec(given, f"hf/{path.resolve().name}", None, args, revision, template)


def _digest(directory: Path, *names: str) -> str:
    digest = hashlib.sha256()
    for name in names:
        if (directory / name).exists():
            digest.update(name.encode() + b"\0" + (directory / name).read_bytes())
    return digest.hexdigest()[:16]
