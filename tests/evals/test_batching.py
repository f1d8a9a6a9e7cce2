"""One answer at a time in, many at once judged: nobody is forgotten, and nobody waits for who cannot come."""

import asyncio

import pyarrow as pa
import pytest

pytest.importorskip("inspect_ai")

from aligntax.evals.batching import Batched
from aligntax.records import OUTCOME

LONG = 60.0
"""Seconds no test waits."""


class Counting:
    """A detector that remembers how many it was given at a time."""

    name, version = "counting", "1"

    def __init__(self) -> None:
        self.given: list[int] = []

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        self.given.append(exchanges.num_rows)
        if "wrong" in exchanges.column("id").to_pylist():
            raise ValueError("wrong")
        rows = [{"id": one, "outcome": "complete"} for one in exchanges.column("id").to_pylist()]
        return pa.RecordBatch.from_pylist(rows, schema=OUTCOME)


def row(name: str) -> dict[str, object]:
    return {"id": name}


def test_those_that_come_within_a_moment_are_judged_together() -> None:
    detector = Counting()

    async def asked() -> list[object]:
        judged = Batched(detector, gather=0.05)
        found = await asyncio.gather(*(judged(row(str(at))) for at in range(20)))
        return [one["id"] for one in found]

    assert asyncio.run(asked()) == [str(at) for at in range(20)]
    assert detector.given == [20]


def test_nobody_waits_when_all_that_are_under_way_wait() -> None:
    detector = Counting()

    async def asked() -> None:
        judged = Batched(detector, gather=LONG)
        for _ in range(3):
            await asyncio.wait_for(asyncio.gather(judged(row("a"), 2), judged(row("b"), 2)), LONG / 2)

    asyncio.run(asked())
    assert detector.given == [2, 2, 2]


def test_who_comes_first_and_leaves_takes_nobody_along() -> None:
    async def asked() -> object:
        judged = Batched(Counting(), gather=0.05)
        first = asyncio.create_task(judged(row("first")))
        second = asyncio.create_task(judged(row("second")))
        await asyncio.sleep(0)
        first.cancel()
        return (await asyncio.wait_for(second, LONG / 2))["id"]

    assert asyncio.run(asked()) == "second"


def test_a_detector_that_fails_fails_all_it_was_given_and_no_more() -> None:
    async def asked() -> object:
        judged = Batched(Counting(), gather=0.05)
        failed = await asyncio.gather(judged(row("wrong")), judged(row("right")), return_exceptions=True)
        assert [type(one) for one in failed] == [ValueError, ValueError]
        return (await asyncio.wait_for(judged(row("later")), LONG / 2))["id"]

    assert asyncio.run(asked()) == "later"


def test_it_outlives_the_loop_it_first_ran_in() -> None:
    """What waited in a loop that is gone is gone with it."""
    judged = Batched(Counting(), gather=LONG)

    async def left_waiting() -> None:
        waiting = asyncio.create_task(judged(row("lost"), 2))
        await asyncio.sleep(0)
        waiting.cancel()

    async def asked() -> list[object]:
        found = await asyncio.wait_for(asyncio.gather(judged(row("a"), 2), judged(row("b"), 2)), LONG / 2)
        return [one["id"] for one in found]

    asyncio.run(left_waiting())
    assert asyncio.run(asked()) == ["a", "b"]
