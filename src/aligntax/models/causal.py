"""Language models loaded from a checkpoint, and the texts they are asked about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from aligntax.errors import UnreadableInput
from aligntax.models.checkpoint import open_checkpoint

__all__ = ["Causal", "load_causal"]


@dataclass(frozen=True, slots=True)
class Causal:
    """A causal language model ready to score text.

    Attributes:
        name: the path or Hub id it was loaded from.
        model: in eval mode, without gradients, on `device`.
        tokenizer: of the same checkpoint; None where the checkpoint has none.
        device: where its weights are.
    """

    name: str
    model: Any
    tokenizer: Any
    device: torch.device

    def encode(self, texts: Sequence[str]) -> list[torch.Tensor]:
        """Each text as (tokens,) int64, with the special tokens the tokenizer adds.

        Raises:
            UnreadableInput: the checkpoint has no tokenizer.
        """
        if self.tokenizer is None:
            raise UnreadableInput(f"{self.name}: no tokenizer beside the weights", hint="copy tokenizer.json")
        return [torch.tensor(self.tokenizer(text)["input_ids"], dtype=torch.int64) for text in texts]


def load_causal(path: str, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Causal:
    """Loads a checkpoint, safetensors only.

    Args:
        path: local directory or Hub id.
        device: "cpu", "cuda", ...
        dtype: of the weights in memory; None as stored.

    Raises:
        UnreadableInput: no such checkpoint, a file cut short, a pickle, weights that are missing, or nothing
            that transformers can load.
    """
    with open_checkpoint(path) as checkpoint:  # its headers tell what is wrong before anything is loaded
        directory = str(checkpoint.directory)
    logging.disable_progress_bar()
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            directory,
            dtype=dtype or "auto",
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise UnreadableInput(f"{path}: not a causal language model: {first}") from error
    if missing := sorted(told["missing_keys"]):  # transformers would go on with random numbers
        raise UnreadableInput(
            f"{path}: lacks {missing[0]}, one of {len(missing):,} tensors that {type(model).__name__} needs",
            hint="is config.json the one of these weights?",
        )
    model.requires_grad_(False).eval().to(device)
    return Causal(name=path, model=model, tokenizer=_tokenizer(directory), device=torch.device(device))


def _tokenizer(directory: str) -> Any:  # noqa: ANN401 - transformers' own
    try:
        return AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError):
        return None
