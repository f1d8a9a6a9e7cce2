"""Visitors of the labelling screen, each with a role, and labels given without a screen."""

import hashlib
import re
from typing import Any

from starlette.testclient import TestClient

from aligntax.dashboard.security import TokenHolder, User
from aligntax.ledger.annotations import annotate
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import Task

__all__ = ["JSON", "ROLES", "Visitor", "give", "holder"]

ROLES = {"anna": "labeller", "ben": "labeller", "cora": "labeller", "chief": "approver", "guest": "viewer"}
JSON = {"Accept": "application/json"}


def holder(name: str, role: str) -> TokenHolder:
    return TokenHolder(User(name, role), hashlib.sha256(name.encode()).hexdigest())  # type: ignore[arg-type]


class Visitor:
    """Somebody signed in, and the forms they are shown."""

    def __init__(self, client: TestClient, name: str) -> None:
        self.client, self.name = client, name
        self.headers = {"Authorization": f"Bearer {name}"} if name else {}

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, headers=self.headers, **more)

    def token(self, path: str) -> str:
        return re.findall(r'name="token" value="([^"]+)"', self.get(path).text)[0]

    def label(self, task: Task, position: int, outcome: str, **more: Any) -> Any:
        path = f"/label/{task.id}/{position}"
        form = {"outcome": outcome, "annotator": self.name, "note": ""} | more
        form["token"] = more["token"] if "token" in more else self.token(path)
        return self.client.post(path, data=form, headers=self.headers | JSON, follow_redirects=False)


def give(ledger: Ledger, task: Task, annotator: str, outcomes: str, first: int = 1) -> None:
    """Labels by their first letters, from a position on."""
    word = {"c": "complete", "h": "hedged", "r": "refused", "n": "not_applicable"}
    for at, letter in enumerate(outcomes, first):
        token = f"{annotator} {at}"
        annotate(ledger, task.id, at, annotator=annotator, outcome=word[letter], token=token)
