"""Sending figures to an OpenTelemetry collector over OTLP/HTTP, with OpenTelemetry's own exporters.

Headers, compression and certificates are those of the environment (OTEL_EXPORTER_OTLP_HEADERS, ...).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aligntax import __version__
from aligntax.errors import UnwritableOutput, needs
from aligntax.exports.exported import Exported
from aligntax.exports.opentelemetry import EVENT, chosen, events, observed, points, resource
from aligntax.exports.written import Written

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric
    from opentelemetry.sdk.resources import Resource

__all__ = ["send_otlp"]

_MOST_EVENTS = 500  # a request


def send_otlp(
    exported: Exported, endpoint: str, *, exchanges: bool = False, timeout: float = 10.0
) -> Written:
    """Sends metrics and events.

    Args:
        exported: what to tell.
        endpoint: base URL of the collector, such as http://localhost:4318.
        exchanges: whether each exchange that was judged has an event too.
        timeout: seconds for one request.

    Raises:
        UnwritableOutput: the collector did not take them.
        MissingExtra: the exporters are not installed.
    """
    with needs("telemetry"):
        from opentelemetry.sdk.resources import Resource
    base, about = endpoint.rstrip("/"), Resource(resource(exported))
    _send_metrics(exported, f"{base}/v1/metrics", about, timeout)
    many = _send_events(exported, f"{base}/v1/logs", about, timeout, exchanges=exchanges)
    selected = chosen(exported)
    sent = f"{base} ({many:,} events)"
    return Written(figures=len(selected.figures), sent=sent, left_out=selected.told)


def _send_metrics(exported: Exported, url: str, about: "Resource", timeout: float) -> None:
    with needs("telemetry"):
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics.export import (
            MetricExportResult,
            MetricsData,
            ResourceMetrics,
            ScopeMetrics,
        )
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    scope = ScopeMetrics(InstrumentationScope("aligntax", __version__), _gauges(exported), "")
    exporter = OTLPMetricExporter(endpoint=url, timeout=timeout)
    done = exporter.export(MetricsData([ResourceMetrics(about, [scope], "")]))
    _shut(exporter)
    _check(done is MetricExportResult.SUCCESS, url)


def _gauges(exported: Exported) -> "list[Metric]":
    from opentelemetry.sdk.metrics.export import Gauge, Metric, NumberDataPoint

    at, found = observed(exported), dict[tuple[str, str], list[NumberDataPoint]]()
    for name, unit, value, told in points(exported):
        point = NumberDataPoint(attributes=told, start_time_unix_nano=0, time_unix_nano=at, value=value)
        found.setdefault((name, unit), []).append(point)
    return [Metric(name, None, unit, Gauge(data)) for (name, unit), data in found.items()]


def _send_events(exported: Exported, url: str, about: "Resource", timeout: float, *, exchanges: bool) -> int:
    with needs("telemetry"):
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs.export import LogRecordExportResult
    exporter = OTLPLogExporter(endpoint=url, timeout=timeout)
    sent, batch = 0, list[Any]()

    def send(records: Sequence[Any]) -> None:
        if records:
            _check(exporter.export(records) is LogRecordExportResult.SUCCESS, url)

    for told in events(exported, exchanges=exchanges):
        batch.append(_record(told, observed(exported), about))
        sent += 1
        if len(batch) == _MOST_EVENTS:
            send(batch)
            batch = []
    send(batch)
    _shut(exporter)
    return sent


def _record(told: dict[str, str | float], at: int, about: "Resource") -> object:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    record = LogRecord(
        timestamp=at,
        observed_timestamp=at,
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        event_name=EVENT,
        attributes=told,
    )
    return ReadableLogRecord(record, about, InstrumentationScope("aligntax", __version__))


def _shut(exporter: Any) -> None:  # noqa: ANN401 - either exporter, one of them without types
    exporter.shutdown()


def _check(taken: bool, url: str) -> None:
    if not taken:
        raise UnwritableOutput(f"{url}: the collector did not take it", hint="--endpoint http://HOST:4318")
