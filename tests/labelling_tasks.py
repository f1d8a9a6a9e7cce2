"""Labelling tasks for tests: a run whose truth is known, a plan of it, a ledger with both, a server on it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aligntax.labels.plan import Plan, make_plan
from aligntax.labels.run import read_run
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import Settings, Task, make_task
from aligntax.tax.labelling import verdicts_of
from labels.known_run import exchanges, write_run

__all__ = ["DETECTOR", "Site", "a_plan", "a_task", "texts"]

DETECTOR = "the-detector-in-question"
MODEL = "the-model-in-question"
COUNTS = {
    ("complete", "billing"): 240,
    ("complete", "travel"): 140,
    ("hedged", "billing"): 40,
    ("refused", "billing"): 30,
    ("refused", "travel"): 40,
    ("undetermined", "travel"): 10,
}


def a_plan(
    directory: Path, budget: int = 30, counts: Mapping[tuple[str, str], int] | None = None
) -> tuple[Path, Plan]:
    """An audit's outcomes, and a plan of some of them."""
    rows = [row | {"detector": DETECTOR, "model": MODEL} for row in exchanges(counts or COUNTS)]
    path = write_run(rows, directory / "outcomes.parquet")
    return path, make_plan(read_run(path), budget=budget)


def texts(plan: Plan) -> dict[str, dict[str, str]]:
    """What was asked and answered; it tells nothing of the verdict."""
    return {
        one.key: {
            "use_case": "support",
            "system": f"You help. ({at})",
            "prompt": f"Question {at}: how do I do this?",
            "response": f"Answer {at}.\n\nDo it like this.",
            "finish_reason": "stop",
        }
        for at, one in enumerate(plan.chosen, 1)
    }


def a_task(
    ledger: Ledger,
    directory: Path,
    *,
    budget: int = 30,
    shown: Mapping[str, Mapping[str, str]] | None = None,
    **settings: Any,
) -> Task:
    """A task in the ledger."""
    path, plan = a_plan(directory, budget)
    words = {key: row | dict((shown or {}).get(key, {})) for key, row in texts(plan).items()}
    chosen = Settings(verdicts=verdicts_of(path, plan), **settings)
    return make_task(ledger, plan, words, title="October", author="planner", settings=chosen)


_SERVE = """
import sys, uvicorn
from aligntax.dashboard.app import make_app
from aligntax.dashboard.security import local_access
from aligntax.ledger.opened import open_ledger

class Told(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

app = make_app(open_ledger(sys.argv[1]), local_access())
Told(uvicorn.Config(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")).run()
"""


class Site:
    """The dashboard of a ledger, in a process of its own on a real socket.

    Args:
        ledger: where it is.
        port: to listen on; a free one by default.
    """

    def __init__(self, ledger: Path, port: int = 0) -> None:
        self.ledger = ledger
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(ledger), str(port)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            self._over()
        assert said, "the server did not start"
        self.port = int(said)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """SIGKILL: nothing is put away."""
        os.kill(self.process.pid, signal.SIGKILL)
        self._over()

    def again(self) -> "Site":
        """The same, started anew at the same address."""
        return Site(self.ledger, self.port)

    def stop(self) -> None:
        self.process.terminate()
        self._over()

    def _over(self) -> None:
        self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()
