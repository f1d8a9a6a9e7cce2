"""Answers become labels: each checked, duplicates settled, whatever is dropped counted."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.policy import POLICY_VERSION
from aligntax.labels.tasks import Answer
from aligntax.records import LABEL_OUTCOMES, Label, LabelOutcome

__all__ = ["Collected", "Sources", "collect", "listed"]

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What is known of answers beyond the answers.

    Attributes:
        known: keys of the exchanges that may be labelled; None where that is not known.
        annotator: of every answer whose file names none; "" to take the file's name.
        adjudicators: annotators all of whose labels settle disagreements.
    """

    known: Collection[str] | None = None
    annotator: str = ""
    adjudicators: Collection[str] = ()


@dataclass
class Collected:
    """Labels, and what was dropped on the way to them.

    Attributes:
        labels: at most one for each exchange, annotator and whether it adjudicates.
        answers: read in all.
        blank: answers with nothing filled in.
        cancelled: exchanges an annotator skipped.
        repeated: answers that say the same as another of the same annotator.
        unknown: keys of labelled exchanges that were not to be labelled, each once.
        superseded: what was said of each label that a later one of the same annotator replaced.
        unnamed: answers whose annotator was taken from the name of their file.
        other_policy: labels that follow another version of the policy than the current one.
        unversioned: labels whose file does not say which version they follow; taken for the current one.
    """

    labels: list[Label] = field(default_factory=list)
    answers: int = 0
    blank: int = 0
    cancelled: int = 0
    repeated: int = 0
    unknown: list[str] = field(default_factory=list)
    superseded: list[str] = field(default_factory=list)
    unnamed: int = 0
    other_policy: int = 0
    unversioned: int = 0

    def notes(self) -> list[str]:
        """What a person must know, one line each."""
        counted = [
            (self.blank, "{} of {} answers were left blank"),
            (self.cancelled, "{} of {} answers were skipped by the annotator"),
            (self.repeated, "{} of {} answers say again what the same annotator said"),
            (self.unnamed, "{} of {} answers name no annotator; the name of their file stands in"),
            (self.unversioned, f"{{}} of {{}} answers name no policy version; taken for {POLICY_VERSION}"),
            (self.other_policy, f"{{}} of {{}} labels follow another policy version than {POLICY_VERSION}"),
        ]
        notes = [text.format(f"{count:,}", f"{self.answers:,}") for count, text in counted if count]
        if self.unknown:
            notes.append(f"{len(self.unknown):,} labels are for unknown exchanges: {_some(self.unknown)}")
        return notes + listed(self.superseded)


def collect(answers: Iterable[Answer], sources: Sources) -> Collected:
    """Checks answers and settles what one annotator said twice: the latest counts.

    Args:
        answers: of any number of files.
        sources: what is known besides.

    Raises:
        UnreadableInput: an outcome that is none, or no answer for a known exchange.
        UsageError: one annotator said different things of one exchange, and no times tell which is later.
    """
    found = Collected()
    usable = [(one, label) for one in answers if (label := _label(one, sources, found))]
    if not usable:
        _refuse_nothing(found)
    by_slot = sorted(usable, key=lambda pair: _slot(pair[1]))
    for _, several in groupby(by_slot, key=lambda pair: _slot(pair[1])):
        found.labels.append(_latest(list(several), found))
    current = [label.policy_version == POLICY_VERSION for label in found.labels]
    found.other_policy = len(current) - sum(current)
    return found


def listed(lines: Sequence[str]) -> list[str]:
    """The first few lines, and how many more there are."""
    more = [f"and {len(lines) - _SHOWN:,} more like it"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN:,} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _slot(label: Label) -> tuple[str, str, bool]:
    return label.id, label.annotator, label.adjudicated


def _label(one: Answer, sources: Sources, found: Collected) -> Label | None:
    """The answer as a label; None, and counted, where it is not one."""
    found.answers += 1
    if one.cancelled or not one.outcome:
        found.cancelled += one.cancelled
        found.blank += not one.cancelled
        return None
    outcome = _outcome(one)
    if sources.known is not None and one.key not in sources.known:
        if one.key not in found.unknown:
            found.unknown.append(one.key)
        return None
    annotator = one.annotator or sources.annotator
    if not annotator:
        annotator = one.source
        found.unnamed += 1
    found.unversioned += not one.policy_version
    return Label(
        id=one.key,
        outcome=outcome,
        annotator=annotator,
        policy_version=one.policy_version or POLICY_VERSION,
        time=one.time,
        note=one.note,
        adjudicated=one.adjudicated or annotator in sources.adjudicators,
    )


def _outcome(one: Answer) -> LabelOutcome:
    word = "_".join(one.outcome.lower().replace("-", " ").replace("_", " ").split())
    if word not in LABEL_OUTCOMES:
        raise UnreadableInput(
            f"{one.place}: {one.outcome[:40]!r} is not an outcome",
            hint=f"one of: {', '.join(LABEL_OUTCOMES)}",
        )
    return word


def _latest(several: list[tuple[Answer, Label]], found: Collected) -> Label:
    """The label that counts among those of one annotator for one exchange."""
    if len({label.outcome for _, label in several}) == 1:
        found.repeated += len(several) - 1
        return max(several, key=_age)[1]
    last, before = _by_time(several)
    found.superseded.append(
        f"{last[1].annotator} labelled {last[1].id} {before[1].outcome} ({before[0].place}), then "
        f"{last[1].outcome} ({last[0].place}): the later counts"
    )
    return last[1]


def _age(pair: tuple[Answer, Label]) -> datetime:
    return pair[1].time or datetime.min


def _by_time(several: list[tuple[Answer, Label]]) -> tuple[tuple[Answer, Label], tuple[Answer, Label]]:
    """The latest, and the latest that says something else."""
    times = [label.time for _, label in several]
    newest = max((time for time in times if time), default=None)
    last = next((pair for pair in several if pair[1].time == newest), several[0])
    others = [pair for pair in several if pair[1].outcome != last[1].outcome]
    if newest is None or None in times or any(pair[1].time == newest for pair in others):
        first, second = last, others[0]
        raise UsageError(
            f"{first[0].place} and {second[0].place}: {first[1].annotator} labels {first[1].id} both "
            f"{first[1].outcome} and {second[1].outcome}, and no times tell which is later",
            hint="remove one of the two lines, or give both a time",
        )
    return last, max(others, key=_age)


def _refuse_nothing(found: Collected) -> None:
    """No label at all is an error that says where the answers went."""
    if found.unknown:
        raise UnreadableInput(
            f"none of the {len(found.unknown):,} labelled exchanges is known: {_some(found.unknown)}",
            hint="are these the labels of another plan or run? spreadsheets also change long numbers",
        )
    gone = "; ".join(found.notes())
    raise UnreadableInput(
        f"there is no label in the files{f': {gone}' if gone else ''}", hint="fill in `outcome`"
    )
