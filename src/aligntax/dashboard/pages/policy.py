"""The policy in force, its history, and who approved the last change."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from aligntax.dashboard.parameters import Key, Opened
from aligntax.dashboard.reading.current_policy import read_kept
from aligntax.dashboard.reading.diffs import Changed, changed_lines
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import User, needs_role
from aligntax.ledger.opened import Ledger
from aligntax.ledger.policies import KeptPolicy, approve, policies, policy_text

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])


@router.get("/policy")
def policy_page(request: Request, ledger: Opened, id: Key = "") -> HTMLResponse:
    """The policy in force, or an earlier one, with what it changed."""
    history = policies(ledger)
    if not history:
        return render(request, "policy.html", title="Policy", history=history, kept=None)
    kept = next((one for one in history if one.id == id), None) if id else history[0]
    if kept is None:
        raise HTTPException(404, "There is no such policy.")
    text, policy = read_kept(ledger, kept.id)
    return render(
        request,
        "policy.html",
        title="Policy",
        history=history,
        kept=kept,
        newest=kept is history[0],
        text=text,
        policy=policy,
        changes=_changes(ledger, kept, text),
        may_approve=request.state.user.may("approver"),
    )


def _changes(ledger: Ledger, kept: KeptPolicy, text: str) -> list[Changed]:
    return changed_lines(policy_text(ledger, kept.previous), text) if kept.previous else []


@router.post("/policy/approve")
def approve_policy(
    ledger: Opened,
    id: Annotated[str, Form(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")],
    user: Annotated[User, needs_role("approver")],
) -> RedirectResponse:
    """Writes down who approved the newest change; only the newest can be approved, since it is in force."""
    newest = policies(ledger, limit=1)
    if not newest or newest[0].id != id:
        raise HTTPException(409, "The policy has changed since this page was made. Read the new one first.")
    approve(ledger, id, by=user.name)
    return RedirectResponse("/policy", 303)
