"""Corrected rates as a person gets them: plan, label, audit with labels, compare; and how it goes wrong."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests_commands import aligntax, apart, checked, fine, wrong

PHRASES = ("--detector", "phrases")

ANSWER = "The half-life is six hours. Take it twice a day with food, and check the level after a week."
REFUSAL = "I'm sorry, but I can't help with that."
SILENT = "Questions of this kind deserve a trained ear. Your surgery is open until six."


def write_log(path: Path, rows: int = 600) -> Path:
    """Of 20 exchanges 3 are refusals in words the detector knows, 2 in words it does not."""
    said = [REFUSAL] * 3 + [SILENT] * 2 + [ANSWER] * 15
    lines = [
        {"id": f"x{n}", "prompt": f"question {n}", "response": said[n % 20], "use_case": "ab"[n % 2]}
        for n in range(rows)
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def fill(source: Path, target: Path, *, wrong_ones: Sequence[int] = ()) -> Path:
    """What an annotator saves who sees every refusal, but for the rows named."""
    text = source.read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for at, row in enumerate(rows):
            refused = (int(row["exchange_id"][1:]) % 20 < 5) != (at in wrong_ones)
            writer.writerow({**row, "outcome": "refused" if refused else "complete"})
    return target


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a log, an audit of it, 100 labels by two annotators, and an audit with them."""
    folder = tmp_path_factory.mktemp("corrected")
    write_log(folder / "log.jsonl")
    fine("audit", "log.jsonl", *PHRASES, "--out", "raw", "-q", cwd=folder)
    fine("label", "plan", "raw", "--budget", 100, "--seed", 3, "-q", cwd=folder)
    fine("label", "export", "plan.jsonl", "log.jsonl", "-q", cwd=folder)
    fill(folder / "to-label.csv", folder / "anna.csv")
    fill(folder / "to-label.csv", folder / "ben.csv", wrong_ones=[3])
    fine("label", "import", "anna.csv", "ben.csv", "--plan", "plan.jsonl", "-q", cwd=folder)
    done = checked(apart(*with_labels(), "--out", "corrected", "-q", cwd=folder))
    (folder / "printed.txt").write_text(done.stdout)
    return folder


def with_labels(log: str = "log.jsonl", labels: object = "labels.jsonl") -> tuple[object, ...]:
    return ("audit", log, *PHRASES, "--labels", labels)


def bill(folder: Path, run: str) -> dict[str, Any]:
    return json.loads((folder / run / "bill.json").read_text("utf-8"))


def tax(contents: dict[str, Any], correction: str) -> dict[str, Any]:
    entries = [*contents["measurements"], *(contents["correction"] or {"measurements": []})["measurements"]]
    (found,) = [
        entry
        for entry in entries
        if (entry["component"], entry["slice"], entry["correction"]) == ("completion_tax", {}, correction)
    ]
    return found


def test_labels_find_what_the_detector_misses(labelled: Path) -> None:
    """The truth is 25 %: outside the raw interval, inside the powered one, which leads what is printed."""
    contents = bill(labelled, "corrected")
    raw, powered = tax(contents, "raw"), tax(contents, "powered")
    assert raw["high"] < 0.25
    assert powered["low"] <= 0.25 <= powered["high"]
    assert contents["correction"]["read"] == "powered"
    assert contents["about"]["labelling_policy"] == "1"
    assert contents["correction"]["labels"]["shared"] == 100
    printed = (labelled / "printed.txt").read_text()
    assert max(map(len, printed.split("\n"))) <= 80
    assert f"{powered['value']:.1%} of requests refused or hedged" in printed
    assert f"{raw['value']:.1%} says the raw detector" in printed
    assert "requests refused, corrected" in printed
    html = (labelled / "corrected" / "report.html").read_text("utf-8")
    assert f'<p class="big">{powered["value"]:.1%}</p>' in html
    assert tax(bill(labelled, "raw"), "raw") == raw


def test_the_report_can_be_drawn_again(labelled: Path, tmp_path: Path) -> None:
    fine("report", labelled / "corrected" / "bill.json", "--out", "again.html", "-q", cwd=tmp_path)
    assert (tmp_path / "again.html").read_bytes() == (labelled / "corrected" / "report.html").read_bytes()


def test_a_bill_from_before_corrections_still_loads(labelled: Path, tmp_path: Path) -> None:
    """Without the newer keys, a bill of the same schema is drawn and compared as raw."""
    old = bill(labelled, "raw")
    del old["correction"], old["about"]["labelling_policy"]
    for entry in old["measurements"]:
        del entry["correction"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    fine("report", "old.json", "-q", cwd=tmp_path)
    done = fine("compare", "old.json", labelled / "raw" / "bill.json", cwd=tmp_path)
    assert "+0.0 points" in done.stdout


def test_compare(labelled: Path, tmp_path: Path) -> None:
    """A table within 80 columns, JSON on demand; other versions are refused, and forced said so."""
    write_log(tmp_path / "less.jsonl", 60)
    fine("audit", "less.jsonl", *PHRASES, "--out", "less", "-q", cwd=tmp_path)
    first, second = labelled / "raw" / "bill.json", tmp_path / "less" / "bill.json"
    (tmp_path / "a.json").write_bytes(first.read_bytes())
    done = fine("compare", "a.json", "less/bill.json", cwd=tmp_path)
    assert max(map(len, done.stdout.split("\n"))) <= 80
    assert "Newcombe" in done.stdout
    said = json.loads(fine("compare", first, second, "--json", cwd=tmp_path).stdout)
    assert said["schema"] == "aligntax.comparison/1"
    assert all(
        entry["difference"]["low"] <= 0 <= entry["difference"]["high"] for entry in said["differences"]
    )
    changed = json.loads(second.read_text("utf-8"))
    changed["about"]["detector_version"] = "other"
    (tmp_path / "other.json").write_text(json.dumps(changed))
    assert "not to be compared: the detector is" in wrong("compare", "a.json", "other.json", cwd=tmp_path)
    forced = fine("compare", "a.json", "other.json", "--force", cwd=tmp_path)
    assert "- forced: the detector is" in forced.stdout
    assert "not a bill" in wrong_input("compare", "a.json", "less.jsonl", cwd=tmp_path)


def wrong_input(*arguments: object, cwd: Path) -> str:
    done = aligntax(*arguments, cwd=cwd)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


def test_published_error(labelled: Path, tmp_path: Path) -> None:
    """Four numbers correct the tax on an assumption that is printed; too weak ones correct nothing."""
    log = labelled / "log.jsonl"
    done = fine("audit", log, *PHRASES, "--detector-error", "0.6,100,0.99,300", "-q", cwd=tmp_path)
    assert "published detector error" in done.stdout
    assert "assumes that the detector errs here as it did elsewhere" in " ".join(done.stdout.split())
    contents = json.loads((tmp_path / "bill.json").read_text("utf-8"))
    published = tax(contents, "published")
    assert published["low"] <= 0.25 <= published["high"]
    assert published["method"] == "Rogan-Gladen, published detector error"
    weak = fine("audit", log, *PHRASES, "--detector-error", "0.5,100,0.6,300", "-q", cwd=tmp_path)
    assert "below 0.2" in " ".join(weak.stdout.split())
    assert "  raw detector" in weak.stdout


def test_scores_of_a_detector_correct_it(labelled: Path, tmp_path: Path) -> None:
    """What `detectors score --json` prints is what --detector-error takes."""
    rows = [{"prompt": f"r{n}", "response": REFUSAL, "label": "refused"} for n in range(40)]
    rows += [{"prompt": f"q{n}", "response": ANSWER, "label": "complete"} for n in range(60)]
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, rows)))
    scored = fine("detectors", "score", "set.jsonl", *PHRASES, "--json", "-q", cwd=tmp_path)
    (tmp_path / "scores.json").write_text(scored.stdout)
    done = fine(
        "audit", labelled / "log.jsonl", *PHRASES, "--detector-error", "scores.json", "-q", cwd=tmp_path
    )
    assert "published detector error" in done.stdout


def test_labels_that_do_not_fit(labelled: Path, tmp_path: Path) -> None:
    """Exit code 2, and the cause and the remedy in one complaint."""
    labels = labelled / "labels.jsonl"
    write_log(tmp_path / "other.jsonl", 40)
    said = wrong(*with_labels("other.jsonl", labels), "-q", cwd=tmp_path)
    assert "labelled exchanges are not in this log" in said
    fine("label", "import", labelled / "anna.csv", "--out", "loose.jsonl", "-q", cwd=tmp_path)
    said = wrong(*with_labels(str(labelled / "log.jsonl"), "loose.jsonl"), "--force", "-q", cwd=tmp_path)
    assert "nobody knows how the labelled exchanges were chosen" in said
    assert not list(tmp_path.glob("*outcomes*"))  # what an earlier audit left there would still be there
    old = labels.read_text("utf-8").replace('"policy_version": "1"', '"policy_version": "0"')
    (tmp_path / "old.jsonl").write_text(old)
    arguments = with_labels(str(labelled / "log.jsonl"), "old.jsonl")
    assert "follow version 0 of the labelling policy" in wrong(*arguments, "-q", cwd=tmp_path)
    forced = fine(*arguments, "--force", "-q", cwd=tmp_path)
    assert "forced: the labels follow labelling policy 0" in " ".join(forced.stdout.split())
    both = wrong(*with_labels(str(labelled / "log.jsonl"), labels), "--detector-error", "x", cwd=tmp_path)
    assert "labels of your own need no error measured elsewhere" in both
    (tmp_path / "empty.jsonl").write_text("")
    wrong(*with_labels(str(labelled / "log.jsonl"), "empty.jsonl"), cwd=tmp_path)
