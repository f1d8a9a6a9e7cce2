"""`aligntax show`: a run of the ledger, its document printed as the command that made it does."""

import csv
import sys
from collections.abc import Iterator

from rich.console import Console

from aligntax.cli.ledger_printers import print_document, print_figures
from aligntax.cli.output import print_json
from aligntax.errors import UsageError
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.overview import artefact_names, label_count
from aligntax.ledger.runs import Origin, Run, document, find_run, measurements
from aligntax.ledger.verdicts import verdicts
from aligntax.records import Estimate, Measurement
from aligntax.report.document import flat
from aligntax.report.tables import facts_table

__all__ = ["run"]

_SHORT = 12
_COLUMNS = ("component", "slice", "correction", "small", *Estimate.__slots__)


def run(*, run: str, figures: bool, as_csv: bool, ledger: str | None, as_json: bool) -> None:
    """Finds the run, prints it; see the options of the command."""
    if figures + as_csv + as_json > 1:
        raise UsageError("--json, --csv and --figures are three ways to print", hint="choose one of them")
    opened = open_ledger(ledger, create=False)
    try:
        found = find_run(opened, run)
        if as_json:
            print_json(document(opened, found.id))
        elif as_csv:
            _print_csv(measurements(opened, found.id))
        else:
            _print(opened, found, figures=figures)
    finally:
        opened.close()


def _print(ledger: Ledger, found: Run, *, figures: bool) -> None:
    console = Console(highlight=False)
    console.print(facts_table(_head(ledger, found)))
    if figures:
        print_figures(measurements(ledger, found.id), console)
    else:
        print_document(document(ledger, found.id), console)


def _head(ledger: Ledger, found: Run) -> list[tuple[str, str]]:
    """What is known of a run beside its document; what is not known is left out."""
    rows = [("run", f"{found.id}  {found.kind}  {found.title}"), ("measured", _times(found))]
    rows += _origin(found.origin)
    labels, files = label_count(ledger, found.id), artefact_names(ledger, found.id)
    rows += [("labels", f"{labels:,}")] if labels else []
    rows += [("files", ", ".join(files))] if files else []
    for one in verdicts(ledger, found.id, limit=3):
        rows.append(("verdict", f"{one.verdict} ({one.mode}, policy {one.policy_id[:_SHORT]})"))
    return rows


def _times(found: Run) -> str:
    told = f"{found.created:%Y-%m-%d %H:%M} UTC"
    late = found.recorded - found.created
    return f"{told}, recorded {found.recorded:%Y-%m-%d %H:%M}" if abs(late.total_seconds()) > 60 else told


def _origin(origin: Origin) -> Iterator[tuple[str, str]]:
    """What was measured, and with what."""
    if origin.source:
        yield "source", origin.source
    if origin.first and origin.last:
        yield "traffic", f"{origin.first:%Y-%m-%d} to {origin.last:%Y-%m-%d}"
    if origin.detector:
        version = f" ({origin.detector_version})" if origin.detector_version else ""
        yield "detector", f"{origin.detector}{version}"
    if origin.judge:
        yield "judge", origin.judge
    yield from _made(origin)


def _made(origin: Origin) -> Iterator[tuple[str, str]]:
    """Where it was made."""
    if origin.git_sha:
        changed = ", and changes" if origin.git_dirty else ""
        yield "commit", f"{origin.git_sha[:_SHORT]}{changed}"
    if origin.versions:
        yield "versions", ", ".join(f"{name} {version}" for name, version in sorted(origin.versions.items()))
    hashes = {"data": origin.data_hash, "settings": origin.config_hash, "policy": origin.policy_id}
    if told := ", ".join(f"{name} {value[:_SHORT]}" for name, value in hashes.items() if value):
        yield "hashes", told
    if origin.seed is not None:
        yield "seed", str(origin.seed)


def _print_csv(found: list[Measurement]) -> None:
    writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one in found:
        narrowed = ";".join(f"{name}={value}" for name, value in one.slice.items())
        row = {"component": one.component, "slice": narrowed, "correction": one.correction}
        writer.writerow(row | {"small": one.small} | flat(one.estimate))
