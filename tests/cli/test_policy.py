"""`aligntax init` and `aligntax policy`, as a person runs them."""

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from aligntax.cli.verbs.gate import gate
from aligntax.cli.verbs.init import init
from aligntax.cli.verbs.policy import app as policy
from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.policy.read import load_policy
from policy.policies import EXAMPLE

app = typer.Typer(rich_markup_mode=None)
app.command()(init)
app.command()(gate)
app.add_typer(policy)


def run(*arguments: object, columns: int = 80) -> Result:
    done = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": str(columns)})
    if isinstance(done.exception, AligntaxError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def settled(text: str) -> list[str]:
    """Without the day it was written on and the path of the log."""
    return [line for line in text.splitlines() if not line.startswith(("# Proposed by", "# from "))]


def test_init_writes_the_example(tmp_path: Path, example_log: Path) -> None:
    """What comes with the project is what comes out; after a change of a detector, write it anew."""
    out = tmp_path / "new" / "aligntax.toml"
    done = run("init", example_log, "--out", out, "--service", "desk assistant")
    assert settled(out.read_text("utf-8")) == settled(EXAMPLE.read_text("utf-8"))
    assert "a proposal from 616 exchanges, not a target" in done.stderr
    assert "Policy of desk assistant" in done.stdout
    assert {path.name for path in out.parent.iterdir()} == {"aligntax.toml"}


@pytest.mark.parametrize(("fields", "budgets"), [((), 15), (("--use-case-field", "request.model"), 6)])
def test_a_gate_on_the_same_log_does_not_fail(
    tmp_path: Path, example_log: Path, fields: tuple[str, ...], budgets: int
) -> None:
    """Every budget passes; the floor, which nobody measured, is what cannot be told."""
    out = tmp_path / "aligntax.toml"
    run("init", example_log, "--out", out, *fields)
    done = CliRunner().invoke(app, ["gate", str(example_log), "--policy", str(out), "--json", *fields])
    assert done.exit_code == 3, done.output
    verdict = json.loads(done.stdout)["verdict"]
    assert (verdict["passed"], verdict["failed"]) == (budgets, 0)


def test_init_overwrites_nothing_unless_told_to(tmp_path: Path, example_log: Path) -> None:
    """It says so before it reads the log."""
    out = tmp_path / "aligntax.toml"
    out.write_text("mine")
    with pytest.raises(UsageError, match="it is there already") as caught:
        run("init", tmp_path / "no.jsonl", "--out", out)
    assert "--force" in caught.value.hint
    assert out.read_text() == "mine"
    run("init", example_log, "--out", out, "--force", "--quiet", "--sample", 100)
    assert "a sample of 100 exchanges" in out.read_text()


def test_a_large_log_is_sampled(tmp_path: Path, example_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being asked to, and the file says so."""
    monkeypatch.setattr("aligntax.cli.init._LARGE", 100_000)
    monkeypatch.setattr("aligntax.cli.init._SAMPLE", 60)
    done = run("init", example_log, "--out", tmp_path / "aligntax.toml")
    assert "a sample of 60 exchanges" in (tmp_path / "aligntax.toml").read_text("utf-8")
    assert "a sample of 60 of 616 exchanges" in done.stderr


def test_init_of_a_log_without_use_cases_says_so(tmp_path: Path) -> None:
    """On standard error and in the file."""
    log = tmp_path / "log.jsonl"
    rows = [
        {"prompt": f"question {n}", "response": "I'm sorry, but I can't help with that."} for n in range(9)
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "aligntax.toml"
    done = run("init", log, "--out", out)
    assert "the log tells no use cases" in done.stderr
    assert [case.name for case in load_policy(out).policy.use_case] == ["everything"]


def test_init_of_no_log_writes_nothing(tmp_path: Path) -> None:
    """An empty log, or none, is an error."""
    (tmp_path / "empty.jsonl").write_text("")
    for log in ("empty.jsonl", "none.jsonl"):
        with pytest.raises(UnreadableInput):
            run("init", tmp_path / log, "--out", tmp_path / "aligntax.toml")
    assert not (tmp_path / "aligntax.toml").exists()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_check_shows_the_policy_in_any_width(columns: int) -> None:
    """Every limit on a line, none cut."""
    shown = run("policy", "check", EXAMPLE, columns=columns).stdout
    assert max(map(len, shown.splitlines())) <= columns
    for limit in ("≤ 43%", "≤ 7.5%", "≤ 5%"):
        assert limit in shown
    assert "disclaimer neutral" in re.sub(r"\s+", " ", shown)


def test_check_tells_what_may_not_be_meant(tmp_path: Path) -> None:
    """Notes, by line."""
    path = tmp_path / "aligntax.toml"
    path.write_text(
        'version = 1\nservice = "[b]x[/b]"\n[[use_case]]\nname = "a"\nmatch.use_case = ["*"]\n'
        '[[use_case.budget]]\ncomponent = "refused"\ndirection = "at_least"\nlimit = 0.5\ntell = ["me"]\n'
        '[[use_case.budget]]\ncomponent = "mmlu"\ndirection = "at_least"\nlimit = 60\n'
        'by = ["model"]\nminimum_labelled = 100\nworse_than_baseline = 2\n'
        "[[use_case]]\nname = \"b\"\nmatch.prompt = ['(?=x)']\n"
        '[floor]\n[[tell]]\nname = "me"\ncommand = ["notify", "me"]\n'
    )
    document = json.loads(run("policy", "check", path, "--json").stdout)
    assert document["schema"] == "aligntax.policy/1"
    assert document["lines"]["use_case.0.budget.1.limit"] == 14
    assert [note.partition(":")[0] for note in document["notes"]] == [
        "line 8",
        "line 12",
        "line 18",
        "line 18",
        "the pattern '(?=x)' has look-around or back-references",
        "line 21",
    ]
    shown = run("policy", "check", path, columns=120).stdout
    assert "[b]x[/b]" in shown
    assert "by model, 100 labels, 2 worse than baseline at most" in shown
    assert "notify me" in shown


def test_check_reads_the_price_file_too(tmp_path: Path) -> None:
    """A policy whose prices cannot be read is no good."""
    path = tmp_path / "aligntax.toml"
    path.write_text(EXAMPLE.read_text("utf-8").replace("[prices]", '[prices]\nfile = "gone.toml"'))
    with pytest.raises(AligntaxError, match=r"gone\.toml"):
        run("policy", "check", path)


def test_schema_is_printed_or_written(tmp_path: Path) -> None:
    """The same either way."""
    out = tmp_path / "schema.json"
    run("policy", "schema", "--out", out)
    assert json.loads(run("policy", "schema").stdout) == json.loads(out.read_text("utf-8"))


def test_several_are_checked_and_all_mistakes_told(tmp_path: Path) -> None:
    """As a pre-commit hook passes them."""
    good, bad, worse = (tmp_path / name for name in ("good.toml", "bad.toml", "worse.toml"))
    text = EXAMPLE.read_text("utf-8")
    good.write_text(text, "utf-8")
    bad.write_text(text.replace("version = 1", "version = 7", 1), "utf-8")
    worse.write_text("service = ", "utf-8")
    assert len(json.loads(run("policy", "check", good, good, "--json").stdout)["policies"]) == 2
    with pytest.raises(UnreadableInput) as wrong:
        run("policy", "check", bad, good, worse)
    assert "bad.toml" in str(wrong.value)
    assert "worse.toml" in str(wrong.value)
