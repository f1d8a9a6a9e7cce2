"""Whoever is still labelling does not see what a detector said of single exchanges.

The screen to label on shows no verdict; pages that list exchanges do. They stay closed to a labeller with
exchanges left. Whoever may settle and approve, or works alone at this machine, can open them on purpose.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse

from aligntax.dashboard.labelling.desk import Desk
from aligntax.dashboard.labelling.people import Labeller, name_of
from aligntax.dashboard.parameters import Opened
from aligntax.dashboard.security import User, inside
from aligntax.ledger.annotations import annotations
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import tasks

__all__ = ["OPENED", "Blinded", "blind", "router"]

OPENED = "aligntax_unblinded"
"""Cookie of a browser whose user opened the pages on purpose; it ends with the browser."""
router = APIRouter()


class Blinded(HTTPException):
    """A page is closed to somebody who is still labelling.

    Attributes:
        desk: where they have exchanges left.
        may_open: whether they may see it all the same.
    """

    def __init__(self, desk: Desk, *, may_open: bool) -> None:
        left, title = len(desk.left), desk.task.title or "a labelling task"
        some = f"{left:,} exchange{'s' if left > 1 else ''}"
        super().__init__(
            403,
            f"You have {some} left to label in {title}. What the detector said of them stands here; who has "
            "seen it labels with it in mind, and corrected rates would rest on that.",
        )
        self.desk = desk
        self.may_open = may_open


def _blind(request: Request, ledger: Opened) -> None:
    user: User | None = request.state.user
    if user is None or not user.may("labeller"):
        return
    may_open = user.may("approver")
    if may_open and OPENED in request.cookies:
        return
    desk = _unfinished(ledger, name_of(request), begun=may_open)
    if desk is not None:
        raise Blinded(desk, may_open=may_open)


blind = Depends(_blind)
"""Closes a route to those who are still labelling."""


def _unfinished(ledger: Ledger, name: str, *, begun: bool) -> Desk | None:
    """An open task in which somebody has exchanges left; `begun`: and has labelled some."""
    if not name:
        return None
    desks = (Desk(task, name, annotations(ledger, task.id)) for task in tasks(ledger) if task.closed is None)
    return next((desk for desk in desks if desk.left and (desk.mine or not begun)), None)


@router.post("/unblind")
def unblind(user: Labeller, back: Annotated[str, Form(max_length=4000)] = "/") -> RedirectResponse:
    """Opens the pages in this browser, to whoever may."""
    if not user.may("approver"):
        raise HTTPException(403, "Who labels and does no more sees the verdicts when all is labelled.")
    answer = RedirectResponse(inside(back), 303)
    answer.set_cookie(OPENED, "1", path="/", httponly=True, samesite="lax")
    return answer
