"""A watch over logs: budgets that are left behind, rates that change, what coincides, what begins anew."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.ledger.marks import add_mark
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.watches import alerts, state, watch_names
from aligntax.policy.model import Policy
from aligntax.watch.watch import Watch
from watch_logs import BEGIN, counts, line, watch_of, write
from watch_worlds import policy_of

DAY = 300
"""Exchanges a day."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger")
    yield opened
    opened.close()


def _days(
    first: int, last: int, rate: float, *, seed: int = 1, begin: dt.datetime = BEGIN, **more: str
) -> list[str]:
    """Lines of some days, a share of them refused."""
    generator = np.random.default_rng(seed + first)
    refused = generator.random((last - first) * DAY) < rate
    step = dt.timedelta(days=1) / DAY
    return [
        line(first * DAY + n, refused=bool(one), at=begin + first * dt.timedelta(days=1) + n * step, **more)
        for n, one in enumerate(refused)
    ]


def _watched(ledger: Ledger, log: Path, policy: Policy | None = None, **settings: object) -> Watch:
    watch, reader = watch_of(ledger, policy, **settings)  # type: ignore[arg-type]
    watch.round([str(log)])
    reader.close()
    return watch


def test_a_rise_is_told_with_the_model_that_came_then(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 8, 0.02))
    write(log, *_days(8, 14, 0.12, model="north-2"))
    add_mark(ledger, "deploy", "release 7", at=BEGIN + dt.timedelta(days=8, minutes=30))
    add_mark(ledger, "deploy", "release 6", at=BEGIN + dt.timedelta(days=2))
    _watched(ledger, log, policy_of(("a", 0.3)))
    (found,) = alerts(ledger, "w")
    assert (found.kind, found.use_case, found.component) == ("change", "a", "refused")
    document = found.document
    assert document["before"]["value"] == pytest.approx(0.02, abs=0.01)
    assert document["rate"]["value"] == pytest.approx(0.12, abs=0.04)
    change = document["change"]
    assert change["first"] <= "2026-10-09T00:00:00" <= change["last"] or change["at"] == "2026-10-09T00:00:00"
    named = {(one["kind"], one["value"]) for one in document["coincidences"]}
    assert named == {("model", "north-2"), ("mark", "deploy: release 7")}
    assert "first seen 2026-10-09 00:00" in document["text"]
    assert found.at <= BEGIN + dt.timedelta(days=10)
    assert "No, not" not in json.dumps(document)
    assert "Question" not in json.dumps(document)


def test_exchanges_between_a_first_sight_and_a_change_are_counted(ledger: Ledger, tmp_path: Path) -> None:
    """The prompt came 3 hours and 37 exchanges before the rate changed."""
    log = tmp_path / "a.jsonl"
    early = _days(0, 9, 0.02)
    cut = 8 * DAY
    new = [json.loads(text) | {"system_prompt": "Be careful."} for text in early[cut:]]
    later = [json.loads(t) | {"system_prompt": "Be careful."} for t in _days(9, 13, 0.3)]
    write(log, *early[:cut], *(json.dumps(one) for one in new[-37:] + later))
    _watched(ledger, log, policy_of(("a", 0.4)))
    found = alerts(ledger, "w")[-1].document
    prompt = [one for one in found["coincidences"] if one["kind"] == "prompt"]
    assert found["change"]["at"] == "2026-10-10T00:00:00"
    assert [(one["exchanges"], one["hours"]) for one in prompt] == [(-37, -3)]
    assert "Be careful" not in json.dumps(found)


def test_a_change_that_nothing_goes_with_names_nothing(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 8, 0.02), *_days(8, 14, 0.12))
    _watched(ledger, log, policy_of(("a", 0.3)))
    (found,) = alerts(ledger, "w")
    assert found.document["coincidences"] == []
    assert found.document["text"].endswith("nothing that changed is known near it")


def test_an_episode_raises_one_alert_and_ends_with_another(ledger: Ledger, tmp_path: Path) -> None:
    """Weekly windows: the first two are beyond the budget, the third is not."""
    log = tmp_path / "a.jsonl"
    policy = policy_of(("a", 0.05), window="7d")
    kinds = []
    for week, rate in enumerate([0.15, 0.15, 0.01, 0.01]):
        write(log, *_days(7 * week, 7 * week + 7, rate))
        _watched(ledger, log, policy, least_change=1e9)
        kinds.append([one.kind for one in reversed(alerts(ledger, "w"))])
    assert kinds == [["budget"], ["budget"], ["budget", "recovered"], ["budget", "recovered"]]
    opened, ended = (one.document for one in reversed(alerts(ledger, "w")))
    assert opened["rate"]["low"] > opened["limit"] == 0.05
    assert ended["rate"]["value"] <= 0.05
    assert ended["since"] == "2026-10-15T00:00:00"


def test_at_least_is_the_other_way_round(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 4, 0.3))
    budget = {"component": "complete", "direction": "at_least", "limit": 0.9}
    case = {"name": "a", "match": {"use_case": ["a"]}, "budget": [budget]}
    policy = Policy.model_validate({"version": 1, "service": "s", "use_case": [case]})
    _watched(ledger, log, policy)
    assert [one.kind for one in alerts(ledger, "w")] == ["budget"]


def test_a_deployment_begins_a_stretch_of_its_own(ledger: Ledger, tmp_path: Path) -> None:
    """Two thirds of the month kept the budget with ease; the new model's own days do not."""
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 18, 0.01), *_days(18, 23, 0.12, model="north-2"))
    watch = _watched(ledger, log, policy_of(("a", 0.06)), least_change=1e9)
    (found,) = alerts(ledger, "w")
    assert (found.kind, found.document["since"]) == ("budget", "2026-10-19T00:00:00")
    (standing,) = watch.standings()
    assert standing.turn == 2
    assert standing.alpha == pytest.approx(0.025 * 6 / np.pi**2 / 4)


def test_a_stray_model_is_no_deployment(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 10, 0.01), line(99_999, at=BEGIN + dt.timedelta(days=10), model="test"))
    write(log, *_days(10, 15, 0.01))
    watch = _watched(ledger, log)
    assert watch.standings()[0].turn == 1


def test_another_detector_begins_anew_and_is_said(ledger: Ledger, tmp_path: Path) -> None:
    """Results of two versions of a detector are not compared."""
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 8, 0.02))
    _watched(ledger, log)
    write(log, *_days(8, 12, 0.3))
    watch = _watched(ledger, log, version="2")
    assert counts(watch)[:2][0] == 4 * DAY
    assert watch.totals["exchanges"] == 12 * DAY
    assert any("counting begins anew" in note for note in watch.notes)
    assert [one.kind for one in alerts(ledger, "w")] == ["budget"]


def test_a_use_case_that_means_something_else_begins_anew(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 2, 0.02), *_days(0, 2, 0.02, use_case="b"))
    _watched(ledger, log, policy_of(("a", 0.05), ("b", 0.05)))
    changed = policy_of(("a", 0.05), ("b", 0.05)).model_dump(mode="json")
    changed["use_case"][1]["match"]["model"] = ["north-*"]
    watch = _watched(ledger, log, Policy.model_validate(changed))
    assert counts(watch)[0] == 2 * DAY
    assert any(note.startswith("b means something else") for note in watch.notes)


def test_a_use_case_that_is_new_has_only_what_comes_and_that_is_said(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 2, 0.02), *_days(0, 2, 0.02, use_case="b"))
    _watched(ledger, log, policy_of(("a", 0.05)))
    write(log, *_days(2, 3, 0.02, use_case="b"))
    watch = _watched(ledger, log, policy_of(("a", 0.05), ("b", 0.05)))
    assert counts(watch)[0] == 2 * DAY + DAY
    assert any(
        note.startswith("b: new in the policy; the 1,200 exchanges read before") for note in watch.notes
    )


def test_two_processes_with_one_name_are_found_out(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, line(1))
    (first, one), (second, two) = watch_of(ledger), watch_of(ledger)
    first.round([str(log)])
    with pytest.raises(UsageError, match="another process"):
        second.round([str(log)])
    one.close()
    two.close()
    kept = state(ledger, "w")
    assert kept is not None
    assert kept["totals"]["exchanges"] == 1
    assert [name for name, _ in watch_names(ledger)] == ["w"]


def test_what_has_no_time_or_comes_from_the_future_came_now(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(
        log,
        line(1, at=dt.datetime(2031, 1, 1)),
        json.dumps(json.loads(line(2)) | {"timestamp": None}),
        line(3),
    )
    watch = _watched(ledger, log, clock=lambda: BEGIN + dt.timedelta(days=1))
    assert watch.totals["untimed"] == 2
    assert counts(watch)[0] == 3


def test_the_state_holds_no_text(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, *_days(0, 1, 0.5, user="jo@example.com"))
    watch = _watched(ledger, log)
    kept = json.dumps(state(ledger, "w"))
    assert watch.counted.clustered
    assert not any(words in kept for words in ("Question", "Answer", "Be brief", "jo@example.com"))
    assert len(kept) < 20_000


def test_memory_of_models_and_prompts_is_bounded(ledger: Ledger, tmp_path: Path) -> None:
    """A system prompt for every user is followed no further, and begins no stretch."""
    log = tmp_path / "a.jsonl"
    write(log, *(line(n, system=f"You help user {n}.") for n in range(3000)))
    watch = _watched(ledger, log)
    kept = state(ledger, "w")
    assert kept is not None
    assert kept["seen"]["a"]["many"] == ["prompt"]
    assert len(kept["seen"]["a"]["found"]["prompt"]) <= 64
    assert watch.standings()[0].turn == 1
