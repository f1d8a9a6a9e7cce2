"""Drift: how far one model's next-token distributions have moved from another's, in nats.

Which text the divergence is averaged over decides what it estimates. Summed over a response that was drawn
from the first distribution, the divergence at every position is an unbiased estimate of the KL of whole
responses (Rao-Blackwellised: the sum over the vocabulary stands where plain Monte Carlo has one log ratio).
Over any other text it is a mean per token of that text, which is comparable between models but is no KL of
responses.

Source: Amini, Vieira & Cotterell (2025), arXiv 2504.10637.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, unknown
from aligntax.stats.clusters import clustered_mean
from aligntax.stats.paired import mean_difference

__all__ = [
    "DIRECTIONS",
    "TEXTS",
    "Bucket",
    "Direction",
    "TextDrift",
    "TextKind",
    "buckets",
    "by_group",
    "by_position",
    "cross_entropy_drift",
    "estimand",
    "per_sequence",
    "per_token",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Direction = Literal["forward", "reverse"]
TextKind = Literal["reference_samples", "model_samples", "fixed", "general"]

DIRECTIONS: Mapping[Direction, str] = {
    "forward": "KL(reference || model)",
    "reverse": "KL(model || reference)",
}
TEXTS: Mapping[TextKind, str] = {
    "reference_samples": "the reference's own samples",
    "model_samples": "the model's own samples",
    "fixed": "the responses of the file",
    "general": "general text",
}
_DRAWN_FROM: Mapping[TextKind, Direction] = {"reference_samples": "forward", "model_samples": "reverse"}


@dataclass(frozen=True, slots=True)
class TextDrift:
    """Both divergences at every token of some text.

    Attributes:
        text: where the text comes from.
        forward: (tokens,) KL(reference || model) of the next token, nats, >= 0.
        reverse: (tokens,) KL(model || reference).
        reference_loss: (tokens,) cross-entropy of the reference, nats.
        model_loss: (tokens,) of the model.
        sequence: (tokens,) number of the response or piece of text a token belongs to.
        position: (tokens,) place in it, from 1.
        cluster: (sequences,) number of the prompt or document; what is drawn from one prompt belongs
            together.
        group: (sequences,) prompt type, "" where there is none.
    """

    text: TextKind
    forward: Floats
    reverse: Floats
    reference_loss: Floats
    model_loss: Floats
    sequence: Integers
    position: Integers
    cluster: Integers
    group: Sequence[str]

    def values(self, direction: Direction) -> Floats:
        """(tokens,) the divergence in a direction."""
        return self.forward if direction == "forward" else self.reverse

    @property
    def clusters(self) -> Integers:
        """(tokens,) prompt or document of every token."""
        return self.cluster[self.sequence]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Positions first to last of a response, counted from 1."""

    first: int
    last: int


def estimand(text: TextKind, direction: Direction) -> str:
    """What a direction on a text estimates, in words."""
    name = DIRECTIONS[direction]
    if _DRAWN_FROM.get(text) == direction:
        return f"{name} of responses: unbiased, since the text was drawn from the first model"
    return f"mean {name} of the next token over {TEXTS[text]}: no KL of responses"


def per_token(drift: TextDrift, direction: Direction, *, level: float = 0.95) -> Estimate:
    """Divergence of the next token, averaged over all tokens: a ratio of sums, with the interval by prompt.

    Returns:
        Estimate in nats per token, n the tokens; nan with fewer than two prompts.
    """
    return _mean(drift.values(direction), drift.clusters, level)


def per_sequence(drift: TextDrift, direction: Direction, *, level: float = 0.95) -> Estimate:
    """KL of whole responses, where the text was drawn from the first distribution of the direction.

    Returns:
        Estimate in nats per response, n the responses; nan with a reason on any other text.
    """
    count = len(drift.cluster)
    if _DRAWN_FROM.get(drift.text) != direction:
        first = "the reference" if direction == "forward" else "the model"
        return unknown(f"the text was not drawn from {first}", unit="nats", level=level, n=count)
    sums = np.bincount(drift.sequence, weights=drift.values(direction), minlength=count).astype(np.float64)
    return _mean(sums, drift.cluster, level)


def by_position(
    drift: TextDrift, direction: Direction, *, level: float = 0.95
) -> list[tuple[Bucket, Estimate]]:
    """Divergence per token in buckets of positions that double: 1, 2-3, 4-7, 8-15, ...

    Alignment that goes no deeper than the first few tokens shows as drift there and little after.
    """
    found = list[tuple[Bucket, Estimate]]()
    for bucket in buckets(int(drift.position.max(initial=0))):
        inside = (drift.position >= bucket.first) & (drift.position <= bucket.last)
        found.append((bucket, _mean(drift.values(direction)[inside], drift.clusters[inside], level)))
    return found


def by_group(drift: TextDrift, direction: Direction, *, level: float = 0.95) -> list[tuple[str, Estimate]]:
    """Divergence per token by prompt type, in alphabetical order; none where all prompts are of one."""
    groups = np.asarray(drift.group, dtype=object)
    names = sorted(set(drift.group))
    if len(names) < 2:
        return []
    found = list[tuple[str, Estimate]]()
    for name in names:
        inside = (groups == name)[drift.sequence]
        found.append((name, _mean(drift.values(direction)[inside], drift.clusters[inside], level)))
    return found


def cross_entropy_drift(drift: TextDrift, *, level: float = 0.95) -> dict[str, Estimate]:
    """Cross-entropy per token of both models on the same text, and how it changed.

    Returns:
        "reference", "model" and "difference" (model less reference, above 0 where the model predicts the text
        worse; paired, the interval by document), in nats per token.
    """
    losses = {"reference": drift.reference_loss, "model": drift.model_loss}
    found = {name: _mean(values, drift.clusters, level) for name, values in losses.items()}
    gap = drift.model_loss - drift.reference_loss
    found["difference"] = mean_difference(gap, clusters=drift.clusters, unit="nats", level=level)
    return found


def buckets(longest: int) -> list[Bucket]:
    """Buckets of positions up to the one that holds `longest`; the last is not cut."""
    return [Bucket(1 << power, (2 << power) - 1) for power in range(longest.bit_length())]


def _mean(values: Floats, clusters: Integers, level: float) -> Estimate:
    if len(values) == 0:
        return unknown("no tokens", unit="nats", level=level)
    sums = np.bincount(clusters, weights=values).astype(np.float64)
    counts = np.bincount(clusters).astype(np.float64)
    return clustered_mean(sums, counts, unit="nats", level=level)
