"""Which answers of A stand against which of B, and what makes two of them unfit to be compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aligntax.answers.conditions import Differing, differing
from aligntax.answers.selector import parse_argument
from aligntax.errors import UsageError
from aligntax.records import Answers

__all__ = ["Match", "match", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A benchmark of A and the one of B it stands against.

    Attributes:
        first: A.
        second: B.
        differing: conditions both tell, and tell otherwise; benchmark and metric among them.
        leads: whether this is the first metric of its benchmark; what does not depend on the metric is
            measured there alone.
    """

    first: Answers
    second: Answers
    differing: Sequence[Differing]
    leads: bool = True


def match(
    first: Sequence[Answers],
    second: Sequence[Answers],
    *,
    benchmarks: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> tuple[list[Match], list[str]]:
    """Benchmarks of the same name and metric, in the order of A.

    Args:
        first: A's, of one model.
        second: B's, of one model.
        benchmarks: names to keep; all when empty.
        metrics: names to keep; all when empty.

    Returns:
        The matches, and what stays without one, in words.

    Raises:
        UsageError: a side is not of one model, or nothing is left to compare.
    """
    both = (("A", first), ("B", second))
    sides = [_kept(_of_one_model(side, mark), benchmarks, metrics) for mark, side in both]
    left = [{(a.benchmark, a.metric): a for a in side} for side in sides]
    pairs = [(left[0].pop(key), left[1].pop(key)) for key in list(left[0]) if key in left[1]]
    rest = [list(side.values()) for side in left]
    pairs += _other_metric(rest)
    if not pairs and [len(side) for side in rest] == [1, 1]:
        pairs, rest = [(rest[0][0], rest[1][0])], [[], []]
    if not pairs:
        raise UsageError(
            f"nothing to compare: A has {_names(sides[0])}, B has {_names(sides[1])}",
            hint="the names of the benchmarks must agree; see --benchmark and --metric",
        )
    notes = [f"only {mark} has {_names(side)}" for mark, side in zip("AB", rest, strict=True) if side]
    return _matches(pairs), notes


def refuse(matches: Iterable[Match], *, force: bool) -> list[str]:
    """What differs where it must not, in words; an error unless it is forced.

    Raises:
        UsageError: something does, and it is not forced.
    """
    clashes = [
        f"{one.first.benchmark}: {clash.name} is {clash.first} in A and {clash.second} in B"
        for one in matches
        for clash in one.differing
    ]
    clashes = list(dict.fromkeys(clashes))
    if clashes and not force:
        raise UsageError(
            f"not to be compared: {'; '.join(clashes)}",
            hint="run both under the same conditions, or --force to see the difference all the same",
        )
    return clashes


def _matches(pairs: Sequence[tuple[Answers, Answers]]) -> list[Match]:
    found, seen = list[Match](), set[str]()
    for first, second in pairs:
        clashes = list(differing(first, second))
        named = not (_by_its_file(first) and _by_its_file(second))
        if named and first.metric and second.metric and first.benchmark != second.benchmark:
            clashes.insert(0, Differing("benchmark", first.benchmark, second.benchmark))
        leads = first.benchmark not in seen
        seen.add(first.benchmark)
        found.append(Match(first=first, second=second, differing=clashes, leads=leads))
    return found


def _by_its_file(answers: Answers) -> bool:
    """Whether the benchmark has no name of its own, but that of the file."""
    return Path(parse_argument(answers.source)[0]).name.startswith(f"{answers.benchmark}.")


def _other_metric(rest: list[list[Answers]]) -> list[tuple[Answers, Answers]]:
    """Benchmarks that both have, but scored otherwise: matched, to be refused. Taken out of `rest`."""
    found = list[tuple[Answers, Answers]]()
    for first in list(rest[0]):
        second = next((a for a in rest[1] if a.benchmark == first.benchmark), None)
        if second is not None:
            found.append((first, second))
            rest[0].remove(first)
            rest[1].remove(second)
    return found


def _of_one_model(answers: Sequence[Answers], mark: str) -> Sequence[Answers]:
    models = _models(answers)
    if len(models) > 1:
        source = answers[0].source
        raise UsageError(f"{mark} is not one model: here {_are(models)}", hint=f"{source}:model={models[0]}")
    return answers


def _kept(answers: Sequence[Answers], benchmarks: Sequence[str], metrics: Sequence[str]) -> list[Answers]:
    return [
        a
        for a in answers
        if (not benchmarks or a.benchmark in benchmarks)
        and (not metrics or a.metric in metrics or a.metric.split(",")[0] in metrics)
    ]


def _models(answers: Sequence[Answers]) -> list[str]:
    return list(dict.fromkeys(a.model for a in answers))


def _are(models: Sequence[str]) -> str:
    shown = ", ".join(models[:8]) + (", ..." if len(models) > 8 else "")
    return f"is {shown or 'none'}" if len(models) < 2 else f"are {len(models)}: {shown}"


def _names(answers: Sequence[Answers]) -> str:
    names = list(dict.fromkeys(f"{a.benchmark} ({a.metric})" if a.metric else a.benchmark for a in answers))
    return (", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")) or "nothing"
