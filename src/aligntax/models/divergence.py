"""Divergence of two models' next-token distributions, without their logits ever being in memory.

The reported estimator is the Rao-Blackwellised one: at every position the whole sum over the vocabulary, not
the log ratio of the one token that happened to be drawn (k1), nor k3, whose tail is heavy.

Source: Amini, Vieira & Cotterell (2025), Better Estimation of the Kullback-Leibler Divergence Between
Language Models, arXiv 2504.10637.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from aligntax.models.halves import Halves

__all__ = ["BLOCK", "Divergence", "divergence"]

BLOCK = (512, 8192)
"""Positions and tokens of the vocabulary in memory at a time, on a CPU: three times 16 MiB in float32.

On one thread 2,048 tokens are a tenth faster; with several, threads wait for each other after every step, and
fewer, larger steps win by more (benchmarks/drift).
"""

_BLOCK_ON_DEVICE = (2048, 8192)
_WIDENED = 1 << 25  # numbers of both heads copied to a wider dtype at a time: 128 MiB
_WHOLE = 6 << 20  # numbers of one model in memory where the head cannot be cut, times the copies made of them


@dataclass(frozen=True, slots=True)
class Divergence:
    """What two models make of the same positions, in nats, on the CPU.

    Attributes:
        forward: (n,) sum_v p(v) [ln p(v) - ln q(v)], p the reference and q the model; >= 0.
        reverse: (n,) sum_v q(v) [ln q(v) - ln p(v)]; >= 0.
        reference_loss: (n,) -ln p of the token that stands there.
        model_loss: (n,) -ln q of it.
    """

    forward: torch.Tensor
    reverse: torch.Tensor
    reference_loss: torch.Tensor
    model_loss: torch.Tensor


_Piece = tuple[slice, torch.Tensor, torch.Tensor, torch.Tensor]
"""Which positions; logits under the reference and under the model, (positions, tokens); their difference."""


@dataclass(slots=True)
class _Sums:
    """Running sums over the vocabulary for one distribution, relative to its highest logit so far.

    Attributes:
        peak: (n,) highest logit seen.
        mass: (n,) sum of exp(logit - peak).
        gap: (n,) the same sum, each term times the reference's logit less the model's.
        target: (n,) logit of the token that stands there.
    """

    peak: torch.Tensor
    mass: torch.Tensor
    gap: torch.Tensor
    target: torch.Tensor

    def add(self, at: slice, logits: torch.Tensor, gap: torch.Tensor) -> None:
        """Takes in a block of logits, (positions, tokens), and spends it; `gap` is of the same shape."""
        before = self.peak[at]
        peak = torch.maximum(before, logits.amax(-1))
        shrink = (before - peak).exp()
        weights = logits.sub_(peak[:, None].to(logits.dtype)).exp_()
        self.mass[at] = self.mass[at] * shrink + weights.sum(-1)
        self.gap[at] = self.gap[at] * shrink + weights.mul_(gap).sum(-1)
        self.peak[at] = peak

    @property
    def log_mass(self) -> torch.Tensor:
        """(n,) logarithm of the normaliser."""
        return self.peak + self.mass.log()

    @property
    def mean_gap(self) -> torch.Tensor:
        """(n,) mean of the difference of logits under this distribution."""
        return self.gap / self.mass


@torch.inference_mode()
def divergence(
    reference: Halves,
    model: Halves,
    reference_hidden: torch.Tensor,
    model_hidden: torch.Tensor,
    targets: torch.Tensor,
    *,
    vocabulary: int | None = None,
    block: tuple[int, int] | None = None,
) -> Divergence:
    """Both divergences and both losses at every position, in one pass over the vocabulary.

    Heads that are a matrix are multiplied block by block, over positions and vocabulary, with the sums
    rescaled whenever a higher logit turns up; for the others the vocabulary stays whole and there are fewer
    positions in a block. Blocks are float32, or float64 where the weights are, whatever the models' dtype;
    sums are float64.

    Args:
        reference: p.
        model: q.
        reference_hidden: (n, its width), on its device.
        model_hidden: (n, its width).
        targets: (n,) int64, the tokens that stand there, each < vocabulary.
        vocabulary: tokens 0 to this one are compared, and both distributions renormalised over them; all
            without it, which takes heads of one size.
        block: positions and tokens in memory at a time.

    Returns:
        Values over the n positions; nan or infinite where logits are.
    """
    count = vocabulary or min(reference.vocabulary, model.vocabulary)
    device = reference_hidden.device
    p, q = _empty(len(targets), device), _empty(len(targets), device)
    if reference.linear and model.linear:
        block = block or (BLOCK if device.type == "cpu" else _BLOCK_ON_DEVICE)
        pieces = _products(reference, model, reference_hidden, model_hidden, count, block)
        for sums, half, hidden in ((p, reference, reference_hidden), (q, model, model_hidden)):
            _look_up(sums, half, hidden, targets.to(device), block[0])
    else:
        pieces = _whole(reference, model, reference_hidden, model_hidden, count, targets.to(device), p, q)
    for at, first, second, gap in pieces:
        p.add(at, first, gap)
        q.add(at, second, gap)
    between = p.log_mass - q.log_mass
    return Divergence(
        forward=(p.mean_gap - between).clamp(min=0).cpu(),
        reverse=(between - q.mean_gap).clamp(min=0).cpu(),
        reference_loss=(p.log_mass - p.target).cpu(),
        model_loss=(q.log_mass - q.target).cpu(),
    )


def _empty(count: int, device: torch.device) -> _Sums:
    zeros = torch.zeros(count, dtype=torch.float64, device=device)
    return _Sums(torch.full_like(zeros, -torch.inf), zeros.clone(), zeros.clone(), zeros.clone())


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def _products(
    reference: Halves,
    model: Halves,
    reference_hidden: torch.Tensor,
    model_hidden: torch.Tensor,
    vocabulary: int,
    block: tuple[int, int],
) -> Iterator[_Piece]:
    """Blocks of logits, (positions, tokens).

    The buffers are used again and again: fresh memory for every block would cost more than the sums do.
    """
    rows, columns = block
    wide = torch.promote_types(_wide(reference_hidden.dtype), _wide(model_hidden.dtype))
    pairs = ((reference.head, reference_hidden), (model.head, model_hidden))
    widths = [head.weight.shape[1] * (head.weight.dtype != wide) for head, _ in pairs]
    columns = max(1, min(columns, _WIDENED // max(1, sum(widths))))
    device = reference_hidden.device
    copies = [torch.empty(columns, width, dtype=wide, device=device) for width in widths]
    buffers = torch.empty(3, rows * columns, dtype=wide, device=device)
    for left in range(0, vocabulary, columns):
        ids = slice(left, min(left + columns, vocabulary))
        weights = [_widened(head.weight[ids], copy) for (head, _), copy in zip(pairs, copies, strict=True)]
        biases = [None if head.bias is None else head.bias[ids].to(wide) for head, _ in pairs]
        for top in range(0, len(reference_hidden), rows):
            at = slice(top, min(top + rows, len(reference_hidden)))
            shape = (at.stop - at.start, ids.stop - ids.start)
            made = [buffer[: shape[0] * shape[1]].view(shape) for buffer in buffers]
            for out, (_, hidden), weight, bias in zip(made[:2], pairs, weights, biases, strict=True):
                torch.mm(hidden[at].to(wide), weight.T, out=out)
                if bias is not None:
                    out += bias
            yield at, made[0], made[1], torch.sub(made[0], made[1], out=made[2])


def _widened(weight: torch.Tensor, copy: torch.Tensor) -> torch.Tensor:
    """Rows of a head, copied to `copy` if it has their width, and as they are if it has none."""
    return copy[: len(weight)].copy_(weight) if copy.shape[1] else weight


def _look_up(sums: _Sums, half: Halves, hidden: torch.Tensor, targets: torch.Tensor, rows: int) -> None:
    """Logits of the tokens that stand there: one row of the head each."""
    wide = _wide(hidden.dtype)
    for top in range(0, len(targets), rows):
        at = slice(top, top + rows)
        found = torch.linalg.vecdot(hidden[at].to(wide), half.head.weight[targets[at]].to(wide))
        sums.target[at] = found if half.head.bias is None else found + half.head.bias[targets[at]]


def _whole(
    reference: Halves,
    model: Halves,
    reference_hidden: torch.Tensor,
    model_hidden: torch.Tensor,
    vocabulary: int,
    targets: torch.Tensor,
    p: _Sums,
    q: _Sums,
) -> Iterator[_Piece]:
    """Blocks of a few positions and the whole vocabulary, for heads that are more than a matrix."""
    rows = max(1, _WHOLE // max(reference.vocabulary, model.vocabulary))
    for top in range(0, len(targets), rows):
        at = slice(top, min(top + rows, len(targets)))
        first = reference.logits(reference_hidden[at])[:, :vocabulary]
        second = model.logits(model_hidden[at])[:, :vocabulary]
        for sums, logits in ((p, first), (q, second)):
            sums.target[at] = logits.gather(1, targets[at, None])[:, 0]
        yield at, first, second, first - second
