"""A detector called for one answer at a time, which works on many at once."""

import asyncio
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
        self._waiting: list[tuple[Row, asyncio.Future[Row]]] = []
        self._busy = False

    async def __call__(self, exchange: Row) -> Row:
        """The outcome of one exchange.

        Args:
            exchange: columns of the EXCHANGE schema.

        Returns:
            Columns of the OUTCOME schema.
        """
        future: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        self._waiting.append((exchange, future))
        if not self._busy:
            self._busy = True
            try:
                while self._waiting:
                    await asyncio.sleep(self.gather)
                    batch, self._waiting = self._waiting, []
                    await self._judge(batch)
            finally:
                self._busy = False
        return await future

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
