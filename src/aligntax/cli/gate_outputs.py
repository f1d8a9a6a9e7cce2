"""Where `aligntax gate` writes what it found: the terminal, files, a GitHub job."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aligntax.cli.output import print_json, stderr
from aligntax.errors import UnwritableOutput
from aligntax.records.files import atomic
from aligntax.report.document import Document, save_document
from aligntax.report.gate_annotations import annotations
from aligntax.report.gate_junit import junit_xml
from aligntax.report.gate_markdown import gate_markdown
from aligntax.report.gate_sarif import gate_sarif

__all__ = ["SUMMARY", "Outputs"]

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Variable that names the file of a GitHub job's summary."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What was asked for.

    Attributes:
        as_json: whether the document is printed in place of the tables.
        out: file of the document.
        junit: file of JUnit XML.
        markdown: file of the summary.
        sarif: file of SARIF.
        github: whether annotations are printed.
        quiet: whether nothing is said of what was written.
    """

    as_json: bool
    out: Path | None
    junit: Path | None
    markdown: Path | None
    sarif: Path | None
    github: bool
    quiet: bool

    @property
    def files(self) -> Mapping[str, Path]:
        """Option -> file."""
        named = {name: getattr(self, name) for name in ("out", "junit", "markdown", "sarif")}
        return {f"--{name}": path for name, path in named.items() if path is not None}

    def check(self) -> None:
        """Sees that files can be written, before anything long is done.

        Raises:
            UnwritableOutput: one cannot be.
        """
        for option, path in self.files.items():
            directory = path.parent
            if path.is_dir() or not directory.is_dir() or not os.access(directory, os.W_OK):
                raise UnwritableOutput(
                    f"{path}: cannot be written", hint=f"{option} FILE, in a directory that is there"
                )

    def show(self, contents: Document, tables: Callable[[], None]) -> None:
        """Prints and writes.

        Args:
            contents: of `gate_document`.
            tables: prints them.
        """
        if self.as_json:
            print_json(contents)
        else:
            tables()
        self._write(contents)
        if self.github:
            stream = sys.stderr if self.as_json else sys.stdout
            stream.writelines(f"{line}\n" for line in annotations(contents))
        self._say(contents)

    def _write(self, contents: Document) -> None:
        try:
            if self.out:
                save_document(contents, self.out)
            if self.sarif:
                save_document(gate_sarif(contents), self.sarif)
            for path, made in ((self.junit, junit_xml), (self.markdown, gate_markdown)):
                if path:
                    with atomic(path) as part:
                        part.write_text(made(contents), "utf-8", errors="replace")
        except OSError as error:
            raise UnwritableOutput(f"{error.filename}: cannot be written: {error.strerror}") from error
        if summary := os.environ.get(SUMMARY):
            with Path(summary).open("a", encoding="utf-8", errors="replace") as file:
                file.write(gate_markdown(contents) + "\n")

    def _say(self, contents: Document) -> None:
        """What was written; and, also when quiet, that an inconclusive verdict was let through."""
        console, told = stderr(), cast(Mapping[str, Any], contents["verdict"])
        for path in () if self.quiet else self.files.values():
            console.print(f"wrote {path}", markup=False, soft_wrap=True)
        if told["verdict"] == "inconclusive":
            said = f"INCONCLUSIVE: {told['sentence']}"
            console.print(said, markup=False, style="bold yellow", soft_wrap=True)
