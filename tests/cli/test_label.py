"""`aligntax label` from an audit to agreed labels, and what it says when something is wrong."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from aligntax.labels import exchange_keys, load_labels, resolve
from tests_commands import apart, checked, fine, wrong


@pytest.fixture(scope="module")
def audited(example_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the example audited, planned and exported."""
    directory = tmp_path_factory.mktemp("label")
    fine("audit", example_log, "--out", "run", "-q", cwd=directory)
    fine("label", "plan", "run", "--budget", 80, "-q", cwd=directory)
    fine("label", "export", "plan.jsonl", example_log, "-q", cwd=directory)
    return directory


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def fill(source: Path, target: Path, outcomes: Mapping[str, str]) -> Path:
    """An annotator's copy, as a spreadsheet writes it."""
    rows = rows_of(source)
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(row | {"outcome": outcomes[row["exchange_id"]]} for row in rows)
    return target


def verdicts(directory: Path) -> dict[str, str]:
    table = pq.read_table(directory / "run" / "outcomes.parquet", columns=["id", "outcome"])
    keys, outcomes = exchange_keys(table["id"]).to_pylist(), table["outcome"].to_pylist()
    return {k: "not_applicable" if o == "undetermined" else o for k, o in zip(keys, outcomes, strict=True)}


def test_from_an_audit_to_final_labels(audited: Path, example_log: Path, tmp_path: Path) -> None:
    """Two annotators differ on ten exchanges, a third person settles them: every exchange has its label."""
    given = verdicts(audited)
    tenth = {row["exchange_id"] for row in rows_of(audited / "to-label.csv")[::8]}
    other = {
        key: ("hedged" if o != "hedged" else "refused") if key in tenth else o for key, o in given.items()
    }
    files = [
        fill(audited / "to-label.csv", tmp_path / "anna.csv", given),
        fill(audited / "to-label.csv", tmp_path / "ben.csv", other),
    ]
    plan = ("--plan", audited / "plan.jsonl")
    done = fine("label", "import", *files, *plan, cwd=tmp_path)
    assert "wrote labels.jsonl: 160 labels of 80 exchanges by 2 annotators" in done.stderr
    assert "10 exchanges have labels that disagree; see `aligntax label agree`" in done.stderr
    agree = ("label", "agree", "labels.jsonl", "--to", "csv", "--log", example_log)
    done = checked(apart(*agree, cwd=tmp_path))
    assert "To adjudicate: 10" in done.stdout
    assert all(row["prompt"] and row["labels_given"] for row in rows_of(tmp_path / "to-adjudicate.csv"))
    settled = fill(tmp_path / "to-adjudicate.csv", tmp_path / "dora.csv", given)
    fine("label", "import", *files, settled, *plan, "-q", cwd=tmp_path)
    resolved = resolve(load_labels([tmp_path / "labels.jsonl"]))
    final = dict(zip(resolved.labels["id"].to_pylist(), resolved.labels["outcome"].to_pylist(), strict=True))
    assert final == {key: given[key] for key in final}
    assert resolved.unresolved == ()
    assert all(stratum.labelled == stratum.planned for stratum in resolved.strata)
    assert sum(1 / p for p in resolved.labels["probability"].to_pylist()) == pytest.approx(605)


@pytest.mark.parametrize("to", ["csv", "jsonl", "label-studio"])
def test_annotators_are_blind(audited: Path, example_log: Path, tmp_path: Path, to: str) -> None:
    """An export has no verdict, model, stratum, chance or detector, neither by name nor by value."""
    plan = ("label", "export", audited / "plan.jsonl", example_log, "--to", to, "-o", "t.out", "-q")
    fine(*plan, cwd=tmp_path)
    text = (tmp_path / "t.out").read_text("utf-8-sig")
    if to == "csv":
        rows = rows_of(tmp_path / "t.out")
    else:
        loaded = (
            [json.loads(line) for line in text.split("\n") if line] if to == "jsonl" else json.loads(text)
        )
        rows = [row.get("data", row) for row in loaded]
    shown = {"exchange_id", "use_case", "prompt", "response", "finish_reason", "policy_version"}
    assert len(rows) == 80
    assert all(set(row) - {"outcome", "note", "annotator"} == shown for row in rows)
    assert not any(row.get(name) for row in rows for name in ("outcome", "note", "annotator"))
    ended = {row["finish_reason"] for row in rows}
    for word in ("north-1", "north-2", "cascade", "stratum", "undetermined", "not_applicable"):
        assert word not in text.replace("labels_given", "")
        assert word not in ended


def test_nothing_personal_in_an_export(audited: Path, example_log: Path, tmp_path: Path) -> None:
    """Every exchange exported: redacted by default, raw when asked for."""
    fine("label", "plan", audited / "run", "--budget", 9999, "-q", cwd=tmp_path)
    for name, option in (("clean.csv", ()), ("raw.csv", ("--keep-text",))):
        fine("label", "export", "plan.jsonl", example_log, "-o", name, *option, "-q", cwd=tmp_path)
    secrets = (b"@example.com", b"555 0143", b"4111 1111")
    clean, raw = ((tmp_path / name).read_bytes() for name in ("clean.csv", "raw.csv"))
    assert not any(secret in clean for secret in secrets)
    assert any(secret in raw for secret in secrets)


def test_a_plan_in_the_terminal(audited: Path, tmp_path: Path) -> None:
    """Within 80 columns: strata, sizes, labels, chances; what is pooled and what is left out."""
    done = fine("label", "plan", audited / "run", "--budget", 40, cwd=tmp_path)
    assert max(map(len, done.stdout.split("\n"))) <= 80
    said = " ".join(done.stdout.split())
    assert "Label plan 40 of 605 exchanges" in said
    assert "5 provider error, 6 tool call only" in said
    assert "50 labels are the least that corrects a rate" in said
    assert "keep it from the annotators" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_plan_as_json(audited: Path, tmp_path: Path) -> None:
    """--json prints the head of the plan and nothing else."""
    done = fine("label", "plan", audited / "run" / "outcomes.parquet", "--json", "-q", cwd=tmp_path)
    head = json.loads((tmp_path / "plan.jsonl").read_text("utf-8").split("\n")[0])
    assert json.loads(done.stdout) == head
    assert done.stderr == ""


def test_agreement_in_the_terminal_and_as_json(audited: Path, tmp_path: Path) -> None:
    """Within 80 columns: coefficients with intervals, the confusion, the open disagreements."""
    given = verdicts(audited)
    files = [fill(audited / "to-label.csv", tmp_path / f"{who}.csv", given) for who in ("anna", "ben")]
    fine("label", "import", *files, "--plan", audited / "plan.jsonl", "-q", cwd=tmp_path)
    done = fine("label", "agree", "labels.jsonl", "--to", "csv", cwd=tmp_path)
    assert max(map(len, done.stdout.split("\n"))) <= 80
    assert "Cohen's kappa, anna and ben" in done.stdout
    assert "nothing to adjudicate, so to-adjudicate.csv was not written" in done.stderr
    assert not (tmp_path / "to-adjudicate.csv").exists()
    said = json.loads(fine("label", "agree", "labels.jsonl", "--json", "-q", cwd=tmp_path).stdout)
    assert said["pairs"][0]["cohen_kappa"]["value"] == pytest.approx(1)
    assert said["pairs"][0]["cohen_kappa"]["low"] < 1


def test_labels_without_a_plan(audited: Path, tmp_path: Path) -> None:
    """The design is a census, a random sample by somebody's word, or unknown, and unknown is said."""
    given = verdicts(audited)
    fill(audited / "to-label.csv", tmp_path / "anna.csv", given)
    done = fine("label", "import", "anna.csv", cwd=tmp_path)
    assert "nobody knows how the exchanges were chosen: no rate can be corrected" in done.stderr
    designs = {}
    for name, options in (("none", ()), ("random", ("--random-sample",))):
        fine("label", "import", "anna.csv", "--run", audited / "run", *options, "-q", cwd=tmp_path)
        designs[name] = load_labels([tmp_path / "labels.jsonl"]).design
    assert designs["none"].kind == "none"
    assert (designs["random"].kind, designs["random"].population) == ("random", 605)


def test_nothing_filled_in_is_written_over(audited: Path, example_log: Path, tmp_path: Path) -> None:
    """Neither an export that is there nor another plan; the same plan again is fine."""
    said = wrong("label", "export", "plan.jsonl", example_log, cwd=audited)
    assert said == ("error: to-label.csv: it is there already, perhaps filled in\nhint: --out another name\n")
    fine("label", "plan", audited / "run", "-q", cwd=tmp_path)
    fine("label", "plan", audited / "run", "-q", cwd=tmp_path)
    said = wrong("label", "plan", audited / "run", "--seed", 1, cwd=tmp_path)
    assert said.startswith("error: plan.jsonl: something else is there already, perhaps a plan")


def test_an_export_without_the_log(audited: Path, tmp_path: Path) -> None:
    done = fine("label", "export", audited / "plan.jsonl", "--to", "jsonl", cwd=tmp_path)
    assert "no log given: the export holds ids alone" in done.stderr
    assert "prompt" not in json.loads((tmp_path / "to-label.jsonl").read_text("utf-8").split("\n")[0])


def test_mistakes(audited: Path, tmp_path: Path) -> None:
    """Exit code 2, and the file, the cause and the remedy in one complaint."""
    plan = ("--plan", audited / "plan.jsonl")
    (tmp_path / "bad.csv").write_text("exchange_id,outcome\nex-0001,partly\n")
    complaints = [
        (("plan", "nowhere"), "nowhere: no such file or directory\nhint: make it with `aligntax audit LOG"),
        (
            ("import", "bad.csv", *plan),
            "bad.csv:2: 'partly' is not an outcome\nhint: one of: complete, hedged",
        ),
        (
            ("import", "bad.csv", "--random-sample"),
            "--random-sample needs the run they were drawn from\nhint: --run",
        ),
        (
            ("import", "bad.csv", *plan, "--run", "x"),
            "--plan tells how the exchanges were chosen\nhint: leave out",
        ),
    ]
    for arguments, complaint in complaints:
        assert wrong("label", *arguments, cwd=tmp_path).startswith(f"error: {complaint}")


def test_ids_used_twice_get_their_own_texts(tmp_path: Path) -> None:
    """Of two exchanges with one id each is labelled by its own words."""
    lines = [{"id": "a", "prompt": f"p{at}", "response": f"r{at}"} for at in range(4)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    fine("audit", "log.jsonl", "--out", "run", "-q", cwd=tmp_path)
    fine("label", "plan", "run", "-q", cwd=tmp_path)
    fine("label", "export", "plan.jsonl", "log.jsonl", "-q", cwd=tmp_path)
    shown = {row["exchange_id"]: row["response"] for row in rows_of(tmp_path / "to-label.csv")}
    assert shown == {"a": "r0", "a (2)": "r1", "a (3)": "r2", "a (4)": "r3"}
