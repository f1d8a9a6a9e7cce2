"""Answers become labels: what is wrong is named, what is dropped is counted."""

from datetime import datetime
from typing import Any

import pytest

from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.labels.collect import Collected, Sources, collect
from aligntax.labels.tasks import Answer

MORNING, NOON = datetime(2026, 10, 5, 8), datetime(2026, 10, 5, 12)


def answers(*rows: dict[str, Any]) -> list[Answer]:
    """Answers on lines 2, 3, ... of anna.csv."""
    default = {"key": "a", "outcome": "refused", "source": "anna", "policy_version": "1", "annotator": "anna"}
    return [Answer(**{"place": f"anna.csv:{at}", **default, **row}) for at, row in enumerate(rows, 2)]


def complaint(*rows: dict[str, Any], sources: Sources | None = None) -> str:
    with pytest.raises(AligntaxError) as caught:
        collect(answers(*rows), sources or Sources())
    return str(caught.value)


def collected(*rows: dict[str, Any], **known: Any) -> Collected:
    return collect(answers(*rows), Sources(**known))


def test_an_unknown_outcome() -> None:
    """File, line, the word and the allowed ones."""
    said = complaint({"key": "a"}, {"key": "b", "outcome": "partial"})
    assert said == (
        "anna.csv:3: 'partial' is not an outcome\nhint: one of: complete, hedged, refused, not_applicable"
    )


@pytest.mark.parametrize("word", ["Refused", " refused", "REFUSED", "not applicable", "Not-Applicable"])
def test_outcomes_as_people_write_them(word: str) -> None:
    (label,) = collected({"outcome": word.strip()}).labels
    assert label.outcome in ("refused", "not_applicable")


def test_labels_for_unknown_exchanges() -> None:
    """They are listed, and the others kept; if none is known it is an error."""
    found = collected({"key": "a"}, {"key": "zz"}, {"key": "yy"}, {"key": "yy"}, known={"a"})
    assert [label.id for label in found.labels] == ["a"]
    assert found.notes() == ["2 labels are for unknown exchanges: zz, yy"]
    said = complaint({"key": "zz"}, {"key": "yy"}, sources=Sources(known={"a"}))
    assert said.startswith("none of the 2 labelled exchanges is known: zz, yy\nhint: are these the labels of")


def test_the_latest_of_two_labels_counts() -> None:
    """Whichever comes first in the file, and it is said."""
    rows = [{"outcome": "hedged", "time": NOON}, {"outcome": "refused", "time": MORNING}]
    found = collected(*rows)
    assert [label.outcome for label in found.labels] == ["hedged"]
    assert found.notes() == [
        "anna labelled a refused (anna.csv:3), then hedged (anna.csv:2): the later counts"
    ]
    assert [label.outcome for label in collected(*rows[::-1]).labels] == ["hedged"]


@pytest.mark.parametrize("times", [(None, None), (NOON, None), (NOON, NOON)])
def test_conflicting_labels_without_times(times: tuple[datetime | None, datetime | None]) -> None:
    """Both lines are named, in whatever order they are read."""
    rows = [{"outcome": "hedged", "time": times[0]}, {"outcome": "refused", "time": times[1]}]
    assert complaint(*rows) == (
        "anna.csv:2 and anna.csv:3: anna labels a both hedged and refused, and no times tell which is later\n"
        "hint: remove one of the two lines, or give both a time"
    )


def test_what_is_no_conflict() -> None:
    """The same label twice, another annotator, and an adjudication by the annotator."""
    found = collected(
        {}, {}, {"annotator": "ben", "outcome": "hedged"}, {"outcome": "hedged", "adjudicated": True}
    )
    assert len(found.labels) == 3
    assert found.repeated == 1


def test_nothing_filled_in() -> None:
    said = complaint({"outcome": ""}, {"outcome": "", "cancelled": True})
    assert said.startswith(
        "there is no label in the files: 1 of 2 answers were left blank; 1 of 2 answers were skipped by the "
        "annotator\nhint: fill in `outcome`"
    )
    with pytest.raises(UnreadableInput, match="there is no label in the files"):
        collect([], Sources())


def test_blank_and_skipped_answers_are_counted() -> None:
    found = collected({}, {"key": "b", "outcome": ""}, {"key": "c", "cancelled": True})
    assert (len(found.labels), found.blank, found.cancelled) == (1, 1, 1)


def test_who_labelled() -> None:
    """The file's word, else the option, else the file's name, which is said."""
    assert collected({"annotator": "ben"}, annotator="carol").labels[0].annotator == "ben"
    assert collected({"annotator": ""}, annotator="carol").labels[0].annotator == "carol"
    found = collected({"annotator": ""})
    assert found.labels[0].annotator == "anna"
    assert found.notes() == ["1 of 1 answers name no annotator; the name of their file stands in"]


def test_adjudicators() -> None:
    """Marked in the file or named on the command line."""
    by_mark, by_name = (
        collected({"adjudicated": True}),
        collected({"annotator": "dora"}, adjudicators=["dora"]),
    )
    assert by_mark.labels[0].adjudicated
    assert by_name.labels[0].adjudicated
    assert not collected({}).labels[0].adjudicated


def test_policy_versions() -> None:
    """A label keeps its version; none is taken for the current one, and both are said."""
    found = collected({"policy_version": "0"}, {"key": "b", "policy_version": ""})
    assert [label.policy_version for label in found.labels] == ["0", "1"]
    assert found.notes() == [
        "1 of 2 answers name no policy version; taken for 1",
        "1 of 2 labels follow another policy version than 1",
    ]


def test_long_lists_are_cut() -> None:
    rows = [{"key": f"u{at}"} for at in range(9)]
    assert collected({}, *rows, known={"a"}).notes() == [
        "9 labels are for unknown exchanges: u0, u1, u2, u3, u4 and 4 more"
    ]


def test_usage_errors_are_of_the_tree() -> None:
    with pytest.raises(UsageError):
        collected({"outcome": "hedged"}, {"outcome": "refused"})
