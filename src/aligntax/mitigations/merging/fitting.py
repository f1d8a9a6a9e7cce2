"""Fitting the shares of `adaptive`: which stretch of blocks can give most back at the least loss of reward.

The mean share is fixed; what is looked for is where it should lie. Reward is stood for by the likelihood of
proxy samples, each evaluation is one forward pass over them, and one merged copy is held in memory.

Source: Lin et al. (2024), arXiv 2309.06256v4, eq. (3), (8) and (9). The paper follows gradients; with few
stretches a pattern search needs no backward pass and finds the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from aligntax.errors import UsageError
from aligntax.mitigations.merging.adaptive import Adaptive, group_of
from aligntax.mitigations.merging.in_memory import InMemory
from aligntax.mitigations.merging.proxy import Sample, Scored, losses
from aligntax.records import Estimate
from aligntax.stats.paired import mean_difference

__all__ = ["Fit", "fit_shares", "projected"]

Shares = tuple[float, ...]
_PAIRWISE = 4  # stretches up to which every pair is tried; beyond, gradients cost less
_LEAST_STEP = 0.01
_HELD_OUT = 4  # every fourth prompt


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found.

    Attributes:
        shares: of the pre-alignment model, input side first: the fitted ones, or the same everywhere where
            the gain does not show on samples held out.
        fitted: the best on the samples it was fitted to.
        gain: nats a token that `fitted` is better than the same share everywhere, on the prompts held out;
            positive is better.
        passes: forward passes over the samples; a gradient counts as three.
        tried: every shares tried, with the mean loss in nats a token.
    """

    shares: Shares
    fitted: Shares
    gain: Estimate
    passes: int
    tried: list[tuple[Shares, float]] = field(default_factory=list)


def fit_shares(
    model: InMemory,
    samples: Sequence[Sample],
    *,
    pre_weight: float = 0.2,
    groups: int = 3,
    passes: int = 40,
    batch: int = 8,
    told: Callable[[int], None] = lambda done: None,
) -> Fit:
    """Fits one share for each stretch of blocks, their mean held fixed.

    Every fourth prompt is held out, with all its samples; the fitted shares are taken only if on those they
    are better than the same share everywhere, the 95 % interval, clustered by prompt, clear of zero.

    Args:
        model: the merged model.
        samples: proxy samples of the aligned model, of 8 prompts or more; without a prompt each is its own.
        pre_weight: mean share, in [0, 1].
        groups: stretches of blocks, >= 1.
        passes: most forward passes over the samples, >= 8.
        batch: texts at a time.
        told: called with 1 after each pass.

    Raises:
        UsageError: too few samples, or more stretches than blocks.
    """
    blocks = next(iter(model.parts.values())).place.blocks
    if not 1 <= groups <= max(1, blocks):
        raise UsageError(f"{groups} stretches of a model with {blocks} blocks")
    if len(set(_prompts(samples))) < 2 * _HELD_OUT:
        raise UsageError(
            f"{len(samples)} samples of {len(set(_prompts(samples)))} prompts are too few to fit shares to",
            hint="256 prompts or more",
        )
    prompts = _prompts(samples)
    held_out = [sample for at, sample in zip(prompts, samples, strict=True) if at % _HELD_OUT == 0]
    fitted_to = [sample for at, sample in zip(prompts, samples, strict=True) if at % _HELD_OUT]
    search = _Search(
        model, fitted_to, batch, passes - 1, told
    )  # the last check is one pass over the rest, twice
    start = (float(pre_weight),) * groups
    if groups <= _PAIRWISE:
        search.by_pairs(start)
    else:
        search.by_gradient(start, pre_weight)
    best = min(search.tried, key=lambda shares: search.tried[shares])
    gain = _gain(model, held_out, start, best, batch)
    told(1)
    taken = best if gain.known and gain.low > 0 else start
    return Fit(taken, best, gain, search.spent + 1, list(search.tried.items()))


def projected(shares: Sequence[float], mean: float) -> Shares:
    """The nearest shares in [0, 1] with this mean.

    Shifts all by the same amount and cuts off at 0 and 1; the shift is found by bisection.

    Args:
        shares: any numbers.
        mean: in [0, 1].
    """
    given = np.asarray(shares, dtype=np.float64)
    low, high = -1 - float(given.max()), 1 - float(given.min())
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(given + middle, 0, 1).mean() < mean else (low, middle)
    return tuple(float(share) for share in np.clip(given + high, 0, 1))


class _Search:
    """Evaluations within a budget, each shares once."""

    def __init__(
        self, model: InMemory, samples: Sequence[Sample], batch: int, budget: int, told: Callable[[int], None]
    ) -> None:
        self._model = model
        self._samples = samples
        self._batch = batch
        self._budget = budget
        self._told = told
        self.spent = 0
        self.tried: dict[Shares, float] = {}

    def by_pairs(self, start: Shares) -> None:
        """Moves share from one stretch to another while that helps; the step is halved when it does not."""
        best, step = start, start[0] / 2 if start[0] <= 0.5 else (1 - start[0]) / 2
        self.loss(best)
        pairs = [(a, b) for a in range(len(start)) for b in range(len(start)) if a != b]
        while step >= _LEAST_STEP and self.left:
            moves = [_moved(best, a, b, step) for a, b in pairs]
            for move in moves:
                if self.left and move is not None:
                    self.loss(move)
            found = min(self.tried, key=lambda shares: self.tried[shares])
            step, best = (step, found) if found != best else (step / 2, best)

    def by_gradient(self, start: Shares, mean: float) -> None:
        """Goes down the slope, as far as helps, and looks again."""
        best, step = start, 0.25
        loss, slope = self.slope(best)
        while step >= _LEAST_STEP and self._budget - self.spent >= 4:
            size = float(np.abs(slope - slope.mean()).max())
            if size == 0:
                return
            following = projected(np.asarray(best) - step * (slope - slope.mean()) / size, mean)
            if following in self.tried or self.loss(following) >= loss:
                step /= 2
                continue
            best = following
            if self._budget - self.spent >= 3:
                loss, slope = self.slope(best)

    @property
    def left(self) -> bool:
        """Whether a pass is left."""
        return self.spent < self._budget

    def loss(self, shares: Shares) -> float:
        """Mean loss in nats a token."""
        if shares not in self.tried:
            self._model.mix(Adaptive(shares))
            self.tried[shares] = losses(self._model.causal, self._samples, batch=self._batch).mean
            self._spend(1)
        return self.tried[shares]

    def slope(self, shares: Shares) -> tuple[float, "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
        """Mean loss, and how it changes with each share."""
        self._model.mix(Adaptive(shares))
        sums: dict[str, float] = {}
        with self._model.slopes(sums):
            self.tried[shares] = losses(
                self._model.causal, self._samples, batch=self._batch, backward=True
            ).mean
        self._spend(3)
        slope = np.zeros(len(shares))
        for name, part in self._model.parts.items():
            if part.place.block is not None:
                slope[group_of(part.place.block, part.place.blocks, len(shares))] += sums.get(name, 0.0)
        return self.tried[shares], slope

    def _spend(self, passes: int) -> None:
        self.spent += passes
        self._told(passes)


def _moved(shares: Shares, giver: int, taker: int, step: float) -> Shares | None:
    """Shares with `step` moved, or as much of it as both ends allow; None where nothing can move."""
    size = min(step, shares[giver], 1 - shares[taker])
    if size <= 1e-9:
        return None
    changed = list(shares)
    changed[giver] -= size
    changed[taker] += size
    return tuple(round(share, 9) for share in changed)


def _gain(model: InMemory, samples: Sequence[Sample], start: Shares, best: Shares, batch: int) -> Estimate:
    """Nats a token, paired by sample, that `best` is better than `start`."""
    scored = list[Scored]()
    for shares in (start, best):
        model.mix(Adaptive(shares))
        scored.append(losses(model.causal, samples, batch=batch))
    before, after = (np.asarray(each.nats / np.maximum(each.tokens, 1)) for each in scored)
    return mean_difference(before - after, clusters=_prompts(samples), unit="nats")


def _prompts(samples: Sequence[Sample]) -> list[int]:
    """(samples,) number of the prompt each is an answer to; a sample without one stands alone."""
    numbers: dict[object, int] = {}
    return [numbers.setdefault(sample.prompt or len(numbers), len(numbers)) for sample in samples]
