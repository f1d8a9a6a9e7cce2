"""Merging as a stream: a stretch of numbers at a time from every model, mixed, checked, written and hashed.

Memory holds a few stretches whatever the size of the checkpoint. Workers mix and write; the caller's thread
hashes what they wrote, in order, while they go on.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from queue import SimpleQueue
from threading import Lock
from typing import Any

import torch
import xxhash

from aligntax.errors import UnreadableInput
from aligntax.mitigations.merging.matching import Part
from aligntax.mitigations.merging.method import Chunk, Method
from aligntax.models.checkpoint.numbers import CHUNK, Numbers, Stored
from aligntax.models.checkpoint.provenance import stretch_digest
from aligntax.models.checkpoint.writing import Digest, Partial, Shard, Written

__all__ = ["Told", "merge", "merge_into", "merged_tensor"]

_AHEAD = 4
_THREADS = 8  # writing is one at a time, and keeps up with no more
_MIXED = 1 << 18  # numbers mixed at a time: what a method works out on the way stays in the cache
_WRITTEN = 1 << 18  # bytes written at a time: for larger pieces the system looks long for larger free blocks
Told = Callable[[int], None]
"""Told how many bytes have been written."""


@dataclass(frozen=True, slots=True)
class _Task:
    part: Part
    surveyed: Any
    first: int
    last: int
    offset: int


def merge(
    parts: Sequence[Part],
    method: Method,
    shards: Sequence[Shard],
    partial: Partial,
    told: Told,
    *,
    sha256: bool = False,
) -> None:
    """Writes the merged weights into the partial checkpoint, file by file.

    Args:
        parts: every tensor of the merged model.
        method: how they are mixed.
        shards: which file holds which.
        partial: where they go; files that are finished there are left alone.
        told: called with the bytes of each stretch that has been written.
        sha256: also take each file's SHA-256, which takes longer than the merge.

    Raises:
        UnreadableInput: a model holds a number that is not finite; names tensor and model.
        UnwritableOutput: the disk is full, or not to be written to.
    """
    named = {part.place.name: part for part in parts}
    threads = min(_THREADS, os.cpu_count() or 1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # each worker is a thread of its own
    try:
        with ThreadPoolExecutor(threads) as pool:
            for shard in shards:
                if shard.file in partial.finished:
                    told(partial.finished[shard.file].size)
                    continue
                held = [named[name] for name in shard.tensors]
                hashes = _Hashes(shard.header, sha256)
                with partial.writing(shard) as (descriptor, start):
                    widest = max((part.dtype.itemsize for part in held), default=1)
                    worker = _Worker(method, descriptor, threads + _AHEAD, widest)
                    for done in _in_order(pool, _tasks(held, method, start), worker, threads + _AHEAD - 1):
                        hashes.add(done)
                        told(len(done.view))
                        worker.give_back(done.view)
                partial.finish_file(hashes.written(shard, held))
    finally:
        torch.set_num_threads(before)


def merged_tensor(part: Part, method: Method) -> torch.Tensor:
    """One merged tensor in memory, of the part's type and shape: the same numbers that `merge` writes."""
    out = torch.empty(prod(part.place.shape), dtype=part.dtype)
    merge_into(part, method, out)
    return out.view(part.place.shape)


def merge_into(part: Part, method: Method, out: torch.Tensor) -> None:
    """Writes a merged tensor's numbers to `out`, (numbers,) of any floating type, a stretch at a time."""
    surveyed = _surveyed(part, method)
    for first, last in _stretches(prod(part.place.shape)):
        _mix(part, method, surveyed, first, last, out[first:last])
        for numbers in (part.pre, *part.aligned):
            numbers.release(first, last)


@dataclass(frozen=True, slots=True)
class _Done:
    """A stretch that has been written, and a digest of what each model gave for it."""

    task: _Task
    view: memoryview
    read: tuple[bytes, ...]


class _Hashes:
    """Of a file as it is written, and of what was read for it, stretch after stretch in order."""

    def __init__(self, header: bytes, sha256: bool) -> None:
        self._whole: list[Digest] = [xxhash.xxh3_128(header)]
        if sha256:
            self._whole.append(hashlib.sha256(header))
        self._read: dict[str, list[Digest]] = {}

    def add(self, done: _Done) -> None:
        """One more stretch."""
        for digest in self._whole:
            digest.update(done.view)
        name = done.task.part.place.name
        models = self._read.setdefault(name, [xxhash.xxh3_128() for _ in done.read])
        for digest, stretch in zip(models, done.read, strict=True):
            digest.update(stretch)

    def written(self, shard: Shard, parts: Sequence[Part]) -> Written:
        """The file, when all of it is there."""
        read = {}
        for part in parts:
            sources = (part.pre, *part.aligned)
            models = self._read.get(part.place.name, [xxhash.xxh3_128() for _ in sources])
            pairs = zip(models, sources, strict=True)
            read[part.place.name] = [d.hexdigest() if isinstance(s, Stored) else "" for d, s in pairs]
        xxh3, sha256 = (*(digest.hexdigest() for digest in self._whole), "")[:2]
        return Written(shard.file, shard.size, xxh3, sha256, read)


class _Worker:
    """Mixes a stretch into a buffer and writes it; buffers go round."""

    def __init__(self, method: Method, descriptor: int, buffers: int, widest: int) -> None:
        self._method = method
        self._descriptor = descriptor
        self._turn = Lock()
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(buffers):
            self._free.put(bytearray(CHUNK * widest))

    def give_back(self, view: memoryview) -> None:
        self._free.put(view.obj)  # type: ignore[arg-type]

    def __call__(self, task: _Task) -> _Done:
        buffer = self._free.get()
        count = task.last - task.first
        view = memoryview(buffer)[: count * task.part.dtype.itemsize]
        out = torch.frombuffer(buffer, dtype=task.part.dtype, count=count)
        _mix(task.part, self._method, task.surveyed, task.first, task.last, out)
        read = tuple(_digest(numbers, task) for numbers in (task.part.pre, *task.part.aligned))
        for numbers in (task.part.pre, *task.part.aligned):
            numbers.release(task.first, task.last)
        with self._turn:  # two threads that write to one file spin on its lock
            written = 0
            while written < len(view):
                piece = view[written : written + _WRITTEN]
                written += os.pwrite(self._descriptor, piece, task.offset + written)
        return _Done(task, view, read)


def _digest(numbers: Numbers, task: _Task) -> bytes:
    """Of the stretch as it is stored, while it is in the processor's cache; empty where it is worked out."""
    if not isinstance(numbers, Stored):
        return b""
    return stretch_digest(numbers.read(task.first, task.last))


def _in_order(
    pool: ThreadPoolExecutor, tasks: Iterator[_Task], worker: _Worker, ahead: int
) -> Iterator[_Done]:
    pending = deque[Future[_Done]]()
    try:
        for task in tasks:
            pending.append(pool.submit(worker, task))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _tasks(parts: Sequence[Part], method: Method, offset: int) -> Iterator[_Task]:
    for part in parts:
        surveyed = _surveyed(part, method)
        for first, last in _stretches(prod(part.place.shape)):
            yield _Task(part, surveyed, first, last, offset)
            offset += (last - first) * part.dtype.itemsize


def _stretches(count: int) -> Iterator[tuple[int, int]]:
    return pairwise([*range(0, count, CHUNK), count])


def _surveyed(part: Part, method: Method) -> Any:  # noqa: ANN401 - the method's own
    if not part.mixed or method.pre_share(part.place) is not None:
        return None

    def chunks() -> Iterator[Chunk]:
        for first, last in _stretches(prod(part.place.shape)):
            yield _chunk(part, first, last)
            for numbers in (part.pre, *part.aligned):
                numbers.release(first, last)

    return method.survey(part.place, chunks)


def _chunk(part: Part, first: int, last: int) -> Chunk:
    return Chunk(
        first, part.pre.read(first, last), tuple(numbers.read(first, last) for numbers in part.aligned)
    )


def _mix(part: Part, method: Method, surveyed: Any, first: int, last: int, out: torch.Tensor) -> None:  # noqa: ANN401
    share = method.pre_share(part.place) if part.mixed else 0.0
    if share in (0, 1):
        out.copy_((part.pre if share else part.aligned[0]).read(first, last))
    else:
        for start in range(first, last, _MIXED):
            end = min(start + _MIXED, last)
            method.mix(part.place, _chunk(part, start, end), surveyed, out[start - first : end - first])
    if part.mixed and not _finite(out):
        raise UnreadableInput(
            _not_finite(part, first, last), hint="was the checkpoint damaged, or the training?"
        )


def _finite(numbers: torch.Tensor) -> bool:
    if not len(numbers):
        return True
    low, high = torch.aminmax(numbers)  # both are nan if any number is
    return bool(torch.isfinite(low) & torch.isfinite(high))


def _not_finite(part: Part, first: int, last: int) -> str:
    sources: tuple[Numbers, ...] = (part.pre, *part.aligned)
    for which, numbers in enumerate(sources):
        found = torch.nonzero(~torch.isfinite(numbers.read(first, last)))
        if len(found):
            model = "the pre-alignment model" if which == 0 else f"aligned model {which}"
            at = first + int(found[0])
            value = float(numbers.read(at, at + 1)[0])
            return f"{part.place.name}: number {at:,} of {model} is {value}"
    return f"{part.place.name}: a merged number beyond what {part.dtype} holds"
