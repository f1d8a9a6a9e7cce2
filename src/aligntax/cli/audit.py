"""`aligntax audit`: the bill of a log."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aligntax.cli.judge import chosen
from aligntax.cli.keeping import keep
from aligntax.cli.log import field_map, opened, progress, report_reading
from aligntax.cli.output import print_json, stderr
from aligntax.errors import UsageError
from aligntax.extension_points import Detector
from aligntax.labels import load_labels
from aligntax.report.bill import bill_document
from aligntax.report.document import Document, save_document
from aligntax.report.html import save_html
from aligntax.report.terminal import print_bill
from aligntax.tax.audit import Settings
from aligntax.tax.audit import audit as measure
from aligntax.tax.labelled import ExpertLabels, expert_labels
from aligntax.tax.prices import load_prices
from aligntax.tax.published import DetectorError
from aligntax.tax.published import detector_error as read_error

__all__ = ["run"]


def run(
    *,
    logs: Sequence[str],
    out: Path,
    as_json: bool,
    log_format: str | None,
    detector: str,
    sample: int | None,
    sampling_rate: float | None,
    period: str | None,
    level: float,
    prices: Path | None,
    labels: Sequence[Path] | None,
    detector_error: str | None,
    force: bool,
    keep_text: bool,
    strict: bool,
    quiet: bool,
    threads: int | None,
    **fields: object,
) -> None:
    """Reads, judges, measures, writes the three outputs, prints the bill."""
    table = load_prices(prices)
    settings = Settings(
        level=level,
        period=period,  # type: ignore[arg-type]
        sample=sample,
        sampling_rate=sampling_rate,
        keep_text=keep_text,
    )
    with (
        chosen(detector, fields, keep_text=keep_text, quiet=quiet) as judge,
        opened(
            logs, log_format=log_format, fields=field_map(fields), threads=threads, strict=strict, quiet=quiet
        ) as log,
    ):
        experts, error = _evidence(labels, detector_error, judge, level=level, force=force)
        with progress(log, quiet=quiet) as seen:
            result = measure(
                log,
                judge,
                out / "outcomes.parquet",
                prices=table,
                settings=settings,
                labels=experts,
                error=error,
                seen=seen,
            )
        report_reading(result.reading)
    contents = bill_document(result, created=dt.datetime.now(dt.UTC))
    save_document(contents, out / "bill.json")
    save_html(contents, out / "report.html")
    keep(contents, files={"outcomes.parquet": out / "outcomes.parquet"})
    _print(contents, as_json=as_json)
    if not quiet:
        stderr().print(f"\nwrote {out}/report.html, bill.json and outcomes.parquet", markup=False)


def _evidence(
    labels: Sequence[Path] | None, detector_error: str | None, judge: Detector, *, level: float, force: bool
) -> tuple[ExpertLabels | None, DetectorError | None]:
    """What rates are to be corrected with, checked before anything is read."""
    if labels and detector_error:
        raise UsageError(
            "--labels and --detector-error: labels of your own need no error measured elsewhere",
            hint="leave out --detector-error",
        )
    experts = expert_labels(load_labels(labels), level=level, force=force) if labels else None
    if not detector_error:
        return experts, None
    return None, read_error(detector_error, detector=judge.name, version=judge.version, force=force)


def _print(contents: Document, *, as_json: bool) -> None:
    if as_json:
        print_json(contents)
    else:
        print_bill(contents, Console(highlight=False))
