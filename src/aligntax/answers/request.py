"""What a person asked to be read, handed to the reader of the file's format."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aligntax.answers.fields import AnswerFields
from aligntax.answers.selector import Selector
from aligntax.records import Answers

__all__ = ["AnswerFormat", "Request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One or several files of one format.

    Attributes:
        paths: the files; several only where the format reads them as one log.
        argument: the file, directory or glob as the person typed it, without the selector.
        selector: which of its rows are meant.
        benchmark: name to give it; None to take the file's own.
        fields: field names a person gave.
        log_format: name of the traffic format; None to tell it from the file.
        strict: whether a record of a log that cannot be read is an error.
        threads: threads DuckDB may use.
    """

    paths: tuple[Path, ...]
    argument: str
    selector: Selector = field(default_factory=Selector)
    benchmark: str | None = None
    fields: AnswerFields = field(default_factory=AnswerFields)
    log_format: str | None = None
    strict: bool = False
    threads: int | None = None

    @property
    def path(self) -> Path:
        """The first file, for formats that read one at a time."""
        return self.paths[0]

    @property
    def source(self) -> str:
        """The file with its selector."""
        where = str(self.path) if len(self.paths) == 1 else self.argument
        return f"{where}:{self.selector}" if self.selector else where

    @property
    def stem(self) -> str:
        """The file's name without its endings."""
        name = self.path.name if len(self.paths) == 1 else Path(self.argument).name
        for ending in (".gz", ".zst", *ENDINGS):
            name = name.removesuffix(ending)
        return name

    def typed(self, name: str, value: object) -> str:
        """The argument that asks for one condition more, quoted for a shell where it must be."""
        return shlex.quote(f"{self.argument}:{self.selector.adding(name, value)}")


ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".eval")
"""What files of answers are mostly called, packed or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """How one kind of file becomes answers.

    Attributes:
        name: what a person calls it.
        describes: one line for a person choosing among formats.
        looks_for: what its first record must have, in words.
        recognises: whether the first record of a file is of this format.
        read: the answers of a file; one entry a benchmark.
        many: whether several files are read as one.
    """

    name: str
    describes: str
    looks_for: str
    recognises: Callable[[Mapping[str, object]], bool]
    read: Callable[[Request], list[Answers]]
    many: bool = False
