"""Answers kept as they come, so that none is paid for twice: one JSON object a line.

A line is written in one call as soon as its answer is there: when the process is killed, what the system has
taken is kept, and a line it was in the middle of is told from a whole one when the file is read again.
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput, UnwritableOutput, UsageError

__all__ = ["Journal", "key_of"]

Entry = Mapping[str, Any]


def key_of(parts: Mapping[str, object]) -> str:
    """Name of a request by all that can change its answer.

    Args:
        parts: plain values: provider and model, revision, parameters, messages, tools, template, sample.

    Returns:
        SHA-256 of them in hexadecimal; equal exactly where all of them are.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Journal:
    """A file of answers by key.

    Args:
        path: of the file; made where there is none, added to where there is one.

    Raises:
        UsageError: another run is writing to it.
        UnreadableInput: it is not a journal.
        UnwritableOutput: it cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise UnwritableOutput(f"{path}: {error.strerror}", hint="name another directory") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise UsageError(f"{path}: another run is writing to it", hint="wait for it to end") from error
        self._entries: dict[str, Entry] = dict(self._read())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        return iter(self._entries.items())

    def get(self, key: str) -> Entry | None:
        """The answer under a key."""
        return self._entries.get(key)

    def put(self, key: str, entry: Entry) -> None:
        """Keeps an answer; when this returns, ending the process does not lose it.

        Raises:
            UnwritableOutput: the disk is full, or no longer there.
        """
        line = json.dumps({"key": key, **entry}, ensure_ascii=False, separators=(",", ":")) + "\n"
        data = line.encode("utf-8", "surrogatepass")
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError as error:
                hint = "make room; the same command goes on where it stopped"
                raise UnwritableOutput(f"{self.path}: {error.strerror}", hint=hint) from error
            self._entries[key] = entry

    def close(self) -> None:
        """Lets the file go; once more does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _read(self) -> Iterator[tuple[str, Entry]]:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
            try:
                entry = json.loads(line.decode("utf-8", "surrogatepass"))
                key = entry.pop("key")
            except (ValueError, KeyError, AttributeError) as error:
                raise UnreadableInput(
                    f"{self.path}, line {number}: not an answer that was kept", hint="name another directory"
                ) from error
            yield key, entry
        if whole < len(data):  # the line that was being written when the run was killed
            os.ftruncate(self._descriptor, whole)
