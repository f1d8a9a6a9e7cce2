"""`aligntax label task` and `collect`: from a plan to the ledger, and from there to `audit --labels`."""

import json
from pathlib import Path

import pytest

from aligntax.ledger.annotations import annotate
from aligntax.ledger.opened import open_ledger
from aligntax.ledger.tasks import find_task, item, plan_of
from tests_commands import fine, wrong


@pytest.fixture(scope="module")
def planned(example_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the example audited and planned."""
    directory = tmp_path_factory.mktemp("tasks")
    fine("audit", example_log, "--out", "run", "-q", cwd=directory)
    fine("label", "plan", "run", "--budget", 60, "-q", cwd=directory)
    return directory


def make(planned: Path, log: Path, directory: Path, *more: object) -> str:
    """A task in a new ledger; its key."""
    given = ("label", "task", planned / "plan.jsonl", log, "--ledger", directory / "ledger")
    done = fine(*given, "--json", *more, cwd=directory)
    return str(json.loads(done.stdout)["task"])


def test_what_is_collected_is_what_import_writes(planned: Path, example_log: Path, tmp_path: Path) -> None:
    """The same labels by way of the screen and by way of a file: the same file, byte by byte."""
    key = make(planned, example_log, tmp_path, "--annotators", 2, "--run", planned / "run", "-q")
    ledger = open_ledger(tmp_path / "ledger")
    task = find_task(ledger, key)
    chosen = plan_of(ledger, task).chosen
    rows = list[str]()
    for at, one in enumerate(chosen[:50], 1):
        for who, outcome in (("ben", "complete"), ("anna", ("complete", "refused")[at % 5 == 0])):
            kept = annotate(ledger, key, at, annotator=who, outcome=outcome, note="né", token=f"{who}{at}")
            assert kept.annotation
            said = {"id": one.key, "outcome": outcome, "annotator": who, "note": "né"}
            rows.append(json.dumps(said | {"time": f"{kept.annotation.time.isoformat()}Z"}))
    ledger.close()
    (tmp_path / "answers.jsonl").write_text("\n".join(rows), "utf-8")
    fine(
        "label",
        "import",
        "answers.jsonl",
        "--plan",
        planned / "plan.jsonl",
        "-o",
        "imported.jsonl",
        cwd=tmp_path,
    )
    done = fine("label", "collect", key, "--ledger", "ledger", "-o", "collected.jsonl", cwd=tmp_path)
    assert (tmp_path / "collected.jsonl").read_bytes() == (tmp_path / "imported.jsonl").read_bytes()
    assert f"20 of 120 labels of task {key} have not been given" in done.stderr
    assert "10 exchanges have labels that disagree" in done.stderr
    fine("audit", example_log, "--labels", "collected.jsonl", "--out", "corrected", "-q", cwd=tmp_path)


def test_texts_are_redacted_unless_kept(planned: Path, example_log: Path, tmp_path: Path) -> None:
    """Personal data do not go into the ledger by themselves; the system prompt comes along."""
    log = tmp_path / "log.jsonl"
    lines = [
        {"id": f"x{n}", "prompt": f"Mail me at jane{n}@example.com", "response": "No.", "system": "Be kind."}
        for n in range(200)
    ]
    log.write_text("\n".join(map(json.dumps, lines)))
    fine("audit", "log.jsonl", "--out", "run", "-q", cwd=tmp_path)
    fine("label", "plan", "run", "--budget", 20, "-q", cwd=tmp_path)
    for keep, more in ((False, ()), (True, ("--keep-text",))):
        key = make(tmp_path, log, tmp_path, "-q", *more)
        ledger = open_ledger(tmp_path / "ledger")
        shown, task = item(ledger, key, 1), find_task(ledger, key)
        ledger.close()
        assert ("@example.com" in shown.prompt) == keep
        assert task.settings.redacted == (not keep)
        assert (shown.system, shown.response) == ("Be kind.", "No.")


def test_the_run_is_found_or_said_to_be_missing(planned: Path, example_log: Path, tmp_path: Path) -> None:
    given = ("label", "task", planned / "plan.jsonl", example_log, "--ledger", "ledger")
    done = fine(*given, cwd=tmp_path)
    assert "the interval rests on the labels alone; --run DIRECTORY" in done.stderr
    assert "60 exchanges, one label each" in done.stderr
    done = fine(*given, "--run", planned / "run", "--annotators", 2, cwd=tmp_path)
    assert "labels alone" not in done.stderr
    assert "60 exchanges, two labels each" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("label", "task", "PLAN", "--ledger", "l"), "without the log there is nothing to show"),
        (("label", "task", "none.jsonl", "LOG", "--ledger", "l"), "none.jsonl: no such file"),
        (("label", "task", "PLAN", "LOG", "--run", "2026", "--ledger", "l"), "2026"),
        (("label", "task", "PLAN", "LOG", "--ledger", "mysql://h/d"), "cannot be kept in mysql"),
        (("label", "collect", "--ledger", "l"), "there is no ledger"),
    ],
)
def test_what_makes_no_sense(
    planned: Path, example_log: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    names = {"PLAN": str(planned / "plan.jsonl"), "LOG": str(example_log)}
    assert words in wrong(*(names.get(one, one) for one in arguments), cwd=tmp_path)


def test_nothing_to_collect(planned: Path, example_log: Path, tmp_path: Path) -> None:
    key = make(planned, example_log, tmp_path, "-q")
    assert "has no label yet" in wrong("label", "collect", "latest", "--ledger", "ledger", cwd=tmp_path)
    assert "no such task" in wrong("label", "collect", "x", "--ledger", "ledger", cwd=tmp_path)
    assert not (tmp_path / "labels.jsonl").exists()
    assert key
