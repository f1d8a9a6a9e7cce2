"""The bill as a document: what `bill.json` holds, and what every rendering is made from.

The schema is versioned. A reader of version 1 may rely on every key named here; keys may be added.

    schema        "aligntax.bill/1"
    aligntax      version that wrote it
    created       UTC
    about         files, detector and version, labelling_policy (version; null without labels), level, period,
                  first, last, exchanges, prices, seconds
    reading       records, exchanges, skipped, problems [{file, line, cause}]
    notes         what a reader must know to take the figures rightly
    measurements  [{component, slice, small, correction, value, low, high, level, n, labelled, clusters, unit,
                  method, reason}]; value, low and high are null where a figure cannot be known, and reason
                  says why; correction is "raw" throughout: what the detector alone says
    correction    null, or {read, why, labels, notes, measurements}: figures corrected by expert labels
                  (correction "labels" and "powered") or by an error measured elsewhere ("published"), in the
                  form of `measurements`; read tells which of them to read, labels what they rest on
                  {exchanges, not_applicable, annotators, shared, agreement, policy_version, design,
                  population}. Documents written before there were corrections lack the key.
    month         what bill figures are multiplied by to give 30 days; null without times in the log
    examples      [{use_case, outcome, layer, evidence, count, id}]
"""

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path

from aligntax import __version__
from aligntax.errors import UnreadableInput
from aligntax.records import Measurement
from aligntax.report.document import Document, flat
from aligntax.tax.audit import Audit
from aligntax.tax.corrected import Corrected
from aligntax.tax.examples import examples

__all__ = ["SCHEMA", "bill_document", "load_bill"]

SCHEMA = "aligntax.bill/1"


def bill_document(audit: Audit, *, created: dt.datetime) -> Document:
    """An audit as plain values, ready for JSON.

    Args:
        audit: what was measured.
        created: when, UTC.
    """
    tally, reading = audit.tally, audit.reading
    labels = audit.correction.labels if audit.correction else None
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "about": {
            "files": reading.files,
            "detector": audit.detector,
            "detector_version": audit.detector_version,
            "labelling_policy": labels.policy_version if labels else None,
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
        "correction": _correction(audit.correction),
        "month": audit.scale.month,
        "examples": [asdict(example) for example in examples(audit.judged)],
    }


def _correction(correction: Corrected | None) -> dict[str, object] | None:
    if correction is None:
        return None
    labels = correction.labels
    return {
        "read": correction.read,
        "why": correction.why,
        "labels": labels and asdict(labels) | {"agreement": flat(labels.agreement)},
        "notes": correction.notes,
        "measurements": [_flat(measurement) for measurement in correction.measurements],
    }


def _flat(measurement: Measurement) -> dict[str, object]:
    return {
        "component": measurement.component,
        "slice": measurement.slice,
        "small": measurement.small,
        "correction": measurement.correction,
        **flat(measurement.estimate),
    }


def load_bill(path: Path) -> Document:
    """Reads a bill back.

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
