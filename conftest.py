"""Runs the code blocks of the README."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parent


def run_shell(example: Example) -> None:
    """Runs `aligntax` commands; of `make` commands it is enough that make knows the target."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for line in example.parsed.splitlines():
        command = line.partition("#")[0].strip()
        if command.startswith("make"):
            command = f"make -n -C {ROOT} {command.removeprefix('make')}"
        done = subprocess.run(
            command, shell=True, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A directory to run in, with the examples beside it."""
    directory, before = tmp_path_factory.mktemp("readme"), Path.cwd()
    (directory / "examples").symlink_to(ROOT / "examples")
    os.chdir(directory)
    yield directory
    os.chdir(before)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="sh", evaluator=run_shell)],
    patterns=["README.md"],
    fixtures=["elsewhere"],
).pytest()
