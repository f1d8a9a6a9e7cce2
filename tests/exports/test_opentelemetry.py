"""OTLP: read back as protocol buffers from a file, and as a collector receives it over a socket."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from aligntax.errors import UnwritableOutput
from aligntax.exports.exported import Exported
from aligntax.exports.opentelemetry import EVENT, metric_name, write_otlp
from aligntax.exports.opentelemetry_send import send_otlp
from exports_world import exported, figure, not_known, same
from otlp_receiver import receiver

Told = dict[str, str | float]


def told(attributes: Any) -> Told:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def points(request: ExportMetricsServiceRequest) -> list[tuple[str, float, Told]]:
    return [
        (metric.name, point.as_double, told(point.attributes))
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.gauge.data_points
    ]


def events(requests: list[ExportLogsServiceRequest]) -> Iterator[tuple[str, Told]]:
    for request in requests:
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    yield record.event_name, told(record.attributes)


def from_file(path: Path) -> tuple[ExportMetricsServiceRequest, ExportLogsServiceRequest]:
    first, second = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    return ParseDict(first, ExportMetricsServiceRequest()), ParseDict(second, ExportLogsServiceRequest())


def test_metrics_hold_every_figure_with_its_interval(bill: Exported, tmp_path: Path) -> None:
    written = write_otlp(bill, tmp_path / "otlp.jsonl")
    found = points(from_file(tmp_path / "otlp.jsonl")[0])
    assert len(found) == 4 * written.figures
    refused = next(
        one for one in bill.figures if one.component == "refused" and one.slice == {"use_case": "medical"}
    )
    of_it = {
        name: value
        for name, value, about in found
        if about.get("tax.use_case") == "medical"
        and "gen_ai.response.model" not in about
        and "tax.layer" not in about
    }
    assert same(of_it["tax.refusal.rate"], refused.estimate.value)
    assert same(of_it["tax.refusal.rate.low"], refused.estimate.low)
    assert same(of_it["tax.refusal.rate.high"], refused.estimate.high)
    assert of_it["tax.refusal.rate.n"] == refused.estimate.n
    layers = {
        about["tax.layer"] for name, _, about in found if name == "tax.refusal.rate" and "tax.layer" in about
    }
    assert layers == {"provider_filter", "guardrail", "model"}


def test_everything_says_its_method_and_detector(bill: Exported, tmp_path: Path) -> None:
    write_otlp(bill, tmp_path / "otlp.jsonl")
    metrics, logs = from_file(tmp_path / "otlp.jsonl")
    assert all(
        about["tax.method"] and "cascade" in str(about["tax.detector"]) for _, _, about in points(metrics)
    )
    resource = told(logs.resource_logs[0].resource.attributes)
    assert resource["service.name"] == "support assistant"
    assert resource["aligntax.detector_version"] == bill.origin.detector_version


def test_events_are_evaluation_results(tmp_path: Path) -> None:
    gate = {"slices": [{"use_case": "medical", "component": "refused", "slice": {}, "verdict": "fail"}]}
    figures = [figure("refused", 30, 100, use_case="medical"), not_known("fallback", "the log does not tell")]
    write_otlp(exported(figures, gate=gate), tmp_path / "otlp.jsonl")
    (name, first), (_, second) = events([from_file(tmp_path / "otlp.jsonl")[1]])
    assert name == EVENT == "gen_ai.evaluation.result"
    assert first["gen_ai.evaluation.name"] == "aligntax.refused"
    assert first["gen_ai.evaluation.score.value"] == 0.3
    assert first["gen_ai.evaluation.score.label"] == "fail"
    assert "95 % interval [0.2189" in str(first["gen_ai.evaluation.explanation"])
    assert "gen_ai.evaluation.score.value" not in second
    assert "the log does not tell" in str(second["gen_ai.evaluation.explanation"])


def test_an_event_for_each_exchange_without_its_text(bill: Exported, tmp_path: Path) -> None:
    write_otlp(bill, tmp_path / "otlp.jsonl", exchanges=True)
    found = [about for _, about in events([from_file(tmp_path / "otlp.jsonl")[1]])]
    exchanges = [about for about in found if about["gen_ai.evaluation.name"] == "aligntax.outcome"]
    assert len(exchanges) == bill.origin.exchanges
    assert {about["gen_ai.evaluation.score.label"] for about in exchanges} >= {
        "complete",
        "hedged",
        "refused",
    }
    assert all(about["gen_ai.response.id"] for about in exchanges)
    assert max(len(str(value)) for about in exchanges for value in about.values()) < 80


def test_a_collector_receives_what_the_file_holds(bill: Exported, tmp_path: Path) -> None:
    write_otlp(bill, tmp_path / "otlp.jsonl", exchanges=True)
    metrics, logs = from_file(tmp_path / "otlp.jsonl")
    with receiver() as collector:
        written = send_otlp(bill, collector.url, exchanges=True)
    sent = [ExportMetricsServiceRequest.FromString(body) for body in collector.bodies["/v1/metrics"]]
    assert sorted(map(repr, points(sent[0]))) == sorted(map(repr, points(metrics)))
    received = [ExportLogsServiceRequest.FromString(body) for body in collector.bodies["/v1/logs"]]
    assert len(received) > 1  # in requests of at most 500 events
    assert sorted(map(repr, events(received))) == sorted(map(repr, events([logs])))
    assert f"{sum(1 for _ in events([logs])):,} events" in written.sent
    about = told(sent[0].resource_metrics[0].resource.attributes)
    assert about["service.name"] == "support assistant"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_collector_that_refuses_is_an_error() -> None:
    with receiver(status=400) as collector, pytest.raises(UnwritableOutput, match="did not take it"):
        send_otlp(exported([figure("refused", 3, 10)]), collector.url)


def test_a_collector_that_is_not_there_is_an_error() -> None:
    with receiver() as collector:
        gone = collector.url
    with pytest.raises(UnwritableOutput, match="did not take it"):
        send_otlp(exported([figure("refused", 3, 10)]), gone, timeout=0.5)


def test_names_of_metrics() -> None:
    assert metric_name("refused") == ("tax.refusal.rate", {})
    assert metric_name("hedged") == ("tax.hedge.rate", {})
    assert metric_name("layer.model") == ("tax.refusal.rate", {"tax.layer": "model"})
    assert metric_name("symptom.apology") == ("tax.symptom.rate", {"tax.symptom": "apology"})
    assert metric_name("harmful_compliance") == ("tax.harmful_compliance", {})


def test_infinite_ends_are_said(tmp_path: Path) -> None:
    one = figure("odds", 1, 10)
    open_end = type(one)(component="odds", estimate=one.estimate.times(math.inf, "rate"))
    write_otlp(exported([open_end]), tmp_path / "otlp.jsonl")
    assert any(math.isinf(value) for _, value, _ in points(from_file(tmp_path / "otlp.jsonl")[0]))
