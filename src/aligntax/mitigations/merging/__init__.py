"""Merging of pre-alignment and aligned weights: maths on tensors, one file a method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aligntax.errors import UsageError
from aligntax.mitigations.merging.adaptive import Adaptive
from aligntax.mitigations.merging.dare import Dare
from aligntax.mitigations.merging.ema import Ema
from aligntax.mitigations.merging.linear import Linear
from aligntax.mitigations.merging.lines import Lines
from aligntax.mitigations.merging.method import Method
from aligntax.mitigations.merging.slerp import Slerp
from aligntax.mitigations.merging.task_arithmetic import TaskArithmetic
from aligntax.mitigations.merging.ties import Ties

__all__ = ["METHODS", "Listed", "method"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A method as people choose it.

    Attributes:
        make: its settings in, the method out.
        settings: names of the settings it takes.
        fewest: aligned models it needs.
        most: aligned models it takes; None without a limit.
        describes: one line for a person choosing among methods.
    """

    make: Callable[..., Method]
    settings: tuple[str, ...]
    fewest: int
    most: int | None
    describes: str


METHODS: Mapping[str, Listed] = {
    "linear": Listed(Linear, ("pre_weight",), 1, 1, "the same share of the pre-alignment model everywhere"),
    "adaptive": Listed(Adaptive, ("shares",), 1, 1, "a share for each stretch of blocks, with a given mean"),
    "lines": Listed(Lines, ("pre_weight",), 1, 1, "that share in the first block, none in the last"),
    "slerp": Listed(Slerp, ("pre_weight",), 2, None, "spherical mean of several models' changes, and back"),
    "task_arithmetic": Listed(TaskArithmetic, ("pre_weight",), 1, None, "changes of several models added up"),
    "ties": Listed(
        Ties, ("pre_weight", "density"), 1, None, "small changes dropped, signs elected, averaged"
    ),
    "dare": Listed(
        Dare, ("pre_weight", "density", "seed"), 1, None, "changes dropped at random, rest scaled up"
    ),
    "ema": Listed(Ema, ("pre_weight", "decay"), 1, None, "moving average of a run's checkpoints, and back"),
}
"""Every method, by the name `--method` takes."""


def method(name: str, models: int, **settings: Any) -> Method:  # noqa: ANN401 - each method's own
    """A method with its settings.

    Args:
        name: a key of METHODS.
        models: how many aligned models there are.
        settings: of the method; None for its default.

    Raises:
        UsageError: no such method, a setting it does not have or out of range, too few or too many models.
    """
    if name not in METHODS:
        raise UsageError(f"no merge method {name!r}", hint=f"one of {', '.join(METHODS)}")
    listed = METHODS[name]
    given = {key: value for key, value in settings.items() if value is not None}
    if unknown := sorted(given.keys() - set(listed.settings)):
        raise UsageError(f"{name} has no setting {unknown[0]}", hint=f"it has {', '.join(listed.settings)}")
    if models < listed.fewest or (listed.most is not None and models > listed.most):
        wanted = f"{listed.fewest} or more" if listed.most is None else f"{listed.fewest}"
        raise UsageError(f"{name} takes {wanted} aligned model(s), not {models}")
    weight = given.get("pre_weight", 0.2)
    if not 0 <= weight <= 1:
        raise UsageError(
            f"pre_weight is the share of the pre-alignment model, in [0, 1], not {weight:g}",
            hint="0.2 is usual",
        )
    return listed.make(**given)
