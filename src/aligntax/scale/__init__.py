"""The same batch function on one machine or on many."""

from aligntax.scale.local import map_batches

__all__ = ["map_batches"]
