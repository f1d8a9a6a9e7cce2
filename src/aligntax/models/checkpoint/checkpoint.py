"""A checkpoint: its tensors by name, over one file or many, in memory only while they are looked at."""

import json
import mmap
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from aligntax.errors import MissingExtra, UnreadableInput
from aligntax.models.checkpoint.header import Entry, read_header

__all__ = ["INDEX", "SINGLE", "Checkpoint", "open_checkpoint", "opened", "resolve"]

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_WANTED = ("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja")


class Checkpoint:
    """The weights of a model on disk.

    Opening reads headers only. `tensor` gives a view of the mapped file: nothing is copied, and pages come in
    when numbers are looked at. Close it, or use it in a `with` statement, to let the files go.

    Attributes:
        name: what the caller opened.
        directory: where it is.
        entries: tensor name -> where it is, file after file in the order of the bytes.
        files: the safetensors files, in order.
        metadata: of the first file.
    """

    def __init__(
        self, name: str, directory: Path, files: list[Path], *, expected: Mapping[str, str] | None
    ) -> None:
        self.name = name
        self.directory = directory
        self.files = tuple(files)
        headers = {path: read_header(path) for path in files}
        self.metadata = dict(headers[files[0]].metadata)
        self.entries: dict[str, Entry] = {}
        for header in headers.values():
            for entry in header.entries:
                if entry.name in self.entries:
                    other = self.entries[entry.name].file.name
                    raise UnreadableInput(f"{name}: {entry.name} stands in {other} and in {entry.file.name}")
                self.entries[entry.name] = entry
        if expected is not None:
            _check_index(name, self.entries, expected)
        self._maps: dict[Path, mmap.mmap] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors."""
        return tuple(self.entries)

    def entry(self, name: str) -> Entry:
        """Where a tensor is; an UnreadableInput if there is none of this name."""
        try:
            return self.entries[name]
        except KeyError:
            raise UnreadableInput(f"{self.name}: no tensor {name}") from None

    def tensor(self, name: str) -> torch.Tensor:
        """A tensor, as a view of the mapped file; what is written to it never reaches the file."""
        entry = self.entry(name)
        return self.numbers(entry, 0, entry.count).view(entry.shape)

    def numbers(self, entry: Entry, first: int, last: int) -> torch.Tensor:
        """(last - first,) numbers of a tensor, counted in the order they are stored."""
        width = entry.dtype.itemsize
        if first == last:
            return torch.empty(0, dtype=entry.dtype)
        start = entry.start + first * width
        mapped = self._mapped(entry.file)
        if start % width:  # numbers across word boundaries cannot be viewed
            copy = bytearray(mapped[start : start + (last - first) * width])
            return torch.frombuffer(copy, dtype=entry.dtype)
        return torch.frombuffer(mapped, dtype=entry.dtype, count=last - first, offset=start)

    def release(self, entry: Entry, first: int, last: int) -> None:
        """Gives the memory of numbers that have been looked at back to the system; the view stays valid."""
        page = mmap.PAGESIZE
        start = (entry.start + first * entry.dtype.itemsize) // page * page
        end = (entry.start + last * entry.dtype.itemsize) // page * page
        if end > start and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped(entry.file).madvise(mmap.MADV_DONTNEED, start, end - start)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """`config.json`, or nothing where there is none."""
        path = self.directory / "config.json"
        if not path.exists():
            return {}
        return _read_json(path)

    def close(self) -> None:
        """Forgets the mapped files; views that are still held keep theirs."""
        self._maps.clear()

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _mapped(self, path: Path) -> mmap.mmap:
        if path not in self._maps:
            with path.open("rb") as file:
                # private: torch wants memory it may write to, and the file must never be written to
                self._maps[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return self._maps[path]


def open_checkpoint(name: str | Path) -> Checkpoint:
    """Opens a checkpoint.

    Args:
        name: a directory with `model.safetensors` or its index, a .safetensors file, or a Hub id
            ("owner/model", "owner/model@revision").

    Raises:
        UnreadableInput: nothing there, a pickle, a missing shard, an index that does not fit, a file that is
            cut short.
        MissingExtra: a Hub id without huggingface_hub.
    """
    path = resolve(name)
    if path.is_file():
        _refuse_pickle(path, [path] if path.suffix != ".safetensors" else [])
        return Checkpoint(str(name), path.parent, [path], expected=None)
    index = path / INDEX
    if index.exists():
        expected = _weight_map(index)
        files = [path / file for file in dict.fromkeys(sorted(expected.values()))]
        if missing := [file.name for file in files if not file.exists()]:
            raise UnreadableInput(
                f"{index}: names {missing[0]}, which is not there "
                f"({len(missing)} of {len(files)} files missing)",
                hint="download the missing files",
            )
        return Checkpoint(str(name), path, files, expected=expected)
    if (path / SINGLE).exists():
        return Checkpoint(str(name), path, [path / SINGLE], expected=None)
    _refuse_pickle(path, [found for pattern in _PICKLES for found in sorted(path.glob(pattern))])
    shards = sorted(path.glob("*.safetensors"))
    if len(shards) == 1:
        return Checkpoint(str(name), path, shards, expected=None)
    cause = f"{len(shards)} safetensors files and no {INDEX}" if shards else "no safetensors file"
    raise UnreadableInput(f"{path}: {cause}", hint="is this the directory of a checkpoint?")


def resolve(name: str | Path) -> Path:
    """Where a checkpoint is on this machine; from the Hub weights and settings are downloaded, nothing else.

    Raises:
        UnreadableInput: neither a path nor a Hub id that can be reached.
    """
    path = Path(name)
    if path.exists():
        return path
    if not _HUB_ID.fullmatch(str(name)):
        raise UnreadableInput(
            f"{name}: no such file or directory", hint="a path or a Hub id such as owner/model"
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "weights") from error
    repository, _, revision = str(name).partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(_WANTED)))
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise UnreadableInput(
            f"{name}: no such directory, and the Hub gave none: {first}",
            hint="check the name, the network and the login",
        ) from error


@contextmanager
def opened(*names: str | Path) -> Iterator[tuple[Checkpoint, ...]]:
    """Opens several checkpoints and closes them together."""
    checkpoints = tuple(open_checkpoint(name) for name in names)
    try:
        yield checkpoints
    finally:
        for checkpoint in checkpoints:
            checkpoint.close()


def _weight_map(index: Path) -> dict[str, str]:
    found = _read_json(index).get("weight_map")
    if not isinstance(found, dict) or not found:
        raise UnreadableInput(f"{index}: no weight_map in it")
    for name, file in found.items():
        if not isinstance(file, str) or "/" in file or "\\" in file:
            raise UnreadableInput(f"{index}: {name}: {file!r} is not the name of a file beside it")
    return found


def _check_index(name: str, entries: Mapping[str, Entry], expected: Mapping[str, str]) -> None:
    for tensor, file in expected.items():
        if tensor not in entries or entries[tensor].file.name != file:
            raise UnreadableInput(f"{name}: the index places {tensor} in {file}, which does not hold it")
    if unnamed := [tensor for tensor in entries if tensor not in expected]:
        raise UnreadableInput(
            f"{name}: the index lacks {unnamed[0]}, which {entries[unnamed[0]].file.name} holds "
            f"({len(unnamed):,} tensors in all)"
        )


def _refuse_pickle(path: Path, pickles: list[Path]) -> None:
    if pickles:
        source = path if path.is_dir() else path.parent
        command = (
            f"from transformers import AutoModelForCausalLM as M; "
            f"M.from_pretrained({str(source)!r}).save_pretrained({str(source) + '-safetensors'!r})"
        )
        raise UnreadableInput(
            f"{pickles[0]}: a pickle, which can run any code when it is loaded; only safetensors are read",
            hint=f'where you trust it, convert it: python -c "{command}"',
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{path}: cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UnreadableInput(f"{path}: not an object")
    return found
