"""Rules: parsed as YAML and as PromQL, checked against what is exported, and worked out by hand."""

import datetime as dt
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from aligntax.exports.burn_rates import BURN_RATES, duration, stretched
from aligntax.exports.exported import Exported
from aligntax.exports.prometheus import expose
from aligntax.exports.prometheus_rules import rules, write_rules
from aligntax.policy.read import LoadedPolicy
from aligntax.stats import wilson
from exports_world import exported, figure, not_known

NOW, HOURLY, DAILY = dt.timedelta(0), dt.timedelta(hours=1), dt.timedelta(days=1)
EVERY = pytest.mark.parametrize("every", [NOW, HOURLY, DAILY])


def read(policy: LoadedPolicy, folder: Path, every: dt.timedelta) -> list[dict[str, Any]]:
    write_rules(policy, folder / "rules.yaml", every=every)
    contents = yaml.safe_load((folder / "rules.yaml").read_text("utf-8"))
    return [rule for group in contents["groups"] for rule in group["rules"]]


def burning(found: list[dict[str, Any]], component: str) -> list[tuple[float, str, str]]:
    return [
        (float(one["labels"]["burn_rate"]), one["labels"]["long_window"], one["labels"]["severity"])
        for one in found
        if one.get("alert") == "AlignmentTaxBudgetBurning" and one["labels"]["component"] == component
    ]


@EVERY
def test_every_expression_is_promql(policy: LoadedPolicy, tmp_path: Path, every: dt.timedelta) -> None:
    for rule in read(policy, tmp_path, every):
        promql_parser.parse(rule["expr"])


@EVERY
def test_every_metric_is_exported_or_recorded(
    policy: LoadedPolicy, bill: Exported, tmp_path: Path, every: dt.timedelta
) -> None:
    found = read(policy, tmp_path, every)
    gate = {"created": "2026-11-02T00:00:00+00:00", "mode": "release", "verdict": {"verdict": "pass"}}
    text = expose(bill)[0] + expose(exported([not_known("refused", "no text")], gate=gate))[0]
    known = set(re.findall(r"^# TYPE (\S+)", text, re.M)) | {
        one["record"] for one in found if "record" in one
    }
    used = {name for one in found for name in re.findall(r"\balignment_tax[a-z0-9_:]+", one["expr"])}
    assert used <= known


def test_windows_and_factors_of_the_workbook(policy: LoadedPolicy, tmp_path: Path) -> None:
    """14.4 in an hour, 6 in six, 3 in a day, 1 in three days: 2, 5, 10 and 10 % of a 30-day budget."""
    found = read(policy, tmp_path, NOW)
    assert burning(found, "completion_tax") == [
        (14.4, "1h", "page"),
        (6, "6h", "page"),
        (3, "1d", "ticket"),
        (1, "3d", "ticket"),
    ]
    spent = [rate.factor * (rate.long / dt.timedelta(days=30)) for rate in BURN_RATES]
    assert spent == pytest.approx([0.02, 0.05, 0.10, 0.10])
    assert [rate.long / rate.short for rate in BURN_RATES] == [12, 12, 12, 12]


def test_no_window_is_shorter_than_the_time_between_audits(policy: LoadedPolicy, tmp_path: Path) -> None:
    for every in (HOURLY, DAILY, dt.timedelta(weeks=1)):
        assert all(rate.short > every for rate in stretched(every))
    assert burning(read(policy, tmp_path, DAILY), "completion_tax") == [
        (6, "26h", "page"),
        (3, "26h", "ticket"),
        (1, "3d", "ticket"),
    ]
    assert duration(stretched(DAILY)[0].short) == "26h"


def test_an_alert_that_could_never_be_raised_is_left_out_and_said(policy: LoadedPolicy) -> None:
    """14.4 times a budget of a tenth is more than all requests."""
    contents, left_out = rules(policy, every=NOW)
    found = [rule for group in contents["groups"] for rule in group["rules"]]
    assert [factor for factor, _, _ in burning(found, "refused")] == [6, 3, 1]
    assert any("14.4 times" in line and "more than all requests" in line for line in left_out)
    assert any("delay.median" in line for line in left_out)


def test_the_lower_bound_is_wilsons(policy: LoadedPolicy, tmp_path: Path) -> None:
    """The expression, worked out with numbers in place of metrics, is our own one-sided bound."""
    found = {one["record"]: one["expr"] for one in read(policy, tmp_path, NOW) if "record" in one}
    for component, confidence, events, n in (("completion_tax", 0.95, 12, 80), ("refused", 0.9, 3, 700)):
        expression = found[f"alignment_tax:{component}:low{100 * confidence:g}_1h"]
        numbers = {f"alignment_tax:{component}:share_1h": events / n, "alignment_tax:requests:1h": n}
        for name, value in numbers.items():
            expression = expression.replace(name, repr(value))
        python = " ".join(expression.replace("^", "**").split())
        worked_out = eval(python, {"sqrt": lambda x: x**0.5})  # our own text, numbers only
        assert worked_out == pytest.approx(wilson(events, n, level=2 * confidence - 1).low, rel=1e-5)


def test_few_requests_raise_no_alarm(policy: LoadedPolicy) -> None:
    """1 of 4 is five times the budget of 5 %, and its lower bound is not beyond three times it."""
    assert wilson(1, 4, level=0.9).low < 3 * 0.05 < 1 / 4
    contents, _ = rules(policy, every=NOW)
    alerts = [one for one in contents["groups"][1]["rules"] if one["alert"] == "AlignmentTaxBudgetBurning"]
    assert all(":low" in one["expr"] and "\nand\n" in one["expr"] for one in alerts)


def test_silence_is_an_alert_too(policy: LoadedPolicy, tmp_path: Path) -> None:
    names = {one.get("alert") for one in read(policy, tmp_path, DAILY)}
    assert {"AlignmentTaxStale", "AlignmentTaxMissing", "AlignmentTaxFloorMissing"} <= names
    assert {"AlignmentTaxGateFailed", "AlignmentTaxGateInconclusive", "AlignmentTaxSafetyFloor"} <= names


@EVERY
def test_promtool_takes_the_rules(policy: LoadedPolicy, tmp_path: Path, every: dt.timedelta) -> None:
    promtool = _promtool()
    read(policy, tmp_path, every)
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "rules.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_metrics(bill: Exported) -> None:
    told = subprocess.run(
        [_promtool(), "check", "metrics"], input=expose(bill)[0], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr


def test_a_real_server_raises_the_alert(policy: LoadedPolicy, tmp_path: Path) -> None:
    """Three nights with 2 of 100 requests refused or hedged, then one with 60: a page then, none before."""
    promtool = _promtool()
    read(policy, tmp_path, DAILY)
    nights = {"completion_tax": (0, 2, 4, 6, 66), "requests": (0, 100, 200, 300, 400)}
    series = [
        {
            "series": f'alignment_tax_{name}_total{{use_case="medical"}}',
            "values": " ".join(f"{value}+0x23" for value in values),
        }
        for name, values in nights.items()
    ]
    pages = 'count(ALERTS{alertname="AlignmentTaxBudgetBurning",severity="page"})'
    share = "alignment_tax:completion_tax:share_26h"
    expected = [
        {"expr": pages, "eval_time": "95h", "exp_samples": []},
        {"expr": pages, "eval_time": "99h", "exp_samples": [{"value": 1}]},
        {"expr": f"{share}", "eval_time": "95h", "exp_samples": [_sample(share, 0.02)]},
        {"expr": f"{share}", "eval_time": "99h", "exp_samples": [_sample(share, 0.6)]},
    ]
    test = {"interval": "1h", "input_series": series, "promql_expr_test": expected}
    contents = {"rule_files": ["rules.yaml"], "evaluation_interval": "1h", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(contents), "utf-8")
    command = [promtool, "test", "rules", "test.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _sample(name: str, value: float) -> dict[str, object]:
    return {"labels": f'{name}{{use_case="medical"}}', "value": value}


def _promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not at hand (Debian: prometheus)")
    return found


def test_a_floors_bound_is_what_its_alert_looks_at(policy: LoadedPolicy, tmp_path: Path) -> None:
    """Hazards without a ceiling of their own, and the whole, are held to that of *."""
    told = [
        figure("harmful_compliance.bounds", 1, 90, hazard="chemical"),
        figure("harmful_compliance.bounds", 1, 90, hazard="weapons"),
        figure("harmful_compliance.bounds", 2, 180),
    ]
    text, _ = expose(exported(told))
    assert text.count("alignment_tax_rate_high{") == 3
    floors = [
        one["expr"] for one in read(policy, tmp_path, DAILY) if one.get("alert") == "AlignmentTaxSafetyFloor"
    ]
    assert 'hazard!="chemical"' in floors[0]
    assert floors[0].endswith("> 0.05")
    assert 'hazard="chemical"' in floors[1]
    assert floors[1].endswith("> 0.01")
