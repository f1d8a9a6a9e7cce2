"""Results written by hand, one folder a format, and what each of them says."""

import gzip
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from aligntax.answers.formats import FORMATS
from aligntax.answers.read import read_answers, read_pairs
from aligntax.records import ANSWER, Answers

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    (folder.parent.name, argument)
    for folder in sorted(GOLDEN.glob("*/expected.json"))
    for argument in json.loads(folder.read_text("utf-8"))
]


def told(answers: Answers) -> dict[str, Any]:
    """Answers as the expected files write them: without their source, and without nulls."""
    names = ("benchmark", "metric", "model", "chance", "prompt_type", "length_unit")
    found: dict[str, Any] = {name: getattr(answers, name) for name in names}
    found |= {"higher_is_better": answers.higher_is_better, "conditions": dict(answers.conditions)}
    if answers.summary is not None:
        found["summary"] = [answers.summary.mean, answers.summary.standard_error, answers.summary.n]
    if answers.table is not None:
        assert answers.table.schema.equals(ANSWER)
        found["rows"] = [{k: v for k, v in row.items() if v is not None} for row in answers.table.to_pylist()]
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(("folder", "argument"), CASES, ids=[argument for _, argument in CASES])
def test_golden_results_become_the_expected_answers(folder: str, argument: str) -> None:
    """Each file says exactly this, row for row."""
    expected = json.loads((GOLDEN / folder / "expected.json").read_text("utf-8"))[argument]
    assert [told(answers) for answers in read_answers(str(GOLDEN / folder / argument))] == expected


def test_every_format_has_a_golden_folder() -> None:
    """No reader is without a file of its own."""
    assert {path.name for path in GOLDEN.iterdir()} == {known.name for known in FORMATS}


def test_both_sides_of_a_file_of_pairs() -> None:
    """Pairs are grouped by their names; null predictions are unparsed; lengths are the file's own."""
    (base, chat), (other, _) = read_pairs(GOLDEN / "pairs" / "pairs.jsonl")
    assert (base.model, chat.model, other.model) == ("base-7b", "chat-7b", "other")
    assert (base.metric, base.benchmark, base.length_unit) == ("correct", "pairs", "characters")
    for side, scores, parsed, lengths in (
        (base, [1, 0], [True, True], [10, 11]),
        (chat, [0, 1], [False, True], [20, 21]),
    ):
        assert side.table is not None
        assert side.table.column("item").to_pylist() == ["1", "2"]
        assert side.table.column("score").to_pylist() == scores
        assert side.table.column("parsed").to_pylist() == parsed
        assert side.table.column("length").to_pylist() == lengths
    ((only, _),) = read_pairs(f"{GOLDEN / 'pairs' / 'pairs.jsonl'}:category=math")
    assert only.table is not None
    assert only.table.column("item").to_pylist() == ["2"]


def _archive(path: Path) -> Path:
    """The golden Inspect log as an `.eval` archive of stored members."""
    log = json.loads((GOLDEN / "inspect" / "log.json").read_text("utf-8"))
    samples = log.pop("samples")
    with zipfile.ZipFile(path, "w") as archive:
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
        archive.writestr("header.json", json.dumps(log))
    return path


def _zstandard(plain: Path, path: Path) -> Path:
    """An archive with every member compressed by method 93, as Inspect writes them."""
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for member in source.infolist():
            target.writestr(member.filename, pa.compress(source.read(member), "zstd", asbytes=True))
    patched = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = patched.find(signature)
        while at >= 0:
            struct.pack_into("<H", patched, at + offset, 93)
            at = patched.find(signature, at + 1)
    path.write_bytes(bytes(patched))
    return path


def test_an_eval_archive_says_what_its_json_log_says(tmp_path: Path) -> None:
    """Plain and Zstandard archives are two more wrappings of the same samples."""
    expected = [told(a) for a in read_answers(str(GOLDEN / "inspect" / "log.json"))]
    plain = _archive(tmp_path / "plain.eval")
    assert [told(a) for a in read_answers(str(plain))] == expected
    assert [told(a) for a in read_answers(str(_zstandard(plain, tmp_path / "log.eval")))] == expected


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_packed_files_say_the_same(ending: str, tmp_path: Path) -> None:
    """A packed file reads as the plain one, and keeps its name as the benchmark."""
    plain = (GOLDEN / "samples" / "answers.jsonl").read_bytes()
    path = tmp_path / f"answers.jsonl{ending}"
    path.write_bytes(gzip.compress(plain) if ending == ".gz" else pa.compress(plain, "zstd", asbytes=True))
    found = [told(a) for a in read_answers(f"{path}:model=m")]
    assert found == [told(a) for a in read_answers(f"{GOLDEN / 'samples' / 'answers.jsonl'}:model=m")]


def test_parquet_says_the_same_as_json_lines(tmp_path: Path) -> None:
    """A table keeps nulls and types."""
    import pyarrow.parquet as pq

    text = (GOLDEN / "samples" / "answers.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in text if line]
    for row in rows:
        row["correct"] = None if row["correct"] is None else bool(row["correct"])
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "answers.parquet")
    found = [told(a) for a in read_answers(f"{tmp_path / 'answers.parquet'}:model=m")]
    assert found == [told(a) for a in read_answers(f"{GOLDEN / 'samples' / 'answers.jsonl'}:model=m")]
