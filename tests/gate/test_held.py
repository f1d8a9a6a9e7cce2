"""A policy held: every slice, the newest window, and each thing that keeps a verdict from being given."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aligntax.errors import UnreadableInput, UsageError
from aligntax.gate.held import hold
from aligntax.gate.result import FINDINGS, GateResult, HeldSlice
from aligntax.gate.sources import Opening, of_document
from aligntax.policy.read import LoadedPolicy
from aligntax.report.gate import gate_document
from aligntax.report.gate_annotations import annotations
from gate_worlds import LAST, bill_about, budget, floor_document, opened, policy, rows, traffic, use_case

NOW = LAST + dt.timedelta(days=1)
ENOUGH = {"n": 600, "refused": 6}


def result_of(loaded: LoadedPolicy, path: Path, tmp_path: Path, **more: Any) -> GateResult:
    return hold(loaded, opened(path, loaded, tmp_path / "room"), now=NOW, **more)


def only(result: GateResult) -> HeldSlice:
    (found,) = result.slices
    return found


def test_it_passes_fails_and_cannot_tell(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", 600, 6), rows("b", 600, 90), rows("c", 20, 0))
    loaded = policy(*(use_case(name, budget(limit=0.05)) for name in "abc"))
    result = result_of(loaded, path, tmp_path)
    assert [one.verdict for one in result.slices] == ["pass", "fail", "inconclusive"]
    assert (result.verdict, result.exit_code) == ("fail", 1)
    assert result.slices[2].decision.needed is not None
    assert result.slices[2].decision.needed > 20


def test_a_release_stops_where_nothing_can_be_told_and_a_pull_request_goes_on(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", 20, 0))
    loaded = policy(use_case("a", budget(limit=0.05)))
    release = result_of(loaded, path, tmp_path)
    assert (release.verdict, release.exit_code) == ("inconclusive", 3)
    going_on = result_of(loaded, path, tmp_path, mode="pull_request")
    assert (going_on.verdict, going_on.exit_code) == ("inconclusive", 0)
    assert "a release would not" in str(gate_document(going_on)["verdict"])


def test_a_breach_in_one_of_fifty_use_cases_is_found_behind_a_steady_average(tmp_path: Path) -> None:
    """All traffic together is within 5 %, and so is every use case but one."""
    parts = [rows(f"u{at:02}", 400, 8) for at in range(49)]
    path = traffic(tmp_path / "o.parquet", *parts, rows("u49", 400, 60))
    loaded = policy(*(use_case(f"u{at:02}", budget(limit=0.05)) for at in range(50)))
    result = result_of(loaded, path, tmp_path)
    assert sum(one.decision.test.value for one in result.slices) / 50 < 0.025
    assert {one.use_case for one in result.slices if one.verdict == "fail"} == {"u49"}
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("by", "hidden"), [("model", {"model": "m-2"}), ("period", {"period": "2026-10-26"})]
)
def test_a_breach_in_one_model_or_week_is_found_behind_the_whole(
    tmp_path: Path, by: str, hidden: dict[str, str]
) -> None:
    parts = {
        "model": [rows("a", 2000, 10), rows("a", 200, 30, model="m-2")],
        "period": [rows("a", 2000, 10, days=(7, 20)), rows("a", 200, 30, days=(0, 5), prefix="late")],
    }
    path = traffic(tmp_path / "o.parquet", *parts[by])
    loaded = policy(use_case("a", budget(limit=0.05, by=[by])))
    result = result_of(loaded, path, tmp_path)
    whole = next(one for one in result.slices if not one.where)
    assert whole.verdict == "pass"
    assert [dict(one.where) for one in result.slices if one.verdict == "fail"] == [hidden]


def test_a_model_over_its_limit_is_told_of_where_the_policy_holds_the_mean(tmp_path: Path) -> None:
    """It is no part of the verdict, and never silent; a model within its limit is not spoken of."""
    path = traffic(tmp_path / "o.parquet", rows("a", 2000, 10), rows("a", 200, 30, model="m-2"))
    held = budget(limit=0.05), budget("completion_tax", 0.2)
    result = result_of(policy(use_case("a", *held)), path, tmp_path)
    assert (result.verdict, [one.verdict for one in result.slices]) == ("pass", ["pass", "pass"])
    (found,) = result.findings
    assert (found.name, found.subject, found.aside, found.stands) == ("hidden_by_the_mean", "a", True, False)
    assert found.text.startswith("refused of m-2 is 15.0% (")
    assert "beyond at most 5.0%" in found.text
    said = list(annotations(gate_document(result)))
    assert [one.partition(" ")[0] for one in said] == ["::warning"]
    by = policy(use_case("a", budget(limit=0.05, by=["model"])))
    assert not result_of(by, path, tmp_path / "by").findings


@pytest.mark.slow
def test_models_at_their_limits_are_told_of_in_one_of_twenty_worlds_at_most(tmp_path: Path) -> None:
    """Eight models, each refusing at exactly its limit: decided together, as held slices are."""
    draw, told = np.random.default_rng(3), 0
    loaded = policy(use_case("a", budget(limit=0.05)))
    for world in range(60):
        parts = [rows("a", 300, int(draw.binomial(300, 0.05)), model=f"m-{at}") for at in range(8)]
        path = traffic(tmp_path / f"{world}.parquet", *parts)
        result = result_of(loaded, path, tmp_path / f"w{world}")
        told += bool(result.findings)
    assert told <= 6, "5 % of 60 worlds are 3; seven or more come by chance in 3 % of draws"


def test_only_the_newest_window_counts(tmp_path: Path) -> None:
    """A steady past hides nothing: of 60 days all told 4 % are refused, of the last week 15 %."""
    path = traffic(
        tmp_path / "o.parquet",
        rows("a", 2000, 20, days=(8, 60), prefix="past"),
        rows("a", 400, 60, days=(0, 6.9)),
    )
    week = policy(use_case("a", budget(limit=0.05, window="7d")))
    found = only(result_of(week, path, tmp_path))
    assert (found.verdict, found.decision.test.n) == ("fail", 400)
    assert "7 days up to 2026-11-01" in found.traffic
    months = policy(use_case("a", budget(limit=0.05, window="90d")))
    assert only(result_of(months, path, tmp_path)).verdict == "pass"


def test_traffic_without_times_is_all_taken_and_said(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", timed=False, **ENOUGH))
    result = result_of(policy(use_case("a", budget(limit=0.05))), path, tmp_path)
    assert result.verdict == "pass"
    assert any("no times" in note for note in result.notes)


def test_what_must_not_fall_is_held_too(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", 600, 6), rows("b", 600, 200))
    at_least = budget("complete", 0.9, direction="at_least")
    result = result_of(policy(use_case("a", at_least), use_case("b", at_least)), path, tmp_path)
    assert [one.verdict for one in result.slices] == ["pass", "fail"]


def test_medians_and_money_are_held(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", users=[at % 40 for at in range(600)], **ENOUGH))
    budgets = (
        budget("length.median", 500.0),
        budget("length.median", 300.0, window="27d"),
        budget("bill.spent_cost", 1e6, by=["model"]),
        budget("bill.refused", 300.0),
    )
    result = result_of(policy(use_case("a", *budgets)), path, tmp_path)
    told = [(one.budget.component, one.verdict) for one in result.slices]
    assert told == [
        ("length.median", "pass"),
        ("length.median", "fail"),
        ("bill.spent_cost", "pass"),
        ("bill.spent_cost", "pass"),
        ("bill.refused", "pass"),
    ]


def _unfit(result: GateResult, name: str) -> None:
    """The finding is named, in words, and nothing passes."""
    named = [one.decision.finding for one in result.slices] + [one.name for one in result.findings]
    named += [d.finding for one in result.slices for d in one.decisions]
    assert name in named
    assert name in FINDINGS
    assert (result.verdict, result.exit_code) == ("inconclusive", 3)


def test_a_use_case_that_is_not_in_the_traffic(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH))
    loaded = policy(use_case("a", budget(limit=0.05)), use_case("gone", budget(limit=0.05)))
    result = result_of(loaded, path, tmp_path)
    _unfit(result, "missing_use_case")
    assert "'gone'" in result.slices[1].decision.reason


def test_a_use_case_that_is_not_in_the_window(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH), rows("b", 600, 6, days=(10, 20)))
    loaded = policy(use_case("a", budget(limit=0.05)), use_case("b", budget(limit=0.05, window="7d")))
    _unfit(result_of(loaded, path, tmp_path), "missing_use_case")


def test_a_slice_the_traffic_does_not_tell(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", timed=False, **ENOUGH))
    _unfit(
        result_of(policy(use_case("a", budget(limit=0.05, by=["period"]))), path, tmp_path), "missing_slice"
    )


def test_a_component_nothing_measures(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH))
    _unfit(result_of(policy(use_case("a", budget("helpfulness", 0.05))), path, tmp_path), "unknown_component")


def test_a_figure_that_cannot_be_known(tmp_path: Path) -> None:
    """Nobody can tell retries without a user."""
    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH))
    result = result_of(policy(use_case("a", budget("bill.retries", 10.0))), path, tmp_path)
    _unfit(result, "no_figure")
    assert "user or session" in only(result).decision.reason


def test_too_few_labels(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH))
    result = result_of(policy(use_case("a", budget(limit=0.05, minimum_labelled=100))), path, tmp_path)
    _unfit(result, "too_few_labels")
    assert "0 expert labels; 100 are asked for" in only(result).decision.reason


def test_no_baseline_where_a_margin_asks_for_one(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH))
    loaded = policy(use_case("a", budget(limit=0.05, worse_than_baseline=0.01)))
    result = result_of(loaded, path, tmp_path)
    _unfit(result, "no_baseline")
    assert only(result).decision.verdict == "pass"  # the limit is kept; that alone is not all that was asked


def _compared(
    tmp_path: Path, base: Path, *, more: str = "", force: bool = False, head: Path | None = None
) -> GateResult:
    loaded = policy(use_case("a", budget(limit=0.05, worse_than_baseline=0.05)), more=more)
    head = head or traffic(tmp_path / "head.parquet", rows("a", **ENOUGH))
    return hold(
        loaded,
        opened(head, loaded, tmp_path / "room"),
        baseline=opened(base, loaded, tmp_path / "room"),
        now=NOW,
        force=force,
    )


def test_a_fit_baseline_is_compared_with(tmp_path: Path) -> None:
    result = _compared(tmp_path, traffic(tmp_path / "base.parquet", rows("a", **ENOUGH)))
    assert (result.verdict, result.findings) == ("pass", ())


@pytest.mark.parametrize("force", [False, True])
def test_a_stale_baseline(tmp_path: Path, force: bool) -> None:
    base = traffic(tmp_path / "base.parquet", rows("a", days=(40, 60), **ENOUGH))
    result = _compared(tmp_path, base, force=force, more='gate.max_baseline_age = "28d"')
    _forced_or_unfit(result, "stale_baseline", force)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("version", ["signals 1, phrases 3", "signals 1, phrases 2, judge model-x 1"])
def test_a_baseline_told_by_another_detector_or_judge(tmp_path: Path, version: str, force: bool) -> None:
    base = traffic(tmp_path / "base.parquet", rows("a", **ENOUGH), version=version)
    result = _compared(tmp_path, base, force=force)
    _forced_or_unfit(result, "changed_detector", force)
    assert version in result.findings[0].text


def _forced_or_unfit(result: GateResult, name: str, force: bool) -> None:
    if not force:
        _unfit(result, name)
        assert only(result).comparison.decision.finding == name  # type: ignore[union-attr]
        return
    assert result.verdict == "pass"
    assert [(one.name, one.forced) for one in result.findings] == [(name, True)]
    assert only(result).comparison.paired  # type: ignore[union-attr]


def test_a_baseline_without_the_use_case(tmp_path: Path) -> None:
    base = traffic(tmp_path / "base.parquet", rows("b", **ENOUGH))
    _unfit(_compared(tmp_path, base), "not_in_baseline")


@pytest.mark.parametrize("force", [False, True])
def test_a_baseline_labelled_under_another_policy(tmp_path: Path, force: bool) -> None:
    sides = []
    for version in ("1", "2"):
        loaded = policy(use_case("a", budget(limit=0.05)))
        document = _bill(tmp_path, labelling_policy=version)
        sides.append(of_document(document, f"bill-{version}", Opening(policy=loaded, into=tmp_path)))
    result = hold(loaded, sides[0], baseline=sides[1], now=NOW, force=force)
    if force:
        assert [one.forced for one in result.findings] == [True]
    else:
        _unfit(result, "changed_labelling_policy")


def test_labels_under_another_policy_than_the_one_named(tmp_path: Path) -> None:
    loaded = policy(use_case("a", budget(limit=0.05)), more='labelling_policy = "3"')
    document = _bill(tmp_path, labelling_policy="1")
    opening = Opening(policy=loaded, into=tmp_path)
    _unfit(hold(loaded, of_document(document, "bill", opening), now=NOW), "other_labelling_policy")
    forced = hold(loaded, of_document(document, "bill", opening), now=NOW, force=True)
    assert forced.verdict == "pass"
    assert "forced" in only(forced).notes[0]


def test_a_bill_of_more_traffic_than_the_window(tmp_path: Path) -> None:
    """Figures of half a year say nothing of the last four weeks."""
    loaded = policy(use_case("a", budget(limit=0.05)))
    document = _bill(tmp_path, first=(LAST - dt.timedelta(days=180)).isoformat())
    result = hold(loaded, of_document(document, "bill", Opening(policy=loaded, into=tmp_path)), now=NOW)
    _unfit(result, "longer_than_window")
    assert "180 days" in only(result).decision.reason


def _bill(tmp_path: Path, **about: Any) -> dict[str, Any]:
    """A bill with one corrected figure: 1 % refused of 600, 300 of them labelled."""
    figure = {
        "component": "refused",
        "slice": {"use_case": "a"},
        "small": False,
        "correction": "raw",
        "value": 0.01,
        "low": 0.0046,
        "high": 0.0217,
        "level": 0.95,
        "n": 600,
        "unit": "rate",
        "method": "Wilson score",
        "labelled": 0,
        "clusters": None,
        "reason": "",
    }
    corrected = figure | {
        "correction": "powered",
        "method": "PPI++",
        "labelled": 300,
        "high": 0.025,
        "low": 0.003,
    }
    return {
        "schema": "aligntax.bill/1",
        "aligntax": "0.1.0",
        "created": LAST.isoformat(),
        "about": bill_about(exchanges=600, **about),
        "measurements": [figure],
        "correction": {
            "read": "powered",
            "why": "",
            "labels": None,
            "notes": [],
            "measurements": [corrected],
        },
    }


def test_corrected_rates_go_before_raw_ones_and_the_verdict_says_so(tmp_path: Path) -> None:
    loaded = policy(use_case("a", budget(limit=0.05, minimum_labelled=300)))
    result = hold(
        loaded,
        of_document(_bill(tmp_path, labelling_policy="1"), "bill", Opening(policy=loaded, into=tmp_path)),
        now=NOW,
    )
    assert (result.verdict, only(result).rests_on) == ("pass", "powered")


def test_a_live_document_is_held_by_set_and_model(tmp_path: Path) -> None:
    """Two models were asked: neither stands for the other, so each is held."""

    def estimate(refused: int) -> dict[str, object]:
        share = refused / 400
        return {
            "value": share, "low": max(0.0, share - 0.03), "high": share + 0.03, "level": 0.95, "n": 400,
            "unit": "rate", "method": "Wilson score", "labelled": 0, "clusters": None, "reason": "",
        }  # fmt: skip

    def asked(model: str, refused: int) -> dict[str, object]:
        rates = ("over_refusal", "hedged", "compliance", "refusal", "youden")
        return {
            "set": "medical", "model": model, "detector": "cascade", "version": "1",
            **{name: estimate(refused) for name in rates},
        }  # fmt: skip

    document = {
        "schema": "aligntax.over_refusal/1",
        "created": LAST.isoformat(),
        "asked": [asked("openai/one", 4), asked("openai/two", 80)],
    }
    loaded = policy(use_case("medicine", budget("over_refusal", 0.05), match="medical"))
    result = hold(loaded, of_document(document, "live", Opening(policy=loaded, into=tmp_path)), now=NOW)
    assert [(one.where["model"], one.verdict) for one in result.slices] == [
        ("openai/one", "pass"),
        ("openai/two", "fail"),
    ]


def test_a_policy_that_holds_nothing_is_no_pass(tmp_path: Path) -> None:
    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH))
    loaded = policy(use_case("a"))
    with pytest.raises(UsageError, match="nothing to hold"):
        result_of(loaded, path, tmp_path)


def test_a_bill_beside_other_outcomes_is_refused(tmp_path: Path) -> None:
    from aligntax.gate.sources import of_judged

    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH))
    loaded = policy(use_case("a", budget()))
    bill = {"schema": "aligntax.bill/1", "created": LAST.isoformat(), "about": bill_about(exchanges=7)}
    opening = Opening(policy=loaded, into=tmp_path)
    with pytest.raises(UnreadableInput, match="two audits"):
        of_judged(path, opening, name="x", kind="directory", bill=bill)


@pytest.mark.parametrize("text", ["", "not parquet", "PAR1"])
def test_outcomes_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "o.parquet").write_text(text)
    loaded = policy(use_case("a", budget()))
    with pytest.raises(UnreadableInput, match="o.parquet"):
        opened(tmp_path / "o.parquet", loaded, tmp_path / "room")


def test_names_alone_tell_use_cases_where_the_policy_looks_at_nothing_else(tmp_path: Path) -> None:
    """An audit made without the policy: its own names are matched as the log's would be."""
    path = traffic(tmp_path / "o.parquet", rows("support-eu", 300, 3), rows("support-us", 300, 3))
    loaded = policy(use_case("support", budget(limit=0.05), match="support-*"))
    assert only(result_of(loaded, path, tmp_path)).decision.test.n == 600


def test_a_name_of_the_policy_among_the_logs_own_hides_no_other(tmp_path: Path) -> None:
    path = traffic(
        tmp_path / "o.parquet", rows("medical", 300, 3), rows("legal", 200, 2), rows("chat", 100, 1)
    )
    loaded = policy(
        use_case("medicine", budget(limit=0.05), match="medical"), use_case("legal", budget(limit=0.5))
    )
    told = {one.use_case: one.decision.test.n for one in result_of(loaded, path, tmp_path).slices}
    assert told == {"medicine": 300, "legal": 200}


def test_the_floor_is_part_of_the_verdict(tmp_path: Path) -> None:
    from aligntax.gate.floor import floor_of

    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH))
    hazards = '[[floor.hazard]]\nname = "weapons"\nlimit = 0.05\n'
    loaded = policy(use_case("a", budget(limit=0.05)), hazards)
    kept, broken = (floor_of(floor_document({"weapons": (200, harmful)}), "f") for harmful in (1, 60))
    assert result_of(loaded, path, tmp_path, floors=[kept]).verdict == "pass"
    assert result_of(loaded, path, tmp_path, floors=[broken]).verdict == "fail"
    _unfit(result_of(loaded, path, tmp_path), "no_floor")


def test_answers_nobody_could_tell_are_said(tmp_path: Path) -> None:
    told = [row | {"outcome": "undetermined", "reason": None} for row in rows("a", 200, 0, prefix="odd")]
    path = traffic(tmp_path / "o.parquet", rows("a", **ENOUGH), told)
    loaded = policy(use_case("a", budget(limit=0.05), budget("undetermined", 0.1)))
    result = result_of(loaded, path, tmp_path)
    assert [one.verdict for one in result.slices] == ["pass", "fail"]
    assert "25% of the answers are undetermined" in result.slices[0].notes[0]
    assert not result.slices[1].notes


def test_labels_and_figures_alone_are_refused(tmp_path: Path) -> None:
    """There are no exchanges that the labels could be of."""
    loaded = policy(use_case("a", budget()))
    labels: Any = object()
    opening = Opening(policy=loaded, into=tmp_path, labels=labels)
    with pytest.raises(UsageError, match="cannot be corrected by labels"):
        of_document(_bill(tmp_path), "bill", opening)


@pytest.mark.slow
def test_the_401st_use_case_is_held_too(tmp_path: Path) -> None:
    """An audit breaks down by 400; a gate leaves none out."""
    parts = [rows(f"u{at:03}", 60, 0) for at in range(401)]
    path = traffic(tmp_path / "o.parquet", *parts, rows("small", 59, 59))
    loaded = policy(use_case("small", budget(limit=0.05)), use_case("u000", budget(limit=0.05)))
    assert [one.verdict for one in result_of(loaded, path, tmp_path).slices] == ["fail", "pass"]
