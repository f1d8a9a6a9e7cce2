"""Tables and flat records: fields guessed or named, in every container, with the types of an exchange."""

import csv
import datetime as dt
import decimal
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aligntax.errors import UnreadableInput, UsageError
from aligntax.records import EXCHANGE
from aligntax.traffic.formats.tabular import FieldMap, guess_fields
from aligntax.traffic.read import Log, Reading


def read(path: Path, *columns: str, **fields: str) -> tuple[list[dict[str, Any]], Reading]:
    log = Log([str(path)], fields=FieldMap(**fields))
    try:
        batches, reading = log.batches(columns or None)
        found = list(batches)
    finally:
        log.close()
    for batch in found:
        assert batch.schema.equals(pa.schema([EXCHANGE.field(name) for name in batch.schema.names]))
    assert reading.records == reading.exchanges + reading.skipped
    return [row for batch in found for row in batch.to_pylist()], reading


def jsonl(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


FULL = {
    "request_id": 7,
    "question": "how?",
    "answer": "so",
    "feature": "help",
    "model_name": "m-1",
    "created_at": "2026-01-02T03:04:05Z",
    "user_id": 12,
    "prompt_tokens": 10,
    "completion_tokens": 20,
    "total_cost": 0.25,
}


@pytest.mark.parametrize("container", ["jsonl", "json", "csv", "parquet"])
def test_every_container_gives_the_same_exchange(tmp_path: Path, container: str) -> None:
    """The same record comes out of JSON lines, an array, CSV and Parquet as the same exchange."""
    path = tmp_path / f"log.{container}"
    if container == "parquet":
        parquet(path, **{key: [value] for key, value in FULL.items()})
    elif container == "csv":
        path.write_text(",".join(FULL) + "\n" + ",".join(map(str, FULL.values())) + "\n", encoding="utf-8")
    else:
        path.write_text(json.dumps(FULL if container == "jsonl" else [FULL]), encoding="utf-8")
    (row,), _ = read(path)
    assert {key: value for key, value in row.items() if value is not None} == {
        "id": "7",
        "prompt": "how?",
        "response": "so",
        "kind": "text",
        "use_case": "help",
        "model_served": "m-1",
        "time": dt.datetime(2026, 1, 2, 3, 4, 5),
        "cluster": "12",
        "tokens_in": 10,
        "tokens_out": 20,
        "cost": 0.25,
    }


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T05:04:05+02:00",
        "2026-01-02 03:04:05",
        1767323045,
        1767323045.0,
        1767323045000,
        1767323045000000000,
        "Fri, 02 Jan 2026 03:04:05 +0000",
        dt.datetime(2026, 1, 2, 3, 4, 5),
        dt.datetime(2026, 1, 2, 5, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ],
    ids=repr,
)
def test_forms_of_time(tmp_path: Path, time: object) -> None:
    """A time in any form that logs use becomes the same UTC time, as text, number or a column of times."""
    (row,), _ = read(parquet(tmp_path / "log", response=["a"], time=[time]), "time")
    assert row["time"] == dt.datetime(2026, 1, 2, 3, 4, 5)


def test_types_of_columns(tmp_path: Path) -> None:
    """Numbers, decimals, categories, bytes and nulls of a Parquet file come as text and numbers."""
    path = parquet(
        tmp_path / "log",
        id=pa.array([1, 2, 3], pa.uint8()),
        response=pa.array([b"caf\xc3\xa9", None, b"\xff"], pa.binary()),
        use_case=pa.array(["a", "b", "c"]).dictionary_encode(),
        tokens_in=pa.array([1.0, 2.0, 3.0]),
        cost=pa.array([decimal.Decimal("1.50")] * 3),
        date=pa.array([dt.date(2026, 1, 2)] * 3),
    )
    (row,), reading = read(path)
    assert (row["id"], row["response"], row["use_case"], row["tokens_in"]) == ("1", "café", "a", 1)
    assert (row["cost"], row["time"]) == (1.5, dt.datetime(2026, 1, 2))
    assert [(problem.unit, problem.line) for problem in reading.problems] == [("record", 2), ("record", 3)]


def test_dotted_paths(tmp_path: Path) -> None:
    """A dotted path leads into objects of JSON, structs of Parquet, and text that holds JSON."""
    nested = {"out": {"text": "hi", "n": 3}, "meta": {"user": {"id": 7}}}
    named = {"response": "out.text", "cluster": "meta.user.id", "tokens_out": "out.n"}
    expected = {"response": "hi", "cluster": "7", "tokens_out": 3}
    as_text = {key: [json.dumps(value)] for key, value in nested.items()}
    rows = [
        read(jsonl(tmp_path / "a", nested), *named, **named)[0],
        read(parquet(tmp_path / "b", **{key: [value] for key, value in nested.items()}), *named, **named)[0],
        read(parquet(tmp_path / "c", **as_text), *named, **named)[0],
    ]
    assert rows == [[expected]] * 3


def test_a_key_with_a_dot_is_a_key(tmp_path: Path) -> None:
    """A path that is the very name of a key or column is not taken apart."""
    flat = {"gen_ai.completion": "hi", "gen_ai": {"completion": "no"}}
    assert read(jsonl(tmp_path / "a", flat), "response", response="gen_ai.completion")[0] == [
        {"response": "hi"}
    ]
    table = parquet(tmp_path / "b", **{"gen_ai.completion": ["hi"]})
    assert read(table, "response", response="gen_ai.completion")[0] == [{"response": "hi"}]


@settings(max_examples=25)
@given(key=st.text(min_size=1, max_size=8).filter(lambda k: "\x00" not in k and k.lower() not in ("id", "r")))
def test_any_key_can_be_named(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    """A key of any characters can be named, at the top and below it."""
    path = tmp_path_factory.getbasetemp() / "keys.jsonl"
    jsonl(path, {key: "top", "r": "x"})
    assert read(path, "prompt", prompt=key, response="r")[0] == [{"prompt": "top"}]
    if "." not in key:
        jsonl(path, {"id": {key: "below"}, "r": "x"})
        assert read(path, "prompt", prompt=f"id.{key}", response="r")[0] == [{"prompt": "below"}]


def test_the_same_field_for_two_purposes(tmp_path: Path) -> None:
    """One field may be named twice, and both a field and what is below it."""
    path = jsonl(tmp_path / "a", {"m": {"u": "x", "v": [1]}, "r": "y"})
    named = {"prompt": "m", "cluster": "m.u", "response": "r", "use_case": "r"}
    expected = {"prompt": '{"u":"x","v":[1]}', "cluster": "x", "response": "y", "use_case": "y"}
    assert read(path, *named, **named)[0] == [expected]
    assert read(path, *named, **dict(reversed(named.items())))[0] == [expected]


def test_a_field_below_one_that_a_format_reads(tmp_path: Path) -> None:
    """A recognised format still finds a field below a key that it reads itself."""
    record = {
        "messages": [{"role": "assistant", "content": "a"}],
        "metadata": {"use_case": "u", "team": {"n": 5}},
    }
    path = jsonl(tmp_path / "a", record)
    assert read(path, "use_case", use_case="metadata.team.n")[0] == [{"use_case": "5"}]
    assert read(path, "use_case", "cluster", cluster="metadata.team.n")[0] == [
        {"use_case": "u", "cluster": "5"}
    ]


def test_keys_that_differ_by_case_alone(tmp_path: Path) -> None:
    """Upper and lower case are different keys; two at once cannot be read, which is said."""
    path = jsonl(tmp_path / "a", {"Text": "upper", "text": "lower", "response": "r"})
    assert read(path, "prompt", prompt="Text")[0] == [{"prompt": "upper"}]
    assert read(path, "prompt", prompt="text")[0] == [{"prompt": "lower"}]
    with pytest.raises(UsageError, match="differ by case alone"):
        read(path, "prompt", prompt="Text", system="text")


def test_a_field_that_is_not_there(tmp_path: Path) -> None:
    """A named field that is not there is an error with the option and the fields that are there."""
    for path in (
        jsonl(tmp_path / "a", {"response": "r", "m": {"n": 1}}),
        parquet(tmp_path / "b", response=["r"], m=[1]),
    ):
        with pytest.raises(UsageError, match=r"no field 'nope' \(--use-case-field\)") as caught:
            read(path, use_case="nope")
        assert "response, m" in caught.value.hint
    with pytest.raises(UsageError, match=r"no field 'm.x'"):
        read(tmp_path / "a", use_case="m.x")


def test_empty_text_is_an_answer_and_empty_cells_are_nothing(tmp_path: Path) -> None:
    """An empty response is an empty response; an empty id, time or use case is none."""
    path = tmp_path / "log.csv"
    path.write_text("id,use_case,prompt,response,time\n,,,,\n", encoding="utf-8")
    (row,), _ = read(path, "id", "use_case", "prompt", "response", "time")
    assert row == {"id": f"{path}:1", "use_case": None, "prompt": "", "response": "", "time": None}


CSV_CAUSES = [
    (b"2,c", "2 fields, where the header has 3"),
    (b"2,c,d,e", "4 fields, where the header has 3"),
    (b'2,"c"x,d', "text after a closing quote"),
    (b"2,caf\xe9,d", "not UTF-8"),
]


@pytest.mark.parametrize(("row", "cause"), CSV_CAUSES, ids=lambda value: repr(value))
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_broken_csv_rows_are_located(tmp_path: Path, row: bytes, cause: str, ending: bytes) -> None:
    """A broken CSV row is a skip at its line of the file; quoted newlines before it count."""
    path = tmp_path / "log.csv"
    path.write_bytes(
        ending.join([b"id,prompt,response", b'1,"a' + ending + b'b",c', b"", row, b"3,e,f", b""])
    )
    rows, reading = read(path, "id")
    assert [r["id"] for r in rows] == ["1", "3"]
    (problem,) = reading.problems
    assert problem.line == 5
    assert cause in problem.cause


def test_csv_of_mixed_line_endings(tmp_path: Path) -> None:
    """A CSV file joined from Windows and elsewhere, which DuckDB refuses, is read all the same."""
    path = tmp_path / "log.csv"
    path.write_bytes(b'id,prompt,response\r\n1,a,b\n2,c,d\r\n3,e\n4,"x\ny",z\n')
    rows, reading = read(path, "id", "prompt")
    assert [tuple(row.values()) for row in rows] == [("1", "a"), ("2", "c"), ("4", "x\ny")]
    assert [problem.line for problem in reading.problems] == [4]


def test_csv_that_breaks_off_after_many_rows(tmp_path: Path) -> None:
    """Where DuckDB gives up on a CSV file after rows have been drawn, none comes twice and none is lost."""
    path = tmp_path / "log.csv"
    rows = [b"%d,a,b\r\n" % n for n in range(150_000)]
    rows[10], rows[149_000] = b"ragged\r\n", b"149000,a,b\n"
    path.write_bytes(b"id,prompt,response\r\n" + b"".join(rows) + b"x,y\n")
    found, reading = read(path, "id")
    assert [row["id"] for row in found] == [str(n) for n in range(150_000) if n != 10]
    assert [problem.line for problem in reading.problems] == [12, 150_002]


def test_a_quote_left_open_says_what_it_takes(tmp_path: Path) -> None:
    """A quote that is never closed is one skip that tells how many lines went with it."""
    path = tmp_path / "log.csv"
    path.write_bytes(b"id,prompt,response\n1,a,b\n" + b'2,"c,d\n' + b"3,e,f\n" * 50)
    rows, reading = read(path, "id")
    assert (len(rows), reading.skipped) == (1, 1)
    assert "takes 50 more lines" in reading.problems[0].cause


def test_csv_without_rows(tmp_path: Path) -> None:
    """A header without rows is an error, with or without a newline."""
    path = tmp_path / "log.csv"
    for text in (b"id,prompt,response", b"id,prompt,response\n"):
        path.write_bytes(text)
        with pytest.raises(UnreadableInput, match="there is no exchange in it"):
            read(path)


cell = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)


@settings(max_examples=25)
@given(rows=st.lists(st.tuples(cell, cell), min_size=1, max_size=20), delimiter=st.sampled_from(",;\t|"))
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    """Any text survives a CSV file: quotes, delimiters and newlines in it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("id", "prompt", "response"), *(("1", *row) for row in rows)])
    path = tmp_path_factory.getbasetemp() / "round.csv"
    path.write_bytes(out.getvalue().encode())
    found, _ = read(path, "prompt", "response")
    assert [tuple(row.values()) for row in found] == rows


def test_parquet_that_breaks_off(tmp_path: Path) -> None:
    """Records of a damaged Parquet file that cannot be read are counted from its own count."""
    path = tmp_path / "log"
    pq.write_table(pa.table({"response": [str(n) * 20 for n in range(600_000)]}), path, row_group_size=50_000)
    page = pq.read_metadata(path).row_group(9).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[page : page + 4000] = bytes(4000)
    path.write_bytes(data)
    _, reading = read(path, "response")
    assert reading.records == 600_000
    assert reading.exchanges <= 450_000
    assert "breaks off here" in reading.problems[0].cause


def test_guesses() -> None:
    """Fields are guessed by name in any case, each taken once; the first of a kind wins."""
    guessed = guess_fields(["ID", "Instruction", "output", "category", "usage.prompt_tokens"])
    assert guessed.chosen() == {
        "id": "ID",
        "prompt": "Instruction",
        "response": "output",
        "use_case": "category",
        "tokens_in": "usage.prompt_tokens",
    }
