"""The two sides of a comparison, read from what a person typed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from aligntax.answers.fields import AnswerFields, guessed, lookup
from aligntax.answers.read import is_pairs, read_answers, read_pairs
from aligntax.answers.selector import parse_argument, plain
from aligntax.errors import UsageError
from aligntax.records import Answers
from aligntax.traffic.rows import rows_of

__all__ = ["sides"]

Side = Sequence[Answers]


def sides(
    first: str, second: str | None, *, benchmarks: Sequence[str] = (), metrics: Sequence[str] = ()
) -> Iterator[tuple[Side, Side]]:
    """What stands against each other: one pair of sides, or one for each pair of models in a file of pairs.

    Args:
        first: a file, directory or glob, with or without a selector.
        second: another; None where `first` holds both sides: a file of pairs, or answers of two models.
        benchmarks: names to reach also inside a group that speaks for them; all when empty.
        metrics: names to reach also where the file has another that people quote; all when empty.

    Raises:
        UsageError: one side is missing, or a file is not of one model.
        UnreadableInput: with file, line and cause.
    """
    if second is not None:
        yield _read(first, benchmarks, metrics), _read(second, benchmarks, metrics)
    elif is_pairs(first):
        yield from (([one], [other]) for one, other in read_pairs(first))
    else:
        one, other = _of_two_models(first)
        yield _read(one, benchmarks, metrics), _read(other, benchmarks, metrics)


def _read(argument: str, benchmarks: Sequence[str], metrics: Sequence[str]) -> Side:
    """Answers as the file offers them, and those of it that must be asked for by name."""
    found = read_answers(argument)
    for name, asked in (("benchmark", benchmarks), ("metric", metrics)):
        for value in asked:
            if not any(_is(answers, name, value) for answers in found):
                found = [*found, *_asked(argument, name, value)]
    return found


def _is(answers: Answers, name: str, value: str) -> bool:
    return value in (getattr(answers, name), getattr(answers, name).partition(",")[0])


def _asked(argument: str, name: str, value: str) -> Side:
    where, selector = parse_argument(argument)
    try:
        return read_answers(f"{where}:{selector.adding(name, value)}")
    except UsageError:  # it has none of that name; whether that matters, the other side tells
        return []


def _of_two_models(argument: str) -> tuple[str, str]:
    """The arguments that ask for either model of a file that holds exactly two, in the order they come."""
    where, selector = parse_argument(argument)
    path, fields, models = Path(where), AnswerFields(), Counter[str]()
    if not path.is_file():
        raise UsageError(f"{argument}: there is nothing to compare it with", hint=_hint(argument, models))
    for number, (_, row) in enumerate(rows_of(path)):
        if number == 0:
            fields = guessed(row, AnswerFields())
        model = lookup(row, fields.model)
        if model is not None and selector.holds(row, fields.chosen()):
            models[plain(model)] += 1
    if fields.model is None or len(models) != 2:
        raise UsageError(
            f"{argument}: two models are compared, and there {_are(models)}", hint=_hint(argument, models)
        )
    one, other = (f"{where}:{selector.adding(fields.model, model)}" for model in models)
    return one, other


def _are(models: Counter[str]) -> str:
    listed = ", ".join(f"{model} ({count:,})" for model, count in list(models.items())[:12])
    return f"are {len(models)}: {listed}" if models else "is none named"


def _hint(argument: str, models: Counter[str]) -> str:
    where, selector = parse_argument(argument)
    if len(models) < 2:
        return f"aligntax compare {argument} OTHER"
    typed = [f"'{where}:{selector.adding('model', model)}'" for model in list(models)[:2]]
    return f"aligntax compare {' '.join(typed)}"
