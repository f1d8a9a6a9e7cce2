"""Agreement of annotators: the figures, what they leave out, and the advice."""

import json
from datetime import datetime

import pytest

from aligntax.labels.agreement import Agreement, agree, tasks_of
from aligntax.records import Label
from labels.known_run import label

NAMES = ("complete", "hedged", "refused")
TABLE = [[20, 5, 0], [3, 15, 2], [0, 4, 11]]  # rows: anna's outcomes, columns: ben's


def pairs(table: list[list[int]]) -> list[Label]:
    """Two annotators' labels with this confusion."""
    cells = [(a, b) for a, row in enumerate(table) for b, count in enumerate(row) for _ in range(count)]
    return [
        label(f"x{at:03}", NAMES[code], who)
        for at, cell in enumerate(cells)
        for who, code in zip(("anna", "ben"), cell, strict=True)
    ]


def test_figures_worked_out_by_hand() -> None:
    """46 of 60 agree; chance agreement (25*23 + 20*24 + 15*13) / 60^2 = 1250 / 3600."""
    found = agree(pairs(TABLE))
    (pair,) = found.pairs
    chance = 1250 / 3600
    assert pair.kappa.value == pytest.approx((46 / 60 - chance) / (1 - chance))
    assert pair.kappa.low < pair.kappa.value < pair.kappa.high
    assert pair.confusion[:3, :3].tolist() == TABLE
    assert (pair.agreed, found.shared, found.differing, len(found.open)) == (46, 60, 14, 14)
    assert found.annotators == {"anna": 60, "ben": 60}
    expected = 1 - (120 - 1) * (2 * 14) / (120**2 - 48**2 - 44**2 - 28**2)
    assert found.alpha.value == pytest.approx(expected)


def test_adjudications_are_no_second_opinion() -> None:
    """They close disagreements and change no figure."""
    labels = pairs(TABLE)
    settled = [label(one.key, "hedged", "dora", adjudicated=True) for one in agree(labels).open[:10]]
    before, after = agree(labels), agree([*labels, *settled])
    assert after.pairs[0].kappa == before.pairs[0].kappa
    assert after.alpha == before.alpha
    assert len(after.open) == 4
    assert after.annotators == before.annotators


def test_three_annotators_with_gaps() -> None:
    """Each pair is measured on what both labelled; a majority is no open disagreement."""
    labels = [
        *(label("x", outcome, who) for who, outcome in (("a", "refused"), ("b", "refused"), ("c", "hedged"))),
        *(label("y", outcome, who) for who, outcome in (("a", "refused"), ("b", "hedged"))),
        *(label("z", outcome, who) for who, outcome in (("a", "complete"), ("b", "complete"))),
        label("w", "complete", "c"),
    ]
    found = agree(labels)
    assert [(p.first, p.second, int(p.confusion.sum())) for p in found.pairs] == [
        ("a", "b", 3),
        ("a", "c", 1),
        ("b", "c", 1),
    ]
    assert [one.key for one in found.open] == ["y"]
    assert (found.shared, found.differing) == (3, 2)
    assert not found.pairs[1].kappa.known
    assert found.pairs[1].kappa.reason


def advice(table: list[list[int]]) -> str:
    return "; ".join(agree(pairs(table)).advice)


def test_advice() -> None:
    """Low: settle the policy. Perhaps low: label more. High and many: nothing to say."""
    assert "kappa is under 0.70: settle the policy first" in advice(TABLE)
    assert "kappa may be under 0.70, by its interval" in advice([[20, 2, 0], [1, 16, 2], [0, 1, 18]])
    assert advice([[90, 1, 0], [0, 80, 1], [0, 1, 70]]) == ""
    assert "only 12 exchanges were labelled twice" in advice([[4, 0, 0], [0, 4, 0], [0, 0, 4]])
    assert "98% of the labels are of one outcome" in advice([[97, 1, 1], [0, 1, 0], [0, 0, 0]])
    assert "kappa cannot be known: only one class was used" in advice([[60, 0, 0], [0, 0, 0], [0, 0, 0]])


def test_nobody_labelled_twice() -> None:
    """One annotator, or two that share nothing: said, not computed."""
    for labels in ([label("x", "refused")], [label("x", "refused"), label("y", "refused", "ben")], []):
        found = agree(labels)
        assert not found.alpha.known
        assert found.advice == (
            "no exchange was labelled by two people: give two annotators the same export",
        )


def test_the_json_is_json() -> None:
    """Nan is null, and the reason stands beside it."""
    said = json.loads(json.dumps(agree([label("x", "refused")]).as_json(), allow_nan=False))
    assert said["krippendorff_alpha"]["value"] is None
    assert said["krippendorff_alpha"]["reason"]
    full = agree(pairs(TABLE)).as_json()
    assert len(full["disagreements"]) == 14
    assert set(full["disagreements"][0]["labels"]) == {"anna", "ben"}


def test_the_adjudicator_sees_labels_but_not_whose() -> None:
    """Both labels with their notes, no annotator; what comes back is an adjudication."""
    labels = [
        label("x", "refused", "zoe", note="example 3", time=datetime(2026, 1, 1)),
        label("x", "complete", "anna"),
    ]
    found: Agreement = agree(labels)
    (task,) = tasks_of(found)
    row = task.row()
    assert row["labels_given"] == "complete\nrefused: example 3"
    assert row["adjudicated"] == "yes"
    assert not {"zoe", "anna"} & set(" ".join(row.values()).replace(":", " ").split())
