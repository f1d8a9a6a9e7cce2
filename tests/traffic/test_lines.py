"""Bytes, line by line: what Python would split, in bounded memory, up to where a file breaks off."""

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UnreadableInput
from aligntax.traffic import lines as module
from aligntax.traffic.lines import BROKEN, compression_of, encoding_of, head, last_line, lines, open_bytes


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


@given(data=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"x" * 9])), block=st.integers(1, 7))
def test_lines_are_what_split_gives(data: list[bytes], block: int) -> None:
    """Whatever the blocks, the lines are those between newlines, each with its length."""
    whole = b"".join(data)
    expected = whole.split(b"\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = list(lines(io.BytesIO(whole)))
    assert found == [(line, len(line)) for line in (expected if expected[-1] else expected[:-1])]


@given(lengths=st.lists(st.integers(0, 40), max_size=12), block=st.integers(1, 9), closed=st.booleans())
def test_long_lines_keep_a_prefix_and_their_length(lengths: list[int], block: int, closed: bool) -> None:
    """A line over the limit comes as a prefix with its full length; the lines after it are whole."""
    whole = [b"%d" % (n % 10) * length for n, length in enumerate(lengths)]
    data = b"\n".join(whole) + (b"\n" if closed and whole else b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = list(lines(io.BytesIO(data), limit=10))
    if whole and not closed and not whole[-1]:
        whole.pop()
    assert [length for _, length in found] == [len(line) for line in whole]
    for (kept, length), line in zip(found, whole, strict=True):
        assert line.startswith(kept)
        assert kept == line or length > 10
        assert len(kept) <= 10 + block


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["none", "gzip", "zstd"])
def test_compression_is_told_from_the_content(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A file is unpacked by what it is, not by what it is called."""
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(pack(b"one\ntwo\n" * 1000))
    kind = compression_of(path, "log")
    assert head(path, kind, 7) == b"one\ntwo"
    with open_bytes(path, kind) as file:
        assert sum(1 for _ in lines(file)) == 2000


@pytest.mark.parametrize("magic", [b"BZh91AY", b"\xfd7zXZ\x00", b"7z\xbc\xaf'"])
def test_other_compressions_are_named(tmp_path: Path, magic: bytes) -> None:
    """A file packed by another program is refused by that program's name."""
    path = tmp_path / "log"
    path.write_bytes(magic)
    with pytest.raises(UnreadableInput, match="the log: compressed with (bzip2|xz|7-Zip)") as caught:
        compression_of(path, "the log")
    assert "unpack" in caught.value.hint


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_everything_before_a_break_is_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A file that is cut off gives the lines before, then the error."""
    path = tmp_path / "log"
    path.write_bytes(pack(os.urandom(300_000).hex("\n", 50).encode())[:-5000])
    found = []
    with open_bytes(path, compression_of(path, "log")) as file, pytest.raises(BROKEN):
        for line, _ in lines(file):
            found.append(line)
    assert len(found) > 5000
    assert {len(line) for line in found} == {100}
    assert len(head(path, compression_of(path, "log"), 1 << 20)) > 500_000


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", ""),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_encoding(encoding: str, expected: str) -> None:
    """An encoding is told by its mark, or by the zeros between the first characters of JSON."""
    assert encoding_of('{"a": 1}'.encode(encoding)) == expected


@given(data=st.binary(max_size=60))
def test_last_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """The last line and where it begins, in a plain and in a packed file; nothing when a newline ends it."""
    path = tmp_path_factory.getbasetemp() / "last"
    line = data.rpartition(b"\n")[2]
    packs: list[tuple[Any, Callable[[bytes], bytes]]] = [("none", bytes), ("gzip", gzip.compress)]
    for kind, pack in packs:
        path.write_bytes(pack(data))
        assert last_line(path, kind) == (line, len(data) - len(line) if line else 0)
