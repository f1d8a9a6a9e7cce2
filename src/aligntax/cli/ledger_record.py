"""`aligntax record`: documents, labels, policies, marks into the ledger; all is read before any is kept.

What --json prints is of schema "aligntax.recorded/1": recorded, one entry a document {file, run, kind, title,
new, known, files}, file of labels {file, labels, new, run}, policy {file, policy} or mark {mark, at, text}.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aligntax.cli.ledger_files import Found, find
from aligntax.cli.output import print_json, stderr
from aligntax.errors import UsageError
from aligntax.ledger.documents import known
from aligntax.ledger.keys import now
from aligntax.ledger.labels import add_labels
from aligntax.ledger.marks import MARK_KINDS, add_mark
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.policies import keep_policy
from aligntax.ledger.record import record
from aligntax.ledger.runs import find_run

__all__ = ["run"]

_DAY = dt.timedelta(days=1)
Told = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What to say beside what is recorded; see the options of the command."""

    author: str
    note: str
    run_id: str | None
    title: str
    data: Sequence[Path]
    here: bool | None


def run(
    *,
    files: Sequence[Path] | None,
    mark: tuple[str, str] | None,
    at: dt.datetime | None,
    use_case: str,
    author: str,
    note: str,
    run: str,
    title: str,
    data: Sequence[Path] | None,
    here: bool | None,
    ledger: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Reads what is given, keeps it, says what became of it; see the options of the command."""
    found = [one for path in files or () for one in find(path)]
    _check(found, mark, at=at, use_case=use_case, run=run, title=title, data=data)
    opened = open_ledger(ledger)
    try:
        run_id = find_run(opened, run).id if run else None
        wanted = _Wanted(author=author, note=note, run_id=run_id, title=title, data=data or (), here=here)
        told = [_KEPT[one.kind](opened, one, wanted) for one in found]
        if mark is not None:
            made = add_mark(opened, *mark, at=at, use_case=use_case, author=author)
            told.append({"mark": made.kind, "at": made.at.isoformat(timespec="seconds"), "text": made.text})
    finally:
        opened.close()
    if as_json:
        print_json({"schema": "aligntax.recorded/1", "recorded": told})
    elif not quiet:
        for one in told:
            stderr().print(_said(one), markup=False, soft_wrap=True)


def _check(found: Sequence[Found], mark: tuple[str, str] | None, **given: Any) -> None:  # noqa: ANN401
    """Refuses what says nothing, or says something of what is not there."""
    kinds = [one.kind for one in found]
    if not found and mark is None:
        raise UsageError("there is nothing to record", hint="name a file, or --mark deploy 'what happened'")
    if mark is not None and mark[0] not in MARK_KINDS:
        raise UsageError(f"--mark {mark[0]}: no kind of mark", hint=f"one of {', '.join(MARK_KINDS)}")
    if mark is None and (given["at"] or given["use_case"]):
        raise UsageError("--at and --use-case are of a mark", hint="add --mark KIND TEXT, or leave them out")
    if given["run"] and "labels" not in kinds:
        raise UsageError("--run is of labels", hint="name a labels.jsonl, or leave it out")
    for option in ("title", "data"):
        if given[option] and kinds.count("document") != 1:
            raise UsageError(
                f"--{option} is of one document, and there are {kinds.count('document')}",
                hint="record them one by one, or leave it out",
            )


def _keep_document(ledger: Ledger, found: Found, wanted: _Wanted) -> Told:
    started = now()
    fresh = wanted.here
    if fresh is None:
        fresh = found.created is not None and started - found.created < _DAY
    document = found.document
    kept = record(ledger, document, files=found.files, title=wanted.title, read=wanted.data, fresh=fresh)
    return {
        "file": str(found.path),
        "run": kept.id,
        "kind": kept.kind,
        "title": kept.title,
        "new": kept.recorded >= started,
        "known": known(document),
        "files": sorted(found.files),
    }


def _keep_labels(ledger: Ledger, found: Found, wanted: _Wanted) -> Told:
    new = add_labels(ledger, found.labels, run_id=wanted.run_id)
    return {"file": str(found.path), "labels": len(found.labels), "new": new, "run": wanted.run_id}


def _keep_policy(ledger: Ledger, found: Found, wanted: _Wanted) -> Told:
    key = keep_policy(ledger, found.text, author=wanted.author, note=wanted.note)
    return {"file": str(found.path), "policy": key}


_KEPT: dict[str, Callable[[Ledger, Found, _Wanted], Told]] = {
    "document": _keep_document,
    "labels": _keep_labels,
    "policy": _keep_policy,
}


def _said(told: Told) -> str:
    if "mark" in told:
        return f"marked {told['at']} {told['mark']}: {told['text']}"
    if "labels" in told:
        of = f" of run {told['run']}" if told["run"] else ""
        return f"{told['file']}: {told['new']:,} of {told['labels']:,} labels are new{of}"
    if "policy" in told:
        return f"{told['file']}: policy {told['policy'][:12]}"
    way = "recorded as" if told["new"] else "was recorded already, as"
    beside = f", with {', '.join(told['files'])}" if told["files"] and told["new"] else ""
    odd = "" if told["known"] else "; its schema is not known here: figures are called by where they stand"
    return f"{told['file']}: {told['kind']} {way} {told['run']}{beside}{odd}"
