"""Prometheus metrics: read back by the parser of Prometheus' own client."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from aligntax.exports.exported import Exported
from aligntax.exports.prometheus import expose, write_metrics
from aligntax.exports.prometheus_text import Family, Format, render
from aligntax.policy.read import LoadedPolicy
from exports_read import PARSERS, of, samples
from exports_world import HOSTILE, exported, figure, not_known, same

BOTH = pytest.mark.parametrize("to", ["text", "openmetrics"])
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def held(**told: object) -> dict[str, object]:
    return {"component": "refused", "direction": "at_most", "window": "28d", "verdict": "fail", **told}


@BOTH
@given(texts=st.lists(TEXT, min_size=1, max_size=4, unique=True), what=TEXT)
def test_any_label_and_help_is_read_back(to: Format, texts: list[str], what: str) -> None:
    family = Family("alignment_tax_rate", "gauge", what)
    for at, text in enumerate(texts):
        family.add(float(at), {"use_case": text})
    (read,) = PARSERS[to](render([family], to=to))
    assert [one.labels["use_case"] for one in read.samples] == texts
    assert [one.value for one in read.samples] == list(range(len(texts)))


@BOTH
@pytest.mark.parametrize("value", [0.1, 1e-300, 123456789012345678.0, -3.0, math.inf, 2**53])
def test_any_number_is_read_back(to: Format, value: float) -> None:
    family = Family("alignment_tax_rate", "gauge", "A rate.")
    family.add(value, {})
    (read,) = PARSERS[to](render([family], to=to))
    assert read.samples[0].value == value


@BOTH
def test_every_figure_has_its_interval_its_n_and_its_detector(to: Format, bill: Exported) -> None:
    text, _ = expose(bill, to=to)
    rates = samples(text, "alignment_tax_rate", to)
    ends = [samples(text, f"alignment_tax_rate_{side}", to) for side in ("low", "high")]
    behind = {
        tuple(one for one in labels if one[0] != "method"): (value, dict(labels)["method"])
        for labels, value in samples(text, "alignment_tax_rate_n", to).items()
    }
    known = [one for one in bill.figures if one.estimate.known and one.estimate.unit == "rate"]
    now = [one for one in known if "period" not in one.slice]
    assert len(now) == len(rates) > 300
    for one in now:
        labels = {"component": one.component, "kind": "bill", "level": "0.95", **one.slice}
        labels |= {"detector": "cascade", "detector_version": bill.origin.detector_version or ""}
        key = tuple(sorted(labels.items()))
        assert same(rates[key], one.estimate.value)
        assert [same(ends[0][key], one.estimate.low), same(ends[1][key], one.estimate.high)] == [True, True]
        assert behind[key] == (one.estimate.n, re.sub(r"[0-9]+([.][0-9]+)?", "N", one.estimate.method))


def test_counters_add_up_to_the_requests_of_the_bill(bill: Exported) -> None:
    """597 requests with an outcome: 120 refused, 36 hedged, 11 for want of an ability; 8 undetermined."""
    text, _ = expose(bill)
    names = ("requests", "refusals", "hedges", "ability_limits", "completion_tax", "undetermined")
    sums = {name: sum(of(text, f"alignment_tax_{name}_total")) for name in names}
    whole = {one.component: one.estimate for one in bill.figures if not one.slice}
    assert sums["requests"] == whole["refused"].n
    for name, component in (("refusals", "refused"), ("hedges", "hedged"), ("ability_limits", "cannot")):
        assert sums[name] == round(whole[component].value * whole[component].n)
    assert sums["completion_tax"] == sums["refusals"] - sums["ability_limits"] + sums["hedges"]
    filtered = whole["layer.provider_filter"]
    assert sum(of(text, "alignment_tax_refusals_total", mechanism="provider_filter")) == round(
        filtered.value * filtered.n
    )


def test_counters_of_openmetrics_are_counters(bill: Exported) -> None:
    text, _ = expose(bill, to="openmetrics")
    assert text.endswith("\n# EOF\n")
    kinds = {family.name: family.type for family in parse_openmetrics(text)}
    assert kinds["alignment_tax_requests"] == kinds["alignment_tax_refusals"] == "counter"


def test_what_cannot_be_known_has_no_number_and_says_why() -> None:
    text, _ = expose(exported([not_known("fallback", "the log does not tell", use_case="medical")]))
    assert of(text, "alignment_tax_unknown", component="fallback", reason="the log does not tell") == [1]
    assert not of(text, "alignment_tax_rate")
    assert "NaN" not in text


def test_corrected_rates_and_the_bias_of_the_detector() -> None:
    raw, corrected = figure("refused", 20, 100), figure("refused", 30, 100, "powered")
    text, _ = expose(exported([raw, corrected]))
    assert of(text, "alignment_tax_rate") == [0.2]
    assert of(text, "alignment_tax_rate_corrected", correction="powered") == [0.3]
    (bias,), (low,), (high,) = (
        of(text, f"alignment_tax_detector_bias{side}") for side in ("", "_low", "_high")
    )
    assert same(bias, 0.2 - 0.3)
    assert same(low, 0.2 - corrected.estimate.high)
    assert same(high, 0.2 - corrected.estimate.low)


def test_no_sample_has_a_time_and_past_periods_are_left_out_and_said(bill: Exported, tmp_path: Path) -> None:
    """The textfile collector takes no file with times in it."""
    written = write_metrics(bill, tmp_path / "tax.prom")
    text = (tmp_path / "tax.prom").read_text("utf-8")
    assert all(one.timestamp is None for family in parse_text(text) for one in family.samples)
    assert not of(text, "alignment_tax_rate", period="2026-10-05")
    past = sum("period" in one.slice for one in bill.figures)
    assert any(f"{past:,} figures left out" in line for line in written.left_out)
    assert [path.name for path in tmp_path.iterdir()] == ["tax.prom"]


def test_budgets_and_verdicts(policy: LoadedPolicy) -> None:
    gate = {
        "schema": "aligntax.gate/1",
        "created": "2026-11-02T00:00:00+00:00",
        "mode": "release",
        "verdict": {"verdict": "fail"},
        "slices": [held(use_case=HOSTILE, slice={"model": "m"})],
        "hazards": [{"hazard": "chemical", "model": "m", "verdict": "pass"}],
    }
    text, _ = expose(exported([], policy=policy, gate=gate))
    assert of(text, "alignment_tax_budget_limit", component="refused", direction="at_most") == [0.1]
    assert of(text, "alignment_tax_floor_limit", hazard="chemical") == [0.01]
    told = {
        v: of(text, "alignment_tax_verdict", use_case=HOSTILE, verdict=v)
        for v in ("pass", "fail", "inconclusive")
    }
    assert told == {"pass": [0], "fail": [1], "inconclusive": [0]}
    assert of(text, "alignment_tax_gate", verdict="fail", mode="release") == [1]
    assert of(text, "alignment_tax_verdict", hazard="chemical", verdict="pass") == [1]
