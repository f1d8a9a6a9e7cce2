"""Many small files become one: DuckDB takes longer to plan a query than to read a small file."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aligntax.errors import UnreadableInput
from aligntax.traffic.discover import temporary
from aligntax.traffic.locate import BLANK, Problem
from aligntax.traffic.mend import rewritten
from aligntax.traffic.sniff import LogFile

__all__ = ["Member", "groups", "origin", "pack"]

_SMALL = 1 << 20
_PACK_BYTES = 32 << 20
_PACKED = ("ndjson", "array", "object")


@dataclass(frozen=True, slots=True)
class Member:
    """A file within a pack.

    Attributes:
        file: as it was sniffed.
        lines_before: lines of the pack before its first.
        records_before: records of the pack before its first.
    """

    file: LogFile
    lines_before: int = 0
    records_before: int = 0


def groups(files: Iterable[LogFile], key: Callable[[LogFile], str]) -> Iterator[list[LogFile]]:
    """Files side by side that can be read together; a file that is not small alone.

    Args:
        files: in the order of the log.
        key: the same for files that the same query can read.
    """
    group, size, shared = list[LogFile](), 0, ""
    for file in files:
        small = file.container in _PACKED and file.size <= _SMALL
        own = key(file) if small else ""
        if group and (not small or own != shared or size + file.size > _PACK_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size, shared = size + file.size, own
        if not small:
            yield group
            group, size = [], 0
    if group:
        yield group


def pack(files: Sequence[LogFile], directory: Path) -> tuple[LogFile, list[Member], list[UnreadableInput]]:
    """The files as one file of JSON lines in `directory`.

    Returns:
        The pack, its members, and why other files are not among them.
    """
    members, failures = list[Member](), list[UnreadableInput]()
    lines = records = 0
    with temporary(directory) as path, path.open("wb") as out:
        for file in files:
            try:
                content = list(rewritten(file))
            except UnreadableInput as error:
                failures.append(error)
                continue
            members.append(Member(file, lines, records))
            out.writelines(line + b"\n" for line in content)
            lines += len(content)
            records += sum(1 for line in content if line.strip(BLANK))
    packed = replace(files[0], path=path, container="ndjson", compression="none", unit="line")
    return packed, members, failures


def origin(problem: Problem, members: Sequence[Member]) -> Problem:
    """A problem of a pack as one of the file it is in."""
    before = [member.lines_before for member in members]
    member = members[bisect_right(before, problem.line - 1) - 1]
    line = problem.line - member.lines_before
    return replace(problem, file=member.file.name, line=line, unit=member.file.unit)
