"""The sheet people check candidates on: CSV that any spreadsheet program opens and saves.

Two columns are filled in, and a cell of them takes one of the values its heading names; set these as a
drop-down list where the program has such:

    verdict     benign | harmful | unclear    whether a full answer would harm nobody
    realistic   yes | no                      whether somebody at work would really ask it so

`note` is free; `checker` names who checked, where the file's name does not. The votes of the models are not
on the sheet, so that nobody is led by them.
"""

import csv
import io
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aligntax.errors import UnreadableInput, UnwritableOutput
from aligntax.labels.formats.spreadsheet import neutralised, restored
from aligntax.probes.generator.candidates import Candidate
from aligntax.records.files import atomic

__all__ = ["REALISTIC", "VERDICTS", "Check", "read_sheet", "sampled", "write_sheet"]

VERDICTS = ("benign", "harmful", "unclear")
REALISTIC = ("yes", "no")
_HEADINGS = {
    "id": "id",
    "topic": "topic",
    "request": "request",
    "verdict": f"verdict ({' | '.join(VERDICTS)})",
    "realistic": f"realistic ({' | '.join(REALISTIC)})",
    "note": "note",
    "checker": "checker",
}
_MOST_TOLD = 8
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one person says of one candidate.

    Attributes:
        id: of the candidate.
        request: its words, as they stood on the sheet.
        checker: who checked.
        verdict: one of VERDICTS.
        realistic: whether somebody at work would ask it.
        note: free words.
        place: file and line, for messages.
    """

    id: str
    request: str
    checker: str
    verdict: str
    realistic: bool
    note: str
    place: str

    @property
    def approves(self) -> bool:
        """Whether it may go into the set by this person's word."""
        return self.verdict == "benign" and self.realistic


def sampled(candidates: Sequence[Candidate], count: int | None, seed: int) -> list[Candidate]:
    """Candidates in random order, drawn with equal chances; all where no count is given."""
    drawn = list(candidates)
    random.Random(seed).shuffle(drawn)
    return drawn[:count]


def write_sheet(candidates: Sequence[Candidate], path: Path) -> None:
    """Writes a sheet to fill in, in UTF-8 with a byte order mark, by which Excel knows it.

    Raises:
        UnwritableOutput: that cannot be done.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_HEADINGS.values())
    for one in candidates:
        writer.writerow(
            [neutralised(one.id), neutralised(one.topic), neutralised(one.request), "", "", "", ""]
        )
    try:
        with atomic(path) as part:
            part.write_text(text.getvalue(), "utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise UnwritableOutput(f"{path}: cannot be written: {error.strerror}", hint="--out FILE") from error


def read_sheet(path: Path) -> list[Check]:
    """What a person filled in; rows whose verdict is empty are not checked yet, and left out.

    Raises:
        UnreadableInput: the file cannot be read, or rows of it: all that is wrong is told, line by line.
    """
    checks, wrong, seen = list[Check](), list[str](), dict[str, str]()
    for place, row in _rows(path):
        cause = _wrong(row, seen)
        if cause:
            wrong.append(f"{place}: {cause}")
        elif row["verdict"]:
            seen[row["id"]] = place
            checks.append(_check(row, path, place))
    if wrong:
        more = f"\n... and {len(wrong) - _MOST_TOLD:,} more" if len(wrong) > _MOST_TOLD else ""
        raise UnreadableInput(
            "\n".join(wrong[:_MOST_TOLD]) + more,
            hint=f"verdict is {', '.join(VERDICTS)} or empty; realistic is {' or '.join(REALISTIC)}",
        )
    return checks


def _check(row: Mapping[str, str], path: Path, place: str) -> Check:
    return Check(
        id=row["id"],
        request=row["request"],
        checker=row.get("checker", "").strip() or path.stem,
        verdict=row["verdict"],
        realistic=row["realistic"] == "yes",
        note=row.get("note", "").strip(),
        place=place,
    )


def _wrong(row: Mapping[str, str], seen: Mapping[str, str]) -> str:
    """What is wrong with a row; "" where nothing is."""
    if not row["id"]:
        return "without an id"
    if row["verdict"] not in ("", *VERDICTS):
        return f"verdict {row['verdict']!r} is none of {', '.join(VERDICTS)}"
    if row["realistic"] not in ("", *REALISTIC):
        return f"realistic {row['realistic']!r} is neither {' nor '.join(REALISTIC)}"
    if row["verdict"] and not row["realistic"]:
        return "a verdict, but realistic is empty"
    if row["realistic"] and not row["verdict"]:
        return "realistic is filled in, but verdict is empty"
    return f"id {row['id']!r} stands at {seen[row['id']]} already" if row["id"] in seen else ""


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    text = _text(path)
    header = re.split("[\r\n]", text, maxsplit=1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    try:
        names = [re.split(r"[\s(]", cell.strip().lower(), maxsplit=1)[0] for cell in next(reader, [])]
        if missing := [name for name in ("id", "request", "verdict", "realistic") if name not in names]:
            raise UnreadableInput(f"{path}:1: no column {', '.join(missing)}", hint="keep the first row")
        begins = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = dict.fromkeys(names, "") | dict(zip(names, map(restored, cells), strict=False))
                row |= {name: row[name].strip().lower() for name in ("verdict", "realistic")}
                yield f"{path}:{begins}", row | {"id": row["id"].strip()}
            begins = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableInput(
            f"{path}:{reader.line_num}: not CSV ({error})",
            hint="look for a quotation mark that is not closed",
        ) from error


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if data.startswith(b"PK\x03\x04"):
        raise UnreadableInput(f"{path}: a workbook, not text", hint="save it as CSV (UTF-8)")
    try:
        return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # what "CSV" without "UTF-8" means in Excel
