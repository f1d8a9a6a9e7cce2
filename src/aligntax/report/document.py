"""The bill as a document: what `bill.json` holds, and what every rendering is made from.

The schema is versioned. A reader of version 1 may rely on every key named here; keys may be added.

    schema        "aligntax.bill/1"
    aligntax      version that wrote it
    created       UTC
    about         files, detector and version, level, period, first, last, exchanges, prices, seconds
    reading       records, exchanges, skipped, problems [{file, line, cause}]
    notes         what a reader must know to take the figures rightly
    measurements  [{component, slice, small, value, low, high, level, n, labelled, clusters, unit, method,
                  reason}]; value, low and high are null where a figure cannot be known, and reason says why
    month         what bill figures are multiplied by to give 30 days; null without times in the log
    examples      [{use_case, outcome, layer, evidence, count, id}]
"""

import datetime as dt
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from aligntax import __version__
from aligntax.errors import UnreadableInput
from aligntax.records import Estimate, Measurement
from aligntax.tax.audit import Audit
from aligntax.tax.examples import examples
from aligntax.tax.judging import atomic

__all__ = ["SCHEMA", "Document", "document", "estimate_of", "load_document", "save_document"]

SCHEMA = "aligntax.bill/1"
Document = Mapping[str, object]


def document(audit: Audit, *, created: dt.datetime) -> Document:
    """An audit as plain values, ready for JSON.

    Args:
        audit: what was measured.
        created: when, UTC.
    """
    tally, reading = audit.tally, audit.reading
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "about": {
            "files": reading.files,
            "detector": audit.detector,
            "detector_version": audit.detector_version,
            "level": audit.settings.level,
            "period": tally.period,
            "first": tally.first and tally.first.isoformat(),
            "last": tally.last and tally.last.isoformat(),
            "days": audit.scale.days,
            "exchanges": round(tally.whole.total("exchanges")),
            "traffic": audit.scale.traffic,
            "clustered": tally.clustered,
            "prices": audit.prices.source,
            "seconds": round(audit.seconds, 3),
        },
        "reading": {
            "records": reading.records,
            "exchanges": reading.exchanges,
            "skipped": reading.skipped,
            "problems": [asdict(problem) for problem in reading.problems],
        },
        "notes": audit.notes,
        "measurements": [_flat(measurement) for measurement in audit.measurements],
        "month": audit.scale.month,
        "examples": [asdict(example) for example in examples(audit.judged)],
    }


def _flat(measurement: Measurement) -> dict[str, object]:
    estimate = asdict(measurement.estimate)
    for name in ("value", "low", "high"):
        estimate[name] = None if math.isnan(estimate[name]) else estimate[name]
    return {
        "component": measurement.component,
        "slice": measurement.slice,
        "small": measurement.small,
        **estimate,
    }


def estimate_of(entry: Mapping[str, object]) -> Estimate:
    """The estimate in an entry of `measurements`."""
    fields = {name: entry[name] for name in Estimate.__slots__}
    for name in ("value", "low", "high"):
        fields[name] = math.nan if fields[name] is None else fields[name]
    return Estimate(**fields)  # type: ignore[arg-type]


def save_document(contents: Document, path: Path) -> None:
    """Writes the document as JSON, whole or not at all."""
    with atomic(path) as part:
        text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", "utf-8", errors="surrogatepass")


def load_document(path: Path) -> Document:
    """Reads a document back.

    Raises:
        UnreadableInput: it is not one, or of a schema this version does not know.
    """
    try:
        contents = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{path}: not a bill: {error}") from error
    schema = contents.get("schema") if isinstance(contents, dict) else None
    if schema != SCHEMA:
        raise UnreadableInput(
            f"{path}: not a bill: schema {schema!r}, not {SCHEMA!r}", hint="which aligntax wrote it?"
        )
    return dict(contents)
