"""The end of a task: what will not be asked any more is skipped, and the model is let go."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inspect_ai.dataset import Sample
from inspect_ai.log import EvalSpec
from inspect_ai.model import Model
from inspect_ai.scorer import SampleScore
from inspect_ai.util import EarlyStop

__all__ = ["Stopping"]


class Stopping:
    """Stops a task early, as Inspect's protocol for it has it.

    Args:
        live: the model; its connections belong to the task's event loop and are closed with it.
        skipped: (id of a question, number of the draw) -> why it is not asked; "" where it is.
    """

    def __init__(self, live: Model, skipped: Callable[[str, int], str]) -> None:
        self._live = live
        self._skipped = skipped

    async def start_task(self, task: EvalSpec, samples: Sequence[Sample], epochs: int) -> str:
        """Name of what stops early."""
        return "aligntax"

    async def schedule_sample(
        self,
        id: str | int,
        epoch: int,
    ) -> EarlyStop | None:
        """Why a sample is skipped; None where it is not."""
        reason = self._skipped(str(id), epoch)
        return EarlyStop(id=id, epoch=epoch, reason=reason) if reason else None

    async def complete_sample(
        self,
        id: str | int,
        epoch: int,
        scores: Mapping[str, SampleScore],
    ) -> None:
        """A sample is done."""

    async def complete_task(self) -> dict[str, Any]:
        """Lets the model go."""
        async with self._live:
            return {}
