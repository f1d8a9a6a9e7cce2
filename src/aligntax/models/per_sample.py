"""Per-sample gradients squared and summed while a backward pass goes by.

Autograd sums a weight's gradient over all samples of a batch, and the square of a sum is not the sum of the
squares. So no weight asks autograd for its gradient here. Hooks keep what went into a module and catch the
gradient of what came out of it; the per-sample gradient is made of the two:

    linear layer, inputs A (positions, in), output gradients G (positions, out)
        of a sample, per "sequence"     (G^T A)^2 elementwise: one matrix product, the one autograd is spared
        of each position, "position"    sum_t (g_t a_t^T)^2 = (G*G)^T (A*A): one product for the whole batch
    bias                                sum of G over positions
    embedding                           rows of G added up by token
    norm                                its own derivative, sample by sample (torch.func)
    anything else                       autograd, one sample at a time

A weight used in several places (tied embeddings) has the gradients of all its uses added, then squared.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn

__all__ = ["GradientSquares", "Per", "Unbatched"]

Per = Literal["sequence", "position"]


class Unbatched(Exception):
    """A module's output does not keep the samples of a batch apart along its first dimension."""


class _Use(Protocol):
    """One use of a parameter in a pass, with the gradient it got there, (samples, positions, ...)."""

    def gradient(self, sample: int, like: Tensor) -> Tensor:
        """Of one sample, float32, in the shape of `like`, to be overwritten by the caller."""

    def add(self, sums: Tensor) -> None:
        """Adds the square of every part: sample by sample, or position by position for uses made so."""


@dataclass(frozen=True, slots=True)
class _Product:
    """A matrix whose gradient is left^T right, both (samples, positions, rows or columns)."""

    left: Tensor
    right: Tensor

    def gradient(self, sample: int, like: Tensor) -> Tensor:
        return (self.left[sample].T @ self.right[sample]).to(like.dtype)

    def add(self, sums: Tensor) -> None:
        for sample in range(len(self.left)):
            gradient = self.gradient(sample, sums)
            sums.addcmul_(gradient, gradient)


@dataclass(frozen=True, slots=True)
class _Positions(_Product):
    """The same, squared position by position."""

    def add(self, sums: Tensor) -> None:
        left, right = (side.flatten(0, 1).to(sums.dtype).square() for side in (self.left, self.right))
        sums.addmm_(left.T, right)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table of which each position takes a row: (samples, positions) and (samples, positions, columns)."""

    ids: Tensor
    gradients: Tensor
    by_position: bool

    def gradient(self, sample: int, like: Tensor) -> Tensor:
        return torch.zeros_like(like).index_add_(0, self.ids[sample], self.gradients[sample].to(like.dtype))

    def add(self, sums: Tensor) -> None:
        if self.by_position:
            sums.index_add_(0, self.ids.flatten(), self.gradients.flatten(0, 1).to(sums.dtype).square())
            return
        for ids, gradients in zip(self.ids, self.gradients, strict=True):
            rows, at = ids.unique(return_inverse=True)
            summed = sums.new_zeros(len(rows), sums.shape[1]).index_add_(0, at, gradients.to(sums.dtype))
            sums.index_add_(0, rows, summed.square_())


@dataclass(frozen=True, slots=True)
class _Whole:
    """Gradients as they are, (parts, *shape), a part being a sample or a position."""

    gradients: Tensor

    def gradient(self, sample: int, like: Tensor) -> Tensor:
        return self.gradients[sample].to(like.dtype, copy=True)

    def add(self, sums: Tensor) -> None:
        sums.add_(self.gradients.to(sums.dtype).square().sum(0))


class GradientSquares:
    """Sums of squared gradients of a model's parameters, filled by backward passes.

    Args:
        model: in eval mode. Its weights are never written to; while `watching`, `requires_grad` and `grad` of
            its parameters are ours, and restored after.
        per: what is squared: the gradient of a sample, or what each position adds to it.

    Attributes:
        sums: parameter name -> float32 sums, in the parameter's shape, on its device. A tied parameter has
            one name, the first.
        alone: parameters left to autograd, for which samples must come one at a time. A caller may add names.
    """

    def __init__(self, model: nn.Module, per: Per) -> None:
        self.model = model
        self.per = per
        self._names = {id(p): name for name, p in model.named_parameters() if p.is_floating_point()}
        self._parameters = {n: p for n, p in model.named_parameters() if p.is_floating_point()}
        self.sums = {n: torch.zeros_like(p, dtype=torch.float32) for n, p in self._parameters.items()}
        self.alone = {
            self._names[id(p)]
            for module in model.modules()
            if not _understood(module)
            for p in module.parameters(recurse=False)
            if id(p) in self._names
        }
        self._samples = 0
        self._calls: dict[str, int] = {}
        self._waiting: dict[str, list[_Use]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hooks in place and parameters frozen, but for those in `alone`."""
        before = [(p, p.requires_grad, p.grad) for p in self._parameters.values()]
        hooks = [
            module.register_forward_hook(self._forward)
            for module in self.model.modules()
            if _understood(module) and any(True for _ in module.parameters(recurse=False))
        ]
        for name, parameter in self._parameters.items():
            parameter.requires_grad_(name in self.alone)
            parameter.grad = None
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            for parameter, required, gradient in before:
                parameter.requires_grad_(required)
                parameter.grad = gradient
            self._waiting.clear()

    def expect(self, samples: int) -> None:
        """Called before a forward pass over a batch of so many samples."""
        self._samples = samples
        self._calls.clear()
        self._waiting.clear()

    def collect(self) -> None:
        """Called after each backward pass: squares what is left, and what autograd did."""
        for name in list(self._waiting):
            self._settle(name)
        for name in self.alone:
            parameter = self._parameters[name]
            if parameter.grad is not None:
                gradient = parameter.grad.to(torch.float32)
                self.sums[name].addcmul_(gradient, gradient)
                parameter.grad = None

    def reset(self) -> None:
        """Sums of zero, in tensors of their own: those handed out stay as they are."""
        self.sums = {name: torch.zeros_like(sums) for name, sums in self.sums.items()}

    def disagreeing(self, backward: Callable[[], None], *, tolerance: float) -> set[str]:
        """Parameters whose sums are not the squares of autograd's own gradient.

        Args:
            backward: forward and backward pass of the one sample that `sums` hold.
            tolerance: most relative distance of the square roots, as a norm.
        """
        known, self.alone = self.alone, set(self.sums)
        wrong = set[str]()

        def compare(name: str, parameter: Tensor) -> None:
            gradient = cast(Tensor, parameter.grad).to(torch.float32)
            parameter.grad = None  # one gradient in memory at a time
            gap = (self.sums[name].sqrt() - gradient.abs()).norm()
            if not gap <= tolerance * gradient.norm():
                wrong.add(name)

        with self.watching():
            hooks = [
                cast(Any, parameter).register_post_accumulate_grad_hook(partial(compare, name))
                for name, parameter in self._parameters.items()
            ]
            try:
                backward()
            finally:
                for hook in hooks:
                    hook.remove()
        self.alone = known
        return wrong

    def _forward(self, module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if not self._samples:
            return None  # a norm of ours, run again on its own
        names = self._named(module).values()
        if not names:
            return None
        if isinstance(module, nn.Embedding):
            output = self._opened(output)
        elif self._samples > 1 and (output.dim() < 3 or output.shape[0] != self._samples):
            raise Unbatched(type(module).__name__)
        if output.requires_grad:
            for name in names:
                self._calls[name] = self._calls.get(name, 0) + 1
            cast(Any, output).register_hook(partial(self._arrived, module, arguments[0].detach()))
        return output

    def _opened(self, output: Tensor) -> Tensor:
        """The output of an embedding, one for each sample, as the place where gradients begin."""
        output = output.detach()
        if output.shape[0] != self._samples:
            if output.shape[0] != 1:
                raise Unbatched("Embedding")
            output = output.expand(self._samples, *output.shape[1:]).clone()
        return output.requires_grad_()

    def _arrived(self, module: nn.Module, inputs: Tensor, gradient: Tensor) -> None:
        if gradient.dtype is torch.float16:  # squares of small numbers vanish in it
            gradient, inputs = gradient.float(), inputs.float() if inputs.is_floating_point() else inputs
        for local, use in self._uses(module, inputs, gradient.detach()):
            name = self._named(module).get(local)
            if name is None:
                continue
            self._waiting.setdefault(name, []).append(use)
            if len(self._waiting[name]) == self._calls[name]:
                self._settle(name)

    def _named(self, module: nn.Module) -> dict[str, str]:
        """A module's own parameters that are not left to autograd: name in it -> name in the model."""
        found = {
            n: self._names[id(p)] for n, p in module.named_parameters(recurse=False) if id(p) in self._names
        }
        return {local: name for local, name in found.items() if name not in self.alone}

    def _settle(self, name: str) -> None:
        """Squares the gradients of a parameter, all uses of which have theirs."""
        uses, sums = self._waiting.pop(name), self.sums[name]
        if len(uses) == 1 or self.per == "position":
            for use in uses:
                use.add(sums)
            return
        for sample in range(self._samples):
            gradient = uses[0].gradient(sample, sums)
            for use in uses[1:]:
                gradient += use.gradient(sample, sums)
            sums.addcmul_(gradient, gradient)

    def _uses(self, module: nn.Module, inputs: Tensor, gradient: Tensor) -> Iterator[tuple[str, _Use]]:
        if isinstance(module, nn.Embedding):
            yield "weight", self._rows(module, inputs, gradient)
        elif _is_norm(module):
            yield from self._of_norm(module, inputs, gradient)
        else:
            left, right = self._apart(gradient), self._apart(inputs)
            if not isinstance(module, nn.Linear):  # GPT-2's Conv1D keeps (in, out)
                left, right = right, left
            by_position = self.per == "position"
            yield "weight", _Positions(left, right) if by_position else _Product(left, right)
            outputs = self._apart(gradient)
            yield "bias", _Whole(outputs.flatten(0, 1) if by_position else outputs.sum(1))

    def _apart(self, values: Tensor) -> Tensor:
        """(samples, positions, width) from (samples, ..., width)."""
        return values.reshape(self._samples, -1, values.shape[-1])

    def _rows(self, module: nn.Embedding, ids: Tensor, gradient: Tensor) -> _Rows:
        gradient = self._apart(gradient)
        ids = ids.expand(self._samples, *ids.shape[1:]).reshape(self._samples, -1)
        if module.padding_idx is not None:  # whose row has no gradient, by PyTorch's rule
            gradient = gradient.masked_fill((ids == module.padding_idx)[..., None], 0)
        return _Rows(ids, gradient, self.per == "position")

    def _of_norm(self, norm: nn.Module, inputs: Tensor, gradient: Tensor) -> Iterator[tuple[str, _Use]]:
        if self.per == "position":
            inputs, gradient = (values.reshape(-1, 1, values.shape[-1]) for values in (inputs, gradient))
        elif self._samples == 1:
            inputs, gradient = inputs[None], gradient[None]
        for local, values in self._alone_of(norm, inputs, gradient).items():
            yield local, _Whole(values)

    def _alone_of(self, norm: nn.Module, inputs: Tensor, gradient: Tensor) -> Mapping[str, Tensor]:
        """The norm's parameter gradients, (parts, *shape), from inputs and output gradients (parts, ...)."""
        parameters = {name: p.detach() for name, p in norm.named_parameters(recurse=False)}

        def one(part: Tensor, output_gradient: Tensor) -> dict[str, Tensor]:
            def run(values: dict[str, Tensor]) -> Tensor:
                return cast(Tensor, torch.func.functional_call(norm, values, (part,)))

            back: Any = torch.func.vjp(run, parameters)[1]
            return dict(back(output_gradient)[0])

        samples, self._samples = self._samples, 0
        try:
            return dict(torch.func.vmap(one)(inputs, gradient))
        finally:
            self._samples = samples


def _understood(module: nn.Module) -> bool:
    """Whether the module's gradients can be made of its inputs and output gradients by the rules above."""
    kind = type(module)
    if isinstance(module, nn.Linear):
        return kind.forward is nn.Linear.forward
    if isinstance(module, nn.Embedding):
        return kind.forward is nn.Embedding.forward and not module.sparse and module.max_norm is None
    return _is_norm(module) or kind.__name__ == "Conv1D"


def _is_norm(module: nn.Module) -> bool:
    own: Sequence[nn.Parameter] = list(module.parameters(recurse=False))
    return type(module).__name__.endswith("Norm") and bool(own) and all(p.dim() == 1 for p in own)
