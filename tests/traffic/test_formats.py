"""Each importer against logs written by hand, and the promises all of them make."""

import hashlib
import json
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aligntax.errors import UnreadableInput
from aligntax.extension_points import LogFormat
from aligntax.records import EXCHANGE
from aligntax.traffic.formats import FORMATS
from aligntax.traffic.formats.inspect import unpack
from aligntax.traffic.projection import DUCKDB_TYPES, projection_sql, quoted

GOLDEN = Path(__file__).parent.parent / "golden"
BY_NAME: Mapping[str, LogFormat] = {log_format.name: log_format for log_format in FORMATS}
LINE_FORMATS = [name for name in BY_NAME if name != "inspect"]

Row = dict[str, Any]


def query(log_format: LogFormat, path: Path, layout: str) -> str:
    """The SQL by which the reader draws exchanges from a file."""
    types = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in log_format.columns.items())
    log = (
        f"SELECT * FROM read_json({quoted(str(path))}, format={quoted(layout)}, columns={{{types}}}, "
        "records=true, ignore_errors=true)"
    )
    return f"WITH log AS ({log}) {projection_sql(log_format, EXCHANGE.names, {})}"


def connect() -> duckdb.DuckDBPyConnection:
    """DuckDB as the reader sets it up."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read(log_format: LogFormat, path: Path, layout: str = "newline_delimited") -> list[Row]:
    """Exchanges without their nulls; what cannot be used as `{"usable": False}`."""
    with connect() as connection:
        cursor = connection.execute(query(log_format, path, layout))
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    return [_plain(row) if row.pop("usable") else {"usable": False} for row in rows]


def _plain(row: Row) -> Row:
    kept = {name: value for name, value in row.items() if value is not None}
    return kept | ({"time": kept["time"].isoformat()} if "time" in kept else {})


def lines_of(name: str, directory: Path) -> Path:
    """The golden input as JSON lines, unpacked first where the format asks for it."""
    if name != "inspect":
        return GOLDEN / name / "input.jsonl"
    path = directory / "unpacked.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in unpack(GOLDEN / name / "input.json")))
    return path


def records_of(path: Path) -> list[Row]:
    """The records that are JSON."""
    parsed = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            parsed.append(json.loads(line))
        except ValueError:
            continue
    return parsed


def expected(name: str) -> list[Row]:
    """What the golden input has to become."""
    rows: list[Row] = json.loads((GOLDEN / name / "expected.json").read_text(encoding="utf-8"))
    return rows


@pytest.mark.parametrize("name", BY_NAME)
def test_golden_input_becomes_the_expected_exchanges(name: str, tmp_path: Path) -> None:
    """A log of this format becomes exactly these exchanges, in this order."""
    assert read(BY_NAME[name], lines_of(name, tmp_path)) == expected(name)


def test_every_golden_folder_is_read_by_a_format() -> None:
    """No golden log is forgotten, and no format is without one."""
    folders = {path.parent.name for path in GOLDEN.glob("*/expected.json")}
    assert folders == set(BY_NAME)


@pytest.mark.parametrize("name", BY_NAME)
def test_exactly_one_format_claims_a_log(name: str, tmp_path: Path) -> None:
    """No log is taken for another format's, whatever the order in which formats are tried."""
    records = records_of(lines_of(name, tmp_path))
    assert [f.name for f in FORMATS if f.recognises(records)] == [name]


@pytest.mark.parametrize("name", BY_NAME)
def test_no_single_record_is_claimed_by_another_format(name: str, tmp_path: Path) -> None:
    """Also a file of one record is claimed by its own format or by none."""
    for record in records_of(lines_of(name, tmp_path)):
        assert {f.name for f in FORMATS if f.recognises([record])} <= {name}


@pytest.mark.parametrize("record", [{}, {"prompt": "a", "response": "b"}, {"messages": "x"}, {"input": "a"}])
def test_flat_records_are_left_to_tabular(record: Row) -> None:
    """A record of none of these shapes is claimed by none of them."""
    assert not [f.name for f in FORMATS if f.recognises([record])]


@pytest.mark.parametrize("name", [name for name in LINE_FORMATS if BY_NAME[name].source == "log"])
def test_rows_stand_where_their_records_stand(name: str) -> None:
    """Where a record is one exchange, row n is line n, malformed lines included."""
    lines = (GOLDEN / name / "input.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    rows = read(BY_NAME[name], GOLDEN / name / "input.jsonl")
    assert len(rows) == len(lines)
    broken = [at for at, line in enumerate(lines) if not _is_json(line)]
    assert all(rows[at] == {"usable": False} for at in broken)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", LINE_FORMATS)
def test_an_array_reads_as_lines_do(name: str, tmp_path: Path) -> None:
    """The same records in one JSON array give the same usable exchanges."""
    path = tmp_path / "log.json"
    path.write_text(json.dumps(records_of(GOLDEN / name / "input.jsonl")), encoding="utf-8")
    rows = read(BY_NAME[name], path, "array")
    usable = [row for row in expected(name) if row != {"usable": False}]
    assert [row for row in rows if row != {"usable": False}] == usable


def test_one_pretty_printed_otlp_object_is_read(tmp_path: Path) -> None:
    """A collector may write one object over many lines, spans and their log events together."""
    path = tmp_path / "otlp.json"
    merged: Row = {"resourceSpans": [], "resourceLogs": []}
    for record in records_of(GOLDEN / "opentelemetry" / "input.jsonl"):
        for key, value in record.items():
            merged[key] += value
    path.write_text(json.dumps(merged, indent=2), encoding="utf-8")
    assert read(BY_NAME["opentelemetry"], path, "unstructured") == expected("opentelemetry")[:-1]


@pytest.mark.parametrize("name", BY_NAME)
def test_columns_have_the_types_of_an_exchange(name: str, tmp_path: Path) -> None:
    """Every column comes out in the type the schema promises."""
    with connect() as connection:
        sql = query(BY_NAME[name], lines_of(name, tmp_path), "newline_delimited")
        described = connection.execute(f"DESCRIBE {sql}").fetchall()
    promised = {field.name: DUCKDB_TYPES[str(field.type)] for field in EXCHANGE}
    assert {row[0]: row[1] for row in described} == promised | {"usable": "BOOLEAN"}


SIGNALS = [
    ("openai-pairs", "refusal_text", "I'm sorry, I can't help with that."),
    ("openai-pairs", "finish_reason", "content_filter"),
    ("openai-pairs", "error_code", "invalid_prompt"),
    ("openai-pairs", "error_code", "content_filter"),
    ("openai-batch", "error_code", "content_policy_violation"),
    ("openai-responses", "error_code", "cyber_policy"),
    ("openai-responses", "refusal_text", "I'm sorry, but I can't help with that."),
    ("openai-responses", "finish_reason", "content_filter"),
    ("openai-pairs", "block_reason", "violence, self_harm"),
    ("openai-pairs", "block_reason", "violence"),
    ("anthropic", "finish_reason", "refusal"),
    ("anthropic", "block_reason", "bio"),
    ("gemini", "finish_reason", "SAFETY"),
    ("gemini", "finish_reason", "RECITATION"),
    ("gemini", "block_reason", "PROHIBITED_CONTENT"),
    ("gemini", "block_reason", "HARM_CATEGORY_HARASSMENT"),
    ("gemini", "block_reason", "NO_CANDIDATES"),
    ("bedrock", "finish_reason", "guardrail_intervened"),
    ("bedrock", "finish_reason", "content_filtered"),
    ("bedrock", "finish_reason", "refusal"),
    ("litellm", "block_reason", "guardrail_intervened"),
    ("opentelemetry", "finish_reason", "content_filter"),
    ("inspect", "finish_reason", "content_filter"),
]


@pytest.mark.parametrize(("name", "column", "value"), SIGNALS)
def test_a_providers_signal_reaches_its_column(name: str, column: str, value: str, tmp_path: Path) -> None:
    """Whatever a provider says about a refusal or a block is carried, and the exchange is no error."""
    found = [r for r in read(BY_NAME[name], lines_of(name, tmp_path)) if r.get(column) == value]
    assert found
    assert {row["kind"] for row in found} == {"text"}


def test_a_rating_that_filtered_nothing_is_no_block() -> None:
    """Azure rates every answer; severity "low" with filtered false is not a block."""
    row = next(r for r in expected("openai-pairs") if r.get("id") == "chatcmpl-7")
    assert "block_reason" not in row


def test_a_fallback_model_can_be_told_from_the_requested_one() -> None:
    """What answered and what was asked for are kept apart."""
    row = next(r for r in expected("anthropic") if r.get("id") == "msg_7")
    assert (row["model_requested"], row["model_served"]) == ("claude-opus-4-1", "claude-sonnet-4-5-20250929")


@pytest.mark.parametrize("name", BY_NAME)
def test_user_ids_leave_only_as_a_hash(name: str, tmp_path: Path) -> None:
    """Nobody is named in what comes out, yet exchanges of one person share a cluster."""
    clusters = {row.get("cluster", "") for row in read(BY_NAME[name], lines_of(name, tmp_path))}
    assert not [cluster for cluster in clusters if cluster.startswith("u-")]


def test_the_hash_of_a_user_id_is_md5() -> None:
    """The cluster can be found again by whoever knows the user id."""
    assert expected("openai-pairs")[0]["cluster"] == hashlib.md5(b"u-1").hexdigest()


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
pairs = st.lists(st.tuples(texts, texts), min_size=1, max_size=20)
Shape = Callable[[str, str], Row]


def _openai(prompt: str, response: str) -> Row:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    return {"messages": messages}


def _anthropic(prompt: str, response: str) -> Row:
    request = {"messages": [{"role": "user", "content": prompt}]}
    return {
        "request": request,
        "response": {"content": [{"type": "text", "text": response}], "stop_reason": "x"},
    }


def _otel(prompt: str, response: str) -> Row:
    said = {"gen_ai.input.messages": ("user", prompt), "gen_ai.output.messages": ("assistant", response)}
    attributes = [{"key": key, "value": {"stringValue": _parts(*what)}} for key, what in said.items()]
    span = {"spanId": "s", "traceId": "t", "startTimeUnixNano": "1", "attributes": attributes}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def _parts(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


@pytest.mark.parametrize(
    ("name", "shape"), [("openai-chat", _openai), ("anthropic", _anthropic), ("opentelemetry", _otel)]
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=pairs, ascii_only=st.booleans())
def test_any_text_survives(
    name: str, shape: Shape, said: Sequence[tuple[str, str]], ascii_only: bool, tmp_path: Path
) -> None:
    """Prompt and response come out character for character, whatever quotes and separators they hold."""
    path = tmp_path / "log.jsonl"
    records = [json.dumps(shape(*pair), ensure_ascii=ascii_only) for pair in said]
    path.write_bytes("\n".join(records).encode())
    rows = read(BY_NAME[name], path)
    assert sorted((row["prompt"], row["response"]) for row in rows) == sorted(said)


def _archive(path: Path, method: int) -> Path:
    """The golden Inspect log as an `.eval` archive."""
    log = json.loads((GOLDEN / "inspect" / "input.json").read_text(encoding="utf-8"))
    samples = log.pop("samples")
    with zipfile.ZipFile(path, "w", compression=method) as archive:
        for at, sample in enumerate(samples):
            archive.writestr(f"samples/{at}_epoch_1.json", json.dumps(sample))
        archive.writestr("header.json", json.dumps(log))
    return path


def test_an_eval_archive_unpacks_to_the_lines_of_its_json_log(tmp_path: Path) -> None:
    """Zip archive and JSON file are two wrappings of the same samples."""
    archive = _archive(tmp_path / "log.eval", zipfile.ZIP_DEFLATED)
    assert list(unpack(archive)) == list(unpack(GOLDEN / "inspect" / "input.json"))


def test_an_eval_archive_compressed_by_zstandard_is_read(tmp_path: Path) -> None:
    """Inspect writes Zstandard members, in one or many frames."""
    plain = _archive(tmp_path / "plain.eval", zipfile.ZIP_STORED)
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for member in source.infolist():
            data = source.read(member)
            frames = [pa.compress(half, "zstd", asbytes=True) for half in (data[:100], data[100:])]
            target.writestr(member.filename, b"".join(frames))
    path.write_bytes(_as_zstandard(path.read_bytes()))
    assert list(unpack(path)) == list(unpack(plain))


def _as_zstandard(archive: bytes) -> bytes:
    """The archive with every member declared as method 93 instead of stored."""
    patched = bytearray(archive)
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = archive.find(signature)
        while at >= 0:
            struct.pack_into("<H", patched, at + offset, 93)
            at = archive.find(signature, at + 1)
    return bytes(patched)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04 no archive", b"{}", b'{"samples": [1], "eval": {}}', b"\xff"]
)
def test_a_damaged_inspect_log_is_told_by_name(content: bytes, tmp_path: Path) -> None:
    """Whatever is wrong with the file, the error is ours and names it."""
    path = tmp_path / "broken.eval"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match="broken"):
        list(unpack(path))
