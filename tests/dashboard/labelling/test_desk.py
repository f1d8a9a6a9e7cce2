"""What comes next on a desk, and how fast work goes: by hand."""

import datetime as dt
from collections.abc import Sequence

import pytest

pytest.importorskip("fastapi")
from aligntax.dashboard.labelling.desk import Desk, is_complete
from aligntax.ledger.annotations import Annotation
from aligntax.ledger.tasks import Settings, Task

START = dt.datetime(2026, 11, 2, 9)


def task(size: int = 8, annotators: int = 1) -> Task:
    return Task(
        id="t",
        title="t",
        run_id=None,
        policy_version="1",
        created=START,
        author="",
        closed=None,
        size=size,
        settings=Settings(annotators=annotators),
        head={},
    )


def gave(
    annotator: str, *positions: int, first: int = 1, seconds: float = 10, taken_back: bool = False
) -> list[Annotation]:
    return [
        Annotation(
            id=first + at,
            position=position,
            annotator=annotator,
            outcome="complete",
            note="",
            time=START + dt.timedelta(seconds=seconds * at),
            adjudicated=False,
            withdrawn=START if taken_back else None,
        )
        for at, position in enumerate(positions)
    ]


def order(said: Sequence[Annotation], annotator: str, **of: int) -> list[int]:
    return Desk(task(**of), annotator, said).left


def test_two_annotators_go_the_same_way() -> None:
    """Each is asked for every exchange in order, whatever the other did; a third for what wants a label."""
    said = gave("anna", 1, 2, 3) + gave("ben", 1, first=9)
    assert order(said, "anna", annotators=2) == [4, 5, 6, 7, 8]
    assert order(said, "ben", annotators=2) == [2, 3, 4, 5, 6, 7, 8]
    assert order(said, "cora", annotators=2) == [2, 3, 4, 5, 6, 7, 8]


def test_those_who_share_begin_apart() -> None:
    """One label each: the second begins in the middle, the third at a quarter; nobody repeats another's."""
    said = gave("anna", 1, 2)
    assert order(said, "anna") == [3, 4, 5, 6, 7, 8]
    assert order(said, "ben") == [5, 6, 7, 8, 3, 4]
    said += gave("ben", 5, first=9)
    assert order(said, "cora") == [3, 4, 6, 7, 8]
    assert order(said, "ben") == [6, 7, 8, 3, 4]


def test_nobody_is_asked_for_nothing() -> None:
    """However many people share a task, all of it is labelled, by one of them each."""
    for people in range(1, 9):
        said = list[Annotation]()
        names = [f"p{at}" for at in range(people)]
        for turn in range(40):
            name = names[turn % people]
            if (position := Desk(task(30), name, said).next()) is not None:
                said += gave(name, position, first=len(said) + 1)
        assert sorted(one.position for one in said) == list(range(1, 31))
        assert is_complete(task(30), said)


def test_what_was_passed_over_comes_last() -> None:
    desk = Desk(task(), "anna", gave("anna", 2))
    assert [desk.next(after) for after in (None, 1, 3, 7, 8)] == [1, 3, 4, 8, 1]
    assert Desk(task(), "anna", gave("anna", *range(1, 8))).next(8) == 8
    assert Desk(task(), "anna", gave("anna", *range(1, 9))).next(8) is None


def test_undo_takes_the_latest() -> None:
    """The label kept last, whatever its position; what was taken back is asked for again and remembered."""
    said = gave("anna", 5, 2) + gave("ben", 7, first=10)
    desk = Desk(task(), "anna", said)
    assert desk.last
    assert desk.last.position == 2
    back = Desk(task(), "anna", [*gave("anna", 5), *gave("anna", 2, first=2, taken_back=True)])
    assert back.last
    assert back.last.position == 5
    assert 2 in back.left
    assert back.before(2)
    assert back.before(5) is None
    assert Desk(task(), "anna", []).last is None


def test_pace_is_that_of_work() -> None:
    """The median of the latest gaps; a lunch does not count; too few tell nothing."""
    assert Desk(task(), "anna", gave("anna", 1, 2, 3)).pace is None
    assert Desk(task(), "anna", gave("anna", 1, 2, 3, 4)).pace == 10
    lunch = [*gave("anna", 1, 2, 3, 4), *gave("anna", 5, first=9, seconds=0)]
    lunch[-1] = Annotation(
        **{name: getattr(lunch[-1], name) for name in Annotation.__slots__}
        | {"time": START + dt.timedelta(hours=1)}
    )
    assert Desk(task(), "anna", lunch).pace == 10


def test_complete_is_every_exchange_with_all_its_labels() -> None:
    everything = tuple(range(1, 9))
    assert is_complete(task(), gave("anna", *everything))
    assert not is_complete(task(annotators=2), gave("anna", *everything))
    assert is_complete(task(annotators=2), gave("anna", *everything) + gave("ben", *everything, first=20))
    assert not is_complete(task(), gave("anna", *everything, taken_back=True))
