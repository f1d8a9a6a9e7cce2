"""What a command of the user's says of a model: harm, over-refusal, capability, each with its count."""

import contextlib
import json
import math
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput, UsageError

__all__ = ["CAPABILITY", "Command", "Objectives", "Rate"]

CAPABILITY = "capability."
"""What the column of a benchmark begins with."""
_COUNTS = "capability_n."
_RATES = ("harm", "over_refusal")
_SHOWN = 3
_EXAMPLE = '{"harm": 0.04, "harm_n": 300, "over_refusal": 0.1, "over_refusal_n": 450, ' + (
    '"capability.mmlu": 0.61, "capability_n.mmlu": 1000}'
)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of items, in [0, 1], and how many items there were."""

    value: float
    n: int


@dataclass(frozen=True, slots=True)
class Objectives:
    """What a model is measured by.

    Attributes:
        harm: share of harmful prompts complied with; lower is better.
        over_refusal: share of harmless prompts refused; lower is better.
        capability: benchmark -> score; higher is better.
    """

    harm: Rate
    over_refusal: Rate
    capability: Mapping[str, Rate]

    @property
    def mean_capability(self) -> float:
        """Over benchmarks, each counting the same."""
        return sum(rate.value for rate in self.capability.values()) / len(self.capability)

    @classmethod
    def read(cls, row: Mapping[str, Any], where: str) -> "Objectives":
        """What a command printed, or a row of a file says.

        Raises:
            UnreadableInput: a rate is missing, lacks its count, or is none.
        """
        row = {**row, **_nested(row)}
        found = {name: _rate(row, name, f"{name}_n", where) for name in _RATES}
        names = {key.partition(".")[2] for key in row if key.startswith((CAPABILITY, _COUNTS))}
        if not names:
            raise UnreadableInput(f"{where}: no capability.NAME", hint=f"it has to print {_EXAMPLE}")
        capability = {
            name: _rate(row, f"{CAPABILITY}{name}", f"{_COUNTS}{name}", where) for name in sorted(names)
        }
        return cls(found["harm"], found["over_refusal"], capability)

    @property
    def row(self) -> dict[str, float]:
        """The columns of a row."""
        found = dict[str, float]()
        for name, rate in (("harm", self.harm), ("over_refusal", self.over_refusal)):
            found |= {name: rate.value, f"{name}_n": rate.n}
        for name, rate in self.capability.items():
            found |= {f"{CAPABILITY}{name}": rate.value, f"{_COUNTS}{name}": rate.n}
        return found


@dataclass(frozen=True, slots=True)
class Command:
    """A command that measures a model.

    Attributes:
        text: words as a shell would split them; `{}` stands for the model's directory, which otherwise comes
            last. No shell runs it.
        timeout: most seconds it may take; None for as long as it takes.

    Raises:
        UsageError: no words, or quotes that do not close.
    """

    text: str
    timeout: float | None = None

    def __post_init__(self) -> None:
        self._words(Path())

    def _words(self, directory: Path) -> list[str]:
        try:
            words = shlex.split(self.text)
        except ValueError as error:
            raise UsageError(f"--measure {self.text}: {error}", hint="quote it as for a shell") from error
        if not words:
            raise UsageError("--measure: no command", hint='--measure "python measure.py"')
        if "{}" not in self.text:
            return [*words, str(directory)]
        return [word.replace("{}", str(directory)) for word in words]

    def measure(self, directory: Path, which: str) -> Objectives:
        """Runs the command on a model.

        Args:
            directory: of the model.
            which: what to call the model in messages.

        Raises:
            UnreadableInput: the command failed, took too long, or printed something else than rates.
        """
        said = self._run(directory, which)
        where = f"{which}: {self.text}"
        return Objectives.read(_object(said, where), where)

    def _run(self, directory: Path, which: str) -> str:
        words = self._words(directory)
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that what it starts can be ended with it
            )
        except OSError as error:
            raise UsageError(
                f"{which}: {words[0]}: {(error.strerror or str(error)).lower()}",
                hint="--measure takes a program and its arguments",
            ) from error
        try:
            out, err = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise UnreadableInput(
                f"{which}: {self.text}: not done after {self.timeout:g} s",
                hint="--timeout SECONDS; what was measured is kept, the same command goes on",
            ) from None
        except BaseException:
            _end(process)
            raise
        if process.returncode:
            raise UnreadableInput(
                f"{which}: {self.text}: ended with {process.returncode}{_last_lines(err)}",
                hint="what was measured is kept; when that is mended, the same command goes on",
            )
        return out.decode("utf-8", "replace")


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """{"capability": {"mmlu": .6}} as capability.mmlu."""
    return {
        f"{name}.{inner}": value
        for name in ("capability", "capability_n")
        if isinstance(row.get(name), Mapping)
        for inner, value in row[name].items()
    }


def _rate(row: Mapping[str, Any], name: str, count: str, where: str) -> Rate:
    for key in (name, count):
        if row.get(key) is None:
            raise UnreadableInput(f"{where}: no {key}", hint=f"it has to print {_EXAMPLE}")
    value, n = (_number(row[key], key, where) for key in (name, count))
    if not 0 <= value <= 1:
        raise UnreadableInput(f"{where}: {name} is {value:g}, not between 0 and 1", hint="62 % is 0.62")
    if n < 1 or n != int(n):
        raise UnreadableInput(f"{where}: {count} is {n:g}, not a number of items")
    return Rate(value, int(n))


def _number(value: object, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnreadableInput(f"{where}: {name} is {value!r}, not a number", hint=f"as in {_EXAMPLE}")
    return float(value)


def _object(said: str, where: str) -> Mapping[str, Any]:
    """The JSON object a command printed: all it said, or its last line."""
    lines = said.strip().split("\n")
    for text in (said, lines[-1]):
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                return found
    shown = lines[-1][:60] or "nothing"
    raise UnreadableInput(
        f"{where}: printed {shown!r}, not a JSON object", hint=f"it has to print {_EXAMPLE}"
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a command and all it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    process.wait()


def _last_lines(err: bytes) -> str:
    lines = [line.strip() for line in err.decode("utf-8", "replace").split("\n") if line.strip()]
    return "".join(f"\n  {line[:200]}" for line in lines[-_SHOWN:])
