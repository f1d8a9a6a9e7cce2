"""`aligntax watch`: rounds of reading, looking, telling and showing, until there is an end."""

import datetime as dt
import json
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.live import Live

from aligntax.cli.log import field_map
from aligntax.cli.output import status, stderr
from aligntax.detectors import detector as detector_of
from aligntax.errors import UsageError
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.policy.model import Policy
from aligntax.policy.read import load_policy
from aligntax.policy.recognise import recogniser
from aligntax.report.document import Document
from aligntax.report.watch import watch_document
from aligntax.report.watch_tables import alert_lines, plain_lines, watch_view
from aligntax.traffic.discover import STDIN
from aligntax.watch.plan import plan
from aligntax.watch.reading import Reader
from aligntax.watch.telling import tell_pending
from aligntax.watch.watch import Round, Watch, columns_for

__all__ = ["run"]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How rounds go.

    Attributes:
        every: seconds between them.
        once: whether there is one alone.
        until_idle: whether the first that finds nothing new is the last.
        telling: whether anybody is told of alerts.
        as_json: whether a line of JSON is printed a round.
        quiet: whether nothing else is.
    """

    every: float
    once: bool
    until_idle: bool
    telling: bool
    as_json: bool
    quiet: bool


def run(
    *,
    logs: Sequence[str],
    policy: Path,
    ledger: str | None,
    name: str | None,
    every: str,
    once: bool,
    until_idle: bool,
    dry_run_alerts: bool,
    least_change: float,
    detector: str,
    log_format: str | None,
    as_json: bool,
    quiet: bool,
    threads: int | None,
    **fields: object,
) -> None:
    """Watches; see the options of the command."""
    if STDIN in logs:
        raise UsageError("standard input cannot be taken up again", hint="write it to a file and watch that")
    manner = _Manner(
        every=_seconds(every),
        once=once,
        until_idle=until_idle,
        telling=not dry_run_alerts,
        as_json=as_json,
        quiet=quiet,
    )
    loaded = load_policy(policy)
    recognise = recogniser(loaded.policy)
    with closing(open_ledger(ledger)) as opened:
        reader = Reader(
            columns_for(recognise), choice=log_format, fields=field_map(fields), threads=threads or 2
        )
        with closing(reader):
            watch = Watch(
                opened,
                name or loaded.policy.service,
                policy=loaded.policy,
                policy_id=loaded.id,
                tested=plan(loaded.policy),
                detector=detector_of(detector),
                recognise=recognise,
                reader=reader,
                least_change=least_change,
                telling=manner.telling,
            )
            document = _rounds(watch, opened, loaded.policy, logs, manner)
    raise typer.Exit(_exit_code(document))


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found:
        raise UsageError(f"--every {text}: no time", hint="such as 10s, 5m or 1h")
    return float(found[1]) * _UNITS[found[2]]


def _rounds(watch: Watch, ledger: Ledger, policy: Policy, logs: Sequence[str], manner: _Manner) -> Document:
    """Round after round; the document of the last."""
    tells = {one.name: one for one in policy.tell}
    with _stopped() as stop, _shown(manner) as show:
        while True:
            done = watch.round(logs, seen=show.progress)
            document = watch_document(watch, done, created=dt.datetime.now(dt.UTC))
            show(document, idle=not done.exchanges and not done.alerts and not done.problems)
            if manner.telling:
                for alert, told in tell_pending(ledger, watch.name, tells, wait=stop.wait):
                    _say_told(alert.document, told, manner)
            if manner.once or (manner.until_idle and _idle(done)) or stop.wait(manner.every):
                return document


def _idle(done: Round) -> bool:
    return not done.exchanges and not done.problems


def _say_told(document: Mapping[str, Any], told: Mapping[str, Any], manner: _Manner) -> None:
    """What came of telling; that it failed is said also when quiet."""
    if told["state"] == "told" and manner.quiet:
        return
    words = {"told": "told", "pending": "not told yet:", "failed": "could not tell"}[told["state"]]
    about = f"{document['use_case']} {document['component']} ({document['kind']})"
    stderr().print(f"{words} {told['name']} of {about}: {told['said']}", markup=False, soft_wrap=True)


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """Set when the process is asked to end, so that it does between two rounds."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


class _Shown:
    """What is shown of a round: a table that stays in its place, plain lines, or a line of JSON.

    Args:
        manner: how.
        live: the table's place on a terminal; None elsewhere.
        tell: what a line on the terminal says of progress, where there is no table.
    """

    def __init__(
        self, manner: _Manner, live: Live | None = None, tell: Callable[[str], None] | None = None
    ) -> None:
        self._manner, self._live, self._tell = manner, live, tell
        self._console = Console(highlight=False)
        self._rounds = 0

    def __call__(self, document: Document, *, idle: bool) -> None:
        """Shows a round; one that found nothing new only where it is the first, or keeps a table alive."""
        self._rounds += 1
        news = not idle or self._rounds == 1
        if self._live is not None:
            alert_lines(document, self._live.console)
            self._live.update(watch_view(document, width=self._console.width), refresh=True)
            return
        if news and (self._manner.as_json or self._manner.quiet):
            alert_lines(document, stderr())
        if news and self._manner.as_json:
            json.dump(document, sys.stdout, ensure_ascii=False, allow_nan=False)
            sys.stdout.write("\n")
            sys.stdout.flush()
        elif news and not self._manner.quiet:
            self._plain(document)

    def progress(self, exchanges: int) -> None:
        """Shows how many exchanges of a backlog have been read."""
        text = f"{exchanges:,} exchanges read, catching up"
        if self._live is not None and not self._rounds:
            self._live.update(text, refresh=True)
        elif self._tell is not None:
            self._tell(text)

    def _plain(self, document: Document) -> None:
        if self._manner.once:
            self._console.print(watch_view(document, width=self._console.width))
        else:
            for line in plain_lines(document):
                self._console.print(line, markup=False, soft_wrap=True)
        alert_lines(document, self._console)


@contextmanager
def _shown(manner: _Manner) -> Iterator[_Shown]:
    console = Console(highlight=False)
    if manner.once:
        with status(quiet=manner.quiet) as tell:
            yield _Shown(manner, tell=tell)
        return
    if manner.as_json or manner.quiet or not console.is_terminal:
        yield _Shown(manner)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield _Shown(manner, live)


def _exit_code(document: Mapping[str, Any]) -> int:
    slices = document["slices"]
    if any(one["open_since"] for one in slices):
        return 1
    counted = any(one["rate"]["n"] for one in slices) if slices else document["totals"]["exchanges"]
    return 0 if counted else 3
