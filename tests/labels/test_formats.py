"""Exports come back as they went out, whatever programs and texts do to them on the way."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.formats import FORMATS, read_answers, write_tasks
from aligntax.labels.formats.spreadsheet import neutralised, restored
from aligntax.labels.tasks import Answer, Task
from aligntax.records import LABEL_OUTCOMES

NASTY = [
    "two\nlines\r\nand\rmore",
    "says \"yes\", she said; 'no'\t|",
    "\u2028 and \u2029 and \x85 and \x0b",
    "\u202eright to left\u200f \u05e9\u05dc\u05d5\u05dd \u200b",
    "=cmd|' /C calc'!A0",
    "'=already quoted",
    "+1-2",
    "@SUM(A1)",
    "\t=1",
    "\uff1dfull width",
    "007",
    "12345678901234567890",
    "1e5",
    "",
    " ",
    "\ufeffmark",
    "\U0001f600",
    "a\x00b",
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=30))
KEYS = st.lists(TEXT.filter(bool), min_size=1, max_size=5, unique=True)
Fill = Callable[[Path, str, str], None]


def task(key: str, text: str = "text") -> Task:
    return Task(key=key, texts={"use_case": "u", "prompt": text, "response": text, "finish_reason": "stop"})


def fill_csv(path: Path, outcome: str, note: str, separator: str = ";", encoding: str = "utf-8-sig") -> None:
    """What a spreadsheet does: reads the cells as they are, writes them with its own separator."""
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    for row in rows[1:]:
        row[rows[0].index("outcome")], row[rows[0].index("note")] = outcome, neutralised(note)
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)


def fill_jsonl(path: Path, outcome: str, note: str) -> None:
    rows = [json.loads(line) for line in path.read_bytes().decode("utf-8").split("\n") if line]
    lines = [json.dumps(row | {"outcome": outcome, "note": note}) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8", newline="")


def annotation(outcome: str, note: str = "", **more: Any) -> dict[str, Any]:
    """One annotation as Label Studio exports it."""
    result = [
        {"from_name": "outcome", "to_name": "response", "type": "choices", "value": {"choices": [outcome]}}
    ]
    if note:
        result.append(
            {"from_name": "note", "to_name": "response", "type": "textarea", "value": {"text": [note]}}
        )
    made = {"completed_by": 7, "created_at": "2026-10-05T07:00:00.250000Z", "was_cancelled": False}
    return made | {"result": result} | more


def fill_label_studio(path: Path, outcome: str, note: str) -> None:
    tasks = json.loads(path.read_text("utf-8"))
    filled = [{"id": at, **one, "annotations": [annotation(outcome, note)]} for at, one in enumerate(tasks)]
    path.write_text(json.dumps(filled), encoding="utf-8")


FILL: dict[str, Fill] = {"csv": fill_csv, "jsonl": fill_jsonl, "label-studio": fill_label_studio}


@pytest.mark.parametrize("to", FORMATS)
@given(keys=KEYS, text=TEXT, note=TEXT, outcome=st.sampled_from(LABEL_OUTCOMES))
@example(keys=NASTY[:13] + NASTY[15:], text=NASTY[0], note=NASTY[2], outcome="hedged")
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, to: str, keys: list[str], text: str, note: str, outcome: str
) -> None:
    """Ids, outcomes and notes come back letter for letter, in order."""
    path = tmp_path_factory.mktemp("trip") / "tasks"
    write_tasks([task(key, text) for key in keys], path, to)
    FILL[to](path, outcome, note)
    answers = list(read_answers(path))
    assert [(one.key, one.outcome, one.note) for one in answers] == [(key, outcome, note) for key in keys]
    assert {one.policy_version for one in answers} == {"1"}


@pytest.mark.parametrize("to", FORMATS)
@given(text=TEXT)
def test_the_texts_shown_are_the_texts(tmp_path_factory: pytest.TempPathFactory, to: str, text: str) -> None:
    """A prompt in the export reads as in the log (in CSV once its apostrophe is taken away)."""
    path = tmp_path_factory.mktemp("shown") / "tasks"
    write_tasks([task("a", text)], path, to)
    written = path.read_bytes().decode("utf-8-sig")
    if to == "csv":
        (row,) = csv.DictReader(io.StringIO(written, newline=""))
        shown = restored(row["prompt"])
    else:
        loaded = json.loads(written)
        shown = loaded["prompt"] if to == "jsonl" else loaded[0]["data"]["prompt"]
    assert shown == text


@given(cell=TEXT)
@example(cell="''=1")
def test_apostrophes_come_off_as_they_went_on(cell: str) -> None:
    assert restored(neutralised(cell)) == cell


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", " =1", "\uff1d1", "007", "1e5", "-"]
)
def test_no_cell_is_computed(tmp_path: Path, cell: str) -> None:
    """What a spreadsheet would compute or shorten is written with an apostrophe, in every column."""
    write_tasks([task(cell, cell)], tmp_path / "t.csv", "csv")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "t.csv").read_bytes().decode("utf-8-sig"), newline=""))
    assert row["exchange_id"] == row["prompt"] == row["response"] == f"'{cell}"


@pytest.mark.parametrize("cell", ["plain", "42", "0", "", "4 ways", "it's = 1"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert neutralised(cell) == cell


@pytest.mark.parametrize(
    ("separator", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16"), (";", "cp1252")]
)
def test_csv_as_spreadsheets_write_it(tmp_path: Path, separator: str, encoding: str) -> None:
    """Commas, semicolons and tabs; with and without byte order mark; UTF-16; Windows' own."""
    write_tasks([task("caf\xe9", "a; b, c")], tmp_path / "t.csv", "csv")
    fill_csv(tmp_path / "t.csv", "refused", "n\xf6", separator, encoding)
    (one,) = read_answers(tmp_path / "t.csv")
    assert (one.key, one.outcome, one.note) == ("caf\xe9", "refused", "n\xf6")


def test_a_response_of_a_megabyte(tmp_path: Path) -> None:
    write_tasks([task("long", "word " * 200_000)], tmp_path / "t.csv", "csv")
    fill_csv(tmp_path / "t.csv", "complete", "")
    assert [one.outcome for one in read_answers(tmp_path / "t.csv")] == ["complete"]


def test_places_are_lines_of_the_file(tmp_path: Path) -> None:
    """A row after one of several lines is found at the line it begins on."""
    (tmp_path / "t.csv").write_text('id,outcome,note\na,refused,"one\ntwo"\nb,complete,\n\nc,hedged,\n')
    places = [one.place.rsplit(":", 1)[1] for one in read_answers(tmp_path / "t.csv")]
    assert places == ["2", "4", "6"]


def read(tmp_path: Path, text: str, name: str = "t") -> list[Answer]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return list(read_answers(tmp_path / name))


def test_label_studio_export(tmp_path: Path) -> None:
    """Who by number or e-mail, when last changed, several annotations, skipped ones, ground truth."""
    mail = {"id": 3, "email": "ben@lab.example"}
    several = [
        annotation("refused", "why"),
        annotation("hedged", completed_by=mail, updated_at="2026-10-06T09:00:00+02:00"),
        annotation("complete", was_cancelled=True),
        annotation("complete", ground_truth=True, completed_by=None),
    ]
    first, second, third, fourth = read(
        tmp_path, json.dumps([{"id": 1, "data": {"exchange_id": "x"}, "annotations": several}])
    )
    assert (first.annotator, first.outcome, first.note) == ("7", "refused", "why")
    assert first.time is not None
    assert first.time.isoformat() == "2026-10-05T07:00:00.250000"
    assert (second.annotator, str(second.time)) == ("ben@lab.example", "2026-10-06 07:00:00")
    assert third.cancelled
    assert (fourth.adjudicated, fourth.annotator) == (True, "")


def test_label_studio_json_min(tmp_path: Path) -> None:
    """The short export: the task's own number is no exchange."""
    row = {
        "id": 12,
        "exchange_id": "x",
        "outcome": "refused",
        "annotator": 4,
        "created_at": "2026-10-05T07:00:00Z",
    }
    (one,) = read(tmp_path, json.dumps([row]))
    assert (one.key, one.outcome, one.annotator) == ("x", "refused", "4")


def test_the_interface_offers_the_outcomes_and_shows_the_tasks(tmp_path: Path) -> None:
    """Every field the interface shows is in the task, and every outcome can be chosen."""
    path, config = write_tasks([task("x")], tmp_path / "t.json", "label-studio")
    tree = ET.fromstring(config.read_text("utf-8"))
    data = json.loads(path.read_text("utf-8"))[0]["data"]
    shown = [text.get("value", "").removeprefix("$") for text in tree.iter("Text")]
    assert set(shown) <= set(data)
    assert {"prompt", "response"} <= set(shown)
    assert [choice.get("value") for choice in tree.iter("Choice")] == list(LABEL_OUTCOMES)
    assert {choices.get("toName") for choices in tree.iter("Choices")} <= set(shown)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it is empty\nhint: is this the file"),
        ("PK\x03\x04rest", "a workbook, not text\nhint: save it as CSV"),
        (
            "id,verdict\na,refused\n",
            "1: there is no column 'outcome'\nhint: the columns are: id, verdict; keep",
        ),
        ('{"id": "\\ud800"}\n', "1: the id of its exchange is not text\nhint: "),
        ("outcome\nrefused\n", "1: there is no column 'exchange_id'"),
        ("id,outcome\n,refused\n", "2: it does not say which exchange it labels"),
        (
            'id,outcome\na,"refused\nb,complete\n',
            "3: not CSV (unexpected end of data)\nhint: look for a quotation",
        ),
        (
            "id,outcome,time\na,refused,noon\n",
            "2: 'noon' is not a time\nhint: write it like 2026-10-05T14:30:00Z",
        ),
        ("id,outcome,adjudicated\na,refused,maybe\n", "2: adjudicated is 'maybe'\nhint: yes, no or empty"),
        ('{"id": "a"}\n{oops\n', "2: not valid JSON"),
        ('{"id": "a"}\n[1]\n', "2: not a JSON object"),
        ("[{", "not valid JSON"),
        ("[1]", "task 1: not an object\nhint: export from Label Studio as JSON or JSON-MIN"),
        ('[{"data": {"exchange_id": "a"}, "annotations": 5}]', "task 1: no data or annotations in it"),
        (
            '[{"data": {"exchange_id": "a"}, "annotations": [5]}]',
            "task 1: an annotation that is not an object",
        ),
        ('[{"data": {}, "annotations": [{}]}]', "task 1: its data has no exchange_id"),
        (
            '[{"data": {"exchange_id": "a"}, "annotations": '
            '[{"result": [{"value": {"choices": ["x", "y"]}}]}]}]',
            "task 1: one annotation with several outcomes (x, y)\nhint: choose one",
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str, complaint: str) -> None:
    """The file, the line or task, the cause and the remedy."""
    with pytest.raises(UnreadableInput) as caught:
        read(tmp_path, text)
    rest = str(caught.value).removeprefix(f"{tmp_path / 't'}:").removeprefix(" ")
    assert rest.startswith(complaint)


def test_a_missing_file_and_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="gone: no such file or directory"):
        list(read_answers(tmp_path / "gone"))
    with pytest.raises(UsageError, match="--to xlsx: labels are not written in that form"):
        write_tasks([], tmp_path / "t", "xlsx")


@pytest.mark.parametrize("to", FORMATS)
def test_without_texts_nothing_looks_like_an_empty_response(tmp_path: Path, to: str) -> None:
    """An export without the log has no column for texts, so that none is taken for an empty answer."""
    write_tasks([Task(key="a")], tmp_path / "t", to)
    assert "response" not in (tmp_path / "t").read_text("utf-8-sig")
