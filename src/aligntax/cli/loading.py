"""Models as the options of a command ask for them."""

import torch

from aligntax.errors import UsageError
from aligntax.models.causal import Causal, load_causal

__all__ = ["check_device", "loaded"]


def check_device(device: str) -> None:
    """Refuses a device that is not there, before anything long is done."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).partition("\n")[0]
        raise UsageError(f"--device {device}: {first}", hint="--device cpu") from error


def loaded(model: str, device: str, dtype: str) -> Causal:
    """The model of that name.

    Args:
        model: directory or Hub id.
        device: where to.
        dtype: "auto" for the type it is stored in, or one of torch's.

    Raises:
        UsageError: no such device.
        UnreadableInput: it cannot be read.
    """
    check_device(device)
    return load_causal(model, device=device, dtype=None if dtype == "auto" else getattr(torch, dtype))
