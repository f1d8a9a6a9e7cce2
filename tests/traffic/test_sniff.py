"""Sniffing: container, compression and format are told from the content, or a person is told why not."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aligntax.errors import AligntaxError, UnknownFormat, UnreadableInput
from aligntax.traffic.formats import FORMATS
from aligntax.traffic.formats.tabular import FieldMap
from aligntax.traffic.read import describe
from aligntax.traffic.sniff import LogFile, sniff
from timing import ratio_within, within

ROW = {"id": "1", "prompt": "how?", "response": "so"}
GOLDEN = Path(__file__).parents[1] / "golden"


def sniffed(tmp_path: Path, data: bytes | str, *, choice: str | None = None, **fields: str) -> LogFile:
    path = tmp_path / "log"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return sniff(path, name="the log", choice=choice, fields=FieldMap(**fields))


@pytest.mark.parametrize(
    ("text", "container"),
    [
        (json.dumps(ROW), "ndjson"),
        (json.dumps(ROW) + "\n" + json.dumps(ROW), "ndjson"),
        ("\n\n  " + json.dumps(ROW), "ndjson"),
        ("garbage, in front\n" + json.dumps(ROW) + "\n" + json.dumps(ROW), "ndjson"),
        ('{"id": "cut o\n' + json.dumps(ROW), "ndjson"),
        ('{"a": 1}{"a": 2}\n' + json.dumps(ROW), "ndjson"),
        ("[" + json.dumps(ROW) + "]", "array"),
        (json.dumps([ROW], indent=2), "array"),
        ("[2026-01-01] started\n" + json.dumps(ROW), "ndjson"),
        (json.dumps(ROW, indent=2), "object"),
        (json.dumps(ROW, indent=2) + "\n" + json.dumps(ROW, indent=2), "object"),
        ('{ "id": "1",\n  "response": "so" }', "object"),
        ("id,prompt,response\n1,a,b\n", "csv"),
        ("id;prompt;response\n1;a;b\n", "csv"),
        ("id\tprompt\tresponse\n1\ta\tb\n", "csv"),
        ('"id","the prompt","response"\n1,a,b\n', "csv"),
        (",prompt,response\n0,a,b\n", "csv"),
    ],
    ids=repr,
)
def test_container(tmp_path: Path, text: str, container: str) -> None:
    """How records are laid out is told from the first lines, broken ones among them."""
    file = sniffed(tmp_path, text)
    assert (file.container, file.format.name) == (container, "tabular")


@pytest.mark.parametrize("directory", sorted(GOLDEN.glob("*")), ids=lambda d: d.name)
def test_every_format_is_recognised(directory: Path) -> None:
    """Each golden log is told for its format, and the decision is one line for a person."""
    (path, *_) = sorted(directory.glob("input*"))
    file = sniff(path, name="x", choice=None, fields=FieldMap())
    assert file.format.name == directory.name
    assert describe(file) == f"x: {directory.name}"


def test_the_decision_names_fields_container_and_compression(tmp_path: Path) -> None:
    """What is printed on a table says which field is taken for what."""
    file = sniffed(tmp_path, gzip.compress(b"question,answer\na,b\n"))
    assert describe(file) == "the log: tabular (prompt = question, response = answer), csv, gzip"


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "the file is empty"),
        (b" \n\n \n", "nothing but blank lines"),
        (gzip.compress(b"", mtime=0), "empty, or damaged at its beginning"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a binary file"),
        (b"once upon a time", "line 1: neither JSON nor a table"),
        (b"PAR1 and no more", "not a readable Parquet file"),
        (b'{"id": "1"', "line 1: no JSON object to begin with: expecting"),
        (b'{"a":1}{"b":2}', "line 1: no JSON object to begin with: extra data"),
        (b"[" * 100_000, "line 1: "),
        (b"id,amount\n1,2\n", "no field holds the model's response"),
        (b'{"amount": 3}', "no field holds the model's response"),
        (b'"' * 200_000 + b",b\n", "line 1: "),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_is_no_log_is_refused(tmp_path: Path, data: bytes, cause: str) -> None:
    """What cannot be read is refused with the file, the cause and a hint."""
    with pytest.raises(AligntaxError) as caught:
        sniffed(tmp_path, data)
    assert caught.value.message.startswith("the log")
    assert cause in caught.value.message
    assert caught.value.hint


def test_a_chosen_format_is_taken(tmp_path: Path) -> None:
    """--format overrides what the content suggests, and an unknown one is refused with the known ones."""
    chat = json.dumps({"messages": [{"role": "assistant", "content": "a"}], "response": "r"})
    assert sniffed(tmp_path, chat, choice="anthropic").format.name == "anthropic"
    assert sniffed(tmp_path, chat, choice="tabular").format.name == "tabular"
    with pytest.raises(UnknownFormat, match="no format is called 'nope'") as caught:
        sniffed(tmp_path, chat, choice="nope")
    assert all(log_format.name in caught.value.hint for log_format in FORMATS)


def test_a_chosen_format_must_fit_the_container(tmp_path: Path) -> None:
    """A table is not read as JSON because somebody says so."""
    with pytest.raises(UnknownFormat, match="a CSV table, not openai-chat") as caught:
        sniffed(tmp_path, "id,response\n1,a\n", choice="openai-chat")
    assert "--format" in caught.value.hint
    with pytest.raises(UnknownFormat, match="no format is called 'nope'"):
        sniffed(tmp_path, "id,response\n1,a\n", choice="nope")


def test_a_single_column_needs_to_be_called_a_table(tmp_path: Path) -> None:
    """Lines of text with a header are a table only when --format says so."""
    text = "response\nhello\nyou\n"
    assert sniffed(tmp_path, text, choice="tabular").columns == ("response",)
    with pytest.raises(UnknownFormat):
        sniffed(tmp_path, text)


def test_column_names_are_made_different(tmp_path: Path) -> None:
    """Columns without a name, or with the name of another in any case, get one of their own."""
    file = sniffed(tmp_path, ",response,Response,response,response_1\n0,a,b,c,d\n")
    assert file.columns == ("column0", "response", "Response_1", "response_2", "response_1_1")


def test_first_record_longer_than_what_is_looked_at(tmp_path: Path) -> None:
    """A record of megabytes at the beginning does not hide the container."""
    long = {**ROW, "response": "x" * 3_000_000}
    for text, container in (
        (json.dumps([long, ROW]), "array"),
        (json.dumps(long, indent=2), "object"),
        (json.dumps(long), "ndjson"),
    ):
        assert sniffed(tmp_path, text).container == container


def test_sniffing_is_quick(tmp_path: Path) -> None:
    """The time to sniff an array grows no faster than what is looked at, which is the beginning."""
    for name, times in (("whole", 1), ("longer", 8)):
        text = "[" + ",".join([json.dumps(ROW)] * 30_000 * times) + "]"
        (tmp_path / name).write_text(text, "utf-8")

    def looked_at(name: str) -> Callable[[], object]:
        return lambda: sniff(tmp_path / name, name="the log", choice=None, fields=FieldMap())

    assert within(1, looked_at("whole"))
    assert ratio_within(3, looked_at("longer"), looked_at("whole"))


@pytest.mark.parametrize("text", ['{"a":1,"response":"x","a":2}', '[{"response":{"b":1,"b":2}}]'])
def test_a_key_named_twice_is_seen(tmp_path: Path, text: str) -> None:
    """A key named twice in one of the first records is seen, in it or below it."""
    assert sniffed(tmp_path, text).duplicate_keys
    assert not sniffed(tmp_path, json.dumps(ROW)).duplicate_keys


def test_fields_that_are_absent_are_told(tmp_path: Path) -> None:
    """A recognised format remembers which named fields its first records do not have."""
    record: dict[str, Any] = {"messages": [{"role": "assistant", "content": "a"}], "m": {"n": {"o": 1}}}
    file = sniffed(tmp_path, json.dumps(record), use_case="m.n.o", cluster="m.n.p", model="q")
    assert (file.format.name, file.absent) == ("openai-chat", ("q", "m.n.p"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is an error with its name."""
    with pytest.raises(UnreadableInput, match="the log: no such file or directory"):
        sniff(tmp_path / "none", name="the log", choice=None, fields=FieldMap())
