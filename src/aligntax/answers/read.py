"""One reader for results of every kind: a file, directory or glob in, answers out."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aligntax.answers.fields import AnswerFields
from aligntax.answers.formats import FORMATS
from aligntax.answers.formats.inspect_scores import INSPECT_SCORES, is_log
from aligntax.answers.formats.log import LOG
from aligntax.answers.formats.pairs import pairs_in
from aligntax.answers.formats.pairs import recognises as holds_pairs
from aligntax.answers.request import ENDINGS, AnswerFormat, Request
from aligntax.answers.selector import NothingSelected, Selector, parse_argument
from aligntax.errors import UnknownFormat, UnreadableInput, UsageError
from aligntax.records import Answers
from aligntax.traffic.discover import find_files
from aligntax.traffic.rows import first_row

__all__ = ["AnswerFields", "is_pairs", "read_answers", "read_pairs"]


def read_answers(
    argument: str,
    *,
    benchmark: str | None = None,
    fields: AnswerFields = AnswerFields(),  # noqa: B008 - frozen
    log_format: str | None = None,
    strict: bool = False,
    threads: int | None = None,
) -> list[Answers]:
    """What one model answered, one entry a benchmark.

    Args:
        argument: a file, directory or glob, plain or packed, and after a colon which of its rows are meant:
            "outputs.jsonl:model=phi-2-dpo,flags.condition=none". "field~part" asks that the value contains
            the part. A file of just that name is taken as it is.
        benchmark: name to give the benchmark; None to take the file's own.
        fields: where a sample file or a log keeps what; None to guess.
        log_format: name of the format; None to tell it from the file.
        strict: whether a record of a log that cannot be read is an error. Results of evaluations are
            always read whole or not at all.
        threads: threads DuckDB may use.

    Returns:
        In the order of the files. A summary gives an `Answers` without a table.

    Raises:
        UsageError: several models, or a selector that nothing matches; the hint says what to type.
        UnknownFormat: no reader knows the file.
        UnreadableInput: with file, line and cause.
    """
    where, selector = parse_argument(argument)
    paths, failures = find_files([where])
    if failures:
        raise failures[0]
    request = Request(
        paths=tuple(paths),
        argument=where,
        selector=selector,
        benchmark=benchmark,
        fields=fields,
        log_format=log_format,
        strict=strict,
        threads=threads,
    )
    found = _read_one(request) if len(paths) == 1 else _read_many(request)
    return _checked(where, found)


def read_pairs(
    path: str | Path,
    *,
    benchmark: str | None = None,
    fields: AnswerFields = AnswerFields(),  # noqa: B008
) -> list[tuple[Answers, Answers]]:
    """Both sides of every pair of models in a file of pairs.

    Args:
        path: the file, with or without a selector ("pairs.jsonl:category=law").
        benchmark: name to give the benchmark; None for the file's.
        fields: where the file keeps the item and the prompt; None to guess.

    Raises:
        UsageError: the selector matches nothing.
        UnreadableInput: with file, line and cause.
    """
    where, selector = parse_argument(str(path))
    return pairs_in(
        Request(paths=(Path(where),), argument=where, selector=selector, benchmark=benchmark, fields=fields)
    )


def is_pairs(path: str | Path) -> bool:
    """Whether a file, with or without a selector, holds pairs; false where it cannot be read."""
    file = Path(parse_argument(str(path))[0])
    try:
        return file.is_file() and not is_log(file) and holds_pairs(first_row(file))
    except (UnreadableInput, OSError):
        return False


def _read_one(request: Request) -> list[Answers]:
    return _format_of(request.path, request.log_format).read(request)


def _format_of(path: Path, choice: str | None) -> AnswerFormat:
    for known in FORMATS:
        if known.name == choice:
            return known
    if choice is not None:
        return LOG  # which knows the names of its own formats
    if is_log(path):
        return INSPECT_SCORES
    record = first_row(path)
    found = next((known for known in FORMATS if known.recognises(record)), None)
    if found is None:
        looked = "; ".join(f"{known.name}: {known.looks_for}" for known in FORMATS)
        keys = ", ".join(map(str, list(record)[:12]))
        raise UnknownFormat(f"{path}: no reader knows a record with {keys or 'nothing in it'}", hint=looked)
    return found


def _read_many(request: Request) -> list[Answers]:
    """Files one by one, and those that are parts of one log together."""
    directory = Path(request.argument).is_dir()
    logs, found = list[Path](), list[Answers]()
    missed: NothingSelected | None = None
    for path in request.paths:
        if directory and not _promising(path):
            continue
        known = _format_of(path, request.log_format)
        if known.many:
            logs.append(path)
            continue
        try:
            found += known.read(replace(request, paths=(path,)))
        except NothingSelected as error:  # what is selected may be in another file
            missed = missed or error
    if logs:
        found += LOG.read(replace(request, paths=tuple(logs)))
    if not found:
        nothing = UnreadableInput(f"{request.argument}: no file of results in it", hint=", ".join(ENDINGS))
        raise missed or nothing
    return _without_doubles(found)


def _promising(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").removesuffix(".zst").endswith(ENDINGS)


def _without_doubles(found: Sequence[Answers]) -> list[Answers]:
    """Without the summaries of benchmarks, or of groups of them, of which the samples are there too."""
    whole = {(answers.benchmark, answers.model) for answers in found if answers.table is not None}

    def is_there(summary: Answers) -> bool:
        name, model = summary.benchmark, summary.model
        return any(m == model and (b == name or b.startswith(f"{name}_")) for b, m in whole)

    return [answers for answers in found if answers.table is not None or not is_there(answers)]


def _checked(where: str, found: list[Answers]) -> list[Answers]:
    models = dict.fromkeys(answers.model for answers in found)
    if len(models) > 1:
        typed = [shlex.quote(f"{where}:{Selector().adding('model', model)}") for model in models]
        hint = f"type {' or '.join(typed[:2])}, or one file"
        raise UsageError(f"{where}: answers of {len(models)} models: {', '.join(models)}", hint=hint)
    sources: dict[str, str] = {}
    for answers in found:
        other = sources.setdefault(answers.benchmark, answers.source)
        if other != answers.source:
            raise UsageError(
                f"{where}: {answers.benchmark} is there twice, in {other} and in {answers.source}",
                hint="name one file",
            )
    return found
