"""Best-of-n sampling: how far it can move a model, and how often it can win, whatever the reward."""

import math
from dataclasses import dataclass

from aligntax.errors import UsageError

__all__ = ["BestOfN", "best_of_n"]


@dataclass(frozen=True, slots=True)
class BestOfN:
    """Upper bounds, not estimates: nothing was sampled.

    Attributes:
        n: responses the best is taken of.
        most_kl: bound on KL(best of n || reference) of whole responses, nats. The two are equal only where no
            two responses tie, so with a model that gives few different responses the true KL is far below.
        most_wins: bound on the rate at which the best of n beats one response of the reference, in (0, 1);
            0.5 at n = 1.
    """

    n: int
    most_kl: float
    most_wins: float


def best_of_n(n: int) -> BestOfN:
    """The bounds ln n - (n - 1) / n and n / (n + 1).

    Args:
        n: responses, >= 1.

    Raises:
        UsageError: n below 1.

    Source: Beirami et al. (2024), Theoretical Guarantees on the Best-of-n Alignment Policy, arXiv 2401.01879.
    """
    if n < 1:
        raise UsageError(f"the best of {n} responses", hint="--best-of-n 16")
    return BestOfN(n=n, most_kl=math.log(n) - (n - 1) / n, most_wins=n / (n + 1))
