"""The one shape of importer: constants that say which keys to read and how they become an exchange."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["JsonFormat", "any_record", "keys_of"]

Recogniser = Callable[[Sequence[Mapping[str, object]]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFormat:
    """A `LogFormat` made of constants.

    Args:
        name: what `--format` takes.
        describes: one line for a person choosing among formats.
        columns: top-level key -> DuckDB type.
        projection: EXCHANGE column -> SQL over `source`.
        required: SQL condition that every usable record fulfils.
        missing: what a record that fails `required` lacks.
        recogniser: decides on the first records of a file.
        source: SQL of the relation that `projection` reads.
    """

    name: str
    describes: str
    columns: Mapping[str, str]
    projection: Mapping[str, str]
    required: str
    missing: str
    recogniser: Recogniser
    source: str = "log"

    def recognises(self, records: Sequence[Mapping[str, object]]) -> bool:
        """Whether these first records of a file are of this format."""
        return self.recogniser(records)


def any_record(holds: Callable[[Mapping[str, object]], bool]) -> Recogniser:
    """A recogniser that is content with one telling record, since the first ones may be errors."""
    return lambda records: any(holds(record) for record in records)


def keys_of(value: object) -> frozenset[str]:
    """Keys of a JSON object that carry something; none for any other value."""
    if not isinstance(value, Mapping):
        return frozenset()
    return frozenset(key for key, inner in value.items() if inner is not None)
