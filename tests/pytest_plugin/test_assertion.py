"""`assert_within_budget` as a test uses it: what it takes and says, and what becomes of the inconclusive."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aligntax.errors import UsageError
from aligntax.pytest_plugin import InconclusiveBudget, assert_within_budget
from aligntax.records import EXCHANGE, Exchange
from gate_worlds import budget, floor_document, rows, traffic, use_case

pytest_plugins = ["pytester"]
ANSWER = "Here is the whole answer, step by step, with every figure that was asked for."
REFUSAL = "I'm sorry, but I can't help with that."
PLUGIN = [] if entry_points(group="pytest11", name="aligntax") else ["-p", "aligntax.pytest_plugin"]
"""Registered with the package where that was installed since; named by hand else."""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "aligntax.toml"
    entry = use_case("a", budget(limit=0.2))
    path.write_text(f'version = 1\nservice = "assistant"\n{entry}', "utf-8")
    return path


def exchanges(n: int, refused: int) -> list[Exchange]:
    return [
        Exchange(
            id=str(at),
            use_case="a",
            prompt=f"question {at}",
            response=REFUSAL if at < refused else ANSWER,
            model_served="m-1",
        )
        for at in range(n)
    ]


def table(n: int, refused: int) -> pa.Table:
    from dataclasses import asdict

    return pa.Table.from_pylist([asdict(one) for one in exchanges(n, refused)], schema=EXCHANGE)


def test_exchanges_at_hand_are_judged_and_held(policy: Path) -> None:
    contents = assert_within_budget(exchanges(80, 2), policy=policy)
    assert contents["verdict"]["verdict"] == "pass"
    assert contents["slices"][0]["estimate"]["value"] == 2 / 80
    for given in (table(80, 60), table(80, 60).to_batches()[0], exchanges(80, 60)):
        with pytest.raises(AssertionError, match="Gate: FAIL") as failed:
            assert_within_budget(given, policy=policy)
    assert "at most 20.0%" in str(failed.value)
    assert "\x1b" not in str(failed.value)


def test_outcomes_logs_directories_and_documents_are_held_too(policy: Path, tmp_path: Path) -> None:
    outcomes = traffic(tmp_path / "audit" / "outcomes.parquet", rows("a", 300, 3))
    log = tmp_path / "log.jsonl"
    log.write_text(
        "".join(
            f'{{"id": "{one.id}", "use_case": "a", "prompt": "{one.prompt}", "response": "{one.response}"}}\n'
            for one in exchanges(80, 2)
        ),
        "utf-8",
    )
    for given in (outcomes, str(outcomes), tmp_path / "audit", pq.read_table(outcomes), log, [log]):
        assert assert_within_budget(given, policy=policy)["verdict"]["verdict"] == "pass"


def test_a_baseline_and_a_floor_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    entry = use_case("a", budget(limit=0.9, worse_than_baseline=0.05))
    floor = '[floor]\nmax_age = "9999w"\n[[floor.hazard]]\nname = "weapons"\nlimit = 0.05\n'
    path.write_text(f'version = 1\nservice = "assistant"\n{entry}\n{floor}', "utf-8")
    floors = [floor_document({"weapons": (200, 0)})]
    base = exchanges(200, 4)
    contents = assert_within_budget(exchanges(200, 4), policy=path, baseline=base, floors=floors)
    assert contents["slices"][0]["baseline"]["paired"]
    with pytest.raises(AssertionError, match="Against the baseline"):
        assert_within_budget(exchanges(200, 60), policy=path, baseline=base, floors=floors)
    with pytest.raises(AssertionError, match="no safety floor was measured"):
        assert_within_budget(exchanges(200, 4), policy=path, baseline=base)


def test_what_cannot_be_told_fails_warns_or_skips(policy: Path) -> None:
    few = exchanges(6, 0)
    with pytest.raises(AssertionError, match="INCONCLUSIVE"):
        assert_within_budget(few, policy=policy)
    with pytest.warns(InconclusiveBudget, match="cannot be told"):
        assert_within_budget(few, policy=policy, inconclusive="warn")
    with pytest.raises(pytest.skip.Exception, match="cannot be told"):
        assert_within_budget(few, policy=policy, inconclusive="skip")
    with pytest.raises(AssertionError, match="FAIL"):  # a fail is one, whatever is asked of the rest
        assert_within_budget(exchanges(80, 70), policy=policy, inconclusive="warn")


@pytest.mark.parametrize("given", [[], [1, 2], pa.table({"prompt": ["a"]}), table(0, 0)])
def test_what_is_nothing_to_hold_is_refused(policy: Path, given: object) -> None:
    with pytest.raises(UsageError):
        assert_within_budget(given, policy=policy)  # type: ignore[arg-type]


TESTS = """
import pytest
from aligntax.records import Exchange

def exchanges(n, refused):
    return [
        Exchange(id=str(at), use_case="a", prompt=f"question {at}",
                 response="I'm sorry, but I can't help with that." if at < refused else "ANSWER")
        for at in range(n)
    ]

def test_kept(assert_within_budget):
    assert_within_budget(exchanges(80, 0))

def test_broken(assert_within_budget):
    assert_within_budget(exchanges(80, 60))

def test_open(assert_within_budget):
    assert_within_budget(exchanges(6, 0))
""".replace("ANSWER", ANSWER)


@pytest.mark.parametrize(
    ("choice", "outcomes"),
    [
        ("fail", {"passed": 1, "failed": 2}),
        ("warn", {"passed": 2, "failed": 1, "warnings": 1}),
        ("skip", {"passed": 1, "failed": 1, "skipped": 1}),
    ],
)
def test_a_session_says_what_became_of_its_gates(
    pytester: pytest.Pytester, choice: str, outcomes: dict[str, int]
) -> None:
    entry = use_case("a", budget(limit=0.2))
    (pytester.path / "aligntax.toml").write_text(f'version = 1\nservice = "assistant"\n{entry}', "utf-8")
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_subprocess(*PLUGIN, "-p", "no:xdist", f"--aligntax-inconclusive={choice}")
    done.assert_outcomes(**outcomes)
    done.stdout.fnmatch_lines(
        ["aligntax: 3 gates held to their budgets: 1 passed, 1 failed, 1 could not be told"]
    )
    done.stdout.fnmatch_lines(["E*Gate: FAIL*"])
    done.stdout.no_fnmatch_line("*pytest_plugin.py:*")  # a failure points at the test


@pytest.mark.slow
def test_workers_count_together(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    entry = use_case("a", budget(limit=0.2))
    (pytester.path / "other.toml").write_text(f'version = 1\nservice = "assistant"\n{entry}', "utf-8")
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_subprocess(*PLUGIN, "-n2", "--aligntax-policy=other.toml")
    done.stdout.fnmatch_lines(["aligntax: 3 gates held to their budgets: *"])


def test_a_session_without_gates_says_nothing_and_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_light():
            heavy = {"numpy", "pyarrow", "duckdb", "pydantic", "sqlalchemy", "rich", "scipy"}
            assert not heavy & set(sys.modules)
        """
    )
    done = pytester.runpytest_subprocess(*PLUGIN, "-p", "no:xdist", "-p", "no:hypothesispytest")
    done.assert_outcomes(passed=1)
    done.stdout.no_fnmatch_line("*aligntax:*")


def test_importing_the_plugin_is_quick() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import aligntax.pytest_plugin; "
        "new = set(sys.modules) - before; sys.exit(0 if len(new) < 8 else ', '.join(sorted(new)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
