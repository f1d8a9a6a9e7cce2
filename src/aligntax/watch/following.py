"""Which file each stream is in now: rotation, truncation, replacement and compressed copies are told apart.

At every round, over the files that are there:

1. A stream stays where it is if its file is the same one and what was read of it still stands in it. 2. A
stream that is not is looked for: in a file that was renamed (the same number on the disk, also beside the
old place and
   outside of what was asked for, so that the last lines of a rotated file are not lost), then in any new
   file in which all that was read of it stands, compressed or not. What is found goes on where reading
   stopped.
3. A new file that holds the beginning of a stream that is still where it was is a copy on its way to take
over (a
   rotation copies, then truncates): compressed, or beside it under a longer name. It waits.
4. Any other new file is a new stream, read from its beginning.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aligntax.errors import AligntaxError, UnreadableInput
from aligntax.traffic.discover import find_files
from aligntax.traffic.lines import compression_of
from aligntax.watch.streams import Stream, stands_in

__all__ = ["Followed", "Streams"]

_MOST_GONE = 1000
Files = dict[Path, os.stat_result]


@dataclass(slots=True)
class Followed:
    """What there is to read.

    Attributes:
        changed: streams whose file has changed since they were last looked at.
        waiting: names that match no file yet.
        copies: files that hold what another stream has.
        failures: what could not be searched.
    """

    changed: list[Stream] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Streams:
    """All streams of a watch.

    Args:
        streams: known from before.
        next_number: of the next new one.
    """

    def __init__(self, streams: Iterable[Stream] = (), next_number: int = 1) -> None:
        self.all = list(streams)
        self.next_number = next_number
        self._held: dict[Path, tuple[int, os.stat_result]] = {}

    def follow(self, inputs: Sequence[str]) -> Followed:
        """Looks where every stream is, and takes up new files.

        Args:
            inputs: paths, globs and directories; what is not there yet may come.
        """
        found = Followed()
        files = _files(inputs, found)
        taken = {Path(s.path) for s in self.all if self._stays(s, files)}
        lost = [s for s in self.all if Path(s.path) not in taken or s.gone]
        fresh = {path: about for path, about in files.items() if path not in taken}
        for stream in lost:
            self._look_for(stream, fresh, files)
        live = [s for s in self.all if not s.gone]
        for path, about in fresh.items():
            if self._is_copy(path, about, live):
                found.copies.append(str(path))
            else:
                self._take_up(path, about)
        self._forget()
        found.changed = [s for s in self.all if not s.gone and _has_changed(s)]
        return found

    def _stays(self, stream: Stream, files: Files) -> bool:
        about = files.get(Path(stream.path)) or (_stat(Path(stream.path)) if stream.strayed else None)
        if about is None or stream.gone or not stream.is_file(about):
            return False
        return stream.as_it_was(about) or not stream.offset or stands_in(stream, Path(stream.path))

    def _look_for(self, stream: Stream, fresh: Files, files: Files) -> None:
        """In the files that no stream is in; what it is found in is fresh no longer."""
        beside = _beside(Path(stream.path)) if not stream.gone else {}
        places = {**beside, **fresh}
        for same in (True, False):
            for path, about in places.items():
                if stream.is_file(about) is same and self._free(path, fresh) and stands_in(stream, path):
                    stream.lies_in(path, about)
                    stream.size, stream.strayed = -1, path not in files
                    stream.compression = "none" if stream.whole else compression_of(path, str(path))
                    fresh.pop(path, None)
                    return
        stream.gone = True

    def _free(self, path: Path, fresh: Files) -> bool:
        return path in fresh or all(s.gone or Path(s.path) != path for s in self.all)

    def _is_copy(self, path: Path, about: os.stat_result, live: Sequence[Stream]) -> bool:
        """Whether a new file holds what a stream has that is still in a file; looked into once."""
        number, before = self._held.get(path, (-1, about))
        same = (before.st_size, before.st_mtime_ns, before.st_ino) == (
            about.st_size,
            about.st_mtime_ns,
            about.st_ino,
        )
        if same and any(stream.number == number for stream in live):
            return True
        self._held.pop(path, None)
        for stream in live:
            if _copies(stream, path):
                self._held[path] = stream.number, about
                return True
        return False

    def _take_up(self, path: Path, about: os.stat_result) -> None:
        try:
            compression = compression_of(path, str(path))
        except UnreadableInput:
            return
        new = Stream(
            number=self.next_number,
            path=str(path),
            device=about.st_dev,
            inode=about.st_ino,
            compression=compression,
        )
        self.next_number += 1
        self.all.append(new)

    def _forget(self) -> None:
        """Streams that nothing was read of, and the oldest of too many that are gone."""
        gone = [s for s in self.all if s.gone]
        out = {s.number for s in gone if not s.offset} | {s.number for s in gone[:-_MOST_GONE]}
        self.all = [s for s in self.all if s.number not in out]


def _files(inputs: Sequence[str], found: Followed) -> Files:
    files: Files = {}
    for name in inputs:
        try:
            paths, failures = find_files([name])
        except AligntaxError:
            found.waiting.append(name)
            continue
        found.failures += [failure.message for failure in failures]
        for path in paths:
            real = Path(os.path.realpath(path))
            about = _stat(real)
            if about is not None:
                files[real] = about
    return files


def _stat(path: Path) -> os.stat_result | None:
    """Of a regular file that is there."""
    try:
        return path.stat() if path.is_file() else None
    except OSError:
        return None


def _beside(path: Path) -> Files:
    """Files of the same directory whose name says that they may be the rotated one."""
    stem = path.name.partition(".")[0]
    try:
        names = [entry.path for entry in os.scandir(path.parent) if entry.name.startswith(stem)]
    except OSError:
        return {}
    found = {Path(name): _stat(Path(name)) for name in sorted(names)}
    return {name: about for name, about in found.items() if about is not None and name != path}


def _copies(stream: Stream, path: Path) -> bool:
    """Whether a new file is a copy that a stream may move to."""
    old = Path(stream.path)
    compressed = path.suffix in (".gz", ".zst") and stream.compression == "none"
    renamed = path.parent == old.parent and path.name.startswith(old.name.partition(".")[0])
    return (compressed or renamed) and stands_in(stream, path)


def _has_changed(stream: Stream) -> bool:
    about = _stat(Path(stream.path))
    return about is not None and not stream.as_it_was(about)
