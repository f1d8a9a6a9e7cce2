"""What the ledger takes from a document of each kind: every figure in it, under a name of its own."""

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UnreadableInput
from aligntax.ledger import Ledger
from aligntax.ledger.documents import (
    READERS,
    check,
    created_of,
    figures,
    known,
    origin_of,
    stages_in,
    title_of,
)
from aligntax.ledger.models import stages_of
from aligntax.ledger.record import record
from aligntax.ledger.runs import document, measurements, trend
from aligntax.records import Measurement
from ledger_worlds import bill, rate

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
ESTIMATE = {"value", "low", "high", "level", "n", "unit", "method"}


def _load(name: str) -> dict[str, Any]:
    (path,) = (path for path in GOLDEN if path.stem == name)
    contents: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return contents


def _estimates(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.keys() >= ESTIMATE:
            yield node
        else:
            for one in node.values():
                yield from _estimates(one)
    elif isinstance(node, list):
        for one in node:
            yield from _estimates(one)


def test_there_is_a_document_of_every_schema() -> None:
    assert {path.stem.replace("-", "/") for path in GOLDEN} == {
        name.removeprefix("aligntax.") for name in READERS
    }


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_figure_is_found_once(path: Path) -> None:
    """Those that are left out on purpose are a curve of the drift document."""
    contents = json.loads(path.read_text("utf-8"))
    found = figures(contents)
    left = contents.pop("positions", [])
    wanted = list(_estimates(contents))
    assert len(found) == len(wanted), left
    assert {one["value"] for one in wanted} == {
        None if math.isnan(one.estimate.value) else one.estimate.value for one in found
    }
    keys = [(one.component, tuple(sorted(one.slice.items())), one.correction) for one in found]
    assert len(set(keys)) == len(keys)
    told_apart = [one.slice for one in found if "entry" in one.slice]
    assert not told_apart, "two figures of one name: give its reader what tells them apart"
    assert known(contents)
    assert title_of(contents) not in ("", contents["schema"])


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_it_comes_back(ledger: Ledger, path: Path) -> None:
    contents = json.loads(path.read_text("utf-8"))
    run = record(ledger, contents)
    assert document(ledger, run.id) == contents
    kept, found = measurements(ledger, run.id), figures(contents)
    assert [_plain(one) for one in kept] == [_plain(one) for one in found]


def _plain(one: Measurement) -> tuple[object, ...]:
    return one.component, sorted(one.slice.items()), one.correction, one.small, repr(one.estimate)


@pytest.mark.parametrize(
    ("name", "component", "slice_"),
    [
        ("bill-1", "completion_tax", {"use_case": "medical"}),
        ("comparison-1", "completion_tax.difference", {}),
        ("comparison-2", "refused.difference", {"model": "openai/new@http://localhost:8000/v1"}),
        ("floor-1", "harmful_compliance.bounds", {"hazard": "privacy"}),
        ("stages-1", "capability_tax", {"benchmark": "quiz", "from": "base", "to": "dpo"}),
        ("stages-1", "stage_tax", {"benchmark": "quiz", "from": "sft", "to": "dpo"}),
        ("stages-1", "capability_tax.mean", {"to": "dpo"}),
        ("drift-1", "drift.per_token", {"direction": "forward"}),
        ("over_refusal-1", "over_refusal", {"set": "finance"}),
        ("frontier-1", "frontier.taxes", {"method": "steady", "benchmark": "maths"}),
        ("triggers-1", "cause.effect", {"term": "kill"}),
        ("counterfactual-1", "alarming.completion_tax.net.difference", {}),
        ("correlate-1", "correlation", {}),
        ("laws-1", "law.r_squared", {}),
        ("fisher-1", "whole.overlap.value", {}),
        ("merge_fit-1", "merge_fit.gain", {}),
        ("merge_sweep-1", "merge.measured.capability", {"benchmark": "facts"}),
    ],
)
def test_what_figures_are_called(name: str, component: str, slice_: dict[str, str]) -> None:
    found = [one for one in figures(_load(name)) if one.component == component]
    assert any(slice_.items() <= one.slice.items() for one in found)


def test_where_figures_come_from() -> None:
    told = origin_of(_load("bill-1"))
    assert (told.detector, told.exchanges, told.source) == ("cascade", 616, "traffic.jsonl: openai-pairs")
    assert told.first is not None
    assert told.last is not None
    assert told.first < told.last
    assert told.versions == {"aligntax": "0.1.0"}
    floor = origin_of(_load("floor-1"))
    assert (floor.judge or "").startswith("openai/judge@")
    assert floor.detector is None
    assert origin_of(_load("over_refusal-1")).detector == "cascade"
    assert origin_of(_load("drift-1")).seed == 0
    assert title_of(_load("bill-1")) == "traffic.jsonl"
    assert title_of(_load("stages-1")) == "base to sft to dpo"
    assert created_of({"created": "2026-01-02T03:04:05+02:00"}) == created_of(
        {"created": "2026-01-02T01:04:05"}
    )
    assert created_of({"created": "yesterday"}) is created_of({}) is None


def test_the_stages_of_a_training_are_kept(ledger: Ledger) -> None:
    contents = _load("stages-1")
    run = record(ledger, contents)
    assert [one.name for one in stages_in(contents)] == ["base", "sft", "dpo"]
    kept = [(one.name, one.model.name) for one in stages_of(ledger, run.id)]
    assert kept == [(one.name, one.model) for one in stages_in(contents)]


def test_corrected_figures_stand_beside_the_raw_ones() -> None:
    found = [
        one for one in figures(bill(0.3, powered=0.2)) if one.component == "completion_tax" and not one.slice
    ]
    assert [(one.correction, one.estimate.value) for one in found] == [("raw", 0.3), ("powered", 0.2)]


def test_a_document_of_another_day(ledger: Ledger) -> None:
    """A schema nobody knows, and a later version of one: figures are called by where they stand."""
    contents = {
        "schema": "aligntax.bill/9",
        "use_case": "medical",
        "parts": [
            {"benchmark": "a", "deep": {"tax": rate(0.1)}},
            {"benchmark": "b", "deep": {"tax": rate(0.2)}},
        ],
        "rows": [rate(0.3), rate(0.4)],
        "named": {"component": "refused", "first": rate(0.5)},
    }
    assert not known(contents)
    run = record(ledger, contents)
    assert run.kind == "bill"
    assert [(one.component, one.slice) for one in measurements(ledger, run.id)] == [
        ("parts.deep.tax", {"use_case": "medical", "benchmark": "a"}),
        ("parts.deep.tax", {"use_case": "medical", "benchmark": "b"}),
        ("rows", {"use_case": "medical"}),
        ("rows", {"use_case": "medical", "entry": "2"}),
        ("refused.first", {"use_case": "medical"}),
    ]
    ((_, one),) = trend(ledger, "parts.deep.tax", use_case="medical", rest={"benchmark": "b"})
    assert one.estimate.value == 0.2


@pytest.mark.parametrize(
    "contents",
    [
        None,
        [],
        "x",
        {},
        {"schema": 1},
        {"schema": "other/1"},
        {"schema": "aligntax."},
        {"schema": "aligntax.x"},
    ],
)
def test_what_is_no_document(contents: object) -> None:
    with pytest.raises(UnreadableInput, match="not a document of aligntax"):
        check(contents, "it")


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_document_with_anything_in_it_is_read(path: Path, data: st.DataObject) -> None:
    """Wherever something else stands than should: it is read without an error, and no figure is made up."""
    contents = json.loads(path.read_text("utf-8"))
    for _ in range(3):
        node: Any = contents
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            keys = [key for key in keys if key != "schema"]
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if not isinstance(node[key], dict | list) or data.draw(st.integers(0, 4)) == 0:
                node[key] = data.draw(ODD)
                break
            node = node[key]
    before = copy.deepcopy(contents)
    found = figures(contents)
    title_of(contents), origin_of(contents), stages_in(contents), created_of(contents)
    assert len(found) <= len(list(_estimates(contents)))
    assert repr(contents) == repr(before)


def test_what_nests_too_deep() -> None:
    contents: dict[str, Any] = {"schema": "aligntax.bill/1"}
    node = contents
    for _ in range(100_000):
        node["a"] = {}
        node = node["a"]
    with pytest.raises(UnreadableInput, match="nested too deep"):
        figures(contents)


@pytest.mark.parametrize(
    "odd",
    [
        {"n": 2**63},
        {"n": 10**400},
        {"n": math.inf},
        {"n": True},
        {"labelled": math.nan},
        {"clusters": "many"},
        {"level": None},
        {"unit": 3},
        {"value": "0.1"},
        {"value": 10**400},
    ],
    ids=str,
)
def test_what_looks_like_a_figure_and_is_none(odd: dict[str, Any]) -> None:
    assert figures({"schema": "aligntax.other/1", "x": rate(0.1) | odd}) == []


def test_a_figure_nobody_explains() -> None:
    (one,) = figures({"schema": "aligntax.other/1", "x": rate(0.1) | {"value": None, "reason": None}})
    assert one.estimate.reason == "the document does not say why"
