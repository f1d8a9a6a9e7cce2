"""The curve of a method: what each share of the pre-alignment model does to the likelihood of texts.

Every merged model is made in memory, one after the other in the same place, and scored on the same texts, so
that models are compared text by text. Reward is stood for by answers of the aligned model, capability by
text of what is to be won back.

Source: Lin et al. (2024), arXiv 2309.06256v4, section 4: the curve that every other way is held against.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.mitigations.merging.adaptive import Adaptive
from aligntax.mitigations.merging.in_memory import InMemory
from aligntax.mitigations.merging.linear import Linear
from aligntax.mitigations.merging.matching import Part
from aligntax.mitigations.merging.method import Method
from aligntax.mitigations.merging.proxy import Sample, Scored, losses
from aligntax.models.causal import Causal
from aligntax.models.encoding import pieces
from aligntax.records import Estimate
from aligntax.stats.clusters import clustered_mean
from aligntax.stats.paired import mean_difference

__all__ = [
    "ALIGNED",
    "PRE",
    "Texts",
    "at_pre_weight",
    "change",
    "fitting",
    "level_of",
    "plainest",
    "sweep",
]

ALIGNED, PRE = Linear(0.0), Linear(1.0)
"""The two models themselves, as merges."""
_MOST_TOKENS = 1024
_SPARE = 8  # a piece that is written out and read again may have a few tokens more


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts that models are scored on.

    Attributes:
        samples: (samples,) what is scored.
        clusters: (samples,) prompt or document that each belongs to.
        left_out: samples without a token to score, or longer than the model takes.
        cut: documents that were cut into pieces.
    """

    samples: Sequence[Sample]
    clusters: npt.NDArray[np.int64]
    left_out: int = 0
    cut: int = 0


def at_pre_weight(method: Method, pre_weight: float) -> Method:
    """The method with another share of the pre-alignment model.

    The shares of `adaptive` go down to 0 and up to 1 in proportion, on a straight line from the aligned model
    through the shares given to the pre-alignment model, so that their mean is `pre_weight`.

    Args:
        method: with any share.
        pre_weight: in [0, 1].
    """
    if not isinstance(method, Adaptive):
        return replace(method, pre_weight=pre_weight)  # type: ignore[type-var]
    mean = method.pre_weight
    if pre_weight <= mean:
        down = pre_weight / mean if mean else 0.0
        return Adaptive(tuple(round(share * down, 12) for share in method.shares))
    up = (1 - pre_weight) / (1 - mean)
    return Adaptive(tuple(round(1 - (1 - share) * up, 12) for share in method.shares))


def plainest(method: Method, parts: Sequence[Part]) -> Method:
    """`linear` where the method gives every tensor the same share, so that one model has one description."""
    shares = {method.pre_share(part.place) for part in parts if part.mixed}
    share = shares.pop() if len(shares) == 1 else None
    return method if share is None else Linear(share)


def fitting(causal: Causal, samples: Sequence[Sample], *, longest: int = _MOST_TOKENS) -> Texts:
    """The texts that the model can take: documents in pieces, answers that are too long left out.

    Args:
        causal: the model.
        samples: documents (without a prompt) and answers to prompts.
        longest: most tokens of a text.

    Raises:
        UsageError: nothing is left.
    """
    limit = getattr(causal.model.config, "max_position_embeddings", None) or longest
    longest = min(longest, limit)
    kept, clusters, left_out, cut = list[Sample](), list[int](), 0, 0
    numbers: dict[object, int] = {}
    for sample in samples:
        cluster = numbers.setdefault(sample.prompt or len(numbers), len(numbers))
        found = _whole(causal, sample, longest)
        cut += len(found) > 1
        left_out += not found
        kept += found
        clusters += [cluster] * len(found)
    if not kept:
        raise UsageError(
            f"none of {len(samples):,} texts has a token to score and at most {longest:,} tokens",
            hint="each needs a response of two words or more",
        )
    return Texts(kept, np.array(clusters, dtype=np.int64), left_out, cut)


def sweep(
    model: InMemory,
    methods: Sequence[Method],
    texts: Mapping[str, Texts],
    *,
    batch: int = 8,
    told: Callable[[int], None] = lambda done: None,
) -> list[dict[str, Scored]]:
    """Scores every merged model on every text.

    Args:
        model: the merged model.
        methods: what it becomes, one after the other.
        texts: name -> texts.
        batch: texts at a time.
        told: called with the number of texts done.

    Returns:
        For each method, name -> how likely the texts are.
    """
    found = list[dict[str, Scored]]()
    for method in methods:
        model.mix(method)
        found.append(
            {name: losses(model.causal, some.samples, batch=batch, told=told) for name, some in texts.items()}
        )
    return found


def level_of(texts: Texts, scored: Scored, *, level: float = 0.95) -> Estimate:
    """Negative log-likelihood, nats a token over all tokens, with the interval by prompt or document."""
    sums = np.bincount(texts.clusters, weights=scored.nats).astype(np.float64)
    counts = np.bincount(texts.clusters, weights=scored.tokens).astype(np.float64)
    return clustered_mean(sums, counts, unit="nats", level=level)


def change(texts: Texts, before: Scored, after: Scored, *, level: float = 0.95) -> Estimate:
    """Nats a token that texts are less likely than before; paired, with the interval by prompt or document.

    Below 0 where the texts became more likely.
    """
    each = (after.nats - before.nats) / np.maximum(after.tokens, 1)
    return mean_difference(
        np.repeat(each, after.tokens),
        clusters=np.repeat(texts.clusters, after.tokens),
        unit="nats",
        level=level,
    )


def _whole(causal: Causal, sample: Sample, longest: int) -> list[Sample]:
    """The sample if it fits, a document in pieces if it does not, nothing if there is nothing to score."""
    joined = f"{sample.prompt}\n{sample.response}" if sample.prompt else sample.response
    tokens = causal.encode([joined])[0].tolist()
    before = len(causal.encode([sample.prompt])[0]) if sample.prompt else 1
    if len(tokens) <= max(1, before) or (sample.prompt and len(tokens) > longest):
        return []
    if len(tokens) <= longest:
        return [sample]
    cut = pieces(tokens, max(2, longest - _SPARE))
    return [Sample("", causal.tokenizer.decode(piece, skip_special_tokens=True)) for piece in cut]
