"""A merged model in memory: one copy, mixed anew in place whenever the shares change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod

import torch

from aligntax.errors import UnreadableInput
from aligntax.mitigations.merging.matching import Part
from aligntax.mitigations.merging.merge import merge_into
from aligntax.mitigations.merging.method import Method
from aligntax.mitigations.merging.run import Merge
from aligntax.models.causal import Causal, load_causal

__all__ = ["InMemory"]


class InMemory:
    """The model that a merge would write, held in memory.

    The sources stay on disk; only tensors whose share changed since the last time are mixed again.

    Attributes:
        causal: the model, ready to score text.
        parts: its tensors, by name.
    """

    def __init__(self, merge: Merge, *, device: str = "cpu") -> None:
        self.causal: Causal = load_causal(str(merge.aligned[0].checkpoint.directory), device=device)
        held = dict(self.causal.model.state_dict(keep_vars=True))
        self.parts = {part.place.name: part for part in merge.parts}
        self._parameters: dict[str, torch.Tensor] = {}
        for name, part in self.parts.items():
            found = held.get(name)
            if found is None or tuple(found.shape) != part.place.shape:
                raise UnreadableInput(
                    f"{merge.aligned[0].name}: {name} is not a parameter of the loaded model"
                )
            self._parameters[name] = found
        self._shares: dict[str, float | None] = {}

    def mix(self, method: Method) -> None:
        """Makes it the model that this method gives."""
        for name, part in self.parts.items():
            share = method.pre_share(part.place) if part.mixed else 0.0
            if name not in self._shares or share is None or share != self._shares[name]:
                self._mixed(name, part, method)
                self._shares[name] = share

    @contextmanager
    def slopes(self, sums: dict[str, float]) -> Iterator[None]:
        """Within it, a backward pass adds up how the loss changes with each tensor's share.

        d loss / d share = <d loss / d W, W_pre - W_aligned>, tensor by tensor as gradients come in, so that
        no second copy of the model's size is held.

        Args:
            sums: tensor name -> slope; added to.
        """
        hooks = []
        for name, parameter in self._parameters.items():
            if self.parts[name].mixed:
                parameter.requires_grad_(True)
                add = self._slope(name, sums)
                hooks.append(parameter.register_post_accumulate_grad_hook(add))  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            self.causal.model.requires_grad_(False)

    def _mixed(self, name: str, part: Part, method: Method) -> None:
        target = self._parameters[name].data
        if target.device.type == "cpu" and target.is_contiguous():
            merge_into(part, method, target.view(-1))
        else:
            out = torch.empty(prod(part.place.shape), dtype=target.dtype)
            merge_into(part, method, out)
            target.copy_(out.view(target.shape))

    def _slope(self, name: str, sums: dict[str, float]) -> Callable[[torch.Tensor], None]:
        def add(parameter: torch.Tensor) -> None:
            part, gradient = self.parts[name], parameter.grad
            assert gradient is not None
            count = prod(part.place.shape)
            change = part.pre.read(0, count).float() - part.aligned[0].read(0, count).float()
            sums[name] = sums.get(name, 0.0) + float(gradient.view(-1).cpu().float() @ change)
            for numbers in (part.pre, part.aligned[0]):
                numbers.release(0, count)
            parameter.grad = None

        return add
