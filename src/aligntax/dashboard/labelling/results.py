"""How a task stands: who has come how far; and, to those whom it cannot sway any more, what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from aligntax.dashboard.labelling.addresses import TaskKey, of_task
from aligntax.dashboard.labelling.desk import Desk, is_complete
from aligntax.dashboard.labelling.people import Labeller, name_of
from aligntax.dashboard.labelling.settling import Dispute, disputes, may_settle
from aligntax.dashboard.labelling.shrinking import Width, widths
from aligntax.dashboard.parameters import Opened
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import User, needs_role
from aligntax.ledger.annotations import Annotation, annotations, close_task, standing_labels
from aligntax.ledger.labels import add_labels
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import Task, find_task, plan_of
from aligntax.records import LABEL_OUTCOMES, Estimate

if TYPE_CHECKING:
    from aligntax.labels.agreement import Agreement, Pair

__all__ = ["router"]

router = APIRouter()
Approver = Annotated[User, needs_role("approver")]


@dataclass(frozen=True, kw_only=True)
class _Results:
    """What came of a task so far.

    Attributes:
        rate: the completion tax.
        widths: of its interval, as labels came in.
        agreement: of the annotators.
        mixed: two outcomes that were given to the same exchange, and how often; most often first.
        disputes: exchanges on which they disagree.
    """

    rate: Estimate
    widths: list[Width]
    agreement: "Agreement"
    mixed: list[tuple[tuple[str, ...], int]]
    disputes: list[Dispute]

    @property
    def pair(self) -> "Pair | None":
        """The two annotators who share most exchanges."""
        return max(self.agreement.pairs, key=lambda pair: int(pair.confusion.sum()), default=None)

    @property
    def open(self) -> int:
        """Disagreements that nothing settles yet."""
        return sum(one.settled is None for one in self.disputes)


@router.get("/{task_id}")
def show_task(
    request: Request, task_id: TaskKey, user: Labeller, ledger: Opened, results: int = 0
) -> HTMLResponse:
    """A task; `results=1` shows an approver what came of it before it is done."""
    task, said = find_task(ledger, task_id), annotations(ledger, task_id, withdrawn=True)
    desk = Desk(task, name_of(request), said)
    standing = [one for one in said if one.withdrawn is None]
    complete = is_complete(task, said)
    may_look = complete or task.closed is not None or (user.may("approver") and _is_no_annotator(desk))
    shown = may_look and (complete or task.closed is not None or bool(results))
    return render(
        request,
        "labelling/task.html",
        title=task.title,
        desk=desk,
        people=_people(standing),
        given=sum(not one.adjudicated for one in standing),
        wanted=task.size * task.settings.annotators,
        complete=complete,
        may_look=may_look,
        results=_results(ledger, task, standing) if shown else None,
        why_not_settle=may_settle(task, said, user, desk.annotator),
        own=sorted(desk.mine.values(), key=lambda one: -one.id),
    )


@router.post("/{task_id}/close")
def close(task_id: TaskKey, user: Approver, ledger: Opened) -> RedirectResponse:
    """Takes no more labels, and puts those that stand among the labels of the ledger."""
    task = find_task(ledger, task_id)
    close_task(ledger, task_id)
    standing = standing_labels(task, plan_of(ledger, task), annotations(ledger, task_id))
    add_labels(ledger, standing, run_id=task.run_id, task_id=task_id)
    return RedirectResponse(of_task(task_id), 303)


def _is_no_annotator(desk: Desk) -> bool:
    """Whether results can sway no label of theirs: they gave none here, or have none left to give."""
    return not desk.mine or not desk.left


def _people(standing: Sequence[Annotation]) -> list[tuple[str, int, int]]:
    """Name, labels, settlements."""
    labels = Counter(one.annotator for one in standing if not one.adjudicated)
    settled = Counter(one.annotator for one in standing if one.adjudicated)
    return [(name, labels[name], settled[name]) for name in sorted({*labels, *settled})]


def _results(ledger: Ledger, task: Task, standing: Sequence[Annotation]) -> _Results:
    from aligntax.labels.agreement import agree  # as in `shrinking`: a server that starts needs neither
    from aligntax.tax.labelling import rate_so_far

    plan = plan_of(ledger, task)
    labels = standing_labels(task, plan, standing)
    return _Results(
        rate=rate_so_far(plan, task.settings.verdicts, labels),
        widths=widths(ledger, task, [one for one in standing if not one.adjudicated]),
        agreement=agree(labels),
        mixed=_mixed(standing),
        disputes=disputes(standing),
    )


def _mixed(standing: Sequence[Annotation]) -> list[tuple[tuple[str, ...], int]]:
    """In no direction, so that whoever settles learns nothing of who is given to saying what."""
    votes = dict[int, list[str]]()
    for one in standing:
        if not one.adjudicated:
            votes.setdefault(one.position, []).append(one.outcome)
    pairs = Counter(
        tuple(sorted(pair, key=lambda name: [*LABEL_OUTCOMES].index(name)))  # type: ignore[arg-type]
        for several in votes.values()
        for pair in combinations(several, 2)
        if len(set(pair)) > 1
    )
    return pairs.most_common()
