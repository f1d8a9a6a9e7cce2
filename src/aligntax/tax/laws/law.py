"""What a law is: a curve with a name, the terms it is written in, and what follows from its parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aligntax.records import Estimate
from aligntax.stats.curves import Curve, Fit

__all__ = ["Law", "Response", "Variable"]

Response = Literal["tax", "reward"]
Variable = Literal["KL", "N"]


def _nothing(fit: Fit) -> Mapping[str, Estimate]:
    return {}


@dataclass(frozen=True)
class Law:
    """A law of the tax (or of the reward) for checkpoints.

    Attributes:
        name: what `--law` takes.
        form: the law as an equation.
        response: what it explains.
        variable: by what: a KL in nats, or N, a count of steps or tokens.
        curve: the law as a curve.
        parameters: names of the parameters, in the order of the curve's -> what each is.
        source: where the law comes from.
        derived: of a fit -> name -> what follows from the parameters, nan where it does not.
    """

    name: str
    form: str
    response: Response
    variable: Variable
    curve: Curve
    parameters: Mapping[str, str]
    source: str
    derived: Callable[[Fit], Mapping[str, Estimate]] = field(default=_nothing)
