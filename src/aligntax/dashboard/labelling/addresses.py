"""Where the pages of the labelling screen are; an address tells a task and a position, nothing else."""

from typing import Annotated

from fastapi import Path

__all__ = ["HOME", "NAMING", "Position", "TaskKey", "of_item", "of_settling", "of_task"]

HOME = "/label"
NAMING = f"{HOME}/name"
TaskKey = Annotated[str, Path(pattern=r"^[0-9]{8}T[0-9]{6}-[0-9a-f]{6}$")]
Position = Annotated[int, Path(ge=1, le=1_000_000_000)]


def of_task(task_id: str) -> str:
    """A task's results so far."""
    return f"{HOME}/{task_id}"


def of_item(task_id: str, position: int) -> str:
    """One exchange to label."""
    return f"{HOME}/{task_id}/{position}"


def of_settling(task_id: str, position: int | None = None) -> str:
    """The exchanges whose labels disagree, or one of them."""
    return f"{HOME}/{task_id}/settle" + (f"/{position}" if position else "")
