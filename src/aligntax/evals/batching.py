"""A detector called for one answer at a time, which works on many at once."""

import asyncio
import contextlib
from collections.abc import Sequence

import pyarrow as pa

from aligntax.extension_points import Detector
from aligntax.records import EXCHANGE

__all__ = ["Batched"]

Row = dict[str, object]


_GATHER = 0.1
"""Seconds; a detector takes as long for one answer as for fifty."""


class Batched:
    """Puts a detector's rows together that come within a moment, or while it is busy.

    Args:
        detector: called on a thread of its own, one batch at a time.
        gather: seconds to wait for more rows before a batch is judged.
    """

    def __init__(self, detector: Detector, gather: float = _GATHER) -> None:
        self.detector = detector
        self.gather = gather
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[Row, asyncio.Future[Row]]] = []
        self._judging: asyncio.Task[None] | None = None
        self._all = asyncio.Event()

    async def __call__(self, exchange: Row, most: int | None = None) -> Row:
        """The outcome of one exchange.

        Args:
            exchange: columns of the EXCHANGE schema.
            most: how many are under way at a time: when as many wait, nobody waits for more; None for any.

        Returns:
            Columns of the OUTCOME schema.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a scorer outlives the loop it first ran in, and what waited there
            self._loop, self._waiting, self._judging, self._all = loop, [], None, asyncio.Event()
        future: asyncio.Future[Row] = loop.create_future()
        self._waiting.append((exchange, future))
        if self._judging is None or self._judging.done():
            self._judging = loop.create_task(self._judge_all())  # whoever came first may be cancelled
        if most is not None and len(self._waiting) >= most:
            self._all.set()
        return await future

    async def _judge_all(self) -> None:
        while self._waiting:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all.wait(), self.gather)
            self._all.clear()
            batch, self._waiting = self._waiting, []
            await self._judge(batch)

    async def _judge(self, batch: Sequence[tuple[Row, asyncio.Future[Row]]]) -> None:
        try:
            rows = [row for row, _ in batch]
            outcomes = await asyncio.to_thread(self._outcomes, rows)
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)

    def _outcomes(self, rows: list[Row]) -> list[Row]:
        found: list[Row] = self.detector(pa.RecordBatch.from_pylist(rows, schema=EXCHANGE)).to_pylist()
        return found
