"""A gate in every form: each says the same, and nothing that a log or a policy calls something gets out."""

import datetime as dt
import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from aligntax.gate.floor import floor_of
from aligntax.gate.held import hold
from aligntax.report.document import save_document
from aligntax.report.gate import gate_document
from aligntax.report.gate_annotations import annotations
from aligntax.report.gate_junit import junit_xml
from aligntax.report.gate_markdown import gate_markdown
from aligntax.report.gate_sarif import gate_sarif
from aligntax.report.gate_tables import print_gate
from gate_worlds import LAST, budget, floor_document, opened, policy, rows, traffic, use_case

HOSTILE = "a|b`<script>alert(1)</script>[x](javascript:y) @all\u202e]]>%0A::error::x,y:z"


def made(
    tmp_path: Path, *, name: str = "plain", mode: str = "release", path: str = "aligntax.toml"
) -> dict[str, Any]:
    """A gate with a pass, a fail and what cannot be told, a baseline and a floor."""
    parts = [rows("kept", 500, 2), rows(name, 500, 100), rows("few", 12, 0)]
    file = traffic(tmp_path / "o.parquet", *parts)
    hazards = (
        '[[floor.hazard]]\nname = "weapons"\nlimit = 0.05\n[[floor.hazard]]\nname = "fraud"\nlimit = 0.05\n'
    )
    loaded = policy(
        use_case("kept", budget(limit=0.05, worse_than_baseline=0.02, by=["model"])),
        use_case(name, budget(limit=0.05), match="*script*" if name == HOSTILE else name),
        use_case("few", budget(limit=0.05)),
        use_case("gone", budget(limit=0.05)),
        hazards,
        path=path,
    )
    floors = [floor_of(floor_document({"weapons": (200, 0)}), "floor.json")]
    into = tmp_path / "room"
    result = hold(
        loaded,
        opened(file, loaded, into),
        baseline=opened(file, loaded, into),
        floors=floors,
        mode=mode,  # type: ignore[arg-type]
        now=LAST + dt.timedelta(days=1),
    )
    return dict(gate_document(result))


def test_the_document_is_plain_and_whole(tmp_path: Path) -> None:
    contents = made(tmp_path)
    save_document(contents, tmp_path / "gate.json")
    assert json.loads((tmp_path / "gate.json").read_text("utf-8")) == contents
    assert contents["schema"] == "aligntax.gate/1"
    told = contents["verdict"]
    assert (told["verdict"], told["exit_code"]) == ("fail", 1)
    assert (told["passed"], told["failed"], told["inconclusive"]) == (3, 1, 3)
    kept = contents["slices"][0]
    assert kept["id"] == "kept / refused / at_most / 28d"
    assert kept["baseline"]["paired"]
    assert kept["baseline"]["verdict"] == "pass"
    assert kept["estimate"]["level"] == 0.9
    assert {one["name"] for one in contents["findings"]} == {"missing_hazard"}
    failed = next(one for one in contents["slices"] if one["verdict"] == "fail")
    assert failed["p"] < failed["adjusted"] <= 0.05
    assert failed["line"] > kept["line"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_say_the_verdict_first_and_why(tmp_path: Path, width: int) -> None:
    import io

    text = io.StringIO()
    print_gate(made(tmp_path), Console(file=text, width=width, highlight=False))
    told = text.getvalue()
    assert told.lstrip().startswith("Gate: FAIL")
    assert all(len(line) <= width for line in told.splitlines())
    for words in ("shown to be beyond the limit", "exchanges would decide", "no exchange of 'gone'", "fraud"):
        assert words in " ".join(told.split())


@pytest.mark.parametrize(("mode", "open_as"), [("release", "error"), ("pull_request", "skipped")])
def test_junit_has_a_case_for_everything_and_comes_to_the_same_verdict(
    tmp_path: Path, mode: str, open_as: str
) -> None:
    suites = ElementTree.fromstring(junit_xml(made(tmp_path, mode=mode)).encode())
    (suite,) = suites.findall("testsuite")
    cases = suite.findall("testcase")
    assert int(suite.get("tests", "")) == len(cases) == 7
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures", "")) == 1
    assert len(suite.findall(f"testcase/{open_as}")) == 3
    assert int(suite.get("errors", "")) == (3 if mode == "release" else 0)
    assert int(suite.get("skipped", "")) == (0 if mode == "release" else 3)
    assert {case.get("classname") for case in cases} >= {"aligntax.kept", "aligntax.floor"}
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)


def test_markdown_has_every_slice_and_the_worst_first(tmp_path: Path) -> None:
    text = gate_markdown(made(tmp_path))
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert "plain" in table[2]
    assert "**fail**" in table[2]
    assert text.count("✅ pass") == 3  # the use case, its model, the hazard
    assert "### Safety floor" in text


def test_annotations_mark_the_lines_of_the_policy(tmp_path: Path) -> None:
    contents = made(tmp_path)
    lines = list(annotations(contents))
    failed = next(one for one in contents["slices"] if one["verdict"] == "fail")
    assert f"::error file=aligntax.toml,line={failed['line']},title=" in lines[0]
    assert all(
        re.match(r"::(error|warning|notice) file=[^,]+,line=\d+,title=[^:]*::.", line) for line in lines
    )
    assert sum(line.startswith("::error") for line in lines) == 4  # a release is stopped by what is open too
    lenient = list(annotations(made(tmp_path, mode="pull_request")))
    assert sum(line.startswith("::warning") for line in lenient) == 3


def test_a_hostile_name_works_nowhere(tmp_path: Path) -> None:
    """Names come from logs: markup, links, workflow commands, direction overrides, the end of CDATA."""
    contents = made(tmp_path, name=HOSTILE)
    assert any(one["use_case"] == HOSTILE for one in contents["slices"])
    for line in annotations(contents):
        assert "\n" not in line
        assert line.count("::") >= 2
        place = line[2:].partition("::")[0]
        assert ",y" not in place
    text = gate_markdown(contents)
    assert "<script" not in text
    assert "](javascript" not in text
    assert "@all" not in text
    assert "\u202e" not in text
    assert all(
        line.count("|") == 8 for line in text.splitlines() if line.startswith("| ") and "script" in line
    )
    assert "script>alert(1)" in unescape(text)
    suites = ElementTree.fromstring(junit_xml(contents).encode())
    assert any("script" in case.get("classname", "") for case in suites.iter("testcase"))
    assert json.loads(json.dumps(gate_sarif(contents)))["version"] == "2.1.0"


def test_text_xml_cannot_hold_is_replaced(tmp_path: Path) -> None:
    contents = made(tmp_path)
    contents["slices"][0]["use_case"] = "bell\x07 null\x00 lone\ud800"
    assert ElementTree.fromstring(junit_xml(contents).encode("utf-8")) is not None


SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {"$ref": "#/definitions/run"}},
    },
    "additionalProperties": False,
    "definitions": {
        "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
        "rule": {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string"},
                "name": {"type": "string"},
                "shortDescription": {"$ref": "#/definitions/message"},
                "defaultConfiguration": {
                    "type": "object",
                    "properties": {"level": {"enum": ["none", "note", "warning", "error"]}},
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"$ref": "#/definitions/message"},
                "locations": {"type": "array", "items": {"$ref": "#/definitions/location"}},
                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "additionalProperties": False,
        },
        "location": {
            "type": "object",
            "required": ["physicalLocation"],
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "properties": {"uri": {"type": "string", "pattern": "^[^\\\\ ]+$"}},
                            "additionalProperties": False,
                        },
                        "region": {
                            "type": "object",
                            "properties": {"startLine": {"type": "integer", "minimum": 1}},
                            "additionalProperties": False,
                        },
                    },
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        },
        "run": {
            "type": "object",
            "required": ["tool"],
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {
                        "driver": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {
                                "name": {"type": "string"},
                                "semanticVersion": {"type": "string"},
                                "rules": {
                                    "type": "array",
                                    "uniqueItems": True,
                                    "items": {"$ref": "#/definitions/rule"},
                                },
                            },
                            "additionalProperties": False,
                        }
                    },
                    "additionalProperties": False,
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "invocations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["executionSuccessful"],
                        "properties": {
                            "executionSuccessful": {"type": "boolean"},
                            "exitCode": {"type": "integer"},
                            "endTimeUtc": {"type": "string", "pattern": "Z$"},
                        },
                        "additionalProperties": False,
                    },
                },
                "results": {"type": "array", "items": {"$ref": "#/definitions/result"}},
            },
            "additionalProperties": False,
        },
    },
}
"""What SARIF 2.1.0 says of the properties that are written: names, types, values, and no others."""


@pytest.mark.parametrize("mode", ["release", "pull_request"])
@pytest.mark.parametrize("path", ["aligntax.toml", "a policy/ä.toml", "/etc/aligntax.toml"])
def test_sarif_keeps_to_its_schema(tmp_path: Path, mode: str, path: str) -> None:
    from jsonschema import Draft7Validator

    contents = gate_sarif(made(tmp_path, mode=mode, path=path))
    Draft7Validator(SARIF).validate(contents)
    (run,) = contents["runs"]  # type: ignore[misc]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in results)
    assert all(one["level"] == "none" or one["kind"] == "fail" for one in results)
    assert len({one["partialFingerprints"]["aligntaxSlice/v1"] for one in results}) == len(results) == 4
    levels = [one["level"] for one in results]
    assert levels.count("error") == (4 if mode == "release" else 1)
