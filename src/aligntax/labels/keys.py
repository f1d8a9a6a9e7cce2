"""One key an exchange, also where a log uses an id twice."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["KeyCounter", "base_id", "exchange_key", "exchange_keys"]

_NUMBERED = r" \([0-9]+\)$"


def exchange_key(identifier: str, occurrence: int) -> str:
    """The key of an exchange: its id; from the second with the same id on, `id (2)`, `id (3)`, ...

    An id that itself ends like `id (2)` is always numbered, so that no two exchanges share a key.

    Args:
        identifier: the exchange's id.
        occurrence: which exchange with this id it is, in the order of the log, from 1.
    """
    plain = occurrence == 1 and not re.search(_NUMBERED, identifier)
    return identifier if plain else f"{identifier} ({occurrence})"


def exchange_keys(identifiers: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """The key of every exchange of a log, from all its ids in the order of the log.

    This is what joins labels to the rows of `outcomes.parquet`.
    """
    ids = pc.fill_null(identifiers, "")
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    coded = ids.dictionary_encode()
    codes = coded.indices.to_numpy()
    repeated = np.bincount(codes, minlength=1)[codes] > 1 if len(codes) else np.zeros(0, dtype=bool)
    numbered = pc.match_substring_regex(ids, _NUMBERED).to_numpy(zero_copy_only=False)
    special = repeated | numbered.astype(bool)
    if not special.any():
        return ids
    counter = KeyCounter()
    keys = [counter(identifier) for identifier in ids.filter(pa.array(special)).to_pylist()]
    return pc.replace_with_mask(ids, pa.array(special), pa.array(keys, pa.string()))


class KeyCounter:
    """Gives the keys of a stream of ids, one id at a time."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def __call__(self, identifier: str) -> str:
        """The key of the next exchange with this id."""
        self._seen[identifier] = self._seen.get(identifier, 0) + 1
        return exchange_key(identifier, self._seen[identifier])


def base_id(key: str) -> str:
    """The id behind a key."""
    return re.sub(_NUMBERED, "", key)
