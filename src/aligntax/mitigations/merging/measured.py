"""Merged models measured by a command of the user's: harm, over-refusal, capability.

A model is written, measured and deleted; what was measured is a row in a file of JSON lines that
`aligntax frontier` reads. A row tells by `weights` which models, shares and command it is of, so that a run
taken up again measures only what is missing.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.lines import json_line, json_lines
from aligntax.mitigations.merging.adaptive import Adaptive
from aligntax.mitigations.merging.method import Method
from aligntax.mitigations.merging.objectives import CAPABILITY, Command, Objectives
from aligntax.mitigations.merging.run import Merge
from aligntax.mitigations.merging.sweep import plainest
from aligntax.models.checkpoint.provenance import RECORD
from aligntax.models.checkpoint.writing import translated
from aligntax.records.files import atomic

__all__ = ["REFERENCE", "Measurer", "RunsFile", "configuration", "directory_name", "kept"]

REFERENCE = "reference"
"""The method of the row that is the pre-alignment model."""


class RunsFile:
    """Rows of what was measured, kept one by one.

    A row that was being written when a run was stopped is dropped.

    Args:
        path: JSON lines; need not be there yet.

    Raises:
        UsageError: another kind of file.
        UnreadableInput: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in (".jsonl", ".ndjson"):
            raise UsageError(f"--runs {path}: rows are JSON lines", hint=f"--runs {path.stem}.jsonl")
        self.path = path
        self.rows: list[Mapping[str, Any]] = []
        if path.exists():
            _drop_unfinished(path)
            self.rows = [row for _, row in json_lines(path)]

    def row(self, method: str, configuration: str) -> Mapping[str, Any] | None:
        """The row of a configuration, if there is one."""
        named = (method, configuration)
        return next(
            (row for row in self.rows if (row.get("method"), str(row.get("configuration", ""))) == named),
            None,
        )

    def weights(self, key: str) -> Mapping[str, Any] | None:
        """A row of the same weights, measured the same way."""
        return next((row for row in self.rows if row.get("weights") == key), None)

    def add(self, row: Mapping[str, Any]) -> None:
        """Keeps a row."""
        with translated(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json_line(dict(row)))
                file.flush()
                os.fsync(file.fileno())
        self.rows.append(row)


@dataclass(frozen=True, slots=True)
class Measurer:
    """Measures merges of two models, each once.

    Attributes:
        merge: the models; its method is replaced.
        command: what measures.
        runs: where rows are kept.
        out: where models are written to; None for the system's temporary directory.
        keep: leave them there.
    """

    merge: Merge
    command: Command
    runs: RunsFile
    out: Path | None = None
    keep: bool = False

    def known(self, name: str, method: Method) -> Objectives | None:
        """What is known of a merge from rows of the file.

        Args:
            name: of the row's method.
            method: the merge.

        Raises:
            UsageError: the file has such a row of other models or another command.
        """
        which, key = configuration(name, method), self._key(method)
        there = self.runs.row(name, which)
        if there is not None and there.get("weights") != key:
            raise UsageError(
                f"{self.runs.path}: {f'{name} {which}'.strip()} is there already, of other models or "
                "settings, or by another command",
                hint="name another file with --runs",
            )
        found = there or self.runs.weights(key)
        return None if found is None else Objectives.read(found, str(self.runs.path))

    def measured(self, name: str, method: Method) -> Objectives:
        """What is known of a merge, measured if nothing is; afterwards it has a row.

        Raises:
            UsageError: as `known`; benchmarks differ from those of the other rows.
            UnreadableInput: as `Command.measure`.
            UnwritableOutput: the disk is full, or not to be written to.
        """
        found = self.known(name, method)
        which = configuration(name, method)
        if found is None:
            label = f"{name} {which}".strip()
            with self._written(method, directory_name(name, method)) as directory:
                found = self.command.measure(directory, f"pre_weight {method.pre_weight:g} ({label})")
            self._check_benchmarks(found, label)
        if self.runs.row(name, which) is None:
            self.runs.add(self._row(name, which, method, found))
        return found

    def rows(self, name: str) -> Iterator[tuple[Adaptive, Objectives]]:
        """Every merge by shares that the file has a row of, of these models by this command."""
        for row in self.runs.rows:
            if row.get("method") == name and row.get("shares"):
                method = Adaptive(tuple(row["shares"]))
                if row.get("weights") == self._key(method):
                    yield method, Objectives.read(row, str(self.runs.path))

    def _row(self, name: str, which: str, method: Method, found: Objectives) -> dict[str, Any]:
        row: dict[str, Any] = {"method": name}
        row |= {"configuration": which} if which else {}
        row |= {"pre_weight": method.pre_weight}
        row |= {"shares": list(method.shares)} if isinstance(method, Adaptive) else {}
        return {**row, **found.row, "trials": 1, "weights": self._key(method)}

    def _key(self, method: Method) -> str:
        """Which weights, and measured by what."""
        described = replace(self.merge, method=plainest(method, self.merge.parts)).described()
        told = {key: described[key] for key in ("method", "settings", "dtype", "vocab")}
        sources = [described["pre"], *described["aligned"]]
        files = [
            [file["file"], file["size"], file["header_sha256"], file["sha256"]]
            for source in sources
            for file in source["files"]
        ]
        written = [_changed(Path(source["name"])) for source in sources]
        text = json.dumps([told, files, written, self.command.text], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @contextlib.contextmanager
    def _written(self, method: Method, name: str) -> Iterator[Path]:
        """The merged model on disk, gone afterwards unless it is to be kept."""
        merge = replace(self.merge, method=method)
        if self.keep and self.out is not None:
            yield kept(merge, self.out / name)
            return
        if self.out is not None:
            with translated(self.out):
                self.out.mkdir(parents=True, exist_ok=True)
        with translated(self.out or Path(tempfile.gettempdir())):
            directory = Path(tempfile.mkdtemp(prefix=".measuring-", dir=self.out))
        try:
            merge.carry_out(directory / name)
            yield directory / name
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _check_benchmarks(self, found: Objectives, label: str) -> None:
        for row in self.runs.rows:
            there = {key.removeprefix(CAPABILITY) for key in row if key.startswith(CAPABILITY)}
            if there and there != set(found.capability):
                raise UnreadableInput(
                    f"{label}: benchmarks are {', '.join(found.capability)}, "
                    f"and {', '.join(sorted(there))} in {self.runs.path}",
                    hint="every model has to be measured on the same",
                )


def configuration(name: str, method: Method) -> str:
    """What tells a merge from others by the same method: its shares or pre_weight, and what else was set."""
    if name == REFERENCE:
        return ""
    if isinstance(method, Adaptive):
        return ",".join(f"{share:.6g}" for share in method.shares)
    plain = asdict(type(method)())  # type: ignore[call-overload]
    others = {key: value for key, value in asdict(method).items() if value != plain[key]}  # type: ignore[call-overload]
    others.pop("pre_weight", None)
    return " ".join([f"{method.pre_weight:.6g}", *(f"{key}={value:g}" for key, value in others.items())])


def directory_name(name: str, method: Method) -> str:
    """What the directory of a merge is called."""
    return f"{name}-{configuration(name, method)}".strip("-").replace(",", "-").replace(" ", "-")


def _drop_unfinished(path: Path) -> None:
    """Takes away a last line that has no end."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    with contextlib.suppress(ValueError):  # a last line that is whole but for its end
        if content != whole and isinstance(json.loads(content[len(whole) :]), dict):
            whole = content + b"\n"
    if whole != content:
        with atomic(path) as part:
            part.write_bytes(whole)


def _changed(source: Path) -> list[tuple[str, int, int]]:
    """Files of weights of a local model or adapter, with size and when they were written."""
    found = sorted(source.glob("*.safetensors")) if source.is_dir() else [source] if source.is_file() else []
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in found]


def kept(merge: Merge, directory: Path) -> Path:
    """Writes a model that stays, unless it is there already.

    Raises:
        UsageError: something else is there.
    """
    described = json.loads(json.dumps(merge.described()))
    with contextlib.suppress(OSError, ValueError):
        there = json.loads((directory / RECORD).read_text("utf-8"))
        if {key: there.get(key) for key in described} == described:
            return directory
    merge.carry_out(directory)
    return directory
