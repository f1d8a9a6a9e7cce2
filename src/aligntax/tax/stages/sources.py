"""The stages of a training, read from what a person typed: `NAME=FILE+FILE`."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aligntax.answers.read import read_answers
from aligntax.answers.request import ENDINGS
from aligntax.answers.selector import parse_argument
from aligntax.errors import UsageError
from aligntax.records import Answers

__all__ = ["Stage", "parse_stage", "read_stages"]

_NAMED = re.compile(r"([^=/:+~\\]+)=(.+)", re.DOTALL)
_WORDS = re.compile(r"([-_. ]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a training: what its model answered.

    Attributes:
        name: of the stage, different from that of every other one.
        arguments: the sources, as typed.
        models: that the sources name.
        answers: one entry a benchmark and metric; their `model` is the name of the stage.
    """

    name: str
    arguments: Sequence[str]
    models: Sequence[str]
    answers: Sequence[Answers]


def read_stages(typed: Sequence[str]) -> list[Stage]:
    """Reads every stage.

    Where a benchmark has no name but that of its file, its place among the sources of the stage decides: the
    first file of one stage stands against the first of another, under what the names of the files share.

    Args:
        typed: the stages in order, each as `parse_stage` takes it.

    Raises:
        UsageError: fewer than two stages, a benchmark twice in one of them, or two stages of one name.
        UnreadableInput: with file, line and cause.
    """
    if len(typed) < 2:
        raise UsageError(
            f"{len(typed)} stage: a tax needs the stage before it",
            hint="aligntax stages BASE SFT [DPO ...], in the order of training",
        )
    parsed = [parse_stage(text) for text in typed]
    for text, (_, arguments) in zip(typed, parsed, strict=True):
        if len(set(arguments)) < len(arguments):
            raise UsageError(f"{text}: a source is there twice", hint="name it once")
    read = [[read_answers(argument) for argument in arguments] for _, arguments in parsed]
    if len({len(sources) for sources in read}) == 1:
        named = [_by_place(sources) for sources in zip(*read, strict=True)]
        read = [list(sources) for sources in zip(*named, strict=True)]
    names = _names([name for name, _ in parsed], read, [arguments for _, arguments in parsed])
    return [
        Stage(
            name=name,
            arguments=arguments,
            models=_models(sources),
            answers=_of_stage(name, [a for source in sources for a in source]),
        )
        for name, (_, arguments), sources in zip(names, parsed, read, strict=True)
    ]


def parse_stage(text: str) -> tuple[str, list[str]]:
    """The name of a stage, "" where none is given, and its sources.

    Args:
        text: a file, directory or glob with or without a selector; several joined by "+"; `NAME=` before
            them names the stage. What is there under the very name is taken as it is, "=" and "+" in it too.
    """
    if os.path.lexists(text):
        return "", [text]
    found = _NAMED.fullmatch(text)
    name, sources = (found[1].strip(), found[2]) if found else ("", text)
    return name, list(_split(sources))


def _split(sources: str) -> Iterator[str]:
    """Parted at every "+" before something there is: others belong to a name or to a selector."""
    if os.path.lexists(sources):
        yield sources
        return
    first, *more = sources.split("+")
    for part in more:
        where, _ = parse_argument(part)
        if os.path.lexists(where) or glob.glob(where, recursive=True):
            yield first
            first = part
        else:
            first += f"+{part}"
    yield first


def _by_place(sources: Sequence[list[Answers]]) -> list[list[Answers]]:
    """One source of every stage, its benchmark called the same in all where files alone name it."""
    stems = [_stem(answers[0].source) for answers in sources if answers]
    by_file = all(any(_called(a.benchmark, _stem(a.source)) for a in answers) for answers in sources)
    if not by_file or len(set(stems)) == 1:
        return list(sources)
    shared = _shared(stems)
    return [[_renamed(one, shared) for one in answers] for answers in sources]


def _renamed(answers: Answers, name: str) -> Answers:
    stem = _stem(answers.source)
    if not _called(answers.benchmark, stem):
        return answers
    return replace(answers, benchmark=name + answers.benchmark[len(stem) :])


def _shared(stems: Sequence[str]) -> str:
    """Whole words that all names begin or end with, else the first name."""
    words = [_WORDS.split(stem) for stem in stems]
    for parts in (words, [one[::-1] for one in words]):
        count = next(
            (at for at, same in enumerate(zip(*parts, strict=False)) if len(set(same)) > 1),
            min(map(len, parts)),
        )
        shared = parts[0][:count] if parts is words else parts[0][:count][::-1]
        if name := "".join(shared).strip("-_. "):
            return name
    return stems[0]


def _models(sources: Sequence[Sequence[Answers]]) -> list[str]:
    """Models that sources name, other than by the name of the file."""
    every = [answers for source in sources for answers in source]
    told = dict.fromkeys(one.model for one in every if one.model != _stem(one.source))
    return list(told) or [every[0].model]


def _called(benchmark: str, stem: str) -> bool:
    """Whether a benchmark is called after its file, with or without its prompt type."""
    return benchmark == stem or benchmark.startswith(f"{stem} (")


def _stem(source: str) -> str:
    name = Path(parse_argument(source)[0]).name
    for ending in (".gz", ".zst", *ENDINGS):
        name = name.removesuffix(ending)
    return name


def _names(
    given: Sequence[str], read: Sequence[Sequence[list[Answers]]], arguments: Sequence[Sequence[str]]
) -> list[str]:
    """As given, else the model, else the source; stages that would be called the same are numbered."""
    models = [next((a.model for source in sources for a in source), "") for sources in read]
    telling = len(set(models)) == len(models)
    found = [
        name or (model if telling else "") or Path(parse_argument(sources[0])[0]).name
        for name, model, sources in zip(given, models, arguments, strict=True)
    ]
    for at, name in enumerate(given):
        if name and name in given[:at]:
            raise UsageError(f"two stages are called {name!r}", hint="NAME=FILE names a stage")
    return [f"{at}. {name}" if found.count(name) > 1 else name for at, name in enumerate(found, start=1)]


def _of_stage(name: str, answers: Sequence[Answers]) -> list[Answers]:
    seen: dict[tuple[str, str], str] = {}
    for one in answers:
        key = (one.benchmark, one.metric)
        if key in seen:
            raise UsageError(
                f"{name}: {one.benchmark} is there twice, in {seen[key]} and in {one.source}",
                hint="name one of them",
            )
        seen[key] = one.source
    return [replace(one, model=name) for one in answers]
