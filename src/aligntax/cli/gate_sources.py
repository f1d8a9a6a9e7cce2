"""What `aligntax gate` is given, opened: logs are audited, runs are looked up in the ledger."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aligntax.cli.judge import chosen
from aligntax.cli.log import field_map, opened, progress, report_reading
from aligntax.errors import UsageError
from aligntax.gate.figures import DocumentFigures, Figures
from aligntax.gate.floor import FloorMeasured, floor_of
from aligntax.gate.result import Identity
from aligntax.gate.sources import (
    OUTCOMES_FILE,
    Opening,
    kind_of,
    of_audit,
    of_directory,
    of_document,
    of_judged,
    of_run,
    read_document,
)
from aligntax.ledger.keys import content_hash
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.record import record
from aligntax.ledger.runs import document, find_run
from aligntax.ledger.verdicts import verdicts
from aligntax.policy.prices import price_table
from aligntax.policy.read import LoadedPolicy
from aligntax.policy.recognise import recogniser
from aligntax.report.bill import bill_document
from aligntax.tax.audit import Settings
from aligntax.tax.audit import audit as measure
from aligntax.tax.labelled import ExpertLabels

__all__ = ["LATEST_PASS", "Reading", "Sources"]

LATEST_PASS = "latest-pass"
_FLOOR = "aligntax.floor/1"
Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How logs are read, as the options say.

    Attributes:
        log_format: format; None to tell it from each file.
        detector: name of the detector.
        strict: whether a record that cannot be read is an error.
        quiet: whether nothing but what matters is said.
        threads: that read.
        rest: options of fields and of the judge.
    """

    log_format: str | None
    detector: str
    strict: bool
    quiet: bool
    threads: int | None
    rest: Mapping[str, object]


@dataclass
class Sources:
    """Opens what it is named, each thing once.

    Attributes:
        policy: that is held.
        into: directory for files made on the way.
        labels: to correct rates with; None without.
        ledger_at: where the ledger is; None for the nearest.
        reading: how logs are read.
    """

    policy: LoadedPolicy
    into: Path
    labels: ExpertLabels | None
    ledger_at: str | None
    reading: Reading
    _ledger: Ledger | None = None
    _documents: dict[str, tuple[Document, Path | None]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._ledger is not None:
            self._ledger.close()

    def ledger(self, *, create: bool = False) -> Ledger:
        """The ledger.

        Raises:
            UnreadableInput: there is none and none is to be made.
        """
        if self._ledger is None:
            self._ledger = open_ledger(self.ledger_at, create=create)
        return self._ledger

    def held(self, typed: Sequence[str], floors: Sequence[str]) -> tuple[Figures, list[FloorMeasured]]:
        """What is held, and the floors that were measured.

        Raises:
            UsageError: several things that cannot be one.
        """
        kinds = [(one, kind_of(one)) for one in typed]
        measured = [floor_of(*self._document(one, kind="floor")) for one in floors]
        logs, others = [one for one, kind in kinds if kind == "log"], list[str]()
        for one, kind in kinds:
            if kind == "log":
                continue
            contents = self._document(one)[0] if kind in ("document", "run") else None
            if contents is not None and contents.get("schema") == _FLOOR:
                measured.append(floor_of(contents, one))
            else:
                others.append(one)
        if len(others) + bool(logs) > 1:
            raise UsageError(
                f"{', '.join([*others, *logs])}: a gate holds one run at a time",
                hint="several logs are one run; hold other runs by gates of their own",
            )
        if logs:
            return self._audited(logs, self.labels), measured
        head = self._opened(others[0], self.labels) if others else _nothing(self.policy)
        return head, measured

    def baseline(self, typed: str) -> Figures:
        """What is compared with: never corrected by labels that were given to other exchanges."""
        return self._audited([typed], None) if kind_of(typed) == "log" else self._opened(typed, None)

    def latest_pass(self, head: Figures) -> Figures | None:
        """The newest run of the ledger that passed; None where none has.

        Args:
            head: what is held; it is not compared with itself.
        """
        ledger, own = self.ledger(), self._documents.get(head.identity.name)
        digest = content_hash(own[0]) if own else ""
        passed = {one.run_id for one in verdicts(ledger) if one.verdict == "pass"} - {head.identity.run_id}
        others = (run for key in passed if (run := find_run(ledger, key)).document_hash != digest)
        found = sorted(others, key=lambda run: (run.created, run.id))
        return of_run(ledger, found[-1].id, self._opening(None)) if found else None

    def kept(self, head: Figures) -> str:
        """The run of the ledger that holds what was held, recorded now if it is not there.

        Raises:
            UsageError: there is no document of it to record.
        """
        if head.identity.run_id:
            return head.identity.run_id
        if head.identity.name not in self._documents:
            raise UsageError(
                f"{head.identity.name}: there is no bill to record with it",
                hint="gate the directory that the audit wrote, or the log",
            )
        contents, outcomes = self._documents[head.identity.name]
        files = {OUTCOMES_FILE: outcomes} if outcomes else None
        fresh = head.identity.kind == "log"
        run = record(self.ledger(create=True), contents, files=files, policy_id=self.policy.id, fresh=fresh)
        return run.id

    def _opened(self, typed: str, labels: ExpertLabels | None) -> Figures:
        opening, path, kind = self._opening(labels), Path(typed), kind_of(typed)
        if kind == "run":
            return of_run(self.ledger(), typed, opening)
        if kind == "directory":
            if (path / "bill.json").is_file():
                self._documents[typed] = read_document(path / "bill.json"), path / OUTCOMES_FILE
            return of_directory(path, opening)
        if kind == "outcomes":
            return of_judged(path, opening, name=typed, kind="outcomes", bill=None)
        contents, _ = self._document(typed)
        self._documents[typed] = contents, None
        return of_document(contents, typed, opening)

    def _audited(self, logs: Sequence[str], labels: ExpertLabels | None) -> Figures:
        """Logs audited under the policy."""
        how, name = self.reading, " ".join(logs)
        room = self.into / f"audit-{len(list(self.into.iterdir()))}"
        room.mkdir()
        rest = dict(how.rest)
        with (
            chosen(how.detector, rest, keep_text=False, quiet=how.quiet) as judge,
            opened(
                logs,
                log_format=how.log_format,
                fields=field_map(rest),
                threads=how.threads,
                strict=how.strict,
                quiet=how.quiet,
            ) as log,
            progress(log, quiet=how.quiet) as seen,
        ):
            found = measure(
                log,
                judge,
                room / OUTCOMES_FILE,
                prices=price_table(self.policy),
                settings=Settings(),
                recognise=recogniser(self.policy.policy),
                seen=seen,
            )
        report_reading(found.reading)
        contents = bill_document(found, created=dt.datetime.now(dt.UTC))
        self._documents[name] = contents, found.judged
        return of_audit(found, name, self._opening(labels))

    def _document(self, typed: str, *, kind: str | None = None) -> tuple[Document, str]:
        """A document of a file, a directory or the ledger, and its name.

        Args:
            typed: what it is named by.
            kind: of the run it must be, where it is one of the ledger; None for any.
        """
        if kind_of(typed) != "run":
            return read_document(Path(typed)), typed
        ledger = self.ledger()
        run = find_run(ledger, typed, kind=kind)
        return document(ledger, run.id), run.id

    def _opening(self, labels: ExpertLabels | None) -> Opening:
        return Opening(policy=self.policy, into=self.into, labels=labels)


def _nothing(policy: LoadedPolicy) -> Figures:
    """No traffic at all: only a floor was given."""
    identity = Identity(name="(no traffic)", kind="none")
    return DocumentFigures(identity=identity, measurements=[], policy=policy.policy)
