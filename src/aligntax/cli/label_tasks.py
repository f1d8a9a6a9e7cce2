"""`aligntax label task` and `collect`: a plan into the ledger to be labelled there, its labels out again."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aligntax.cli.label import Source, note, texts_of, write_labels
from aligntax.cli.log import field_map
from aligntax.cli.output import print_json
from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.labels.labels import LabelSet, planned
from aligntax.labels.plan import Plan, load_plan
from aligntax.labels.run import read_run
from aligntax.labels.texts import COLUMNS
from aligntax.ledger.annotations import annotations, standing_labels
from aligntax.ledger.keys import content_hash
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.runs import artefact, find_run, runs
from aligntax.ledger.tasks import Settings, find_task, make_task, plan_of
from aligntax.tax.labelling import verdicts_of

__all__ = ["collect", "task"]

_OUTCOMES = "outcomes.parquet"
_LOOKED_AT = 20  # latest runs of the ledger that are tried


def task(
    *,
    plan: Path,
    logs: Sequence[str] | None,
    ledger: str | None,
    title: str,
    annotators: int,
    adjudicators: Sequence[str] | None,
    run: str | None,
    author: str,
    as_json: bool,
    log_format: str | None,
    keep_text: bool,
    strict: bool,
    quiet: bool,
    threads: int | None,
    **fields: object,
) -> None:
    """Fetches the texts of a plan's exchanges and makes a task of them."""
    if not logs:
        raise UsageError(
            "without the log there is nothing to show",
            hint=f"aligntax label task {plan} LOG, as it was audited",
        )
    chosen = load_plan(plan)
    wanted = {one.key: one.prompt_key for one in chosen.chosen}
    source = Source(logs, log_format, field_map(fields), keep_text, strict, quiet, threads)
    texts = texts_of(wanted, source, (*COLUMNS, "system"))
    with _opened(ledger, create=True) as opened:
        run_id, verdicts = _judged(opened, chosen, run)
        made = make_task(
            opened,
            chosen,
            texts,
            title=title or plan.stem,
            author=author,
            run_id=run_id,
            settings=Settings(
                annotators=annotators,
                adjudicators=tuple(adjudicators or ()),
                redacted=not keep_text,
                verdicts=verdicts,
            ),
        )
    if verdicts is None:
        note("no run of this plan is at hand: the interval rests on the labels alone; --run DIRECTORY")
    if as_json:
        print_json({"task": made.id, "title": made.title, "exchanges": made.size, "annotators": annotators})
    elif not quiet:
        note(f"made task {made.id}: {made.size:,} exchanges, {_each(annotators)}")
        note("next: aligntax serve, and label at /label")


def collect(*, task: str, out: Path, ledger: str | None, quiet: bool) -> None:
    """Writes what stands as labels, as `aligntax label import` does."""
    with _opened(ledger, create=False) as opened:
        found = find_task(opened, task)
        plan, said = plan_of(opened, found), annotations(opened, found.id)
    labels = standing_labels(found, plan, said)
    if not labels:
        raise UsageError(f"task {found.id} has no label yet", hint="aligntax serve, and label at /label")
    labels.sort(key=lambda label: (label.id, label.annotator, label.adjudicated))
    given, asked = sum(not label.adjudicated for label in labels), found.size * found.settings.annotators
    if given < asked:
        note(f"{asked - given:,} of {asked:,} labels of task {found.id} have not been given")
    write_labels(LabelSet(tuple(labels), planned(plan, labels)), out, quiet=quiet)


@contextmanager
def _opened(where: str | None, *, create: bool) -> Iterator[Ledger]:
    ledger = open_ledger(where, create=create)
    try:
        yield ledger
    finally:
        ledger.close()


def _each(annotators: int) -> str:
    return "one label each" if annotators == 1 else "two labels each"


def _judged(ledger: Ledger, plan: Plan, run: str | None) -> tuple[str | None, dict[str, Any] | None]:
    """The plan's run in the ledger, and what its detector said; None for what is not at hand."""
    if run is None:
        run_id = _looked_for(ledger, plan)
        return run_id, (run_id and _verdicts(ledger, run_id, plan)) or None
    if Path(run).exists():
        path = Path(run) / _OUTCOMES if Path(run).is_dir() else Path(run)
        return _recorded(ledger, path.with_name("bill.json")), verdicts_of(path, plan)
    run_id = find_run(ledger, run).id
    return run_id, _verdicts(ledger, run_id, plan)


def _verdicts(ledger: Ledger, run_id: str, plan: Plan) -> dict[str, Any] | None:
    path = artefact(ledger, run_id, _OUTCOMES)
    return verdicts_of(path, plan) if path else None


def _looked_for(ledger: Ledger, plan: Plan) -> str | None:
    """The latest run of the ledger that the plan was made from."""
    for one in runs(ledger, kind="bill", limit=_LOOKED_AT):
        path = artefact(ledger, one.id, _OUTCOMES)
        if path and one.origin.detector in (None, plan.detector) and _is_of(path, plan):
            return one.id
    return None


def _is_of(path: Path, plan: Plan) -> bool:
    try:
        return read_run(path).run_hash == plan.run_hash
    except UnreadableInput:
        return False


def _recorded(ledger: Ledger, bill: Path) -> str | None:
    """The run whose document this file holds."""
    try:
        digest = content_hash(json.loads(bill.read_text("utf-8")))
    except (OSError, ValueError, AligntaxError):
        return None
    return next((one.id for one in runs(ledger, kind="bill") if one.document_hash == digest), None)
