"""Fisher information kept in a safetensors file, to weigh a penalty with (elastic weight consolidation).

Tensors have the parameters' names and hold F divided by its mean over all weights, so that a penalty's
strength means the same for every model and data set. The mean itself, per target token, is in the metadata.
"""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from aligntax.errors import UnreadableInput, UsageError
from aligntax.models.fisher import DiagonalFisher

__all__ = ["FORMAT", "StoredFisher", "load_fisher", "save_fisher"]

FORMAT = "aligntax.fisher-weights/1"


@dataclass(frozen=True, slots=True)
class StoredFisher:
    """Fisher information read back.

    Attributes:
        weights: parameter name -> float32, in the parameter's shape; mean 1 over all of them together.
        mean: what to multiply by to have squared gradients per target token again.
        about: the metadata: model, data, labels, per, draws, samples, tokens, ...
    """

    weights: dict[str, Tensor]
    mean: float
    about: Mapping[str, str]


def save_fisher(fisher: DiagonalFisher, path: Path, about: Mapping[str, str]) -> None:
    """Writes the file, whole or not at all.

    Args:
        fisher: sums over all samples.
        path: the file.
        about: what it was taken on and how, for the metadata.

    Raises:
        UsageError: Fisher information that is zero everywhere, or a place that cannot be written to.
    """
    weights = sum(sums.numel() for sums in fisher.sums.values())
    mean = sum(float(sums.double().sum()) for sums in fisher.sums.values()) / max(weights, 1)
    if mean <= 0:
        raise UsageError(
            f"{path}: no weight had a gradient, so there is nothing to keep", hint="check the data"
        )
    tensors = {name: (sums / mean).contiguous().cpu() for name, sums in fisher.sums.items()}
    counts = {
        "samples": str(fisher.samples),
        "tokens": str(fisher.tokens),
        "mean": repr(mean / fisher.tokens),
    }
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, metadata={"format": FORMAT, **about, **counts})
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path}: cannot be written: {error}", hint="choose another place") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def load_fisher(path: Path) -> StoredFisher:
    """Reads what `save_fisher` wrote.

    Raises:
        UnreadableInput: no such file, or another kind of file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = dict(file.metadata() or {})
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UnreadableInput(
            f"{path}: not a safetensors file: {error}", hint="aligntax fisher --out FILE"
        ) from error
    if about.get("format") != FORMAT or not all(torch.isfinite(t).all() for t in tensors.values()):
        raise UnreadableInput(f"{path}: holds no Fisher information", hint="aligntax fisher --out FILE")
    return StoredFisher(tensors, float(about["mean"]), about)
