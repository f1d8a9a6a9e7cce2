"""A stream's new exchanges, chunk by chunk, in the format it was taken for at its beginning.

A chunk is read with what the first records of the *stream* say, not with what its own say: a chunk that
happens to begin with another kind of record changes nothing.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from aligntax.errors import AligntaxError
from aligntax.traffic.discover import temporary
from aligntax.traffic.drawing import FileReader, Reading
from aligntax.traffic.formats.tabular import FieldMap
from aligntax.traffic.lines import BROKEN, MAX_RECORD_BYTES, blocks, encoding_of, head, open_bytes
from aligntax.traffic.locate import Problem
from aligntax.traffic.packing import Member
from aligntax.traffic.read import Log
from aligntax.traffic.scan import connect
from aligntax.traffic.sniff import LogFile, sniff
from aligntax.watch.spool import Spooled, spool
from aligntax.watch.streams import TAIL, Stream

__all__ = ["Chunk", "Reader"]

CHUNK_BYTES = 64 << 20
"""Read between two writes of the state: about 45,000 exchanges."""
_SNIFFED_BYTES = 1 << 20
_SNIFFED_LINES = 100
_LINED = ("ndjson", "csv")
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Chunk:
    """New exchanges of a stream.

    Attributes:
        batches: of exchanges; drawn once.
        reading: counts that grow while they are drawn.
        more: whether there is more to read already.
        unfinished: bytes of a last line that has not ended.
        problems: why nothing could be read, "" where something was.
    """

    batches: Iterator[pa.RecordBatch]
    reading: Reading = field(default_factory=Reading)
    more: bool = False
    unfinished: int = 0
    problem: str = ""


class Reader:
    """Reads what is new in streams.

    Args:
        columns: EXCHANGE columns wanted.
        choice: name of the format; None to tell it from each stream.
        fields: field names a person gave.
        threads: threads that may read.
        chunk_bytes: read at a time.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        choice: str | None = None,
        fields: FieldMap | None = None,
        threads: int = 2,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._columns = list(columns)
        self._choice = choice
        self._fields = fields or FieldMap()
        self._chunk_bytes = chunk_bytes
        self._threads = threads
        self._directory = tempfile.TemporaryDirectory(prefix="aligntax-watch-")
        self._scratch = Path(self._directory.name)
        self._connection = connect(threads, self._directory.name)
        self._taken: dict[int, tuple[LogFile, bool]] = {}

    def close(self) -> None:
        """Removes the temporary copies."""
        self._connection.close()
        self._directory.cleanup()

    def read(self, stream: Stream) -> Chunk:
        """What is new in a stream; the stream has moved on when the batches are drawn.

        What cannot be read stays for the next time the file changes, and is said.
        """
        found = Path(stream.path).stat()
        try:
            chunk = self._chunk(stream)
        except (AligntaxError, *BROKEN) as error:
            chunk = Chunk(iter(()), problem=_said(error, stream))
        if not chunk.more:
            stream.looked_at(found)
        return chunk

    def _chunk(self, stream: Stream) -> Chunk:
        if stream.whole:
            return Chunk(iter(()), problem=_changed(stream))
        start = head(Path(stream.path), stream.compression, _SNIFFED_BYTES)
        if encoding_of(start[:4]) not in ("", "utf-8-sig"):
            return self._whole(stream)
        if not _begun(start):
            return Chunk(iter(()), unfinished=len(start))
        file = self._as_taken(stream, start)
        if file.container not in _LINED:
            return self._whole(stream)
        part = spool(stream, self._scratch, csv=file.container == "csv", most=self._chunk_bytes)
        if part is None:
            return Chunk(iter(()))
        reading = Reading()
        drawn = self._drawn(stream, file, part, reading)
        return Chunk(drawn, reading, more=part.more, unfinished=part.unfinished)

    def _drawn(
        self, stream: Stream, file: LogFile, part: Spooled, reading: Reading
    ) -> Iterator[pa.RecordBatch]:
        before = stream.lines
        if part.size:
            path = _without_mark(part.path) if not stream.offset else part.path
            own = replace(file, path=path, compression="none", name=stream.path, size=part.size)
            reader = FileReader(self._connection, own, [Member(own)], self._fields, self._scratch, False)
            yield from reader.read(self._columns, reading)
        part.path.unlink(missing_ok=True)
        reading.problems[:] = [_moved(problem, before) for problem in reading.problems]
        stream.offset += part.size
        stream.lines += part.lines
        stream.mark(Path(stream.path), part.last)

    def _as_taken(self, stream: Stream, start: bytes) -> LogFile:
        """The file as its beginning says."""
        taken = self._taken.get(stream.number)
        if taken and taken[1]:
            return taken[0]
        with temporary(self._scratch) as copy:
            copy.write_bytes(start if len(start) < _SNIFFED_BYTES else _longer(stream))
            choice = stream.choice or self._choice
            file = sniff(copy, name=stream.path, choice=choice, fields=self._fields)
            copy.unlink()
        stream.choice = file.format.name
        stream.header = _header_bytes(start) if file.container == "csv" else 0
        stream.offset = max(stream.offset, stream.header)
        settled = len(start) == _SNIFFED_BYTES or start.count(b"\n") > _SNIFFED_LINES
        self._taken[stream.number] = file, settled
        return file

    def _whole(self, stream: Stream) -> Chunk:
        """A file that is read as one, when it is complete."""
        path = Path(stream.path)
        size = path.stat().st_size
        if not _complete(stream):
            return Chunk(iter(()), unfinished=size)
        log = Log([stream.path], choice=self._choice, fields=self._fields, threads=self._threads)
        batches, reading = log.batches(self._columns)

        def drawn() -> Iterator[pa.RecordBatch]:
            with contextlib.closing(log):
                yield from batches
            stream.whole, stream.offset, stream.compression = True, size, "none"
            with path.open("rb") as raw:
                raw.seek(max(0, size - TAIL))
                stream.mark(path, raw.read(TAIL))

        return Chunk(drawn(), reading)


def _said(error: Exception, stream: Stream) -> str:
    return error.message if isinstance(error, AligntaxError) else f"{stream.path}: {error}"


def _changed(stream: Stream) -> str:
    return f"{stream.path}: changed after it was read as a whole; what came later is not read"


def _moved(problem: Problem, lines: int) -> Problem:
    """A problem with the number its line has in the stream."""
    return replace(problem, line=problem.line + lines)


def _begun(start: bytes) -> bool:
    """Whether a line has ended, or the file is of a kind that has none."""
    return b"\n" in start.lstrip() or start[:4] in (b"PAR1", b"PK\x03\x04") or start[-1:] in b"]}"


def _longer(stream: Stream) -> bytes:
    """Enough of the beginning that the first record is in it."""
    return head(Path(stream.path), stream.compression, 2 * MAX_RECORD_BYTES)


def _header_bytes(start: bytes) -> int:
    """Blank lines and the header line."""
    blank = len(start) - len(start.lstrip(b"\xef\xbb\xbf\r\n"))
    return start.index(b"\n", blank) + 1


def _without_mark(path: Path) -> Path:
    """Takes the byte order mark away that a stream may begin with."""
    with path.open("r+b") as file:
        if file.read(len(_BOM)) == _BOM:
            file.seek(0)
            file.write(b"   ")
    return path


def _complete(stream: Stream) -> bool:
    """Whether a JSON text is closed; other containers tell by themselves."""
    path = Path(stream.path)
    start = head(path, stream.compression, 64).lstrip()
    if start[:1] not in (b"[", b"{"):
        return True
    last = b""
    with open_bytes(path, stream.compression) as raw:
        for block in blocks(raw):
            last = block.rstrip()[-1:] or last
    return last in (b"]", b"}")
