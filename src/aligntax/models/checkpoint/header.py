"""The header of a safetensors file: which tensor lies where. Checked before any byte of weights is read.

The safetensors library keeps a file mapped as a whole and writes a file as a whole; a merge has to let go of
what it has read and to write what does not fit into memory, so header and offsets are read here.

Source: the safetensors format, https://github.com/huggingface/safetensors#format.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch

from aligntax.errors import UnreadableInput

__all__ = ["DTYPES", "Entry", "Header", "header_bytes", "read_header"]

DTYPES: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""The format's names of number types."""

_LONGEST_HEADER = 100_000_000  # bytes; the format's own limit


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor and where its bytes are.

    Attributes:
        name: of the parameter.
        dtype: as stored.
        shape: of the tensor.
        file: that holds it.
        start: offset of its first byte in the file.
        end: offset after its last.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    file: Path
    start: int
    end: int

    @property
    def count(self) -> int:
        """Numbers in it."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    Attributes:
        entries: its tensors in the order of their bytes.
        metadata: free text pairs, usually {"format": "pt"}.
    """

    entries: tuple[Entry, ...]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """Reads and checks the header of a safetensors file.

    Raises:
        UnreadableInput: no safetensors file, cut short, or offsets that do not fit the shapes.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            text = file.read(min(length, _LONGEST_HEADER))
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if size < 8 + length or length > _LONGEST_HEADER or not text.startswith(b"{"):
        raise UnreadableInput(
            f"{path}: no safetensors header in its {size:,} bytes",
            hint="the file is cut short or of another kind; download it again",
        )
    try:
        contents = json.loads(text)
        metadata = contents.pop("__metadata__", None) or {}
        entries = [_entry(name, found, path, 8 + length) for name, found in contents.items()]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableInput(f"{path}: a broken safetensors header: {error!r}") from error
    entries.sort(key=lambda entry: (entry.start, entry.end))
    _check_offsets(path, entries, 8 + length, size)
    return Header(tuple(entries), metadata)


def header_bytes(
    entries: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], metadata: Mapping[str, str]
) -> bytes:
    """The header of a file that holds these tensors one after the other, padded to eight bytes."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    contents: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    start = 0
    for name, (dtype, shape) in entries.items():
        end = start + prod(shape) * dtype.itemsize
        contents[name] = {"dtype": names[dtype], "shape": list(shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(contents, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _entry(name: str, found: Mapping[str, Any], path: Path, data: int) -> Entry:
    start, end = found["data_offsets"]
    if found["dtype"] not in DTYPES:
        raise ValueError(f"{name} has the unknown type {found['dtype']}")
    shape = tuple(int(length) for length in found["shape"])
    return Entry(name, DTYPES[found["dtype"]], shape, path, data + int(start), data + int(end))


def _check_offsets(path: Path, entries: list[Entry], data: int, size: int) -> None:
    at = data
    for entry in entries:
        if entry.start != at or entry.end - entry.start != entry.count * entry.dtype.itemsize:
            raise UnreadableInput(f"{path}: {entry.name}: its bytes do not fit its shape {list(entry.shape)}")
        at = entry.end
    if at > size:
        first = next(entry.name for entry in entries if entry.end > size)
        raise UnreadableInput(
            f"{path}: cut short: {size:,} bytes of {at:,}; {first} is the first tensor that is not whole",
            hint="download or copy the file again",
        )
    if at < size:
        raise UnreadableInput(
            f"{path}: {size - at:,} bytes after the last tensor", hint="is the file damaged?"
        )
