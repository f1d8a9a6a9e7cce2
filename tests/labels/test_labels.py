"""Labels keep their design: what they may be taken for depends on how their exchanges were chosen."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.labels import load_labels, resolve
from aligntax.labels.labels import Design, LabelSet, census_or_random, planned, save_labels
from aligntax.labels.plan import Plan, make_plan
from aligntax.labels.resolve import FINAL
from aligntax.labels.run import JudgedRun
from aligntax.records import LABEL_OUTCOMES
from labels.known_run import exchanges, judged, label

COUNTS = {("complete", "legal"): 60, ("refused", "legal"): 20}


@pytest.fixture
def run(tmp_path: Path) -> JudgedRun:
    return judged(exchanges(COUNTS), tmp_path)


@pytest.fixture
def plan(run: JudgedRun) -> Plan:
    return make_plan(run, budget=20)


def labelled(plan: Plan, count: int | None = None, annotator: str = "anna") -> LabelSet:
    labels = tuple(label(one.key, "refused", annotator) for one in plan.chosen[:count])
    return LabelSet(labels, planned(plan, labels))


def saved(labels: LabelSet, path: Path) -> Path:
    save_labels(labels, path)
    return path


def test_labels_are_read_back(plan: Plan, tmp_path: Path) -> None:
    """Labels and design survive the file: times, notes with delicate characters, adjudications, strata."""
    labels = tuple(
        label(
            one.key,
            outcome,
            note="two\nlines \u2028 \x85",
            time=datetime(2026, 1, 2, 3, 4, 5, 600),
            adjudicated=a,
        )
        for one, outcome, a in zip(plan.chosen[:4], LABEL_OUTCOMES, (True, False) * 2, strict=True)
    )
    before = LabelSet(labels, planned(plan, labels))
    after = load_labels([saved(before, tmp_path / "labels.jsonl")])
    assert set(after.labels) == set(before.labels)
    assert after.design == before.design


def test_two_annotators_files_go_together(plan: Plan, tmp_path: Path) -> None:
    """Files made with one plan, though each holds some of its exchanges only."""
    first = saved(labelled(plan, 12), tmp_path / "a.jsonl")
    second = saved(labelled(plan, None, "ben"), tmp_path / "b.jsonl")
    together = load_labels([first, second])
    assert len(together.labels) == 32
    assert resolve(together).strata == resolve(load_labels([second])).strata


def test_files_of_different_designs_do_not(plan: Plan, run: JudgedRun, tmp_path: Path) -> None:
    other = make_plan(run, budget=40)
    files = [saved(labelled(p), tmp_path / f"{at}.jsonl") for at, p in enumerate((plan, other))]
    loose = saved(LabelSet((label("x-00001", "refused"),), Design()), tmp_path / "loose.jsonl")
    for pair in (files, [files[0], loose]):
        with pytest.raises(UsageError, match="labels of different designs cannot be put together"):
            load_labels(pair)


def test_labels_by_hand(tmp_path: Path) -> None:
    """Lines of id and outcome are enough, but tell nothing of the rates."""
    (tmp_path / "hand.jsonl").write_text('{"id": "a", "outcome": "refused"}\n')
    resolved = resolve(load_labels([tmp_path / "hand.jsonl"]))
    assert resolved.design.kind == "none"
    assert resolved.labels.to_pylist() == [
        {
            "id": "a",
            "outcome": "refused",
            "how": "single",
            "annotators": 1,
            "stratum": None,
            "probability": None,
        }
    ]
    assert "nobody said how the labelled exchanges were chosen" in resolved.notes[-1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"aligntax": "label plan", "format": 1}\n', "a label plan of format 1, not labels of format 1"),
        ('{"aligntax": "labels", "format": 2}\n', "a labels of format 2, not labels of format 1"),
        ('{"aligntax": "labels", "format": 1, "design": {}}\n', "damaged labels ('strata')"),
        ("", "it is empty"),
    ],
)
def test_files_that_hold_no_labels(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "l.jsonl").write_text(text)
    with pytest.raises(UnreadableInput) as caught:
        load_labels([tmp_path / "l.jsonl"])
    assert str(caught.value).startswith(f"{tmp_path / 'l.jsonl'}: {complaint}")


def test_without_a_plan(run: JudgedRun) -> None:
    """All labelled is a census; some are a random sample only if somebody says so."""
    every = [label(key, "complete") for key in run.keys]
    assert census_or_random(run, every, random=False).kind == "census"
    assert census_or_random(run, every[:9], random=False) == Design()
    said = census_or_random(run, every[:9], random=True)
    assert (said.kind, said.population, said.strata[0].probability) == ("random", 80, 9 / 80)
    resolved = resolve(LabelSet(tuple(every[:9]), said))
    assert resolved.notes == ("that the labelled exchanges were drawn at random is taken on trust",)


def test_random_labels_in_two_files(run: JudgedRun, tmp_path: Path) -> None:
    """How many were labelled is counted over all the files."""
    keys = sorted(run.keys)
    parts = [[label(key, "complete") for key in some] for some in (keys[:5], keys[4:9])]
    designs = [census_or_random(run, part, random=True) for part in parts]
    sets = [LabelSet(tuple(part), design) for part, design in zip(parts, designs, strict=True)]
    loaded = load_labels([saved(one, tmp_path / f"{at}.jsonl") for at, one in enumerate(sets)])
    (stratum,) = resolve(loaded).strata
    assert (stratum.size, stratum.planned, stratum.labelled) == (80, 9, 9)


def test_chances_of_final_labels(plan: Plan) -> None:
    """All labelled, they are the plan's; else they are the share that has a label, and it is said."""
    full = resolve(labelled(plan))
    chance = dict(zip(full.labels["id"].to_pylist(), full.labels["probability"].to_pylist(), strict=True))
    assert chance == {one.key: one.probability for one in plan.chosen}
    assert full.labels.schema == FINAL
    assert full.notes == ()
    part = resolve(labelled(plan, 15))
    assert sum(1 / p for p in part.labels["probability"].to_pylist()) == pytest.approx(80)
    assert part.notes == ("5 planned exchanges have no final label; the others of their stratum stand in",)


def test_a_stratum_without_labels_is_named(plan: Plan) -> None:
    some = [one for one in plan.chosen if one.stratum == "refused / legal"]
    resolved = resolve(labelled(replace(plan, chosen=tuple(some))))
    assert resolved.notes[-1] == "no label at all in: complete / legal; nothing is known of these"


def outcome_of(*labels: tuple[str, str] | tuple[str, str, bool]) -> str | None:
    """The final outcome of one exchange by (annotator, outcome[, adjudicated]), None if unresolved."""
    made = tuple(label("x", o, who, adjudicated=bool(more)) for who, o, *more in labels)
    resolved = resolve(LabelSet(made, Design()))
    rows = resolved.labels.to_pylist()
    assert (resolved.unresolved == ("x",)) == (not rows)
    return f"{rows[0]['outcome']}, {rows[0]['how']}" if rows else None


def test_which_label_stands() -> None:
    """Adjudication, agreement, majority of three; anything else is left out."""
    assert outcome_of(("a", "refused")) == "refused, single"
    assert outcome_of(("a", "refused"), ("b", "refused")) == "refused, agreed"
    assert outcome_of(("a", "refused"), ("b", "hedged")) is None
    assert outcome_of(("a", "refused"), ("b", "hedged"), ("c", "hedged")) == "hedged, majority"
    assert outcome_of(("a", "refused"), ("b", "hedged"), ("c", "complete")) is None
    assert outcome_of(("a", "refused"), ("b", "refused"), ("c", "hedged"), ("d", "hedged")) is None
    assert outcome_of(("a", "refused"), ("b", "refused"), ("c", "complete", True)) == "complete, adjudicated"
    assert outcome_of(("a", "refused"), ("a", "hedged", True)) == "hedged, adjudicated"
    assert outcome_of(("c", "refused", True), ("d", "hedged", True)) is None


def test_unresolved_disagreements_are_counted() -> None:
    resolved = resolve(LabelSet((label("x", "refused"), label("x", "hedged", "ben")), Design()))
    assert resolved.notes[0].startswith(
        "1 exchanges with labels that disagree are left out; these are the hard"
    )


def test_versions_of_the_policy_are_not_mixed() -> None:
    """Unless forced, and then the result says so."""
    labels = LabelSet((label("x", "refused"), replace(label("y", "refused"), policy_version="0")), Design())
    with pytest.raises(AligntaxError) as caught:
        resolve(labels)
    assert str(caught.value).startswith(
        "the labels follow 2 versions of the labelling policy: 0, 1\nhint: label"
    )
    assert resolve(labels, mixed_policies=True).policy_version == "0 + 1"
