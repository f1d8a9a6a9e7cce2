"""The templates for servers: well formed, and their scripts run."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gate_worlds import budget, rows, traffic, use_case

ROOT = Path(__file__).parents[2]


def loaded(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = loaded("action.yml")["runs"]["steps"]
    return found


def test_the_action_is_a_composite_of_base_and_head() -> None:
    action = loaded("action.yml")
    assert action["runs"]["using"] == "composite"
    assert {"head", "base", "policy", "floor", "mode"} <= set(action["inputs"])
    assert action["inputs"]["head"]["required"]
    assert set(action["outputs"]) == {"verdict", "exit-code", "directory"}
    assert any("upload-artifact" in step.get("uses", "") for step in steps())


def test_no_input_is_ever_part_of_a_command_and_no_secret_is_read() -> None:
    for step in steps():
        assert "${{" not in step.get("run", ""), step["name"]
    text = (ROOT / "action.yml").read_text("utf-8")
    assert "secrets." not in text
    assert "github.token" not in text
    assert "pull_request_target" not in text


def test_the_hook_asks_no_model() -> None:
    (hook,) = loaded(".pre-commit-hooks.yaml")
    assert hook["entry"] == "aligntax policy check"
    import re

    pattern = re.compile(hook["files"])
    assert pattern.search("aligntax.toml")
    assert pattern.search("services/chat/aligntax.toml")
    assert not pattern.search("my-aligntax.toml")


def test_the_gitlab_job_keeps_its_report_whatever_the_verdict() -> None:
    job = loaded("ci/gitlab.yml")[".aligntax-gate"]
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"]["junit"] == "gate.xml"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A policy with a margin, a head and a base, in names that a careless script would trip over."""
    entry = use_case("a", budget(limit=0.2, worse_than_baseline=0.05))
    (tmp_path / "my policy.toml").write_text(f'version = 1\nservice = "assistant"\n{entry}', "utf-8")
    keys = list(range(400))
    for name, refused in (("base run", 4), ("head run", 6), ("$(touch pwned)", 300)):
        traffic(tmp_path / name / "outcomes.parquet", rows("a", 400, refused, prompts=keys))
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, code in (("python", ""), ("aligntax", " -m aligntax")):
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}"{code} "$@"\n', "utf-8")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def ran(script: str, world: Path, shell: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PYTHONPATH") if name in os.environ}
    path = f"{world / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*shell, script],
        cwd=world,
        env={**kept, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("head", "event", "code", "verdict"),
    [
        ("head run", "push", 0, "pass"),
        ("\nhead run\n", "pull_request", 0, "pass"),
        ("$(touch pwned)", "push", 1, "fail"),
        ("gone", "push", 2, ""),
    ],
)
def test_the_action_holds_head_to_base(world: Path, head: str, event: str, code: int, verdict: str) -> None:
    step = next(one for one in steps() if one.get("id") == "gate")
    told = {"RUNNER_TEMP": str(world / "temp"), "GITHUB_OUTPUT": str(world / "output"), "EVENT": event}
    told |= {"GITHUB_STEP_SUMMARY": str(world / "summary.md"), "GITHUB_ACTIONS": "true"}
    told |= {
        "HEAD": head,
        "BASE": "base run",
        "POLICY": "my policy.toml",
        "FLOOR": "",
        "LABELS": "",
        "MODE": "",
    }
    done = ran(step["run"], world, ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"], **told)
    assert done.returncode == 0, done.stderr
    output = dict(line.split("=", 1) for line in (world / "output").read_text("utf-8").splitlines())
    assert (output["verdict"], output["exit-code"]) == (verdict, str(code)), done.stderr
    assert not (world / "pwned").exists()
    if verdict:
        contents = json.loads((Path(output["directory"]) / "gate.json").read_text("utf-8"))
        assert contents["mode"] == ("pull_request" if event == "pull_request" else "release")
        assert contents["slices"][0]["baseline"]["paired"]
        assert (world / "summary.md").read_text("utf-8").startswith("## Alignment tax")


@pytest.mark.parametrize(
    ("head", "request_id", "code"),
    [("head run", "", 0), ("head run", "7", 0), ("$(touch pwned)", "", 1), ("", "", 2)],
)
def test_the_gitlab_script_comes_to_the_same(world: Path, head: str, request_id: str, code: int) -> None:
    (script,) = loaded("ci/gitlab.yml")[".aligntax-gate"]["script"]
    told = {"ALIGNTAX_HEAD": head, "ALIGNTAX_BASE": "base run", "ALIGNTAX_POLICY": "my policy.toml"}
    told |= {"ALIGNTAX_FLOOR": "", "ALIGNTAX_MODE": "", "CI_MERGE_REQUEST_IID": request_id}
    done = ran(script, world, ["sh", "-c"], **told)
    assert done.returncode == code, done.stderr
    assert not (world / "pwned").exists()
    if code in (0, 1):
        assert (world / "gate.xml").read_text("utf-8").startswith("<?xml")
