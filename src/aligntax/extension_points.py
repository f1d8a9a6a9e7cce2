"""Every Protocol an outsider may implement, on one page."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

__all__ = ["READ_BY_DETECTORS", "Detector", "LogFormat", "Recogniser"]

READ_BY_DETECTORS = (
    "id",
    "prompt",
    "response",
    "kind",
    "finish_reason",
    "refusal_text",
    "block_reason",
    "error_code",
    "model_requested",
    "model_served",
)
"""EXCHANGE columns a detector may look at: what a log has to be read with for one."""


class LogFormat(Protocol):
    """How one kind of log becomes exchanges: a projection that DuckDB runs.

    Attributes:
        name: what `--format` takes, for example "openai-chat".
        describes: one line for a person choosing among formats.
        columns: the top-level keys to read from each JSON object, each with its DuckDB type. A key
            the object lacks reads as NULL, and keys not named here are never parsed.
        source: SQL of the relation that `projection` reads; "log" for one exchange a record, or for
            instance "log, unnest(log.spans) AS t(span)" where a record holds many.
        projection: EXCHANGE column -> SQL expression over `source`. A column left out is NULL.
        required: SQL condition over `source` that holds for every record of this format that can be
            used; a record that fails it is counted as skipped and located.
        missing: what a record that fails `required` lacks, in words.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - said above, as for the next six
    @property
    def describes(self) -> str: ...  # noqa: D102
    @property
    def columns(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def projection(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def required(self) -> str: ...  # noqa: D102
    @property
    def missing(self) -> str: ...  # noqa: D102

    def recognises(self, records: Sequence[Mapping[str, object]]) -> bool:
        """Whether these first records of a file (parsed JSON objects, at least one) are of this format."""
        ...


class Detector(Protocol):
    """Gives every exchange an outcome, in the same order.

    Attributes:
        name: what `--detector` takes and every result carries.
        version: changes with every change of a verdict; results of two versions are not compared.
    """

    name: str
    version: str

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """EXCHANGE schema in, OUTCOME schema out, one row for one."""
        ...


class Recogniser(Protocol):
    """Tells the use case of every exchange, in the same order.

    Attributes:
        columns: names of the EXCHANGE columns it looks at.
        names: use cases its author named, which are kept as they are; others may hold personal data.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102 - said above, as for the next
    @property
    def names(self) -> Collection[str]: ...  # noqa: D102

    def __call__(self, exchanges: pa.RecordBatch) -> pa.StringArray:
        """A batch with at least `columns` in, a use case or null for each of its rows out."""
        ...
