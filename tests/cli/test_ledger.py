"""`aligntax record`, `history` and `show`, as a person runs them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from aligntax.ledger import Ledger, open_ledger
from aligntax.ledger.keys import content_hash
from aligntax.ledger.labels import labels
from aligntax.ledger.policies import approve, policies
from aligntax.ledger.runs import artefact, document, find_run, runs
from aligntax.ledger.verdicts import keep_verdict
from ledger_databases import postgresql, where
from ledger_worlds import bill, rate
from tests_commands import aligntax, checked, fine, wrong

__all__ = ["postgresql", "where"]

GOLDEN = sorted((Path(__file__).parents[1] / "ledger" / "golden").glob("*.json"))


def _write(path: Path, contents: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents), "utf-8")
    return path


def _told(*arguments: object, cwd: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(fine(*arguments, "--json", cwd=cwd).stdout)
    return told


@pytest.fixture
def days(where: str, tmp_path: Path) -> str:
    """A ledger of six days: a new detector on the fourth, labels on the sixth, a deploy and a note."""
    for day, value in enumerate((0.2, 0.22, 0.31, 0.19, 0.18, 0.17)):
        version = "phrases 1" if day < 3 else "phrases 2"
        contents = bill(value, day=day, version=version, powered=0.15 if day == 5 else None)
        _write(tmp_path / f"{day}.json", contents)
    fine("record", *sorted(tmp_path.glob("?.json")), "--ledger", where, cwd=tmp_path)
    for kind, text, at in (
        ("deploy", "model v2 [bold]", "2025-11-24T08:00"),
        ("note", "a holiday", "2025-11-26"),
    ):
        fine("record", "--mark", kind, text, "--at", at, "--ledger", where, cwd=tmp_path)
    return where


def test_a_directory_of_an_audit(where: str, tmp_path: Path, example_log: Path) -> None:
    """The bill, and outcomes.parquet beside it; nothing twice; what is no document is passed over."""
    fine("audit", example_log, "--out", "run", "--quiet", cwd=tmp_path)
    _write(tmp_path / "run" / "run.json", {"schema": "aligntax.run/1"})
    _write(tmp_path / "run" / "other.json", {"a": 1})
    told = fine("record", "run", "--ledger", where, cwd=tmp_path).stderr
    assert "run/bill.json: bill recorded as " in told
    assert told.endswith(", with outcomes.parquet\n")
    again = fine("record", "run", "--ledger", where, cwd=tmp_path).stderr
    assert "was recorded already, as" in again
    ledger = open_ledger(where)
    (run,) = runs(ledger)
    kept = artefact(ledger, run.id, "outcomes.parquet")
    ledger.close()
    assert kept is not None
    assert kept.read_bytes() == (tmp_path / "run" / "outcomes.parquet").read_bytes()
    shown = fine("show", "--ledger", where, cwd=tmp_path).stdout
    assert "outcomes.parquet" in shown
    assert "requests refused or hedged" in shown


def test_where_it_comes_from(tmp_path: Path, where: str) -> None:
    """A document of today was made here, an older one elsewhere, unless a person says otherwise."""
    old, log = _write(tmp_path / "old.json", bill()), tmp_path / "log.jsonl"
    log.write_text("{}")
    fine("record", old, "--data", log, "--title", "the first", "--ledger", where, cwd=tmp_path)
    _write(tmp_path / "other.json", bill(0.4))
    fine("record", "other.json", "--here", "--ledger", where, cwd=tmp_path)
    ledger = open_ledger(where)
    first, second = sorted(runs(ledger), key=lambda run: run.recorded)
    ledger.close()
    assert first.title == "the first"
    assert first.origin.data_hash is not None
    assert "duckdb" not in first.origin.versions
    assert "duckdb" in second.origin.versions


def test_labels_and_policies(tmp_path: Path, where: str) -> None:
    """Labels of a run; a policy that was checked, and who changed it."""
    lines = [{"id": f"x{at}", "outcome": "refused", "annotator": "first"} for at in range(3)]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    policy = 'version = 1\nservice = "chat"\n[[use_case]]\nname = "medical"\nmatch.use_case = ["med*"]\n'
    (tmp_path / "aligntax.toml").write_text(policy)
    _write(tmp_path / "bill.json", bill())
    run = _told("record", "bill.json", "--ledger", where, cwd=tmp_path)["recorded"][0]["run"]
    told = fine("record", "labels.jsonl", "--run", run[:-2], "--ledger", where, cwd=tmp_path).stderr
    assert told == f"labels.jsonl: 3 of 3 labels are new of run {run}\n"
    again = fine("record", "labels.jsonl", "--run", "latest", "--ledger", where, cwd=tmp_path).stderr
    assert again.startswith("labels.jsonl: 0 of 3 labels are new")
    fine("record", "aligntax.toml", "--author", "owner", "--note", "start", "--ledger", where, cwd=tmp_path)
    ledger = open_ledger(where)
    assert [one.id for one in labels(ledger, run)] == ["x0", "x1", "x2"]
    (kept,) = policies(ledger)
    assert (kept.id, kept.author, kept.note) == (content_hash(policy), "owner", "start")
    approve(ledger, kept.id, by="approver")
    ledger.close()
    assert "labels    3" in fine("show", "latest", "--ledger", where, cwd=tmp_path).stdout
    (tmp_path / "aligntax.toml").write_text(policy.replace("version = 1", "version = 2"))
    assert "aligntax.toml" in wrong("record", "aligntax.toml", "--ledger", where, cwd=tmp_path)


def test_history_lists_runs_and_marks(days: str, tmp_path: Path) -> None:
    """Newest first, marks between them, the verdict where there is one."""
    ledger = open_ledger(days)
    keep_verdict(ledger, find_run(ledger, "latest").id, "p", "fail", "release", {"schema": "aligntax.gate/1"})
    ledger.close()
    lines = checked(aligntax("history", "--ledger", days, cwd=tmp_path, columns=120)).stdout.splitlines()
    words = ("deploy", "note", "fail")
    at = {word: next(i for i, line in enumerate(lines) if word in line) for word in words}
    assert at["fail"] == 1
    assert "2025-11-27 12:00  bill    completion_tax 15.0% (13.0% to 17.0%)" in lines[1]
    assert lines[at["deploy"]].rstrip().split(maxsplit=3)[2:] == ["deploy", "model v2 [bold]"]
    assert at["note"] < at["deploy"]
    told = _told("history", "--ledger", days, "--limit", 2, cwd=tmp_path)
    assert told["schema"] == "aligntax.history/1"
    assert [one["figure"]["value"] for one in told["runs"]] == [0.15, 0.18]
    assert [one["verdict"] for one in told["runs"]] == ["fail", None]
    assert [one["text"] for one in told["marks"]] == []
    narrow = fine("history", "--ledger", days, cwd=tmp_path).stdout
    assert max(map(len, narrow.splitlines())) <= 80
    assert _told("history", "--kind", "floor", "--ledger", days, cwd=tmp_path)["runs"] == []


def test_a_figure_over_the_runs(days: str, tmp_path: Path) -> None:
    """Its interval drawn, marks where they fall, and a line where figures are not to be compared."""
    asked = ("history", "--component", "completion_tax", "--use-case", "medical", "--ledger", days)
    for columns in (80, 120):
        lines = checked(aligntax(*asked, cwd=tmp_path, columns=columns)).stdout.splitlines()
        assert max(map(len, lines)) <= columns
        rows = [line for line in lines if "●" in line]
        assert len(rows) == 6
        assert all("├" in row and "┤" in row for row in rows)
        highest = max(rows, key=lambda row: row.index("●"))
        assert "31.0%  29.0% to 33.0%" in highest
        (mark,) = (at for at, line in enumerate(lines) if line.endswith("deploy") or "◆ deploy  " in line)
        assert "2025-11-24" in lines[mark - 1 :][1]
        text = " ".join("\n".join(lines).split())
        assert (
            "not to be compared with what is above (detector: cascade (phrases 1), then cascade (phrases 2))"
            in text
        )
        assert "◆ deploy: model v2 [bold]" in text
    told = _told(*asked, cwd=tmp_path)
    assert [one["value"] for one in told["points"]] == [0.2, 0.22, 0.31, 0.19, 0.18, 0.17]
    assert [bool(one["changed"]) for one in told["points"]] == [False, False, False, True, False, False]
    assert told["slice"] == {"use_case": "medical"}
    assert [one["kind"] for one in told["marks"]] == ["deploy", "note"]
    whole = _told("history", "--component", "completion_tax", "--ledger", days, "-n", 2, cwd=tmp_path)
    assert [one["correction"] for one in whole["points"]] == ["raw", "powered"]
    assert whole["points"][1]["changed"] == ["rests on: raw detector, then prediction-powered"]
    raw = _told(
        "history", "--component", "completion_tax", "--correction", "raw", "--ledger", days, cwd=tmp_path
    )
    assert raw["points"][-1]["value"] == 0.17


def test_a_figure_that_cannot_be_known_over_the_runs(days: str, tmp_path: Path) -> None:
    """No number is made up, and the reason stands in its place."""
    shown = fine("history", "--component", "bill.spent_cost", "--ledger", days, cwd=tmp_path).stdout
    assert "unknown" in shown
    assert "nothing to count" in shown
    assert "●" not in shown
    one = _write(tmp_path / "open.json", {"schema": "aligntax.other/1", "x": rate(0.2) | {"high": None}})
    fine("record", one, "--ledger", days, cwd=tmp_path)
    drawn = fine("history", "--component", "x", "--ledger", days, cwd=tmp_path).stdout
    assert "┤" not in drawn
    assert "├" in drawn


def test_a_figure_no_run_has(days: str, tmp_path: Path) -> None:
    said = wrong(
        "history", "--component", "completion_tax", "--use-case", "x", "--ledger", days, cwd=tmp_path
    )
    assert "no run has completion_tax of use_case x" in said
    assert "use_case medical" in said
    assert "no run has nothing" in wrong("history", "--component", "nothing", "--ledger", days, cwd=tmp_path)
    for options, why in (
        (("--use-case", "x"), "a slice is of a figure"),
        (("--component", "x", "--slice", "benchmark"), "no NAME=VALUE"),
        (("--component", "x", "--correction", "best"), "no such way"),
    ):
        assert why in wrong("history", *options, "--ledger", days, cwd=tmp_path)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_document_is_shown_as_its_command_does(tmp_path: Path, path: Path) -> None:
    """By its own printer where it has one; --json prints it as it was."""
    fine("record", path, "--ledger", tmp_path, cwd=tmp_path)
    shown = fine("show", "--ledger", tmp_path, cwd=tmp_path).stdout
    assert "cannot be printed" not in shown
    assert len(shown.splitlines()) > 5
    assert _told("show", "--ledger", tmp_path, cwd=tmp_path) == json.loads(path.read_text("utf-8"))
    rows = list(csv.DictReader(io.StringIO(fine("show", "--csv", "--ledger", tmp_path, cwd=tmp_path).stdout)))
    assert rows
    assert set(rows[0]) >= {"component", "slice", "value", "low", "high", "reason"}
    listed = fine("show", "--figures", "--ledger", tmp_path, cwd=tmp_path).stdout
    assert "interval" in listed


def test_a_document_its_printer_cannot_print(tmp_path: Path) -> None:
    """What another version wrote is shown by its figures."""
    strange = {"schema": "aligntax.bill/1", "measurements": [], "x": rate(0.25)}
    _write(tmp_path / "a.json", strange)
    _write(tmp_path / "b.json", strange | {"schema": "aligntax.bill/7"})
    told = fine("record", "a.json", "b.json", "--ledger", ".", cwd=tmp_path).stderr
    assert told.splitlines()[1].endswith("figures are called by where they stand")
    for run in _told("history", "--ledger", ".", cwd=tmp_path)["runs"]:
        shown = fine("show", run["run"], "--ledger", ".", cwd=tmp_path).stdout
        assert "25.0%" in shown
        assert ("cannot be printed" in shown) == (run["schema"] == "aligntax.bill/1")


def test_hostile_texts_are_printed_safely(tmp_path: Path) -> None:
    """No control character and no direction override reaches the terminal, and markup is text."""
    odd = "\x1b[31m\u202e[red]x[/red]\r\n"
    contents = bill(use_cases=(odd,))
    contents["about"]["files"] = [odd]
    contents["about"]["detector"] = odd
    _write(tmp_path / "a.json", contents)
    fine("record", "a.json", "--title", odd, "--ledger", ".", cwd=tmp_path)
    fine("record", "--mark", "note", odd, "--use-case", odd, "--ledger", ".", cwd=tmp_path)
    for command in (
        ("history",),
        ("show", "--figures"),
        ("show",),
        ("history", "--component", "completion_tax", "--use-case", odd),
    ):
        shown = fine(*command, "--ledger", ".", cwd=tmp_path).stdout
        assert not any(c in shown for c in "\x1b\u202e\r")
        if command[0] == "history":
            assert "[red]" in shown


def _refused(ledger: str) -> list[tuple[tuple[object, ...], str]]:
    mark = ("--mark", "deploy", "x")
    return [
        ((), "nothing to record"),
        (("none.json",), "no such file"),
        (("odd.json",), "odd.json: line 2: no JSON"),
        (("latin.json",), "no UTF-8"),
        (("list.json",), "not a document of aligntax"),
        (("run.json",), "nothing was measured"),
        (("odd.txt",), "neither a document"),
        (("empty",), "no document in this directory"),
        (("deep.json",), "nested too deep"),
        (("--mark", "party", "x"), "no kind of mark"),
        (("good.json", "--at", "2026-01-01"), "of a mark"),
        (("good.json", "--run", "latest"), "--run is of labels"),
        (("good.json", "good.json", "--title", "x"), "--title is of one document"),
        ((*mark, "--data", "good.json"), "--data is of one document"),
        (("good.json", "--data", "none"), "none: cannot be read"),
        (("good.json", "odd.json"), "odd.json"),
    ]


def test_what_is_refused_is_not_kept(tmp_path: Path, where: str) -> None:
    """One bad file among good ones, and nothing is recorded."""
    (tmp_path / "odd.json").write_text('{"schema":\n nonsense}')
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xff"}')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "odd.txt").write_text("x")
    (tmp_path / "deep.json").write_text('{"schema": "aligntax.bill/1", "a": ' + "[" * 9000 + "]" * 9000 + "}")
    (tmp_path / "empty").mkdir()
    _write(tmp_path / "run.json", {"schema": "aligntax.run/1"})
    _write(tmp_path / "good.json", bill())
    for arguments, why in _refused(where):
        done = aligntax("record", *arguments, "--ledger", where, cwd=tmp_path)
        assert done.returncode == 2, (arguments, done.stderr)
        assert why in done.stderr
        assert "hint: " in done.stderr or why == "nothing was measured" or "none: cannot" in why
    ledger = open_ledger(where)
    assert runs(ledger) == []
    ledger.close()


def test_there_is_nothing_to_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALIGNTAX_LEDGER", raising=False)
    for command in ("history", "show"):
        assert "there is no ledger here" in wrong(command, "--ledger", "none", cwd=tmp_path)
    open_ledger(tmp_path / "new").close()
    assert "no runs yet" in fine("history", "--ledger", "new", cwd=tmp_path).stdout
    assert "no run of that name" in wrong("show", "--ledger", "new", cwd=tmp_path)
    fine("record", "--mark", "note", "first", "--ledger", "new", cwd=tmp_path)
    _write(tmp_path / "a.json", bill())
    fine("record", "a.json", "--ledger", "new", cwd=tmp_path)
    assert "three ways to print" in wrong("show", "--json", "--csv", "--ledger", "new", cwd=tmp_path)


def test_the_document_is_that_of_the_file(tmp_path: Path, where: str) -> None:
    """Whatever stands in it: the ledger changes nothing."""
    contents = bill() | {"odd": ["\ud800", "\0", 1e308, -0.0, 2**70, "\u202e", {"": None}]}
    (tmp_path / "a.json").write_text(json.dumps(contents))
    fine("record", "a.json", "--ledger", where, cwd=tmp_path)
    ledger: Ledger = open_ledger(where)
    assert document(ledger, runs(ledger)[0].id) == contents
    ledger.close()
