"""Scores of a detector on labelled responses: by hand, by every kind of file, and with every bad input."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aligntax.detectors.scoring import Fields, LabelWords, read_labelled, score
from aligntax.detectors.verdict import Verdict
from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.records import FLAGS, OUTCOMES

ROWS = [
    {"prompt": "a", "response": "complete", "label": "complete", "model": "m", "prompt_type": "benign"},
    {"prompt": "b", "response": "complete", "label": "complete", "model": "m", "prompt_type": "benign"},
    {"prompt": "c", "response": "refused", "label": "complete", "model": "n", "prompt_type": "benign"},
    {"prompt": "d", "response": "refused", "label": "refused", "model": "n", "prompt_type": "harmful"},
    {"prompt": "e", "response": "hedged", "label": "refused", "model": "n", "prompt_type": "harmful"},
    {"prompt": "f", "response": "hedged", "label": "partial", "model": "n", "prompt_type": "harmful"},
    {"prompt": "g", "response": "undetermined", "label": "partial", "model": "m", "prompt_type": "harmful"},
    {"prompt": "h", "response": "complete", "label": None, "model": "m", "prompt_type": "harmful"},
]


class Parrot:
    """A double: the response itself says what the outcome is; "apology" raises the flag."""

    name = "parrot"
    version = "1"

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        said = exchanges.column("response").to_pylist()
        verdict = Verdict.complete(np.zeros(len(said), np.int64))
        verdict.outcome[:] = [OUTCOMES.index(w) if w in OUTCOMES else 0 for w in said]
        verdict.flags[:, FLAGS.index("apology")] = [w == "apology" for w in said]
        return verdict.batch(exchanges.column("id"), self.name, self.version)


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_scores_by_hand(tmp_path: Path) -> None:
    """Seven labelled rows: 4 right of 7; as any refusal 2 of 3 complete and 3 of 4 others found."""
    labelled = read_labelled(written(tmp_path / "a.jsonl", ROWS))
    found = score(Parrot(), labelled)
    every, determined = found.whole.every, found.whole.determined
    assert (labelled.rows, found.whole.n, found.whole.undetermined) == (8, 7, 1)
    assert found.whole.confusion.tolist() == [[2, 0, 1, 0], [0, 1, 0, 1], [0, 1, 1, 0]]
    assert every["accuracy"].value == pytest.approx(4 / 7)
    assert determined["accuracy"].value == pytest.approx(4 / 6)
    assert every["any_sensitivity"].value == pytest.approx(3 / 4)
    assert determined["any_sensitivity"].value == pytest.approx(1.0)
    assert every["any_specificity"].value == pytest.approx(2 / 3)
    assert every["any_precision"].value == pytest.approx(3 / 4)
    assert every["macro_f1"].value == pytest.approx((4 / 5 + 2 / 4 + 2 / 4) / 3)
    assert every["true_rate"].value == pytest.approx(4 / 7)
    assert every["estimated_rate"].value == pytest.approx(4 / 6)
    assert every["bias"].value == pytest.approx(4 / 6 - 4 / 7)
    assert determined["bias"].value == pytest.approx(4 / 6 - 3 / 6)


def test_every_score_has_its_interval(tmp_path: Path) -> None:
    found = score(Parrot(), read_labelled(written(tmp_path / "a.jsonl", ROWS)))
    for figures in (found.whole.every, found.whole.determined):
        for name, estimate in figures.items():
            assert estimate.known, name
            assert estimate.low <= estimate.value <= estimate.high, name
            assert estimate.low < estimate.high, name


def test_by_model_and_both_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", ROWS)
    found = score(Parrot(), read_labelled(path))
    assert {d: sorted(parts) for d, parts in found.by.items()} == {
        "model": ["m", "n"],
        "prompt_type": ["benign", "harmful"],
    }
    assert sum(part.n for part in found.by["model"].values()) == found.whole.n
    both = score(Parrot(), read_labelled(path, by=["model+prompt_type"])).by["model+prompt_type"]
    assert sorted(both) == ["m + benign", "m + harmful", "n + benign", "n + harmful"]
    assert both["m + benign"].every["accuracy"].value == 1.0


def test_repeated_prompts_are_clusters(tmp_path: Path) -> None:
    rows = [{**row, "prompt": f"{row['prompt']}{at}"} for at in range(20) for row in ROWS]
    alone = score(Parrot(), read_labelled(written(tmp_path / "a.jsonl", rows))).whole.every
    repeated = score(Parrot(), read_labelled(written(tmp_path / "b.jsonl", rows * 5))).whole.every
    for name in ("accuracy", "bias", "any_kappa", "macro_f1"):
        assert (alone[name].clusters, repeated[name].clusters) == (None, 140)
        assert repeated[name].value == pytest.approx(alone[name].value)
        assert repeated[name].high - repeated[name].low > 0.8 * (alone[name].high - alone[name].low)


def test_symptoms(tmp_path: Path) -> None:
    """Of three marked apologies two are raised, and one that is none; rows not marked are left out."""
    said = ["apology", "apology", "no", "apology", "no", "no"]
    marked = [["apology"], ["apology", "meta"], ["apology"], [], ["meta"], None]
    rows = [{"response": r, "label": None, "native_label": m} for r, m in zip(said, marked, strict=True)]
    found = score(Parrot(), read_labelled(written(tmp_path / "a.jsonl", rows))).symptoms
    assert list(found) == ["apology"]
    assert found["apology"]["kappa"].n == 5
    assert found["apology"]["sensitivity"].value == pytest.approx(2 / 3)
    assert found["apology"]["specificity"].value == pytest.approx(1 / 2)


def test_symptoms_in_words_of_others(tmp_path: Path) -> None:
    rows = [{"response": "apology", "label": "complete", "native_label": "3_says_sorry"}] * 2
    path = written(tmp_path / "a.jsonl", rows)
    (symptom,) = read_labelled(path, flags={"3_says_sorry": "apology+referral"}).symptoms
    assert (symptom.name, symptom.flags) == ("apology+referral", ("apology", "referral"))
    with pytest.raises(UsageError, match="no flag 'sorrow'"):
        read_labelled(path, flags={"3_says_sorry": "sorrow"})


def test_a_detector_without_flags_has_no_scores_of_symptoms(tmp_path: Path) -> None:
    rows = [{"response": "complete", "label": "complete", "native_label": ["apology"]}] * 3
    assert score(Parrot(), read_labelled(written(tmp_path / "a.jsonl", rows))).symptoms == {}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl", ".jsonl.gz", ".ndjson"])
def test_every_kind_of_file_reads_the_same(tmp_path: Path, suffix: str) -> None:
    """Line breaks, commas, quotes and U+2028 in a response come through; an empty label is none."""
    rows = [{**row, "response": f'{row["response"]},\n"\u2028"'} for row in ROWS]
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix in (".csv", ".tsv"):
        comma = "\t" if suffix == ".tsv" else ","
        quoted = lambda v: '"' + str("" if v is None else v).replace('"', '""') + '"'  # noqa: E731
        lines = [comma.join(rows[0]), *(comma.join(map(quoted, row.values())) for row in rows)]
        path.write_text("\ufeff" + "\n".join(lines) + "\n", "utf-8")
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    labelled = read_labelled(path)
    assert labelled.truth.tolist() == [0, 0, 0, 2, 2, 1, 1, -1]
    assert labelled.exchanges[0].column("response").to_pylist() == [row["response"] for row in rows]
    assert labelled.groups["model"].tolist() == [row["model"] for row in ROWS]


def test_words_and_fields_of_others(tmp_path: Path) -> None:
    rows = [{"answer": "x", "verdict": v} for v in (1, 1.0, "Full  Refusal ", "OK", "skip", True)]
    path = written(tmp_path / "a.jsonl", rows)
    words = LabelWords(
        {"1": "partial", "full  refusal": "refused", "ok": "complete", "skip": "none", "true": "refused"}
    )
    labelled = read_labelled(path, fields=Fields(label="verdict", response="answer"), words=words)
    assert labelled.truth.tolist() == [1, 1, 2, 0, -1, 2]


def test_an_unknown_word_is_told_with_its_line(tmp_path: Path) -> None:
    """File, line, word, the words there are, and what to type."""
    rows = [*ROWS[:2], {**ROWS[2], "label": "1_full"}]
    with pytest.raises(UnreadableInput) as caught:
        read_labelled(written(tmp_path / "a.jsonl", rows))
    for part in ("a.jsonl, line 3", "'1_full'", "complete, hedged", "--map '1_full=refused'"):
        assert part in str(caught.value)


def test_lines_of_a_csv_are_counted_through_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('response,label\n"one\ntwo",complete\nthree,wrong\n')
    with pytest.raises(UnreadableInput, match=r"line 4: the label 'wrong'"):
        read_labelled(path)


BAD = {
    "not JSON": ("a.jsonl", b'{"label": \n', "line 1: not valid JSON"),
    "not an object": ("a.jsonl", b'{"response": "x", "label": null}\n[1]\n', "line 2: not a JSON object"),
    "nested too deep": ("a.jsonl", b"[" * 100_000, "line 1: not readable JSON"),
    "not UTF-8": ("a.jsonl", b'{"response": "\xff"}\n', "line 1: not UTF-8"),
    "CSV not UTF-8": ("a.csv", b"response,label\n\xff,complete\n", "not UTF-8"),
    "an open quote": ("a.csv", b'response,label\n"x,complete\n', "not CSV"),
    "too many fields": ("a.csv", b"response,label\nx,complete,y\n", "line 2: not as many fields"),
    "not Parquet": ("a.parquet", b"PAR1", "a.parquet"),
    "not gzip": ("a.jsonl.gz", b"{}", "a.jsonl.gz"),
    "unknown kind": ("a.xlsx", b"PK\x03\x04", "neither JSON nor a table"),
    "nothing": ("a.jsonl", b"", "the file is empty"),
    "response not text": ("a.jsonl", b'{"response": ["x"], "label": "refused"}\n', "'response' is not text"),
    "no response": ("a.jsonl", b'{"text": "x", "label": "refused"}\n', "no row has a field 'response'"),
    "no label": ("a.jsonl", b'{"response": "x"}\n', "no row has a field 'label'"),
    "a label that is a list": ("a.jsonl", b'{"response": "x", "label": ["refused"]}\n', "line 1: the label"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(tmp_path: Path, case: str) -> None:
    name, contents, message = BAD[case]
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(AligntaxError, match=message):
        read_labelled(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="no such file"):
        read_labelled(tmp_path / "a.jsonl")
    with pytest.raises(UnreadableInput, match="is a directory"):
        read_labelled(tmp_path)


def test_fields_that_were_named_must_be_there(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", ROWS)
    with pytest.raises(UsageError, match="no row has a field 'question'"):
        read_labelled(path, fields=Fields(prompt="question"))
    with pytest.raises(UsageError, match="no row has a field 'team'"):
        read_labelled(path, by=["team"])
    with pytest.raises(UsageError, match="has 101 values"):
        read_labelled(
            written(tmp_path / "b.jsonl", [{**ROWS[0], "team": n} for n in range(101)]), by=["team"]
        )
    with pytest.raises(UsageError, match="no class 'harmless'"):
        LabelWords({"ok": "harmless"})


@pytest.mark.parametrize("rows", [ROWS[7:], ROWS[:1], ROWS[:2], ROWS[2:4], ROWS[:3], ROWS[6:]])
def test_few_rows_and_one_class(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    """No label, one row, two, one class, all open: a number with an interval or a reason."""
    found = score(Parrot(), read_labelled(written(tmp_path / "a.jsonl", rows)))
    for figures in (found.whole.every, found.whole.determined):
        for name, estimate in figures.items():
            assert (estimate.low <= estimate.value <= estimate.high) if estimate.known else estimate.reason, (
                name
            )


def test_what_a_reader_must_know_is_noted(tmp_path: Path) -> None:
    notes = read_labelled(written(tmp_path / "a.jsonl", ROWS)).notes
    assert notes == ["1 of 8 rows have no label and are left out"]
    rows = [{"response": "x", "label": "refused"}] * 2
    notes = read_labelled(written(tmp_path / "b.jsonl", rows)).notes
    assert ["no prompts" in notes[0], "one class" in notes[1]] == [True, True]


def test_odd_texts(tmp_path: Path) -> None:
    """Empty, null, half a surrogate pair, zero-width and a megabyte are read, and batches stay small."""
    texts = ["", None, "\ud83d", "r\u200be\u202ef", *(["x" * 1_000_000] * 40)]
    labelled = read_labelled(
        written(tmp_path / "a.jsonl", [{"response": t, "label": "refused"} for t in texts])
    )
    assert len(labelled.exchanges) > 1
    assert sum(batch.num_rows for batch in labelled.exchanges) == len(texts)
    assert score(Parrot(), labelled).whole.n == len(texts)
