"""OpenSLO and Sloth documents, checked by the rules of their specifications."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from jsonschema import Draft7Validator

from aligntax.exports.names import dns_label
from aligntax.exports.openslo import documents, write_openslo
from aligntax.exports.sloth import write_sloth
from aligntax.policy.read import LoadedPolicy, read_policy
from exports_world import POLICY

DAILY = dt.timedelta(days=1)
LABEL = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
DURATION = {"type": "string", "pattern": r"^[1-9][0-9]*[mhdwMQY]$"}
TEXT = {"type": "string", "maxLength": 1050}
SOURCE = {
    "type": "object",
    "required": ["metricSource"],
    "properties": {
        "metricSource": {
            "type": "object",
            "required": ["spec"],
            "properties": {
                "metricSourceRef": LABEL,
                "type": {"type": "string"},
                "spec": {"minProperties": 1},
            },
        }
    },
}
METADATA = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": LABEL,
        "displayName": {"type": "string", "maxLength": 63},
        "annotations": {
            "patternProperties": {
                r"^([a-z0-9][-a-z0-9.]{0,252}/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$": {
                    "type": "string"
                }
            },
            "additionalProperties": False,
        },
    },
}
RATIO = {
    "type": "object",
    "required": ["counter"],
    "properties": {
        "counter": {"type": "boolean"},
        "good": SOURCE,
        "bad": SOURCE,
        "total": SOURCE,
        "raw": SOURCE,
    },
    "oneOf": [
        {"required": ["bad", "total"], "not": {"anyOf": [{"required": ["raw"]}, {"required": ["good"]}]}},
        {"required": ["raw", "rawType"], "not": {"anyOf": [{"required": ["bad"]}, {"required": ["total"]}]}},
    ],
}
SPECS: dict[str, Any] = {
    "Service": {"properties": {"description": TEXT}},
    "DataSource": {"required": ["type", "connectionDetails"], "properties": {"description": TEXT}},
    "AlertNotificationTarget": {"required": ["target"], "properties": {"description": TEXT}},
    "AlertCondition": {
        "required": ["severity", "condition"],
        "properties": {
            "description": TEXT,
            "condition": {
                "required": ["kind", "op", "threshold", "lookbackWindow", "alertAfter"],
                "properties": {
                    "kind": {"const": "burnrate"},
                    "op": {"enum": ["lte", "gte", "lt", "gt"]},
                    "threshold": {"type": "number"},
                    "lookbackWindow": DURATION,
                    "alertAfter": DURATION,
                },
            },
        },
    },
    "AlertPolicy": {
        "required": [
            "alertWhenBreaching",
            "alertWhenResolved",
            "alertWhenNoData",
            "conditions",
            "notificationTargets",
        ],
        "properties": {
            "conditions": {"minItems": 1, "maxItems": 1, "items": {"required": ["conditionRef"]}},
            "notificationTargets": {"minItems": 1, "items": {"required": ["targetRef"]}},
        },
    },
    "SLO": {
        "required": ["service", "indicator", "timeWindow", "budgetingMethod", "objectives"],
        "properties": {
            "description": TEXT,
            "indicator": {
                "required": ["metadata", "spec"],
                "properties": {
                    "metadata": METADATA,
                    "spec": {
                        "required": ["ratioMetric"],
                        "properties": {"description": TEXT, "ratioMetric": RATIO},
                    },
                },
            },
            "timeWindow": {
                "minItems": 1,
                "maxItems": 1,
                "items": {"required": ["duration", "isRolling"], "properties": {"duration": DURATION}},
            },
            "budgetingMethod": {"enum": ["Occurrences", "Timeslices", "RatioTimeslices"]},
            "objectives": {
                "minItems": 1,
                "items": {
                    "required": ["target"],
                    "properties": {"target": {"type": "number", "minimum": 0, "exclusiveMaximum": 1}},
                },
            },
            "alertPolicies": {"items": {"required": ["alertPolicyRef"]}},
        },
    },
}


def read(policy: LoadedPolicy, folder: Path) -> list[dict[str, Any]]:
    write_openslo(policy, folder / "openslo.yaml", every=DAILY)
    return list(yaml.safe_load_all((folder / "openslo.yaml").read_text("utf-8")))


def test_every_document_keeps_to_openslo_v1(policy: LoadedPolicy, tmp_path: Path) -> None:
    for one in read(policy, tmp_path):
        schema = {
            "type": "object",
            "required": ["apiVersion", "kind", "metadata", "spec"],
            "additionalProperties": False,
            "properties": {
                "apiVersion": {"const": "openslo/v1"},
                "kind": {"enum": list(SPECS)},
                "metadata": METADATA,
                "spec": {"type": "object", **SPECS[one["kind"]]},
            },
        }
        Draft7Validator(schema).validate(one)


def test_every_reference_is_to_a_document(policy: LoadedPolicy, tmp_path: Path) -> None:
    made = read(policy, tmp_path)
    names = {kind: [one["metadata"]["name"] for one in made if one["kind"] == kind] for kind in SPECS}
    assert all(len(set(found)) == len(found) for found in names.values())
    text = (tmp_path / "openslo.yaml").read_text("utf-8")
    for key, kind in (
        ("conditionRef", "AlertCondition"),
        ("targetRef", "AlertNotificationTarget"),
        ("alertPolicyRef", "AlertPolicy"),
        ("metricSourceRef", "DataSource"),
        ("service", "Service"),
    ):
        found = set(re.findall(rf"\b{key}: (\S+)", text))
        assert found, key
        assert found <= set(names[kind]), key


def test_one_use_case_gives_the_two_objectives_of_its_service(tmp_path: Path) -> None:
    first, _, rest = POLICY.partition("\n[[use_case]]\nname = 'security")
    policy = read_policy(
        first + rest[rest.index("\n[floor]") :].partition('[[floor.hazard]]\nname = "chemical"')[0]
    )
    slos = [one for one in read(policy, tmp_path) if one["kind"] == "SLO"]
    assert [one["metadata"]["name"] for one in slos] == ["usefulness-medical", "safety-floor"]
    assert {one["spec"]["service"] for one in slos} == {"support-assistant"}
    assert [one["spec"]["objectives"][0]["target"] for one in slos] == [0.95, 0.95]
    assert [one["spec"]["timeWindow"][0]["duration"] for one in slos] == ["28d", "28d"]


def test_queries_are_promql(policy: LoadedPolicy, tmp_path: Path) -> None:
    read(policy, tmp_path)
    text = (tmp_path / "openslo.yaml").read_text("utf-8")
    queries = [
        source["metricSource"]["spec"]["query"]
        for one in yaml.safe_load_all(text)
        if one["kind"] == "SLO"
        for name, source in one["spec"]["indicator"]["spec"]["ratioMetric"].items()
        if name in ("bad", "total", "raw")
    ]
    assert len(queries) == 2 * 2 + 2
    for query in queries:
        promql_parser.parse(query)


def test_what_is_left_out_is_said(policy: LoadedPolicy) -> None:
    made, left_out = documents(policy, every=dt.timedelta(0))
    assert any("delay.median" in line for line in left_out)
    assert any("14.4 times the budget" in line for line in left_out)
    refused = next(one for one in made if one["kind"] == "SLO" and "security" in one["metadata"]["name"])
    assert len(refused["spec"]["alertPolicies"]) == 3
    bare = read_policy(POLICY.partition("\n[floor]")[0])
    assert any("safety floor left out" in line for line in documents(bare, every=DAILY)[1])


def test_webhooks_are_not_told(tmp_path: Path) -> None:
    """A webhook's address can be a secret; the document names who is told, and not where."""
    told = '\n[[tell]]\nname = "On Call"\nwebhook = "https://hooks.example.com/T0P-SECRET"\n'
    policy = read_policy(POLICY + told)
    text = "".join(map(str, read(policy, tmp_path)))
    assert "on-call" in text
    assert "SECRET" not in text


@pytest.mark.parametrize(
    "name", ["medical", "Médical é", "!!!", "a" * 80, "x y", "x_y", "北京", "A/B", "a/b"]
)
def test_names_are_labels(name: str) -> None:
    assert re.fullmatch(LABEL["pattern"], dns_label(name))


def test_names_that_differ_stay_apart() -> None:
    names = ["a/b", "a b!", "A(b)", "a?b", "北京", "上海", "a" * 80, "a" * 81]
    assert len({dns_label(name) for name in names}) == len(names)


def test_sloth(policy: LoadedPolicy, tmp_path: Path) -> None:
    write_sloth(policy, tmp_path / "sloth.yaml")
    made = yaml.safe_load((tmp_path / "sloth.yaml").read_text("utf-8"))
    assert made["version"] == "prometheus/v1"
    assert set(made) == {"version", "service", "labels", "slos"}
    assert [one["objective"] for one in made["slos"]] == [95, 90, 95, 99]
    for one in made["slos"]:
        assert re.fullmatch(LABEL["pattern"], one["name"])
        assert set(one) == {"name", "objective", "description", "labels", "sli", "alerting"}
        assert set(one["alerting"]) == {"name", "labels", "page_alert", "ticket_alert"}
        ((kind, queries),) = one["sli"].items()
        assert set(queries) == {"events": {"error_query", "total_query"}, "raw": {"error_ratio_query"}}[kind]
        for query in queries.values():
            assert "{{.window}}" in query
            promql_parser.parse(query.replace("{{.window}}", "5m"))
