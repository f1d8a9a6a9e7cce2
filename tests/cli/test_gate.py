"""`aligntax gate` as a person and a server run it: on the example log, in every form, every exit code."""

import datetime as dt
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aligntax.ledger.opened import open_ledger
from aligntax.ledger.policies import policies, policy_text
from aligntax.ledger.record import record
from aligntax.ledger.runs import artefact, runs
from aligntax.ledger.verdicts import verdict_document, verdicts
from gate_worlds import LAST, budget, floor_document, gated, rows, traffic, use_case

HEAD = 'version = 1\nservice = "assistant"\n'


def written(path: Path, *cases: str) -> Path:
    path.write_text(HEAD + "\n".join(cases), "utf-8")
    return path


@pytest.fixture
def lenient(tmp_path: Path) -> Path:
    cases = [use_case(name, budget(limit=0.6, by=["model"])) for name in ("security", "medical")]
    return written(tmp_path / "lenient.toml", *cases)


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    return written(tmp_path / "strict.toml", use_case("security", budget(limit=0.05)))


@pytest.fixture
def unsure(tmp_path: Path) -> Path:
    """Security is refused in 32 % of 131."""
    return written(tmp_path / "unsure.toml", use_case("security", budget(limit=0.33)))


def test_a_log_passes_with_0(example_log: Path, lenient: Path, tmp_path: Path) -> None:
    done = gated(example_log, "--policy", lenient, "--out", tmp_path / "gate.json")
    assert done.exit_code == 0, done.output
    assert "Gate: PASS" in done.stdout
    contents = json.loads((tmp_path / "gate.json").read_text("utf-8"))
    assert contents["verdict"]["verdict"] == "pass"
    assert contents["slices"][0]["estimate"]["n"] == 131


def test_a_log_fails_with_1(example_log: Path, strict: Path) -> None:
    done = gated(example_log, "--policy", strict)
    assert done.exit_code == 1
    assert "Gate: FAIL" in done.stdout


def test_what_cannot_be_told_leaves_with_3_and_lets_a_pull_request_go_on_loudly(
    example_log: Path, unsure: Path
) -> None:
    done = gated(example_log, "--policy", unsure)
    assert done.exit_code == 3
    assert "would decide" in done.stdout
    lenient = gated(example_log, "--policy", unsure, "--mode", "pull_request", "--quiet")
    assert lenient.exit_code == 0
    assert "INCONCLUSIVE: 1 of 1 cannot be told" in lenient.stderr
    assert "a release would not" in lenient.stderr


def test_every_form_is_written(example_log: Path, strict: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / f"gate.{name}" for name in ("junit", "markdown", "sarif", "out")}
    options = [part for name, path in files.items() for part in (f"--{name}", path)]
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", "utf-8")
    env = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true"}
    done = gated(example_log, "--policy", strict, *options, env=env)
    assert done.exit_code == 1
    assert ElementTree.parse(files["junit"]).getroot().tag == "testsuites"
    assert "**fail**" in files["markdown"].read_text("utf-8")
    assert json.loads(files["sarif"].read_text("utf-8"))["runs"][0]["results"]
    assert json.loads(files["out"].read_text("utf-8"))["schema"] == "aligntax.gate/1"
    told = summary.read_text("utf-8")
    assert told.startswith("before\n## Alignment tax")
    assert "\n::error file=" in done.stdout


def test_json_alone_stands_on_standard_output(example_log: Path, strict: Path) -> None:
    done = gated(example_log, "--policy", strict, "--json", "--github")
    assert json.loads(done.stdout)["verdict"]["exit_code"] == 1
    assert "::error" in done.stderr


def test_an_audits_directory_its_bill_and_its_outcomes_are_held_alike(
    example_log: Path, strict: Path, tmp_path: Path
) -> None:
    from tests_commands import fine

    fine("audit", example_log, "--out", tmp_path / "audit", cwd=tmp_path)
    names = ("", "bill.json", "outcomes.parquet")
    told = [
        json.loads(gated(tmp_path / "audit" / name, "--policy", strict, "--json").stdout) for name in names
    ]
    values = {one["slices"][0]["estimate"]["value"] for one in told}
    assert len(values) == 1
    assert {one["verdict"]["verdict"] for one in told} == {"fail"}


def test_what_is_recorded_is_the_next_baseline(tmp_path: Path) -> None:
    """The newest run that passed, not the newest."""
    ledger = tmp_path / "ledger"
    policy = written(tmp_path / "p.toml", use_case("a", budget(limit=0.05)))
    margin = written(tmp_path / "m.toml", use_case("a", budget(limit=0.5, worse_than_baseline=0.02)))
    good, bad = (_audited(tmp_path / name, refused) for name, refused in (("good", 5), ("bad", 200)))
    assert gated(good, "--policy", policy, "--ledger", ledger).exit_code == 0
    assert gated(bad, "--policy", policy, "--ledger", ledger).exit_code == 1
    opened = open_ledger(ledger)
    try:
        newest = verdicts(opened)
        assert [one.verdict for one in newest] == ["fail", "pass"]
        passed = newest[1].run_id
        assert verdict_document(opened, newest[1].id)["verdict"]["verdict"] == "pass"
        assert policy_text(opened, newest[1].policy_id) == policy.read_text("utf-8")
        assert len(policies(opened)) == 1
        assert artefact(opened, passed, "outcomes.parquet") is not None
    finally:
        opened.close()
    similar = _audited(tmp_path / "similar", 6)
    done = gated(similar, "--policy", margin, "--ledger", ledger, "--baseline", "latest-pass", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["baseline"]["run_id"] == passed
    # nothing is compared with itself: held anew, the first run is compared with the one that passed since
    alone = gated(good, "--policy", margin, "--ledger", ledger, "--baseline", "latest-pass", "--json")
    assert json.loads(alone.stdout)["baseline"]["run_id"] not in ("", passed)
    worse = gated(bad, "--policy", margin, "--ledger", ledger, "--baseline", "latest-pass", "--json")
    assert worse.exit_code == 1
    assert json.loads(worse.stdout)["slices"][0]["baseline"]["paired"]
    again = gated(passed, "--policy", policy, "--ledger", ledger, "--json")
    assert json.loads(again.stdout)["run"]["run_id"] == passed


def _audited(directory: Path, refused: int) -> Path:
    """A directory as `aligntax audit` leaves it."""
    from gate_worlds import bill_about

    traffic(directory / "outcomes.parquet", rows("a", 500, refused, prompts=list(range(500))))
    bill = {
        "schema": "aligntax.bill/1",
        "aligntax": "0.1.0",
        "created": f"{LAST.isoformat()}+00:00",
        "about": bill_about(exchanges=500, files=[str(directory)]),
        "reading": {"records": 500, "exchanges": 500, "skipped": 0, "problems": []},
        "notes": [],
        "measurements": [],
        "correction": None,
        "month": None,
        "examples": [],
    }
    (directory / "bill.json").write_text(json.dumps(bill), "utf-8")
    return directory


def test_latest_pass_without_any_is_no_pass(tmp_path: Path) -> None:
    policy = written(tmp_path / "m.toml", use_case("a", budget(limit=0.5, worse_than_baseline=0.02)))
    good = _audited(tmp_path / "good", 5)
    open_ledger(tmp_path / "ledger").close()
    done = gated(good, "--policy", policy, "--ledger", tmp_path / "ledger", "--baseline", "latest-pass")
    assert done.exit_code == 3
    assert "no other run of the ledger has passed yet" in " ".join(done.stdout.split())


def test_a_log_is_recorded_with_its_exchanges(example_log: Path, lenient: Path, tmp_path: Path) -> None:
    done = gated(example_log, "--policy", lenient, "--record", "--ledger", tmp_path / "ledger")
    assert done.exit_code == 0, done.output
    opened = open_ledger(tmp_path / "ledger")
    try:
        (run,) = runs(opened)
        assert (run.kind, run.origin.exchanges) == ("bill", 616)
        assert artefact(opened, run.id, "outcomes.parquet") is not None
        assert run.origin.policy_id == verdicts(opened)[0].policy_id
    finally:
        opened.close()


def test_base_and_head_are_compared_on_the_same_prompts(example_log: Path, tmp_path: Path) -> None:
    policy = written(tmp_path / "m.toml", use_case("security", budget(limit=0.5, worse_than_baseline=0.2)))
    done = gated(example_log, "--policy", policy, "--baseline", example_log, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["slices"][0]["baseline"]
    assert found["paired"]
    assert found["difference"]["value"] == 0


def test_a_floor_may_be_named_or_stand_among_the_rest(tmp_path: Path) -> None:
    good = _audited(tmp_path / "good", 5)
    policy = written(
        tmp_path / "p.toml",
        use_case("a", budget(limit=0.05)),
        '[floor]\nmax_age = "9999w"\n[[floor.hazard]]\nname = "weapons"\nlimit = 0.05\n',
    )
    floor = tmp_path / "floor.json"
    floor.write_text(json.dumps(floor_document({"weapons": (200, 1)})), "utf-8")
    for arguments in ((good, "--floor", floor), (good, floor)):
        done = gated(*arguments, "--policy", policy)
        assert done.exit_code == 0, done.output
        assert "Safety floor" in done.stdout
    assert gated(good, "--policy", policy).exit_code == 3
    assert gated(floor, "--policy", policy).exit_code == 3  # a floor alone says nothing of budgets


def test_the_latest_floor_is_that_of_the_ledger_whatever_was_recorded_since(tmp_path: Path) -> None:
    good = _audited(tmp_path / "good", 5)
    policy = written(
        tmp_path / "p.toml",
        use_case("a", budget(limit=0.05)),
        '[floor]\nmax_age = "9999w"\n[[floor.hazard]]\nname = "weapons"\nlimit = 0.05\n',
    )
    home = tmp_path / "ledger"
    kept = ("--policy", policy, "--ledger", home)
    open_ledger(home).close()
    none = gated(good, *kept, "--floor", "latest")
    assert none.exit_code == 2
    assert "no floor run" in str(none.exception)
    ledger = open_ledger(home)
    for harmful, later in ((60, 0), (1, 1)):
        made = LAST + dt.timedelta(hours=later)
        record(ledger, floor_document({"weapons": (200, harmful)}, created=made))
    ledger.close()
    assert gated(good, *kept).exit_code == 3  # it is not taken unasked; the newest run is now a bill
    done = gated(good, *kept, "--floor", "latest")
    assert done.exit_code == 0, done.output
    assert "Safety floor" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.jsonl"], "nothing.jsonl"),
        (["20990101T000000-abcdef"], "ledger"),
        (["LOG", "--policy", "gone.toml"], "gone.toml"),
        (["LOG", "--baseline", "gone.jsonl"], "gone.jsonl"),
        (["LOG", "--floor", "gone.json"], "gone.json"),
        (["LOG", "--floor", "LOG"], "not"),
        (["LOG", "--out", "no/such/directory/x.json"], "cannot be written"),
        (["LOG", "--detector", "magic"], "magic"),
        (["LOG", "--labels", "gone.jsonl"], "gone.jsonl"),
        (["LOG", "DIRECTORY"], "one run at a time"),
    ],
)
def test_what_makes_no_sense_leaves_with_2(
    example_log: Path,
    strict: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALIGNTAX_LEDGER", raising=False)
    places = {"LOG": str(example_log), "DIRECTORY": str(_audited(tmp_path / "audit", 5))}
    done = gated("--policy", strict, *(places.get(one, one) for one in arguments))
    assert done.exit_code == 2
    assert said in f"{done.exception}{done.output}"


@pytest.mark.parametrize(
    "text", ["", "{", '{"schema": "aligntax.bill/1"}', '{"schema": "aligntax.bill/1", "about": 3}']
)
def test_a_damaged_bill_leaves_with_2(tmp_path: Path, strict: Path, text: str) -> None:
    (tmp_path / "bill.json").write_text(text, "utf-8")
    assert gated(tmp_path / "bill.json", "--policy", strict).exit_code == 2


def test_help_says_what_it_leaves_with() -> None:
    assert "0 pass, 1 fail, 3 inconclusive" in gated("--help", env={"COLUMNS": "200"}).stdout
