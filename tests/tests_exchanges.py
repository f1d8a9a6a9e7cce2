"""Exchanges for detectors, from prompts and responses alone."""

import pyarrow as pa

from aligntax.records import EXCHANGE

__all__ = ["exchanges"]


def exchanges(*pairs: tuple[str | None, str | None]) -> pa.RecordBatch:
    """A batch of prompts and responses."""
    columns = {
        "id": pa.array([str(at) for at in range(len(pairs))]),
        "prompt": pa.array([prompt for prompt, _ in pairs], pa.string()),
        "response": pa.array([response for _, response in pairs], pa.string()),
        "kind": pa.array(["text"] * len(pairs)),
    }
    arrays = [columns.get(field.name, pa.nulls(len(pairs), field.type)) for field in EXCHANGE]
    return pa.RecordBatch.from_arrays(arrays, schema=EXCHANGE)
