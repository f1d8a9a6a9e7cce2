"""LoRA adapters read as what they add to the weights of their base model.

W' = W + scale B A, with B (out, rank), A (rank, in) and scale = lora_alpha / rank, or lora_alpha / sqrt(rank)
for rank-stabilised adapters.

Source: Hu et al. (2022), arXiv 2106.09685, section 4.1; Kalajdzievski (2023), arXiv 2312.03732, for the root.
File layout: PEFT's `adapter_config.json` and `adapter_model.safetensors`.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aligntax.errors import UnreadableInput
from aligntax.models.checkpoint.checkpoint import Checkpoint, open_checkpoint, resolve
from aligntax.models.checkpoint.numbers import Numbers, Weights, stored

__all__ = ["LowRank", "adapted", "is_adapter", "open_weights"]

_CONFIG = "adapter_config.json"
_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<which>A|B|embedding_A|embedding_B)(\.\w+)?(\.weight)?")


@dataclass(frozen=True, slots=True)
class LowRank:
    """A base tensor with a low-rank product added.

    Attributes:
        base: (out, in) the tensor it is added to.
        left: (out, rank) float32.
        right: (rank, in) float32, times the scale.
    """

    base: Numbers
    left: torch.Tensor
    right: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the base tensor."""
        return self.base.shape

    @property
    def dtype(self) -> torch.dtype:
        """Sums are handed out in full precision."""
        return torch.float32

    def read(self, first: int, last: int) -> torch.Tensor:
        """Base and product, added in float32."""
        width = self.shape[-1]
        top, bottom = first // width, -(-last // width)
        product = (self.left[top:bottom] @ self.right).view(-1)[first - top * width : last - top * width]
        return product + self.base.read(first, last).float()

    def release(self, first: int, last: int) -> None:
        """Lets the base's pages go."""
        self.base.release(first, last)


def is_adapter(path: Path) -> bool:
    """Whether a directory holds an adapter and no whole model."""
    return (path / _CONFIG).exists() and not (path / "config.json").exists()


def open_weights(name: str, base: Checkpoint | None = None) -> Weights:
    """Opens a checkpoint, or an adapter together with the base it is added to.

    Args:
        name: as `open_checkpoint` takes it, or the directory of an adapter.
        base: the checkpoint adapters are added to.

    Raises:
        UnreadableInput: as `open_checkpoint`; an adapter without a base, of another kind, or that does not
            fit it.
    """
    path = resolve(name)
    if not is_adapter(path):
        return stored(open_checkpoint(name))
    if base is None:
        raise UnreadableInput(f"{name}: an adapter; the model it is added to has to come first")
    return adapted(path, stored(base))


def adapted(path: Path, base: Weights) -> Weights:
    """The base with an adapter added to it."""
    config = _config(path)
    adapter = open_checkpoint(path / _FILE)
    factors, whole = _factors(adapter, path)
    tensors = dict(base.tensors)
    for module, (left, right) in factors.items():
        name = f"{module}.weight"
        if name not in tensors:
            raise UnreadableInput(
                f"{path / _FILE}: adapts {module}, which {base.name} does not have",
                hint=f"the adapter was trained on {config.get('base_model_name_or_path') or 'another model'}",
            )
        tensors[name] = _low_rank(
            path, name, tensors[name], left, right, _scale(config, module, right.shape[0])
        )
    for name, numbers in whole.items():
        if name not in tensors or tensors[name].shape != numbers.shape:
            raise UnreadableInput(f"{path / _FILE}: {name} does not fit {base.name}")
        tensors[name] = numbers
    named = config.get("base_model_name_or_path")
    notes = (
        f"{path}: an adapter of {len(factors)} tensors, trained on {named or 'a model it does not name'}",
    )
    return Weights(str(path), base.checkpoint, adapter, tensors, notes)


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads((path / _CONFIG).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{path / _CONFIG}: cannot be read: {error}") from error
    kind = str(config.get("peft_type", "LORA")).upper()
    if kind != "LORA" or config.get("use_dora"):
        kind = "DoRA" if config.get("use_dora") else kind
        raise UnreadableInput(
            f"{path / _CONFIG}: an adapter of the kind {kind}, not LoRA",
            hint="merge it into its base with PEFT's merge_and_unload first",
        )
    return dict(config)


def _factors(
    adapter: Checkpoint, path: Path
) -> tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], dict[str, Numbers]]:
    """Module -> (left, right) in float32, and tensors trained whole (modules_to_save)."""
    lefts, rights, whole = dict[str, torch.Tensor](), dict[str, torch.Tensor](), dict[str, Numbers]()
    for name, numbers in stored(adapter).tensors.items():
        plain = name.removeprefix(_PREFIX)
        if found := _FACTOR.fullmatch(plain):
            which = found["which"]
            factor = adapter.tensor(name).float()
            if which.startswith("embedding"):  # an embedding's factors are kept the other way round
                factor = factor.T
            side = lefts if which in ("B", "embedding_A") else rights
            side[found["module"]] = factor
        else:
            whole[plain.replace(".modules_to_save", "").replace(".default", "")] = numbers
    if lefts.keys() != rights.keys():
        alone = sorted(lefts.keys() ^ rights.keys())[0]
        raise UnreadableInput(f"{path / _FILE}: {alone} has one of lora_A and lora_B only")
    return {module: (lefts[module], rights[module]) for module in lefts}, whole


def _low_rank(
    path: Path, name: str, base: Numbers, left: torch.Tensor, right: torch.Tensor, scale: float
) -> LowRank:
    if (left.shape[0], right.shape[1]) != tuple(base.shape) or left.shape[1] != right.shape[0]:
        raise UnreadableInput(
            f"{path / _FILE}: {name}: factors {list(left.shape)} and {list(right.shape)} do not give "
            f"{list(base.shape)}"
        )
    return LowRank(base, left, right * scale)


def _scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    alpha = float(_pattern(config.get("alpha_pattern"), module, config.get("lora_alpha", rank)))
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _pattern(patterns: Mapping[str, Any] | None, module: str, default: Any) -> Any:  # noqa: ANN401 - from JSON
    for pattern, value in (patterns or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", module):
            return value
    return default
