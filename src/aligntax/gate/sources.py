"""What a gate is given, opened: a log that was just audited, an audit's directory, a document, a run."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.errors import UnreadableInput, UsageError
from aligntax.gate.cut import rewritten, span_of
from aligntax.gate.figures import DocumentFigures, Figures, JudgedFigures
from aligntax.gate.result import Identity
from aligntax.ledger.documents import figures as figures_of
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, artefact, document, find_run
from aligntax.policy.prices import price_table
from aligntax.policy.read import LoadedPolicy
from aligntax.policy.recognise import PolicyRecogniser
from aligntax.records import Estimate, Measurement
from aligntax.tax.audit import Audit
from aligntax.tax.judging import JUDGED
from aligntax.tax.labelled import ExpertLabels

__all__ = [
    "OUTCOMES_FILE",
    "Opening",
    "kind_of",
    "of_audit",
    "of_directory",
    "of_document",
    "of_judged",
    "of_run",
    "read_document",
]

Kind = Literal["log", "directory", "document", "outcomes", "run"]
Document = Mapping[str, Any]
OUTCOMES_FILE, _BILL_FILE = "outcomes.parquet", "bill.json"
_DOCUMENTS = (_BILL_FILE, "floor.json", "over_refusal.json")
_OVER_REFUSAL = ("over_refusal", "hedged", "compliance", "refusal", "youden")
_HEAD = 4096


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What opening needs to know.

    Attributes:
        policy: that is held.
        into: directory for files that are made on the way.
        labels: to correct rates with; None for what an audit says of itself.
    """

    policy: LoadedPolicy
    into: Path
    labels: ExpertLabels | None = None


def kind_of(typed: str) -> Kind:
    """What somebody means: a file or directory that is there, else a run of the ledger."""
    path = Path(typed)
    if path.is_dir():
        if (path / OUTCOMES_FILE).is_file():
            return "directory"
        return "document" if any((path / name).is_file() for name in _DOCUMENTS) else "log"
    if path.is_file():
        if path.suffix == ".parquet" and _is_judged(path):
            return "outcomes"
        return "document" if _is_document(path) else "log"
    if typed == "-" or any(sign in typed for sign in "*?[") or path.suffix or "/" in typed:
        return "log"
    return "run"


def read_document(path: Path) -> dict[str, Any]:
    """A document that a command wrote, from its file or from the directory it lies in.

    Raises:
        UnreadableInput: it is none.
    """
    if path.is_dir():
        path = next((path / name for name in _DOCUMENTS if (path / name).is_file()), path / _BILL_FILE)
    try:
        contents = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{path}: not valid JSON", hint="was it written to the end?") from error
    schema = contents.get("schema") if isinstance(contents, dict) else None
    if not str(schema).startswith("aligntax."):
        raise UnreadableInput(f"{path}: not a document that aligntax wrote: schema {schema!r}")
    return dict(contents)


def of_audit(audit: Audit, name: str, opening: Opening) -> JudgedFigures:
    """A log that was just audited under the policy."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    identity = Identity(
        name=name,
        kind="log",
        created=now,
        first=audit.tally.first,
        last=audit.tally.last,
        exchanges=round(audit.tally.whole.total("exchanges")),
        detector=audit.detector,
        detector_version=audit.detector_version,
        labelling_policy=_labelling(opening),
        models=_models(audit.judged),
    )
    return JudgedFigures(
        identity=identity,
        judged=audit.judged,
        span=span_of(audit.judged),
        policy=opening.policy.policy,
        prices=audit.prices,
        into=_room(opening, name),
        traffic_scale=audit.scale.traffic,
        labels=opening.labels,
    )


def of_directory(path: Path, opening: Opening) -> JudgedFigures:
    """The directory an audit wrote to.

    Raises:
        UnreadableInput: its files cannot be read, or are of two audits.
    """
    bill = path / _BILL_FILE
    contents = read_document(bill) if bill.is_file() else None
    return of_judged(path / OUTCOMES_FILE, opening, name=str(path), kind="directory", bill=contents)


def of_judged(
    outcomes: Path, opening: Opening, *, name: str, kind: str, bill: Document | None, run_id: str = ""
) -> JudgedFigures:
    """Judged exchanges, with the bill made of them where there is one.

    Raises:
        UnreadableInput: they cannot be read, or the bill is of other exchanges.
    """
    span = span_of(outcomes)
    detector, version = _detector(outcomes)
    if bill is not None:
        told = _well_formed(bill, name)["about"]
        if (told["exchanges"], told["detector_version"]) != (span.exchanges, version):
            raise UnreadableInput(
                f"{name}: {_BILL_FILE} is of {told['exchanges']:,} exchanges and {OUTCOMES_FILE} holds "
                f"{span.exchanges:,}, or another detector told them: they are of two audits",
                hint="audit the log again",
            )
    identity = Identity(
        name=name,
        kind=kind,
        run_id=run_id,
        created=_time(bill["created"]) if bill else _changed(outcomes),
        first=span.first,
        last=span.last,
        exchanges=span.exchanges,
        detector=detector,
        detector_version=version,
        labelling_policy=_labelling(opening) or (bill and bill["about"].get("labelling_policy")) or "",
        models=_models(outcomes),
    )
    room = _room(opening, name)
    return JudgedFigures(
        identity=identity,
        judged=_recognised(outcomes, opening.policy, room),
        span=span,
        policy=opening.policy.policy,
        prices=price_table(opening.policy),
        into=room,
        traffic_scale=float(bill["about"].get("traffic") or 1.0) if bill else 1.0,
        labels=opening.labels,
        correction=_correction(bill) if bill else (),
    )


def of_run(ledger: Ledger, key: str, opening: Opening) -> Figures:
    """A run of the ledger, with its exchanges where the ledger keeps them.

    Raises:
        UnreadableInput: there is no such run.
    """
    run = find_run(ledger, key)
    contents, outcomes = document(ledger, run.id), artefact(ledger, run.id, OUTCOMES_FILE)
    if outcomes is not None and run.kind == "bill":
        return of_judged(outcomes, opening, name=run.id, kind="run", bill=contents, run_id=run.id)
    return of_document(contents, run.id, opening, run=run)


def of_document(
    contents: Document, name: str, opening: Opening, *, run: Run | None = None
) -> DocumentFigures:
    """A document: figures, without the exchanges behind them.

    Raises:
        UnreadableInput: it is damaged, or of a kind that is not known.
        UsageError: there are labels, and no exchanges they could be of.
    """
    if opening.labels is not None:
        raise UsageError(
            f"{name}: figures alone cannot be corrected by labels",
            hint="gate the log, or the directory of its audit",
        )
    kind = str(contents["schema"]).removeprefix("aligntax.").partition("/")[0]
    makers = {"bill": _bill_figures, "over_refusal": _over_refusal_figures}
    try:
        measurements, told = makers.get(kind, _other_figures)(contents)
        identity = Identity(
            name=name,
            kind="run" if run else kind,
            run_id=run.id if run else "",
            created=_created(contents),
            **told,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableInput(f"{name}: a damaged document: {error!r} is missing or wrong in it") from error
    about = contents.get("about") or {}
    scale = float(about.get("traffic") or 1.0) if isinstance(about, Mapping) else 1.0
    return DocumentFigures(
        identity=identity,
        measurements=measurements,
        policy=opening.policy.policy,
        traffic_scale=scale,
    )


Told = tuple[list[Measurement], dict[str, Any]]


def _bill_figures(contents: Document) -> Told:
    about = contents["about"]
    raw = [_measurement(entry) for entry in contents["measurements"]]
    models = tuple(dict.fromkeys(one.slice["model"] for one in raw if set(one.slice) == {"model"}))
    told = {
        "first": _time(about["first"]),
        "last": _time(about["last"]),
        "exchanges": int(about["exchanges"]),
        "detector": str(about["detector"]),
        "detector_version": str(about["detector_version"]),
        "labelling_policy": str(about.get("labelling_policy") or ""),
        "models": models,
    }
    return [*raw, *_correction(contents)], told


def _over_refusal_figures(contents: Document) -> Told:
    """Every set as a use case; of all its models where there is but one."""
    found, asked = list[Measurement](), contents["asked"]
    models = tuple(dict.fromkeys(str(entry["model"]) for entry in asked))
    for entry in asked:
        wheres: list[dict[str, str]] = [{"model": str(entry["model"])}, *([{}] if len(models) == 1 else [])]
        for where in wheres:
            narrowed = {"use_case": str(entry["set"]), **where}
            found += [
                Measurement(component=name, estimate=_estimate(entry[name]), slice=narrowed)
                for name in _OVER_REFUSAL
            ]
    detectors = {(str(e["detector"] or ""), str(e["version"] or "")) for e in asked} - {("", "")}
    detector, version = detectors.pop() if len(detectors) == 1 else ("", "")
    return found, {"detector": detector, "detector_version": version, "models": models}


def _other_figures(contents: Document) -> Told:
    return list(figures_of(contents)), {}


def _correction(bill: Document) -> list[Measurement]:
    """The corrected figures that the bill says to read."""
    correction = bill.get("correction")
    if not correction or correction["read"] == "raw":
        return []
    found = (_measurement(entry) for entry in correction["measurements"])
    return [one for one in found if one.correction == correction["read"]]


def _measurement(entry: Mapping[str, Any]) -> Measurement:
    return Measurement(
        component=str(entry["component"]),
        estimate=_estimate(entry),
        slice=dict(entry["slice"]),
        small=bool(entry["small"]),
        correction=entry.get("correction", "raw"),
    )


def _estimate(entry: Mapping[str, Any]) -> Estimate:
    fields = {name: entry[name] for name in Estimate.__slots__}
    unknown = {name: float("nan") for name in ("value", "low", "high") if fields[name] is None}
    return Estimate(**(fields | unknown))


def _well_formed(bill: Document, name: str) -> Document:
    about = bill.get("about")
    if bill.get("schema") != "aligntax.bill/1" or not isinstance(about, Mapping):
        raise UnreadableInput(f"{name}: {_BILL_FILE} is no bill", hint="audit the log again")
    if missing := {"exchanges", "detector_version"} - set(about):
        raise UnreadableInput(f"{name}: {_BILL_FILE} does not tell {', '.join(sorted(missing))}")
    return bill


def _recognised(outcomes: Path, policy: LoadedPolicy, into: Path) -> Path:
    """The exchanges under the policy's use cases."""
    recognise = PolicyRecogniser(policy.policy)
    with pq.ParquetFile(outcomes) as file:
        names = _distinct(batch.column(0) for batch in file.iter_batches(columns=["use_case"]))
    if not recognise.renames(names):
        return outcomes
    target = into / "recognised.parquet"

    def told(batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = (batch.column(name).cast(pa.string()) for name in ("use_case", "model_requested", "model"))
        at = batch.schema.get_field_index("use_case")
        return batch.set_column(at, batch.schema.field(at), recognise.renamed(*columns))

    rewritten(outcomes, target, told)
    return target


def _distinct(columns: Iterable[pa.Array]) -> set[str]:
    found = set[str]()
    for column in columns:
        found |= set(pc.unique(column.cast(pa.string())).to_pylist())
    return {name for name in found if name}


def _detector(outcomes: Path) -> tuple[str, str]:
    with pq.ParquetFile(outcomes) as file:
        columns = [
            (batch.column(0), batch.column(1)) for batch in file.iter_batches(columns=["detector", "version"])
        ]
    names, versions = (_distinct(pair[at] for pair in columns) for at in (0, 1))
    if len(names) > 1 or len(versions) > 1:
        raise UnreadableInput(f"{outcomes}: it mixes detectors or versions", hint="audit the log again")
    return (names or {""}).pop(), (versions or {""}).pop()


def _models(outcomes: Path) -> tuple[str, ...]:
    with pq.ParquetFile(outcomes) as file:
        return tuple(sorted(_distinct(batch.column(0) for batch in file.iter_batches(columns=["model"]))))


def _is_judged(path: Path) -> bool:
    try:
        return set(JUDGED.names) - {"prompt_key"} <= set(pq.read_schema(path).names)
    except (OSError, pa.ArrowInvalid):
        return False


def _is_document(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD).lstrip()
    return head.startswith(b"{") and b'"schema"' in head and b'"aligntax.' in head


def _labelling(opening: Opening) -> str:
    return opening.labels.resolved.policy_version if opening.labels else ""


def _created(contents: Document) -> dt.datetime | None:
    return _time(contents.get("created"))


def _time(text: object) -> dt.datetime | None:
    """UTC without zone."""
    if not isinstance(text, str) or not text:
        return None
    told = dt.datetime.fromisoformat(text)
    return told.astimezone(dt.UTC).replace(tzinfo=None) if told.tzinfo else told


def _changed(path: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).replace(tzinfo=None)


def _room(opening: Opening, name: str) -> Path:
    """A directory of its own for the files of one source."""
    number = sum(1 for _ in opening.into.iterdir())
    room = opening.into / f"source-{number}"
    room.mkdir()
    return room
