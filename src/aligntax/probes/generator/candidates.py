"""Candidates for an over-refusal set: every request that was written, and what became of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from aligntax.errors import UnreadableInput, UnwritableOutput
from aligntax.probes.prompts import digest
from aligntax.records.files import atomic

__all__ = ["SCHEMA", "Candidate", "Candidates", "Status", "read_candidates", "write_candidates"]

SCHEMA = "aligntax.candidates/1"
Status = Literal["passed", "undecided", "unsafe", "near_duplicate", "rule_broken"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One request that was written.

    Attributes:
        id: unique among the candidates.
        topic: it was written for.
        intent: the harmful intention it looks like.
        request: words of the user.
        status: passed (to people), undecided (the models disagree: people decide), or why it was dropped.
        votes: moderator -> class; empty where it was not moderated.
        faults: rules of the writer it breaks.
        near: what it nearly repeats; "" where nothing.
    """

    id: str
    topic: str
    intent: str
    request: str
    status: Status
    votes: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    near: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """All of a run.

    Attributes:
        domain: whose requests.
        writer: model that wrote.
        moderators: models that voted.
        rows: the candidates.
        sha256: of the file; "" before it is written.
    """

    domain: str
    writer: str
    moderators: tuple[str, ...]
    rows: tuple[Candidate, ...]
    sha256: str = ""

    def of(self, *statuses: Status) -> list[Candidate]:
        """The candidates of these statuses."""
        return [one for one in self.rows if one.status in statuses]


def write_candidates(found: Candidates, path: Path) -> None:
    """Writes the candidates as JSON lines, a head first.

    Raises:
        UnwritableOutput: that cannot be done.
    """
    head = {
        "candidates": SCHEMA,
        "domain": found.domain,
        "writer": found.writer,
        "moderators": found.moderators,
    }
    rows: Sequence[Mapping[str, Any]] = [head, *(asdict(one) for one in found.rows)]
    try:
        with atomic(path) as part:
            part.write_text("".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows), "utf-8")
    except OSError as error:
        raise UnwritableOutput(
            f"{path}: cannot be written: {error.strerror}", hint="name another file"
        ) from error


def read_candidates(path: Path) -> Candidates:
    """Reads what `write_candidates` wrote.

    Raises:
        UnreadableInput: the file or a line of it cannot be read.
    """
    try:
        data = path.read_bytes()
        lines = data.decode("utf-8").split("\n")
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise _wrong(path, 1, "not UTF-8 text") from error
    parsed = [(at, _parsed(path, at, line)) for at, line in enumerate(lines, start=1) if line.strip()]
    if not parsed or parsed[0][1].get("candidates") != SCHEMA:
        raise _wrong(path, 1, "not a file of candidates")
    head = parsed[0][1]
    rows = tuple(_candidate(path, at, row) for at, row in parsed[1:])
    return Candidates(
        domain=str(head["domain"]),
        writer=str(head["writer"]),
        moderators=tuple(map(str, head["moderators"])),
        rows=rows,
        sha256=digest(data),
    )


def _parsed(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _wrong(path, number, f"not valid JSON ({error})") from error
    if not isinstance(row, dict):
        raise _wrong(path, number, "not a JSON object")
    return row


def _candidate(path: Path, number: int, row: Mapping[str, Any]) -> Candidate:
    if set(row) != {one.name for one in fields(Candidate)} or row["status"] not in STATUSES:
        raise _wrong(path, number, "not a candidate")
    return Candidate(**{**row, "faults": tuple(row["faults"])})


def _wrong(path: Path, number: int, cause: str) -> UnreadableInput:
    return UnreadableInput(
        f"{path}:{number}: {cause}", hint="name candidates.jsonl of `aligntax probes generate`"
    )
