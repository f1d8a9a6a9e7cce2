"""Keeps the prompts that are trained on apart from those that are only measured on."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aligntax.detectors.training.examples import Examples
from aligntax.errors import UnreadableInput, UsageError

__all__ = ["Apart", "keep_apart"]

_RUN = 7
"""Words in a row that prompts may not share. At six, most of what is found is idiom."""
_WORD = re.compile(r"[\w']+")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Apart:
    """A set whose prompts are in none of the examples.

    Attributes:
        name: of its file.
        prompts: different ones.
        sha256: of the file.
    """

    name: str
    prompts: int
    sha256: str


def keep_apart(examples: Iterable[Examples], measured: Sequence[str], data: Path | None) -> list[Apart]:
    """Checks that no example asks what a measured set asks.

    Two prompts are taken for the same if one repeats seven words of the other in a row, or all of them.

    Args:
        examples: those that the project wrote are looked at; other people's sets are as they are.
        measured: files, relative to `data`, with a field `prompt`.
        data: the directory. Files that are not there cannot be checked.

    Returns:
        The sets that were there.

    Raises:
        UsageError: a prompt that stands in both.
        UnreadableInput: a file that is not JSON lines with prompts.
    """
    own = [(one.name, prompt) for one in examples if not one.source.data for prompt in _distinct(one)]
    checked = []
    for name in measured:
        path = data / name if data else None
        if path is None or not path.exists():
            continue
        theirs = _prompts(path)
        known = {run: prompt for prompt in theirs for run in _runs(prompt)}
        shared = [
            (where, prompt, known[run]) for where, prompt in own for run in _runs(prompt) if run in known
        ]
        if shared:
            pairs = dict.fromkeys(f"{where}: {prompt!r} and {other!r}" for where, prompt, other in shared)
            raise UsageError(
                f"{len(pairs)} prompts of the examples stand in {name}, which is only measured on: "
                + "; ".join(list(pairs)[:_SHOWN]),
                hint="write others in their place",
            )
        checked.append(Apart(name, len(theirs), hashlib.sha256(path.read_bytes()).hexdigest()))
    return checked


def _distinct(examples: Examples) -> list[str]:
    return [prompt for prompt in examples.prompts.unique().to_pylist() if prompt]


def _prompts(path: Path) -> list[str]:
    found: dict[str, None] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if line.strip():
            try:
                found[str(json.loads(line)["prompt"])] = None
            except (ValueError, KeyError, TypeError) as error:
                raise UnreadableInput(f"{path}, line {number}: {type(error).__name__}: {error}") from error
    return list(found)


def _runs(prompt: str) -> Iterator[tuple[str, ...]]:
    """Every run of words by which a prompt is known; a shorter prompt is one run."""
    words = _WORD.findall(prompt.casefold().replace("\u2019", "'"))
    for at in range(max(len(words) - _RUN, 0) + 1 if words else 0):
        yield tuple(words[at : at + _RUN])
