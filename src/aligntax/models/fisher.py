r"""Diagonal Fisher information: how much each weight matters to what a model says on given text.

For a text x with targets at positions t, and p(. | x_<t) what the model expects there,

    F = E_x [ sum_t E_{y ~ p(. | x_<t)} [ (d log p(y | x_<t) / d theta)^2 ] ],   per target token,     (1)

the *token-level true Fisher*: labels y come from the model, contexts x from the data (Kirkpatrick et al.
2017, PNAS 114:3521; Martens 2020, JMLR 21(146), on true against empirical).

**Why one backward pass of a whole sequence will do.** Let s_t = d log p(y_t | x_<t) / d theta, with y_t drawn
for each position on its own, the context x being fixed. The gradient of the summed loss is - sum_t s_t, and

    E (sum_t s_t)^2 = sum_t E s_t^2 + sum_{t != u} E[s_t] E[s_u] = sum_t E s_t^2,

since a score has mean zero. So the *squared gradient of a sample* (`per="sequence"`, the default) is an
unbiased estimate of (1), for every parameter, attention and tied weights included, at one backward pass a
draw.

**What (G*G)^T (A*A) is.** For a linear layer, the gradient g_t of the summed loss with respect to the layer's
output at position t holds the losses of position t *and of all later ones* that look back at it. So
(G*G)^T (A*A) = sum_t (g_t a_t^T)^2 is the sum over positions of the squared *contribution of the position to
the sequence's gradient*. Its mean is sum_u sum_t E (d loss_u / d z_t a_t^T)^2, which is (1) without the
products between two positions that one loss reaches. It equals (1) where a loss reaches a weight at its own
position only: head, final norm, and in the last block feed-forward, query and output projections. Below it is
another number, the Fisher of a model in which each position had weights of its own. It varies less from draw
to draw. `per="position"` offers it, under its own name; parameters left to autograd are per sequence all the
same.

**Empirical Fisher** (`labels="data"`) takes the data's tokens for y. Scores then have no mean of zero, and
nothing above holds: per sequence it is the square of the sequence's gradient and no sum over tokens, and it
measures misfit as well as importance (Kunstner et al. 2019, arXiv 1905.12558). The square of a *batch's* mean
gradient is none of these, and is never used.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aligntax.errors import UnreadableInput, UsageError
from aligntax.models.causal import Causal
from aligntax.models.per_sample import GradientSquares, Per, Unbatched

__all__ = ["DiagonalFisher", "FisherSettings", "Sample", "diagonal_fisher", "fisher_of_groups"]

_PROBE_TOKENS = 12
_PROBE_TOLERANCE = 0.05
_SAMPLED_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Sample:
    """One text.

    Attributes:
        tokens: (length,) int64, length >= 2.
        first: index of the first token that is a target, in [1, length); all after it are targets too.
        number: what the labels are drawn by, together with the seed, so that neither the size nor the order
            of batches changes them.
    """

    tokens: Tensor
    first: int = 1
    number: int = 0

    @property
    def targets(self) -> int:
        """How many tokens are targets."""
        return len(self.tokens) - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class FisherSettings:
    """How the Fisher information is taken.

    Attributes:
        labels: "sampled" from the model (true Fisher), or the "data"'s own tokens (empirical Fisher).
        per: what is squared, see the module.
        draws: label draws a sample, >= 1, each a backward pass.
        batch: samples in a pass; changes memory and speed, not the result.
        seed: of the draws.
    """

    labels: Literal["sampled", "data"] = "sampled"
    per: Per = "sequence"
    draws: int = 1
    batch: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 1 or self.batch < 1:
            raise UsageError(f"{self.draws} draws, batches of {self.batch}", hint="at least one of each")
        if self.labels == "data" and self.draws > 1:
            raise UsageError("the data's labels are not drawn, so one draw is all", hint="leave out --draws")


@dataclass(frozen=True, slots=True)
class DiagonalFisher:
    """Sums of squared gradients over some samples.

    Attributes:
        sums: parameter name -> float32, in the parameter's shape, >= 0; mean over draws, sum over samples.
        tokens: target tokens behind it; sums / tokens is equation (1).
        samples: texts behind it.
        one_at_a_time: parameters for which samples could not share a batch.
    """

    sums: dict[str, Tensor]
    tokens: int
    samples: int
    one_at_a_time: tuple[str, ...] = ()

    def plus(self, other: "DiagonalFisher") -> "DiagonalFisher":
        """That of the samples of both; this one's tensors are written to, and are its tensors."""
        for name, sums in self.sums.items():
            sums.add_(other.sums[name])
        return replace(self, tokens=self.tokens + other.tokens, samples=self.samples + other.samples)


def diagonal_fisher(
    causal: Causal, samples: Sequence[Sample], settings: FisherSettings | None = None
) -> DiagonalFisher:
    """The Fisher information of all parameters on some texts; see `fisher_of_groups`."""
    return next(fisher_of_groups(causal, [samples], settings))


def fisher_of_groups(
    causal: Causal,
    groups: Sequence[Sequence[Sample]],
    settings: FisherSettings | None = None,
    *,
    seen: Callable[[int], None] = lambda samples: None,
) -> Iterator[DiagonalFisher]:
    """The Fisher information on each group of texts, one group at a time.

    Memory beyond the model: one float32 of every parameter for the sums (two while a caller keeps those of
    the group before), and the activations of a batch. The method is first tried on a few tokens of one
    text against autograd's own gradients; a parameter that it does not get right is left to autograd, with
    samples one at a time.

    Args:
        causal: model; its weights and flags are left as they were.
        groups: samples of each group, none empty.
        settings: see FisherSettings.
        seen: told how many samples each pass had.

    Raises:
        UnreadableInput: weights or logits that are not finite; tokens outside the model's vocabulary.
        UsageError: an empty group, or a sample without targets.
    """
    settings = settings or FisherSettings()
    _check(causal, groups)
    squares = GradientSquares(causal.model, settings.per)
    work = _Pass(causal, squares, settings)
    work.probe(groups[0][0])
    for samples in groups:
        squares.reset()
        for batch in work.batches(samples):
            work.run(batch)
            seen(len(batch))
        for sums in squares.sums.values():
            sums.div_(settings.draws)
        tokens = sum(sample.targets for sample in samples)
        yield DiagonalFisher(squares.sums, tokens, len(samples), tuple(sorted(squares.alone)))


class _Pass:
    """Forward and backward over batches of samples."""

    def __init__(self, causal: Causal, squares: GradientSquares, settings: FisherSettings) -> None:
        self.causal, self.squares, self.settings = causal, squares, settings
        self.together = not squares.alone

    def batches(self, samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
        """Samples of like length together, the longest first, so that memory runs out at once or never."""
        ordered = sorted(samples, key=lambda sample: -len(sample.tokens))
        for at in range(0, len(ordered), self.settings.batch):
            yield ordered[at : at + self.settings.batch]

    def run(self, samples: Sequence[Sample]) -> None:
        """Adds the squares of a batch, sample by sample where the model wants it so."""
        if self.together or len(samples) == 1:
            try:
                self._batch(samples)
                return
            except Unbatched:  # raised by the forward pass, before anything was added
                self.together = False
        for sample in samples:
            self._batch([sample])

    def _batch(self, samples: Sequence[Sample]) -> None:
        with self.squares.watching():
            self._backward(samples, self.settings.draws)

    def _backward(self, samples: Sequence[Sample], draws: int) -> None:
        """One forward pass, and a backward pass a draw of the labels."""
        with torch.enable_grad():
            self.squares.expect(len(samples))
            logits, targets = self._forward(samples)
            expected = torch.softmax(logits.detach().float(), dim=-1).mul_(targets[..., None])
            if not torch.isfinite(expected.sum()):
                raise UnreadableInput(
                    f"{self.causal.name}: the model's logits are not finite numbers",
                    hint="try --dtype float32",
                )
            for draw in range(draws):
                labels, last = self._labels(samples, expected, draw)[..., None], draw + 1 == draws
                # the gradient of the summed loss by the logits: expected less observed, 0 off the targets
                residual = expected.scatter_add_(-1, labels, -targets[..., None])
                torch.autograd.backward(logits, residual.to(logits.dtype), retain_graph=not last)
                self.squares.collect()
                if not last:
                    expected.scatter_add_(-1, labels, targets[..., None])

    def _forward(self, samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
        """Logits (samples, length, vocabulary), and 1.0 where they predict a target, (samples, length)."""
        length = max(len(sample.tokens) for sample in samples)
        tokens = torch.zeros(len(samples), length, dtype=torch.int64)
        present, targets = torch.zeros_like(tokens), torch.zeros(len(samples), length)
        for row, sample in enumerate(samples):
            tokens[row, : len(sample.tokens)] = sample.tokens
            present[row, : len(sample.tokens)] = 1
            targets[row, sample.first - 1 : len(sample.tokens) - 1] = 1.0
        device = self.causal.device
        mask = {} if bool(present.all()) else {"attention_mask": present.to(device)}
        logits: Tensor = self.causal.model(input_ids=tokens.to(device), use_cache=False, **mask).logits
        return logits, targets.to(logits.device)

    def _labels(self, samples: Sequence[Sample], expected: Tensor, draw: int) -> Tensor:
        """A label for every position, (samples, length); what stands where there is no target is not read."""
        labels = torch.zeros(expected.shape[:2], dtype=torch.int64, device=expected.device)
        for row, sample in enumerate(samples):
            at = slice(sample.first - 1, len(sample.tokens) - 1)
            if self.settings.labels == "data":
                labels[row, at] = sample.tokens[sample.first :].to(labels.device)
            else:
                chances = np.random.default_rng((self.settings.seed, sample.number, draw)).random(
                    sample.targets
                )
                labels[row, at] = _drawn(expected[row, at], torch.from_numpy(chances).float())
        return labels

    def probe(self, sample: Sample) -> None:
        """Compares our squares with autograd's on a few tokens; leaves to autograd what differs."""
        _check_weights(self.causal)
        short = replace(sample, tokens=sample.tokens[:_PROBE_TOKENS], first=1)
        per, self.squares.per = self.squares.per, "sequence"
        with self.squares.watching():
            self._backward([short], 1)
        wrong = self.squares.disagreeing(lambda: self._backward([short], 1), tolerance=_PROBE_TOLERANCE)
        self.squares.alone |= wrong
        self.squares.per = per
        self.together = not self.squares.alone


def _drawn(expected: Tensor, chances: Tensor) -> Tensor:
    """(positions,) labels drawn with probabilities (positions, vocabulary) by numbers in [0, 1)."""
    found = []
    for at in range(0, len(expected), _SAMPLED_AT_ONCE):  # so that the sums below stay small
        piece = slice(at, at + _SAMPLED_AT_ONCE)
        reached = expected[piece].cumsum(-1)
        wanted = chances[piece, None].to(reached.device) * reached[:, -1:]
        found.append(torch.searchsorted(reached, wanted, right=True).clamp_(max=reached.shape[-1] - 1)[:, 0])
    return torch.cat(found)


def _check(causal: Causal, groups: Sequence[Sequence[Sample]]) -> None:
    if not groups or not all(groups):
        raise UsageError("no texts to take the Fisher information on", hint="give each group at least one")
    vocabulary = causal.model.get_input_embeddings().num_embeddings
    for sample in (sample for group in groups for sample in group):
        if not 1 <= sample.first < len(sample.tokens):
            raise UsageError("a text without targets", hint="give at least two tokens, or a response")
        if (highest := int(sample.tokens.max())) >= vocabulary:
            raise UnreadableInput(
                f"{causal.name}: the tokenizer gives token {highest:,}, the model knows {vocabulary:,}",
                hint="use the tokenizer the model was trained with",
            )


def _check_weights(causal: Causal) -> None:
    for name, parameter in causal.model.named_parameters():
        if parameter.is_floating_point() and not torch.isfinite(parameter).all():
            raise UnreadableInput(
                f"{causal.name}: {name} holds NaN or infinity",
                hint="take a checkpoint from before that happened",
            )
