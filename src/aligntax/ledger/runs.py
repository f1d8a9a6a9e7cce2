"""Runs: a document that a command wrote, the figures in it, where it came from, and the files beside it."""

import datetime as dt
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, cast, select

from aligntax.errors import UnreadableInput, UnwritableOutput, UsageError
from aligntax.ledger.bodies import pack, plain_json, unpack
from aligntax.ledger.figure_rows import READING_ORDER, figure_of, row_of
from aligntax.ledger.inserting import insert_new
from aligntax.ledger.keys import content_hash, new_key, now
from aligntax.ledger.models import StageModel, insert_stages
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tables import artefacts as _artefacts
from aligntax.ledger.tables import documents as _documents
from aligntax.ledger.tables import measurements as _measurements
from aligntax.ledger.tables import runs as _runs
from aligntax.records import Correction, Measurement
from aligntax.records.files import atomic

__all__ = ["Origin", "Run", "artefact", "document", "find_run", "measurements", "record_run", "runs", "trend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a run's figures come from; what is not known is None or empty.

    Attributes:
        source: the files or models it is of, as text.
        first: of the traffic it is of, UTC without zone.
        last: of that traffic.
        exchanges: how many.
        detector: name of the detector.
        detector_version: its version; figures of two versions are not compared.
        judge: the model that judged.
        policy_id: of the policy it was held to.
        data_hash: of what was read.
        config_hash: of what was asked for.
        git_sha: of the working directory's commit.
        git_dirty: whether that directory held changes.
        seed: of what was drawn.
        versions: package -> version.
    """

    source: str = ""
    first: dt.datetime | None = None
    last: dt.datetime | None = None
    exchanges: int | None = None
    detector: str | None = None
    detector_version: str | None = None
    judge: str | None = None
    policy_id: str | None = None
    data_hash: str | None = None
    config_hash: str | None = None
    git_sha: str | None = None
    git_dirty: bool | None = None
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the ledger.

    Attributes:
        id: its key.
        kind: bill, comparison, floor, stages, drift, ...: what its document's schema is called.
        schema: of the document, with its version.
        title: for a person.
        created: when it was measured, UTC without zone.
        recorded: when it came into the ledger.
        origin: where its figures come from.
        document_hash: of its document.
    """

    id: str
    kind: str
    schema: str
    title: str
    created: dt.datetime
    recorded: dt.datetime
    origin: Origin
    document_hash: str


_ORIGIN = tuple(Origin.__dataclass_fields__)
_RUN_COLUMNS = tuple(_runs.c.keys())
_FIGURE_COLUMNS = tuple(_measurements.c.keys())


def record_run(
    ledger: Ledger,
    contents: Mapping[str, Any],
    figures: Sequence[Measurement],
    *,
    title: str,
    origin: Origin,
    created: dt.datetime | None = None,
    files: Mapping[str, Path] | None = None,
    stages: Sequence[StageModel] = (),
) -> Run:
    """Keeps a run: all of it, or nothing.

    Args:
        ledger: to keep it in.
        contents: the document; its `schema` is "aligntax.KIND/VERSION".
        figures: what is in it, to be looked up by component and slice.
        title: for a person.
        origin: where it comes from.
        created: when it was measured, UTC; now by default.
        files: name -> file to keep a copy of (`outcomes.parquet`).
        stages: of the training it measured, in their order.

    Returns:
        The run as it is kept. A document that is in the ledger already is not kept twice: its first run is
        returned.
    """
    digest = content_hash(contents)
    if (earlier := _run_of(ledger, digest)) is not None:
        return earlier
    run = _new_run(contents, digest, title, origin, created)
    rows, body = [row_of(run.id, figure) for figure in figures], pack(contents)
    kept = [_keep(ledger, run.id, name, path) for name, path in (files or {}).items()]
    with ledger.writing() as connection:
        if _insert(connection, run, body, rows, kept):
            insert_stages(connection, run.id, stages)
            return run
    shutil.rmtree(ledger.home / "runs" / run.id, ignore_errors=True)  # another process was quicker
    return _run_of(ledger, digest) or run


def _new_run(
    contents: Mapping[str, Any], digest: str, title: str, origin: Origin, created: dt.datetime | None
) -> Run:
    at = now()
    if created is not None and created.tzinfo is not None:
        created = created.astimezone(dt.UTC).replace(tzinfo=None)
    schema = str(contents["schema"])
    return Run(
        id=new_key(at),
        kind=schema.removeprefix("aligntax.").partition("/")[0],
        schema=schema,
        title=title,
        created=created or at,
        recorded=at,
        origin=origin,
        document_hash=digest,
    )


def _insert(
    connection: Connection,
    run: Run,
    body: bytes,
    rows: Sequence[Mapping[str, object]],
    kept: Sequence[Mapping[str, object]],
) -> bool:
    """Whether the run is new; nothing is written where it is not."""
    row = {name: getattr(run, name) for name in Run.__slots__ if name != "origin"}
    row |= {name: getattr(run.origin, name) for name in _ORIGIN}
    if not insert_new(connection, _runs, row | {"versions": dict(run.origin.versions)}):
        return False
    connection.execute(_documents.insert(), {"run_id": run.id, "body": body})
    if rows:
        connection.execute(_measurements.insert(), rows)
    if kept:
        connection.execute(_artefacts.insert(), kept)
    return True


def _keep(ledger: Ledger, run_id: str, name: str, path: Path) -> dict[str, object]:
    """A copy below the ledger's directory; written before its row, so that a row always has its file."""
    target = ledger.home / "runs" / run_id / name
    try:
        with atomic(target) as part:
            shutil.copyfile(path, part)
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnwritableOutput(f"{path}: no copy can be kept in {target.parent}: {error.strerror}") from error
    return {
        "run_id": run_id,
        "name": name,
        "path": target.relative_to(ledger.home).as_posix(),
        "sha256": digest,
        "bytes": target.stat().st_size,
    }


def _run_of(ledger: Ledger, digest: str) -> Run | None:
    """The run of a document's hash."""
    with ledger.reading() as connection:
        row = connection.execute(_select_runs().where(_runs.c.document_hash == digest)).first()
    return None if row is None else _run(row)


def _select_runs() -> Select[Any]:
    return select(_runs)


def _run(row: Row[Any]) -> Run:
    values = dict(zip(_RUN_COLUMNS, row, strict=False))  # those of a figure may follow
    origin = Origin(**{name: values.pop(name) for name in _ORIGIN})
    return Run(**values, origin=origin)


def runs(
    ledger: Ledger, *, kind: str | None = None, limit: int | None = None, before: dt.datetime | None = None
) -> list[Run]:
    """The runs, newest first.

    Args:
        ledger: to read.
        kind: of the runs wanted; all by default.
        limit: how many at most.
        before: only runs measured before this, UTC without zone.
    """
    query = _select_runs().order_by(_runs.c.created.desc(), _runs.c.id.desc())
    if kind is not None:
        query = query.where(_runs.c.kind == kind)
    if before is not None:
        query = query.where(_runs.c.created < before)
    with ledger.reading() as connection:
        return [_run(row) for row in connection.execute(query.limit(limit))]


def find_run(ledger: Ledger, key: str, *, kind: str | None = None) -> Run:
    """The run of a key, of the beginning of one that only one run has, or of "latest".

    Raises:
        UsageError: several runs have keys that begin so.
        UnreadableInput: none has.
    """
    query = _select_runs()
    if kind is not None:
        query = query.where(_runs.c.kind == kind)
    if key == "latest":
        query = query.order_by(_runs.c.created.desc(), _runs.c.id.desc()).limit(1)
    else:
        query = query.where(_runs.c.id.startswith(key, autoescape=True)).limit(2)
    with ledger.reading() as connection:
        found = connection.execute(query).all()
    if len(found) > 1:
        raise UsageError(f"{key}: several runs begin so", hint="give more of the key; see `aligntax history`")
    if not found:
        what = f"no {kind} run" if kind else "no run"
        raise UnreadableInput(
            f"{key}: the ledger has {what} of that name", hint="`aligntax history` lists them"
        )
    return _run(found[0])


def document(ledger: Ledger, run_id: str) -> dict[str, Any]:
    """The document of a run, as it was recorded.

    Raises:
        UnreadableInput: the ledger has no such run.
    """
    query = select(_documents.c.body).where(_documents.c.run_id == run_id)
    with ledger.reading() as connection:
        body = connection.execute(query).scalar_one_or_none()
    if body is None:
        raise UnreadableInput(f"{run_id}: the ledger has no run of that id")
    return unpack(body)


def measurements(ledger: Ledger, run_id: str, *, component: str | None = None) -> list[Measurement]:
    """The figures of a run, in the order they were recorded."""
    table = _measurements
    query = select(table).where(table.c.run_id == run_id).order_by(table.c.id)
    if component is not None:
        query = query.where(table.c.component == component)
    with ledger.reading() as connection:
        return [figure_of(row._mapping) for row in connection.execute(query)]


def trend(
    ledger: Ledger,
    component: str,
    *,
    use_case: str = "",
    model: str = "",
    rest: Mapping[str, str] | None = None,
    kind: str | None = None,
    correction: Correction | None = None,
    limit: int | None = None,
) -> list[tuple[Run, Measurement]]:
    """One figure over all runs, oldest first; of the whole of each run's time, not of its periods.

    Args:
        ledger: to read.
        component: the tax component.
        use_case: the use case; "" for all traffic.
        model: the model; "" for all.
        rest: whatever else it is narrowed to; nothing by default.
        kind: of the runs to look in.
        correction: what it rests on; by default, of each run, what is to be read.
        limit: the newest so many runs.
    """
    table = _measurements
    query = (
        select(_runs, *(column.label(f"m_{column.name}") for column in table.c))
        .join(table, table.c.run_id == _runs.c.id)
        .where(table.c.component == component, table.c.use_case == use_case)
        .where(table.c.model == model, table.c.period == "")
        .where(cast(table.c.slice, Text) == plain_json(dict(sorted((rest or {}).items()))))
        .order_by(_runs.c.created.desc(), _runs.c.id.desc(), table.c.id)
    )
    if kind is not None:
        query = query.where(_runs.c.kind == kind)
    if correction is not None:
        query = query.where(table.c.correction == correction)
    most = None if limit is None else limit * len(READING_ORDER)
    with ledger.reading() as connection:
        rows = connection.execute(query.limit(most)).all()
    return _one_a_run(rows)[:limit][::-1]


def _one_a_run(rows: Sequence[Row[Any]]) -> list[tuple[Run, Measurement]]:
    """Of each run the figure to be read: a known one before an unknown, then as READING_ORDER has it."""
    found = dict[str, tuple[Run, Measurement]]()
    for row in rows:
        figure = figure_of(dict(zip(_FIGURE_COLUMNS, row[len(_RUN_COLUMNS) :], strict=True)))
        earlier = found.get(row.id)
        if earlier is None or _rank(figure) < _rank(earlier[1]):
            found[row.id] = (_run(row) if earlier is None else earlier[0], figure)
    return list(found.values())


def _rank(figure: Measurement) -> tuple[bool, int]:
    return not figure.estimate.known, READING_ORDER.index(figure.correction)


def artefact(ledger: Ledger, run_id: str, name: str) -> Path | None:
    """The file a run keeps under a name; None where it keeps none, or another machine has it."""
    table = _artefacts
    query = select(table.c.path).where(table.c.run_id == run_id, table.c.name == name)
    with ledger.reading() as connection:
        path = connection.execute(query).scalar_one_or_none()
    file = ledger.home / path if path else None
    return file if file and file.is_file() else None
