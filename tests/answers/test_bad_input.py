"""Files that are broken, unfinished or not what they seem: the error names the place, or nothing is lost."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.answers.fields import AnswerFields
from aligntax.answers.read import is_pairs, read_answers, read_pairs
from aligntax.errors import AligntaxError, UnknownFormat, UnreadableInput, UsageError
from aligntax.records import Answers

GOLDEN = Path(__file__).parent / "golden"
INPUTS = [p for p in sorted(GOLDEN.rglob("*")) if p.is_file() and p.name != "expected.json"]


SHAPED = [p for p in INPUTS if p.suffix in (".json", ".jsonl") and p.parent.name != "log"]


def written(path: Path, *rows: dict[str, Any], end: str = "") -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + end, encoding="utf-8")
    return path


def only(path: Path, **options: Any) -> Answers:
    """The one benchmark of a file."""
    (found,) = read_answers(str(path), **options)
    return found


def column(answers: Answers, name: str) -> list[Any]:
    """Values of a column of the table."""
    assert answers.table is not None
    values: list[Any] = answers.table.column(name).to_pylist()
    return values


def read_or_refused(path: Path) -> None:
    """Reads a file in both ways; an error must be ours, and name the file or its folder."""
    errors = []
    for reading in (read_answers, read_pairs):
        try:
            reading(str(path))
        except AligntaxError as error:
            errors.append(str(error))
    assert all(str(path.parent) in error for error in errors), errors


SAMPLE = {"id": "1", "prompt": "p", "response": "r", "model": "m", "correct": True}
ITEM = {"doc_id": 0, "doc": {"question": "q"}, "arguments": [["q", {}]], "resps": [["r"]], "doc_hash": "h"}


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf\n"])
def test_an_empty_file(content: bytes, tmp_path: Path) -> None:
    """Nothing is not a result of nothing."""
    path = tmp_path / "empty.jsonl"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match=r"empty\.jsonl: the file is empty"):
        read_answers(str(path))
    assert not is_pairs(path)


def test_a_line_that_breaks_off(tmp_path: Path) -> None:
    """An evaluation that was cut short is not read as one that asked less; the line is told."""
    path = written(tmp_path / "cut.jsonl", SAMPLE, SAMPLE | {"id": "2"}, end='{"id": "3", "prom')
    with pytest.raises(UnreadableInput, match=r"cut\.jsonl, line 3: not valid JSON") as caught:
        read_answers(str(path))
    assert "cut short" in caught.value.hint


def test_a_summary_that_breaks_off(tmp_path: Path) -> None:
    """The line is that of the file, over several lines too."""
    whole = (GOLDEN / "lm-eval-results" / "version-0.3.json").read_text("utf-8")
    path = tmp_path / "results.json"
    path.write_text(whole[: whole.index('"versions"')], encoding="utf-8")
    with pytest.raises(UnreadableInput, match=r"line \d+"):
        read_answers(str(path))


def test_an_inspect_log_that_breaks_off(tmp_path: Path) -> None:
    """So does one of Inspect's."""
    path = tmp_path / "log.json"
    path.write_bytes((GOLDEN / "inspect" / "log.json").read_bytes()[:1500])
    with pytest.raises(UnreadableInput, match=r"log\.json, line \d+: not a readable Inspect log"):
        read_answers(str(path))


def test_scores_that_are_missing(tmp_path: Path) -> None:
    """Null, NaN, an absent field and an empty text are unscored; the answer stays."""
    rows = [
        SAMPLE | {"id": str(n), "correct": value}
        for n, value in enumerate([True, None, float("nan"), "", 0.5])
    ]
    path = written(
        tmp_path / "a.jsonl",
        *rows,
        {k: v for k, v in SAMPLE.items() if k not in ("id", "correct")} | {"id": "x"},
    )
    assert column(only(path), "score") == [1.0, None, None, None, 0.5, None]


@pytest.mark.parametrize("value", ["high", [1], {"a": 1}, float("inf"), "-inf", 10**400])
def test_scores_that_are_none(value: object, tmp_path: Path) -> None:
    """Anything else in place of a score is an error with file, line and field, never a zero."""
    path = written(tmp_path / "a.jsonl", SAMPLE, SAMPLE | {"id": "2", "correct": value})
    with pytest.raises(UnreadableInput, match=r"a\.jsonl, line 2: 'correct' is no score"):
        read_answers(str(path))


def test_truth_values_numbers_and_words_are_one_scale(tmp_path: Path) -> None:
    """True, 1, 1.0, "1" and "true" are the same score."""
    values = [True, 1, 1.0, "1", "true", "TRUE", False, 0, "false", "no"]
    path = written(
        tmp_path / "a.jsonl", *(SAMPLE | {"id": str(n), "correct": v} for n, v in enumerate(values))
    )
    assert column(only(path), "score") == [1.0] * 6 + [0.0] * 4


def test_the_same_item_twice(tmp_path: Path) -> None:
    """Twice with one prompt are two samples of a cluster; with two prompts the names are no names."""
    path = written(tmp_path / "a.jsonl", SAMPLE, SAMPLE, SAMPLE | {"id": "1#2"})
    found = only(path)
    assert column(found, "item") == ["1", "1#2", "1#2#2"]
    assert len(set(column(found, "item"))) == 3
    assert column(found, "cluster")[:2] == ["1", "1"]
    other = written(tmp_path / "b.jsonl", SAMPLE, SAMPLE | {"prompt": "another"})
    with pytest.raises(UnreadableInput, match=r"b\.jsonl, line 2: the item '1' has been there before"):
        read_answers(str(other))


def test_texts_of_another_type(tmp_path: Path) -> None:
    """A response that is no text is told, not turned into one."""
    path = written(tmp_path / "a.jsonl", SAMPLE, SAMPLE | {"id": "2", "response": ["r"]})
    with pytest.raises(UnreadableInput, match=r"line 2: 'response' is not text but list"):
        read_answers(str(path))


def test_rows_that_are_no_objects(tmp_path: Path) -> None:
    """A list among the rows is told with its line."""
    path = written(tmp_path / "a.jsonl", SAMPLE, end="[1, 2]\n")
    with pytest.raises(UnreadableInput, match=r"line 2: not a JSON object"):
        read_answers(str(path))


@given(st.text(st.sampled_from('a\u2028\u2029\x85\x0b\x0c\r\n\t"\\\ud83d🖼')))
def test_line_separators_inside_texts(text: str) -> None:
    """Only a newline ends a row, whatever Unicode thinks; half a surrogate pair becomes a mark."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        rows = [SAMPLE | {"response": text}, SAMPLE | {"id": "2"}]
        raw = "\n".join(json.dumps(row, ensure_ascii="\ud83d" in text) for row in rows)
        path.write_text(raw, encoding="utf-8")
        assert column(only(path), "response") == [text.encode("utf-8", "replace").decode(), "r"]


def test_a_byte_order_mark(tmp_path: Path) -> None:
    """It belongs to no field's name."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(SAMPLE).encode() + b"\r\n")
    assert column(only(path), "item") == ["1"]
    path.write_bytes(json.dumps(SAMPLE).encode("utf-16"))
    with pytest.raises(UnreadableInput, match="not UTF-8"):
        read_answers(str(path))


def test_a_table_with_a_short_row(tmp_path: Path) -> None:
    """Fields that have shifted are an error with the line."""
    path = tmp_path / "a.csv"
    path.write_text("id,prompt,correct\n1,p,1\n2,q\n", encoding="utf-8")
    with pytest.raises(UnreadableInput, match=r"a\.csv, line 3: not as many fields"):
        read_answers(str(path))


def test_a_file_nobody_knows(tmp_path: Path) -> None:
    """The error says what each reader looked for."""
    path = written(tmp_path / "a.jsonl", {"weather": "fine", "wind": 3})
    with pytest.raises(UnknownFormat, match=r"no reader knows a record with weather, wind") as caught:
        read_answers(str(path))
    assert "base_correct" in caught.value.hint
    text = tmp_path / "a.txt"
    text.write_text("just words", encoding="utf-8")
    with pytest.raises(UnknownFormat, match="neither JSON nor a table"):
        read_answers(str(text))


def test_a_file_that_is_not_there() -> None:
    """With and without a selector."""
    for argument in ("no/such.jsonl", "no/such.jsonl:model=m"):
        with pytest.raises(UnreadableInput, match=r"no/such\.jsonl: no such file"):
            read_answers(argument)
    assert not is_pairs("no/such.jsonl")


def test_a_selector_that_nothing_matches(tmp_path: Path) -> None:
    """The error lists the values there are, or says that there is no such field."""
    path = written(tmp_path / "a.jsonl", SAMPLE, SAMPLE | {"id": "2", "model": "n"})
    with pytest.raises(UsageError, match="nothing matches 'model=x'") as caught:
        read_answers(f"{path}:model=x")
    assert caught.value.hint == "model: m, n"
    with pytest.raises(UsageError) as caught:
        read_answers(f"{path}:modle=m")
    assert "no field 'modle'" in caught.value.hint


def test_items_of_the_harness_and_of_inspect_that_nothing_matches() -> None:
    """Fields of the items are listed with their values, too."""
    run = GOLDEN / "lm-eval-samples" / "Org__tiny-chat"
    for argument, hint in (
        (f"{next(run.glob('samples*'))}:doc.question=3", "doc.question: 1 + 1?, 2 + 2?"),
        (
            f"{next(run.glob('samples*'))}:metric=acc",
            "metric: exact_match,strict-match, exact_match,flexible-extract",
        ),
        (f"{GOLDEN / 'inspect' / 'log.json'}:id=c", "id: 1, b"),
        (f"{GOLDEN / 'inspect' / 'log.json'}:scorer=judge", "scorer: match, style/clear, style/short"),
        (f"{GOLDEN / 'lm-eval-results' / 'version-0.3.json'}:task=drop", "task: arc_challenge, boolq"),
    ):
        with pytest.raises(UsageError, match="nothing matches") as caught:
            read_answers(argument)
        assert caught.value.hint == hint


def test_a_field_that_is_not_there(tmp_path: Path) -> None:
    """A field a person names must be in the file."""
    path = written(tmp_path / "a.jsonl", SAMPLE)
    with pytest.raises(UsageError, match="no field 'points' for the score") as caught:
        read_answers(str(path), fields=AnswerFields(score="points"))
    assert "correct" in caught.value.hint


def test_a_label_that_is_no_outcome(tmp_path: Path) -> None:
    """Gold answers are not taken for outcomes; a stray word among outcomes is told."""
    gold = written(tmp_path / "gold.jsonl", SAMPLE | {"label": "B"}, SAMPLE | {"id": "2", "label": "refused"})
    assert column(only(gold), "outcome") == [None, None]
    stray = written(
        tmp_path / "stray.jsonl", SAMPLE | {"label": "refused"}, SAMPLE | {"id": "2", "label": "B"}
    )
    with pytest.raises(UnreadableInput, match=r"line 2: the label 'B' is no outcome"):
        read_answers(str(stray))


def test_samples_of_the_harness_without_a_score(tmp_path: Path) -> None:
    """Perplexity is a figure of the whole file; a row that lacks its score is told."""
    path = written(tmp_path / "samples_wikitext.jsonl", ITEM | {"word_perplexity": [-10.0, 3]})
    with pytest.raises(UnreadableInput, match="no score of the single item"):
        read_answers(str(path))
    path = written(tmp_path / "samples_x.jsonl", ITEM | {"acc": 1.0}, ITEM | {"doc_hash": "i"})
    with pytest.raises(UnreadableInput, match=r"line 2: no score 'acc'"):
        read_answers(str(path))


def test_a_run_that_has_failed(tmp_path: Path) -> None:
    """A mean that is NaN is no score; a document without any is no result."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"results": {"arc": {"acc": float("nan")}}, "versions": {}}), encoding="utf-8")
    with pytest.raises(UnreadableInput, match="the acc of arc is nan"):
        read_answers(str(path))
    path.write_text(json.dumps({"results": {"arc": {"alias": "arc"}}, "versions": {}}), encoding="utf-8")
    with pytest.raises(UnreadableInput, match="there is no score in it"):
        read_answers(str(path))


def test_pairs_given_as_one_side(tmp_path: Path) -> None:
    """A file of pairs is both sides already."""
    with pytest.raises(UsageError, match="holds both sides"):
        read_answers(str(GOLDEN / "pairs" / "pairs.jsonl"))
    lacking = written(
        tmp_path / "p.jsonl", {"id": 1, "base_score": 1, "aligned_score": 0.5}, {"id": 2, "base_score": 1}
    )
    with pytest.raises(UnreadableInput, match=r"line 2: there is no field 'aligned_score'"):
        read_pairs(lacking)


def test_a_directory(tmp_path: Path) -> None:
    """Samples take the place of their summary, other files are passed over, two runs are an error."""
    run = GOLDEN / "lm-eval-samples" / "Org__tiny-chat"
    for path in run.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "README.md").write_text("# notes", encoding="utf-8")
    (found,) = read_answers(str(tmp_path))
    assert found.table is not None
    (samples,) = tmp_path.glob("samples*")
    (tmp_path / samples.name.replace("2025", "2024")).write_bytes(samples.read_bytes())
    with pytest.raises(UsageError, match="sums is there twice"):
        read_answers(str(tmp_path))


def test_models_of_several_files(tmp_path: Path) -> None:
    """A glob over two models says which argument to type, and that argument works."""
    for model in ("a", "b"):
        written(tmp_path / f"{model}.jsonl", SAMPLE | {"model": model})
    with pytest.raises(UsageError, match="answers of 2 models: a, b") as caught:
        read_answers(str(tmp_path / "*.jsonl"))
    assert ":model=a" in caught.value.hint
    assert [a.model for a in read_answers(f"{tmp_path / '*.jsonl'}:model=b")] == ["b"]


@pytest.mark.parametrize("path", INPUTS, ids=lambda p: p.name)
def test_whatever_happens_to_a_file_the_error_is_ours(path: Path, tmp_path: Path) -> None:
    """Cut off, with bytes lost, doubled or changed: read, or refused by name; nothing else escapes."""
    chance, whole = random.Random(7), path.read_bytes()
    target = tmp_path / path.name
    for _ in range(10 if path.parent.name == "log" else 100):  # a log is traffic's, and takes its time
        at, length = chance.randrange(len(whole)), chance.randrange(1, 40)
        piece = chance.choice(
            [b"", b"null", b"[]", b"{}", b'"', b"NaN", b"\xff", b"-1e999", whole[at : at + length] * 2]
        )
        target.write_bytes(whole[:at] + piece + (whole[at + length :] if chance.random() < 0.8 else b""))
        read_or_refused(target)


@pytest.mark.parametrize("path", SHAPED, ids=lambda p: p.name)
def test_whatever_stands_in_place_of_a_value_the_error_is_ours(path: Path, tmp_path: Path) -> None:
    """Valid JSON of the wrong shape, at every place of a record in turn."""
    text = path.read_text("utf-8")
    records = (
        [json.loads(line) for line in text.split("\n") if line]
        if path.suffix == ".jsonl"
        else [json.loads(text)]
    )
    target = tmp_path / path.name
    for places in _places(records[0]):
        for value in (None, 1, "x", [], {}, [1], {"a": 1}):
            changed = [_replaced(records[0], places, value), *records[1:]]
            target.write_text("\n".join(json.dumps(r) for r in changed), encoding="utf-8")
            read_or_refused(target)


def _places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, below in inner for p in [(*above, key), *_places(below, (*above, key))]]


def _replaced(value: Any, places: tuple[Any, ...], new: object) -> Any:
    if not places:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[places[0]] = _replaced(copy[places[0]], places[1:], new)
    return copy
