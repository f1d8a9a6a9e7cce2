"""Runs: kept whole, once, and found again as they were."""

import datetime as dt
import json
import math
import random
from pathlib import Path

import pytest

from aligntax.errors import UnreadableInput, UsageError
from aligntax.ledger import Ledger, Origin, find_run, record_run
from aligntax.ledger.models import StageModel, keep_model, keep_stages, models, stages_of
from aligntax.ledger.record import record
from aligntax.ledger.runs import artefact, document, measurements, runs, trend
from ledger_worlds import NOON, bill, figure

ORIGIN = Origin(
    source="a.jsonl",
    first=NOON,
    last=NOON,
    exchanges=2**40,
    detector="cascade",
    detector_version="phrases 2",
    judge="judge",
    policy_id="p" * 64,
    data_hash="d" * 64,
    config_hash="c" * 64,
    git_sha="0" * 40,
    git_dirty=True,
    seed=-3,
    versions={"numpy": "2"},
)


def test_a_run_comes_back_as_it_was(ledger: Ledger) -> None:
    """Head, origin, document and figures."""
    found = [
        figure("completion_tax", 0.25),
        figure("completion_tax", 1 / 3, use_case="medical", model="m", period="2026-W40"),
        figure("score", 0.1, benchmark="gsm8k", convention="strict"),
        figure("bill.spent_cost", math.nan),
    ]
    contents = {"schema": "aligntax.bill/1", "words": "naïve — 漢字 \u202e", "deep": [{"a": [1, None, True]}]}
    run = record_run(ledger, contents, found, title="a day", origin=ORIGIN, created=NOON)
    assert (run.kind, run.schema, run.title, run.created) == ("bill", "aligntax.bill/1", "a day", NOON)
    assert find_run(ledger, run.id) == run
    assert find_run(ledger, run.id).origin == ORIGIN
    assert document(ledger, run.id) == contents
    back = measurements(ledger, run.id)
    assert [repr(one.estimate) for one in back] == [repr(one.estimate) for one in found]
    assert [(one.component, one.slice) for one in back] == [(one.component, one.slice) for one in found]
    assert measurements(ledger, run.id, component="score") == [found[2]]
    assert back[3].estimate.reason == "no data"


def test_the_same_document_is_kept_once(ledger: Ledger, tmp_path: Path) -> None:
    """Whatever the order of its keys; the first run is given back, and no second copy of a file is kept."""
    outcomes = tmp_path / "outcomes.parquet"
    outcomes.write_bytes(b"rows")
    contents = bill()
    first = record(ledger, contents, files={"outcomes.parquet": outcomes})
    shuffled = json.loads(json.dumps(contents, sort_keys=True))
    assert record(ledger, shuffled, files={"outcomes.parquet": outcomes}) == first
    assert runs(ledger) == [first]
    assert len(list((ledger.home / "runs").iterdir())) == 1


def test_a_file_is_kept_beside_its_run(ledger: Ledger, tmp_path: Path) -> None:
    """A copy; the file itself may go."""
    outcomes = tmp_path / "outcomes.parquet"
    outcomes.write_bytes(b"rows")
    run = record(ledger, bill(), files={"outcomes.parquet": outcomes})
    outcomes.unlink()
    kept = artefact(ledger, run.id, "outcomes.parquet")
    assert kept is not None
    assert kept.read_bytes() == b"rows"
    assert artefact(ledger, run.id, "other") is None
    kept.unlink()
    assert artefact(ledger, run.id, "outcomes.parquet") is None


def test_runs_are_listed_newest_first(ledger: Ledger) -> None:
    kept = [record(ledger, bill(0.1, day=day)) for day in (2, 0, 1)]
    floor = record(ledger, {"schema": "aligntax.floor/1", "created": "2026-11-30T12:00:00+02:00"})
    assert runs(ledger) == [floor, kept[0], kept[2], kept[1]]
    assert floor.created == dt.datetime(2026, 11, 30, 10)
    assert runs(ledger, kind="bill", limit=2) == [kept[0], kept[2]]
    assert runs(ledger, before=kept[0].created) == [kept[2], kept[1]]
    assert find_run(ledger, "latest") == floor
    assert find_run(ledger, "latest", kind="bill") == kept[0]


def test_a_run_is_found_by_the_beginning_of_its_key(ledger: Ledger) -> None:
    first, second = record(ledger, bill(0.1)), record(ledger, bill(0.2))
    assert find_run(ledger, first.id[:-1]) in (first, second)
    with pytest.raises(UsageError, match="several runs begin so"):
        find_run(ledger, first.id[:4])
    for odd in ("19700101", "%", "_" * 22, "latest "):
        with pytest.raises(UnreadableInput, match="no run of that name"):
            find_run(ledger, odd)
    with pytest.raises(UnreadableInput, match="no floor run"):
        find_run(ledger, "latest", kind="floor")
    with pytest.raises(UnreadableInput, match="no run of that id"):
        document(ledger, "none")


def test_a_trend_has_one_figure_a_run(ledger: Ledger) -> None:
    """Oldest first; the corrected figure before the raw one; only of the slice that was asked for."""
    days = [
        record(ledger, bill(0.1 * (day + 1), day=day, powered=0.05 if day == 2 else None)) for day in range(4)
    ]
    found = trend(ledger, "completion_tax")
    assert [run for run, _ in found] == days
    assert [round(one.estimate.value, 2) for _, one in found] == [0.1, 0.2, 0.05, 0.4]
    assert [one.correction for _, one in found] == ["raw", "raw", "powered", "raw"]
    assert [run for run, _ in trend(ledger, "completion_tax", limit=2)] == days[2:]
    raw = trend(ledger, "completion_tax", correction="raw")
    assert [round(one.estimate.value, 1) for _, one in raw] == [0.1, 0.2, 0.3, 0.4]
    assert len(trend(ledger, "completion_tax", use_case="medical")) == 4
    assert trend(ledger, "completion_tax", use_case="none") == []
    assert trend(ledger, "completion_tax", kind="floor") == []


def test_a_trend_is_of_one_slice(ledger: Ledger) -> None:
    """Figures narrowed to more than was asked for are not in it."""
    found = [
        figure("score", value, **rest) for value, rest in ((0.1, {}), (0.2, {"benchmark": "a", "at": "b"}))
    ]
    record_run(ledger, bill(), found, title="", origin=Origin())
    assert [one.estimate.value for _, one in trend(ledger, "score")] == [0.1]
    ((_, narrow),) = trend(ledger, "score", rest={"at": "b", "benchmark": "a"})
    assert narrow.estimate.value == 0.2
    assert trend(ledger, "score", rest={"benchmark": "a"}) == []


def test_what_is_no_number_is_null(ledger: Ledger) -> None:
    """Nan and infinity, in figures and in documents."""
    contents = {"schema": "aligntax.bill/1", "a": math.nan, "b": [math.inf, {"c": -math.inf}], "d": None}
    run = record_run(ledger, contents, [figure("x", math.nan)], title="", origin=Origin())
    assert document(ledger, run.id) == {
        "schema": "aligntax.bill/1",
        "a": None,
        "b": [None, {"c": None}],
        "d": None,
    }
    assert math.isnan(measurements(ledger, run.id)[0].estimate.low)


def test_texts_that_no_database_keeps(ledger: Ledger) -> None:
    """NUL and half a surrogate pair become replacement characters in names; documents keep them."""
    odd = "a\0b\ud800c"
    contents = {"schema": "aligntax.bill/1", "text": odd}
    run = record_run(ledger, contents, [figure("x", use_case=odd, other=odd)], title=odd, origin=Origin())
    assert document(ledger, run.id) == contents
    assert find_run(ledger, run.id).title == "a�b�c"
    ((_, one),) = trend(ledger, "x", use_case=odd, rest={"other": odd})
    assert one.slice["use_case"] == "a�b�c"


def test_long_names_stay_apart(ledger: Ledger) -> None:
    """A name too long for its column is cut, and found again by the whole of it."""
    names = ["x" * 5_000 + "1", "x" * 5_000 + "2", "漢" * 3_000]
    figures = [figure("c" * 300, at / 10, use_case=name, model=name) for at, name in enumerate(names, 1)]
    record_run(ledger, bill(), figures, title="t" * 100_000, origin=Origin(source="s" * 100_000))
    for at, name in enumerate(names, 1):
        ((_, one),) = trend(ledger, "c" * 300, use_case=name, model=name)
        assert one.estimate.value == at / 10


def test_a_document_of_five_megabytes(ledger: Ledger) -> None:
    """And two thousand figures in it."""
    draw = random.Random(7)
    contents = bill(use_cases=tuple(f"case {at}" for at in range(2_000)))
    contents["notes"] = [draw.randbytes(1_000).hex() for _ in range(2_300)]
    assert len(json.dumps(contents)) > 5_000_000
    run = record(ledger, contents)
    assert document(ledger, run.id) == contents
    assert len(measurements(ledger, run.id)) == 2_002


def test_stages_and_their_models(ledger: Ledger) -> None:
    """A model is kept once, whoever names it."""
    base, tuned = StageModel(name="base", model="m0", facts={"a": 1}), StageModel(name="sft", model="m1")
    run = record_run(ledger, bill(), [], title="", origin=Origin(), stages=[base, tuned])
    assert [(one.position, one.name, one.model.name) for one in stages_of(ledger, run.id)] == [
        (0, "base", "m0"),
        (1, "sft", "m1"),
    ]
    key = keep_model(ledger, "m0", facts={"b": 2})
    assert key == stages_of(ledger, run.id)[0].model.id
    assert keep_model(ledger, "m0", revision="2") != key
    assert [one.facts for one in models(ledger)] == [{"a": 1}, {}, {}]
    other = record_run(ledger, bill(0.9), [], title="", origin=Origin())
    keep_stages(ledger, other.id, [("only", key)])
    assert stages_of(ledger, other.id)[0].model.facts == {"a": 1}
    with pytest.raises(UnreadableInput, match=r"(?i)foreign key"):
        keep_stages(ledger, "no such run", [("only", key)])
