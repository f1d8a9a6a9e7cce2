"""An `aligntax.toml` read and checked; what is wrong with it is told by line and key, all at once."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path as FilePath

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from aligntax.errors import UnreadableInput
from aligntax.policy.consistency import contradictions
from aligntax.policy.lines import Path, key_lines, line_of
from aligntax.policy.mistakes import Mistake, UnreadablePolicy, dotted, mistake_of
from aligntax.policy.model import Policy

__all__ = ["LoadedPolicy", "load_policy", "read_policy"]

_MOST_BYTES = 4_000_000


@dataclass(frozen=True, kw_only=True)
class LoadedPolicy:
    """A policy and the file it is from.

    Attributes:
        policy: checked.
        text: of the file, to the letter.
        id: SHA-256 of the text, in hexadecimal.
        path: of the file; where it came from otherwise.
        lines: key -> line, counted from 1.
    """

    policy: Policy
    text: str
    id: str
    path: FilePath
    lines: Mapping[Path, int] = field(default_factory=dict, repr=False)

    def line(self, *path: str | int) -> int:
        """The line of a key, or of the nearest thing around it: `line("use_case", 0, "budget", 1)`."""
        return line_of(self.lines, path)


def load_policy(path: FilePath | str) -> LoadedPolicy:
    """Reads a policy.

    Raises:
        UnreadablePolicy: there is a mistake in it, or several.
        UnreadableInput: it cannot be read at all.
    """
    path = FilePath(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        hint = "aligntax init LOG --out aligntax.toml writes one from a log"
        raise UnreadableInput(f"{path}: there is no such file", hint=hint) from error
    except OSError as error:
        cause = (error.strerror or "cannot be read").lower()
        raise UnreadableInput(f"{path}: {cause}", hint="check the path") from error
    if len(raw) > _MOST_BYTES:
        raise UnreadableInput(
            f"{path}: {len(raw):,} bytes are too many for a policy", hint="is this the right file?"
        )
    return read_policy(_decoded(raw, path), path)


def _decoded(raw: bytes, path: FilePath) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        cause = f"byte {raw[error.start]:#04x} is no UTF-8"
        raise UnreadablePolicy(str(path), [Mistake(line, "", cause, "save the file as UTF-8")]) from error


def read_policy(text: str, path: FilePath | str = "aligntax.toml") -> LoadedPolicy:
    """Reads a policy from its text.

    Args:
        text: TOML.
        path: where it came from, for messages and for the price table beside it.

    Raises:
        UnreadablePolicy: there is a mistake in it, or several.
    """
    plain = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    data = _parsed(plain, str(path))
    lines = key_lines(plain)
    return LoadedPolicy(
        policy=_checked(data, lines, str(path)),
        text=text,
        id=sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        path=FilePath(path),
        lines=lines,
    )


def _parsed(text: str, where: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadablePolicy(where, [_syntax(text, str(error))]) from error
    except RecursionError as error:
        raise UnreadableInput(f"{where}: nested too deep", hint="is this the right file?") from error


def _syntax(text: str, message: str) -> Mistake:
    """What `tomllib` says ends with "(at line 3, column 7)" or "(at end of document)"."""
    cause, _, place = message.rpartition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    line = int(words[1]) if words[:1] == ["line"] else text.count("\n", 0, len(text.rstrip())) + 1
    remedy = "text stands in quotes, lists in [], and every key = value on a line of its own"
    return Mistake(line, "", f"no TOML: {cause[:1].lower()}{cause[1:]}", remedy)


def _checked(data: dict[str, object], lines: Mapping[Path, int], where: str) -> Policy:
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        details = [one for one in error.errors(include_url=False) if not _echo(one)]
        found = [mistake_of(one, data, lines) for one in details]
        for one in contradictions(data):
            found.append(Mistake(line_of(lines, one.path), dotted(one.path, data), one.cause, one.remedy))
        first = {(one.line, one.key): one for one in reversed(found)}  # of two on a key, what its form lacks
        raise UnreadablePolicy(where, list(first.values())) from error


def _echo(details: ErrorDetails) -> bool:
    """Whether a list is called empty only since every entry of it has a mistake, each told by itself."""
    return details["type"] == "too_short" and bool(details["input"])
