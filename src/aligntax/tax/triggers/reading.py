"""A log read for its triggers: every prompt with what became of it, some refused ones with their words."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.errors import UnreadableInput
from aligntax.extension_points import READ_BY_DETECTORS, Detector
from aligntax.scale import map_batches
from aligntax.tax.triggers.corpus import MOST_EXCHANGES, Collector
from aligntax.traffic.read import Log, Reading
from aligntax.traffic.sampling import rank

__all__ = ["READ", "Refusal", "Traffic", "prompts_at", "read_traffic"]

READ = (*READ_BY_DETECTORS, "use_case", "system", "cluster")
"""EXCHANGE columns to read the log with."""
_CLASSES = {"complete": 0, "refused": 1, "hedged": 2}
_MOST_REFUSALS = 1_000


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """A refused prompt, to ask again.

    Attributes:
        order: its place in the order samples are drawn in.
        id: of the exchange.
        prompt: the user's words.
        system: the system prompt; None without one.
        cluster: of the exchange; None where the log does not tell.
    """

    order: int
    id: str
    prompt: str = field(compare=False)
    system: str | None = field(compare=False, default=None)
    cluster: str | None = field(compare=False, default=None)


@dataclass(kw_only=True)
class Traffic:
    """What reading came to.

    Attributes:
        collector: the prompts with an outcome that counts.
        counts: outcome, or why an exchange is in no class -> exchanges.
        refusals: some refused prompts, those first in the order samples are drawn in.
        clustered: exchanges whose user, session or template the log tells.
        detector: name and version.
        reading: of the log.
    """

    collector: Collector
    counts: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    clustered: int = 0
    detector: tuple[str, str] = ("", "")
    reading: Reading = field(default_factory=Reading)


def read_traffic(
    log: Log,
    detector: Detector,
    *,
    most: int = MOST_EXCHANGES,
    seen: Callable[[int], None] = lambda exchanges: None,
) -> Traffic:
    """Reads a log, gives every exchange its outcome, and keeps its prompt as numbers of words.

    An answer of another model than the one asked for is in no class: it may hide a refusal. Neither is one
    that was refused for want of an ability, since no word of the prompt is to blame.

    Args:
        log: opened.
        detector: gives the outcomes.
        most: prompts kept, at most.
        seen: told the number of exchanges read so far.

    Raises:
        UnreadableInput: no exchange of the log has a prompt.
    """
    batches, reading = log.batches(READ)
    traffic = Traffic(collector=Collector(most), detector=(detector.name, detector.version), reading=reading)
    drawn: list[tuple[int, Refusal]] = []
    row = 0
    for batch, outcome in map_batches(lambda one: (one, detector(one)), batches):
        classes = _classes(batch, outcome, traffic.counts)
        kept = np.flatnonzero(classes >= 0)
        chosen = batch.take(pa.array(kept))
        clusters = chosen.column("cluster")
        traffic.clustered += len(clusters) - clusters.null_count
        traffic.collector.add(
            chosen.column("id"), chosen.column("prompt"), clusters, classes[kept], kept + row
        )
        _draw(drawn, chosen.filter(pa.array(classes[kept] == 1)))
        row += batch.num_rows
        seen(row)
    if row and traffic.counts["no prompt"] == row:
        raise UnreadableInput(
            f"none of the {row:,} exchanges has a prompt, and a trigger is a word of it",
            hint="give a log that holds prompts, or name their field with --prompt-field",
        )
    traffic.refusals = sorted(refusal for _, refusal in drawn)
    return traffic


def prompts_at(batches: Iterator[pa.RecordBatch], wanted: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
    """The words of chosen exchanges, read a second time.

    Args:
        batches: of the same log, with `id`, `use_case`, `system` and `prompt`.
        wanted: places in the log, from 0.

    Returns:
        Place -> columns of the exchange.
    """
    places, found, row = np.unique(np.asarray(wanted, np.int64)), dict[int, Mapping[str, Any]](), 0
    for batch in batches:
        here = places[np.searchsorted(places, row) : np.searchsorted(places, row + batch.num_rows)]
        rows = batch.take(pa.array(here - row)).to_pylist() if len(here) else []
        found.update(zip(here.tolist(), rows, strict=True))
        row += batch.num_rows
    return found


def _classes(batch: pa.RecordBatch, outcome: pa.RecordBatch, counts: Counter[str]) -> npt.NDArray[np.int8]:
    """(rows,) 0 complete, 1 refused, 2 hedged; -1 where it is in no class, and why is counted."""
    names = np.array(outcome.column("outcome").cast(pa.string()).to_pylist(), np.object_)
    fallback = _where(pc.equal(outcome.column("layer").cast(pa.string()), "fallback"))
    unable = _where(pc.equal(outcome.column("reason").cast(pa.string()), "cannot")) & (names == "refused")
    empty = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(pc.fill_null(batch.column("prompt"), ""))), 0)
    names[fallback] = "served by a fallback"
    names[unable] = "ability limit"
    names[_where(empty)] = "no prompt"
    counts.update(names.tolist())
    return np.fromiter((_CLASSES.get(name, -1) for name in names), np.int8, len(names))


def _where(mask: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), np.bool_)


def _draw(drawn: list[tuple[int, Refusal]], refused: pa.RecordBatch) -> None:
    """Keeps those first in the order of samples, in a heap whose top is the last of them."""
    columns = (refused.column(name).to_pylist() for name in ("id", "prompt", "system", "cluster"))
    for identifier, prompt, system, cluster in zip(*columns, strict=True):
        entry = (-(order := rank(identifier)), Refusal(order, identifier, prompt, system, cluster))
        if len(drawn) < _MOST_REFUSALS:
            heapq.heappush(drawn, entry)
        elif entry > drawn[0]:
            heapq.heapreplace(drawn, entry)
