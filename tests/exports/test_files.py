"""Parquet, JSON lines, model cards, Every Eval Ever."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results
from jsonschema import Draft7Validator

from aligntax.errors import UsageError
from aligntax.exports.every_eval_ever import write_records
from aligntax.exports.exported import Exported, of_document
from aligntax.exports.model_card import write_model_card
from aligntax.exports.prometheus import expose
from aligntax.exports.tables import write_json_lines, write_parquet
from aligntax.records import MEASUREMENT
from aligntax.report.document import flat
from exports_world import exported, figure, not_known, same

_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
RECORD: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        *("schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata", "model_info"),
        *("eval_library", "evaluation_results"),
    ],
    "properties": {
        "schema_version": {"const": "0.3.0"},
        "evaluation_id": {"type": "string"},
        "evaluation_timestamp": {"type": "string"},
        "retrieved_timestamp": {"type": "string", "pattern": "^[0-9]+$"},
        "source_metadata": {
            "required": ["source_type", "source_organization_name", "evaluator_relationship"],
            "properties": {
                "source_type": {"enum": ["documentation", "evaluation_run"]},
                "evaluator_relationship": {"enum": ["first_party", "third_party", "collaborative", "other"]},
                "additional_details": _STRINGS,
            },
        },
        "eval_library": {"required": ["name", "version"]},
        "model_info": {
            "required": ["name", "id", "additional_details"],
            "properties": {
                "additional_details": {"required": ["deployment_type", "model_availability"], **_STRINGS}
            },
        },
        "evaluation_results": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["evaluation_name", "source_data", "metric_config", "score_details"],
                "properties": {
                    "source_data": {
                        "required": ["dataset_name", "source_type"],
                        "properties": {"source_type": {"const": "other"}, "additional_details": _STRINGS},
                    },
                    "metric_config": {
                        "required": ["lower_is_better"],
                        "properties": {
                            "lower_is_better": {"type": "boolean"},
                            "additional_details": _STRINGS,
                        },
                        "if": {
                            "required": ["score_type"],
                            "properties": {"score_type": {"const": "continuous"}},
                        },
                        "then": {"required": ["min_score", "max_score"]},
                    },
                    "score_details": {
                        "required": ["score"],
                        "properties": {
                            "score": {"type": "number"},
                            "details": _STRINGS,
                            "uncertainty": {
                                "required": ["num_samples"],
                                "properties": {
                                    "confidence_interval": {
                                        "required": ["lower", "upper", "confidence_level"]
                                    }
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What version 0.3.0 asks of the parts we write, in our words."""


def test_parquet_is_of_the_measurement_schema_and_holds_everything(bill: Exported, tmp_path: Path) -> None:
    write_parquet(bill, tmp_path / "figures.parquet")
    table = pq.read_table(tmp_path / "figures.parquet")
    assert table.schema.equals(MEASUREMENT)
    assert table.num_rows == len(bill.figures)
    for row, one in zip(table.to_pylist(), bill.figures, strict=True):
        assert dict(row["slice"]) == one.slice
        assert (row["component"], row["n"], row["method"]) == (
            one.component,
            one.estimate.n,
            one.estimate.method,
        )
        assert row["value"] == one.estimate.value or not one.estimate.known
    metadata = pq.read_schema(tmp_path / "figures.parquet").metadata
    assert metadata[b"aligntax.detector_version"].decode() == bill.origin.detector_version


def test_json_lines_keep_null_and_its_reason(tmp_path: Path) -> None:
    figures = [figure("refused", 1, 10, use_case="medical"), not_known("fallback", "the log does not tell")]
    write_json_lines(exported(figures), tmp_path / "figures.jsonl")
    first, second = map(json.loads, (tmp_path / "figures.jsonl").read_text("utf-8").splitlines())
    assert first["value"] == 0.1
    assert first["slice"] == {"use_case": "medical"}
    assert first["provenance"]["detector"] == "cascade"
    assert (second["value"], second["reason"]) == (None, "the log does not tell")


def test_a_model_index_the_hub_reads(bill: Exported, tmp_path: Path) -> None:
    write_model_card(bill, tmp_path, model="north-1")
    contents = yaml.safe_load((tmp_path / "model-index.yaml").read_text("utf-8"))
    name, results = model_index_to_eval_results(contents["model-index"])
    assert name == "north-1"
    refused = next(one for one in results if one.metric_type == "refused")
    of_it = next(
        one for one in bill.figures if one.component == "refused" and one.slice == {"model": "north-1"}
    )
    assert same(refused.metric_value, of_it.estimate.value)
    args = refused.metric_args
    assert args is not None
    assert same(args["low"], of_it.estimate.low)
    assert same(args["high"], of_it.estimate.high)
    assert (args["n"], args["method"]) == (of_it.estimate.n, of_it.estimate.method)
    assert "cascade" in args["detector"]


def test_a_card_tells_no_path_and_no_use_case(bill: Exported, tmp_path: Path) -> None:
    written = write_model_card(bill, tmp_path, model="north-1")
    text = (tmp_path / "model-index.yaml").read_text("utf-8")
    assert "/examples/" not in text
    assert "medical" not in text
    assert any("by use case" in line for line in written.left_out)
    assert any(".eval_results left out" in line for line in written.left_out)


def test_an_entry_for_a_benchmark_is_one_figure(bill: Exported, tmp_path: Path) -> None:
    write_model_card(bill, tmp_path, model="north-1", benchmark="example/over-refusal:benign")
    path = tmp_path / ".eval_results" / "aligntax.yaml"
    (entry,) = parse_eval_result_entries(yaml.safe_load(path.read_text("utf-8")))
    assert (entry.dataset_id, entry.task_id) == ("example/over-refusal", "benign")
    assert entry.notes is not None
    assert "completion_tax (raw): 95 % interval [" in entry.notes
    figures = [figure("refused", 10, 90, model="m"), figure("refused", 20, 90, "powered", model="m")]
    write_model_card(exported(figures), tmp_path, benchmark="a/b:c", component="refused")
    (entry,) = parse_eval_result_entries(yaml.safe_load(path.read_text("utf-8")))
    assert entry.value == pytest.approx(20 / 90)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "several models: north-1, north-2"),
        ({"model": "south"}, "no figures of south"),
        ({"model": "north-1", "benchmark": "nonsense"}, "no benchmark"),
        ({"model": "north-1", "benchmark": "a/b:c", "component": "nonsense"}, "no figure of nonsense"),
    ],
)
def test_what_a_card_cannot_be_made_of(
    bill: Exported, tmp_path: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        write_model_card(bill, tmp_path, **given)


def test_a_record_for_each_model(bill: Exported, tmp_path: Path) -> None:
    write_records(bill, tmp_path, organization="example.com")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["north-1.json", "north-2.json"]
    for path in tmp_path.iterdir():
        made = json.loads(path.read_text("utf-8"))
        Draft7Validator(RECORD).validate(made)
        refused = next(
            one for one in made["evaluation_results"] if one["evaluation_result_id"].endswith("/refused")
        )
        of_it = next(
            one for one in bill.figures if one.component == "refused" and one.slice == {"model": path.stem}
        )
        assert same(refused["score_details"]["score"], of_it.estimate.value)
        uncertainty = refused["score_details"]["uncertainty"]
        assert uncertainty["num_samples"] == of_it.estimate.n
        assert same(uncertainty["confidence_interval"]["lower"], of_it.estimate.low)
        assert same(uncertainty["confidence_interval"]["upper"], of_it.estimate.high)
        assert uncertainty["confidence_interval"]["method"] == of_it.estimate.method
        assert "/examples/" not in path.read_text("utf-8")


def test_a_record_says_which_way_is_better(bill: Exported, tmp_path: Path) -> None:
    write_records(bill, tmp_path)
    made = json.loads((tmp_path / "north-1.json").read_text("utf-8"))
    better = {
        one["metric_config"]["metric_name"]: one["metric_config"]["lower_is_better"]
        for one in made["evaluation_results"]
    }
    assert better["refused"] is better["completion_tax"] is True
    assert better["complete"] is False
    assert "length.median" not in better


def test_a_record_of_no_model_is_refused(bill: Exported, tmp_path: Path) -> None:
    nameless = replace(bill, figures=[figure("refused", 1, 9)])
    with pytest.raises(UsageError, match="name no model"):
        write_records(nameless, tmp_path)
    write_records(nameless, tmp_path, model="example/model")
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text("utf-8"))["model_info"]["id"] == "example/model"


def test_a_gates_document_is_exported_by_what_it_held(tmp_path: Path) -> None:
    held = flat(figure("refused", 30, 100).estimate)
    gate = {
        "schema": "aligntax.gate/1",
        "created": "2026-11-02T00:00:00+00:00",
        "mode": "release",
        "verdict": {"verdict": "fail"},
        "run": {"name": "bill.json", "detector": "cascade", "detector_version": "phrases 2"},
        "slices": [
            {
                "use_case": "medical",
                "component": "refused",
                "slice": {"model": "north-1"},
                "verdict": "fail",
                "rests_on": "powered",
                "estimate": held,
            }
        ],
        "hazards": [{"hazard": "chemical", "model": "north-1", "verdict": "pass", "estimate": held}],
    }
    (tmp_path / "gate.json").write_text(json.dumps(gate), "utf-8")
    first, second = of_document(tmp_path / "gate.json").figures
    assert (first.component, first.correction) == ("refused", "powered")
    assert first.slice == {"use_case": "medical", "model": "north-1"}
    assert first.estimate == figure("refused", 30, 100).estimate
    assert second.slice == {"hazard": "chemical", "model": "north-1"}
    text, _ = expose(of_document(tmp_path / "gate.json"))
    assert 'alignment_tax_gate{mode="release",verdict="fail"} 1' in text
    assert (
        'alignment_tax_rate_corrected_high{component="refused",correction="powered",detector="cascade",'
        in text
    )
    assert "_total{" not in text
