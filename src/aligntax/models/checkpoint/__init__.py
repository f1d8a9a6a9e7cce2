"""Weights on disk: safetensors files read lazily and written as a stream."""

from aligntax.models.checkpoint.checkpoint import Checkpoint, open_checkpoint
from aligntax.models.checkpoint.header import DTYPES, Entry

__all__ = ["DTYPES", "Checkpoint", "Entry", "open_checkpoint"]
