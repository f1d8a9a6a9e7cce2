"""The run that is being carried out, as solvers and scorers see it: under `inspect eval` there is none."""

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from inspect_ai.solver import TaskState

from aligntax.models.endpoint.asking import Asker
from aligntax.models.endpoint.spec import ModelSpec, Sampling
from aligntax.records.asked import Reply

__all__ = ["Going", "current", "going"]


class Going(Protocol):
    """What solvers and scorers ask of a run.

    Attributes:
        asker: asks, keeps, counts.
        models: that are asked, and how their answers are drawn, by their number.
        replies: (model, question, sample) -> what came back.
    """

    asker: Asker
    models: list[tuple[ModelSpec, Sampling]]
    replies: dict[tuple[int, str, int], Reply]

    @property
    def at_once(self) -> int:
        """Samples of a model that are under way at a time."""

    def note(self, state: TaskState, scorer: str, found: Any) -> None:  # noqa: ANN401 - the scorer's own
        """What a scorer found of a sample."""


_GOING: list[Going] = []


def current() -> Going | None:
    """The run that is carried out; None under `inspect eval`."""
    return _GOING[-1] if _GOING else None


@contextlib.contextmanager
def going(run: Going) -> Iterator[None]:
    """Makes a run the current one."""
    _GOING.append(run)
    try:
        yield
    finally:
        _GOING.remove(run)
