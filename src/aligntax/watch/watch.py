"""A watch: follows logs, judges what is new, counts it, looks, and keeps all of it in one write.

Where each stream is, what was counted, what the tests remember and the alerts that came of it are kept
together, after each chunk: a watch that is killed at any moment goes on from the last chunk that was kept,
and every exchange is counted once.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.errors import AligntaxError
from aligntax.extension_points import READ_BY_DETECTORS, Detector, Recogniser
from aligntax.ledger.keys import content_hash, now
from aligntax.ledger.marks import marks
from aligntax.ledger.opened import Ledger
from aligntax.ledger.watches import NewAlert, keep_state, state
from aligntax.policy.model import Policy
from aligntax.scale import map_batches
from aligntax.traffic.lines import BROKEN
from aligntax.watch.alerting import About, alert
from aligntax.watch.coincidences import hour_time
from aligntax.watch.counted import Counted, first_hour, groups_of
from aligntax.watch.following import Streams
from aligntax.watch.indicators import indicators
from aligntax.watch.looks import Looks, Standing, Trend
from aligntax.watch.plan import Plan
from aligntax.watch.reading import Chunk, Reader
from aligntax.watch.seen import Seen, values_of
from aligntax.watch.streams import Stream

__all__ = ["Round", "Watch", "columns_for"]

Ints = npt.NDArray[np.int64]
_HOUR = 3_600_000_000
_DAY = 24
_MARKED_HOURS = 62 * 24
_FORMAT = 1
_TOTALS = ("records", "exchanges", "skipped", "unassigned", "untimed")


def columns_for(recognise: Recogniser) -> tuple[str, ...]:
    """EXCHANGE columns a watch reads."""
    own = (*READ_BY_DETECTORS, "system", "time", "cluster")
    return tuple(dict.fromkeys((*own, *recognise.columns)))


@dataclass(slots=True)
class Round:
    """What one round came to.

    Attributes:
        exchanges: counted in it.
        alerts: raised in it.
        problems: what could not be read, located.
        waiting: names that match no file yet.
        copies: files that hold what another one has, left out.
        unfinished: bytes of last lines that have not ended.
    """

    exchanges: int = 0
    alerts: list[NewAlert] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    unfinished: int = 0


class Watch:
    """One watch.

    Args:
        ledger: keeps its state.
        name: of the watch.
        policy: that traffic is held to.
        policy_id: of the policy's text.
        tested: the plan made from the policy.
        detector: gives outcomes.
        recognise: tells use cases.
        reader: reads streams; of the columns `columns_for` names.
        least_change: a change is told where the rate differs by this share of what it was.
        telling: whether anybody is told of alerts.
        clock: UTC without zone.
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        *,
        policy: Policy,
        policy_id: str,
        tested: Plan,
        detector: Detector,
        recognise: Recogniser,
        reader: Reader,
        least_change: float = 0.2,
        telling: bool = True,
        clock: Callable[[], dt.datetime] = now,
    ) -> None:
        self.name, self.plan, self.policy_id = name, tested, policy_id
        self.detector = f"{detector.name} {detector.version}"
        self._ledger, self._detector, self._recognise, self._reader = ledger, detector, recognise, reader
        self._least, self._telling, self._clock = least_change, telling, clock
        self._definitions = {
            case.name: _definition(case.match.model_dump(), tested) for case in policy.use_case
        }
        self.notes: list[str] = []
        self._unsearched: list[str] = []
        self._load()

    def _load(self) -> None:
        """What was kept last; what means something else by now begins anew."""
        tested = self.plan
        self.counted, self.seen = Counted(tested.use_cases, tested.names), Seen(tested.use_cases)
        self.looks = Looks(tested, least_change=self._least)
        self.streams, self.totals, self._turn, self.looked = Streams(), dict.fromkeys(_TOTALS, 0), 0, -1
        kept = state(self._ledger, self.name)
        if kept is None:
            return
        self._turn, self.totals = kept["turn"], {**self.totals, **kept["totals"]}
        self.streams = Streams([Stream.read(one) for one in kept["streams"]], kept["next_stream"])
        same = tuple(
            case for case, text in self._definitions.items() if kept["definitions"].get(case) == text
        )
        self.seen.take(kept["seen"], same)
        if kept["detector"] != self.detector:
            self._note(f"the detector is {self.detector} now, not {kept['detector']}: counting begins anew")
            return
        added = sorted(set(self._definitions) - set(kept["definitions"]))
        if added and self.totals["exchanges"]:
            before = f"the {self.totals['exchanges']:,} exchanges read before are not read again"
            self._note(
                f"{', '.join(added)}: new in the policy; {before}, a watch of another --name reads all"
            )
        for case in sorted(set(self._definitions) & set(kept["definitions"]) - set(same)):
            self._note(f"{case} means something else in the policy now: counting it begins anew")
        self.looked = kept["looked"]
        self.counted.take(kept["counted"], same)
        self.looks.take(kept["looks"], same)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def kept(self) -> dict[str, Any]:
        """The state, as plain values."""
        return {
            "format": _FORMAT,
            "turn": self._turn,
            "detector": self.detector,
            "policy": self.policy_id,
            "definitions": self._definitions,
            "streams": [stream.kept() for stream in self.streams.all],
            "next_stream": self.streams.next_number,
            "totals": self.totals,
            "looked": self.looked,
            "counted": self.counted.kept(),
            "seen": self.seen.kept(),
            "looks": self.looks.kept(),
        }

    def round(self, inputs: Sequence[str], *, seen: Callable[[int], None] = lambda n: None) -> Round:
        """Reads all that is new, chunk by chunk, and looks after each.

        Args:
            inputs: paths, globs and directories.
            seen: told the number of exchanges after each chunk.
        """
        done = Round()
        before = self.streams.next_number
        followed = self.streams.follow(inputs)
        done.waiting, done.copies = followed.waiting, followed.copies
        done.problems = [one for one in followed.failures if one not in self._unsearched]
        self._unsearched = followed.failures
        if self.streams.next_number != before:
            self._keep([])
        for number in [stream.number for stream in followed.changed]:
            while self._read(number, done):
                seen(done.exchanges)
            seen(done.exchanges)
        return done

    def _read(self, number: int, done: Round) -> bool:
        """Reads and keeps one chunk of a stream; whether there is more."""
        stream = self._stream(number)
        try:
            chunk = self._reader.read(stream)
            raised = self._count(chunk)
        except (AligntaxError, *BROKEN) as error:
            self._load()  # what was counted of the chunk is not kept
            done.problems.append(error.message if isinstance(error, AligntaxError) else str(error))
            with contextlib.suppress(OSError):
                self._stream(number).looked_at(Path(stream.path).stat())
            self._keep([])
            return False
        self._sum_up(chunk, done)
        self._keep(raised)
        done.alerts += raised
        return chunk.more

    def _stream(self, number: int) -> Stream:
        return next(stream for stream in self.streams.all if stream.number == number)

    def _sum_up(self, chunk: Chunk, done: Round) -> None:
        for name in ("records", "exchanges", "skipped"):
            self.totals[name] += getattr(chunk.reading, name)
        done.exchanges += chunk.reading.exchanges
        done.problems += [str(problem) for problem in chunk.reading.problems]
        done.problems += [chunk.problem] if chunk.problem else []
        done.unfinished += chunk.unfinished

    def _keep(self, raised: list[NewAlert]) -> None:
        before, self._turn = self._turn, self._turn + 1
        keep_state(self._ledger, self.name, self.kept(), raised, turn=before)

    def _count(self, chunk: Chunk) -> list[NewAlert]:
        """Counts a chunk's exchanges, and looks."""
        raised = list[NewAlert]()
        for exchanges, outcomes in map_batches(self._judged, chunk.batches):
            raised += self._add(exchanges, outcomes)
        if chunk.reading.exchanges:
            raised += self.look(self._newest())
        return raised

    def _judged(self, exchanges: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        return exchanges, self._detector(exchanges)

    def _add(self, exchanges: pa.RecordBatch, outcomes: pa.RecordBatch) -> list[NewAlert]:
        """Counts a batch, month by month; before a new month begins the old one is looked at."""
        case = self._cases(exchanges)
        times = self._times(exchanges.column("time"))
        self.totals["unassigned"] += int((case < 0).sum())
        masks = indicators(outcomes, exchanges, self.plan.components)
        masks["exchanges"] = np.ones(len(case), bool)
        group = groups_of(exchanges.column("cluster"))
        values = values_of(exchanges, outcomes, self.detector)
        months = times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
        raised = list[NewAlert]()
        for month in np.unique(months).tolist():
            rows = np.flatnonzero((months == month) & (case >= 0))
            if self.counted.month is None or month > self.counted.month:
                raised += self.look(self._newest())
                self.counted.roll(month)
            self.seen.add(
                case[rows], times[rows], {k: v.take(pa.array(rows)) for k, v in values.items()}, self.counted
            )
            self.counted.add(
                case[rows],
                times[rows] // _HOUR,
                None if group is None else group[rows],
                {name: mask[rows] for name, mask in masks.items()},
            )
        return raised

    def _cases(self, exchanges: pa.RecordBatch) -> Ints:
        """(rows,) number of the use case, -1 for none of the policy's."""
        told = self._recognise(exchanges).dictionary_encode()
        places = {name: at for at, name in enumerate(self.plan.use_cases)}
        numbers = np.array([*(places.get(name, -1) for name in told.dictionary.to_pylist()), -1], np.int64)
        return np.asarray(
            numbers[pc.fill_null(told.indices, len(numbers) - 1).to_numpy(zero_copy_only=False)]
        )

    def _times(self, column: pa.TimestampArray) -> Ints:
        """(rows,) microseconds since 1970; an exchange without a time, or from tomorrow, came now."""
        present = np.datetime64(self._clock(), "us")
        times = column.to_numpy(zero_copy_only=False).astype("datetime64[us]")
        wrong = np.isnat(times) | (times > present + np.timedelta64(1, "D"))
        self.totals["untimed"] += int(wrong.sum())
        return np.asarray(np.where(wrong, present, times).astype(np.int64))

    def _newest(self) -> int:
        return self.counted.span()[1] - 1

    def look(self, hour: int) -> list[NewAlert]:
        """Looks at the end of every day since the last look, and at the end of an hour."""
        if hour < 0 or self.counted.month is None:
            return []
        first = max(self.looked, first_hour(self.counted.month - 1)) + 1
        ends = [one for one in range(first, hour) if (one + 1) % _DAY == 0]
        raised = [made for end in (*ends, max(hour, self.looked)) for made in self._look(end)]
        self.looked = max(hour, self.looked)
        return raised

    def _look(self, hour: int) -> Iterator[NewAlert]:
        about: About | None = None
        for found in self.looks.look(self.counted, self.seen, hour):
            about = about or self._about()
            yield alert(found, about)

    def _about(self) -> About:
        return About(
            watch=self.name,
            service=self.plan.service,
            policy_id=self.policy_id,
            detector=self.detector,
            counted=self.counted,
            seen=self.seen,
            marks=marks(self._ledger, first=hour_time(self.looked - _MARKED_HOURS)),
            telling=self._telling,
        )

    def standings(self) -> list[Standing]:
        """How every budget stands, for a person."""
        hour = self._hour()
        return [self.looks.shown(test, self.counted, self.seen, hour) for test in self.plan.budgets]

    def trends(self) -> list[Trend]:
        """Whether any rate has changed, as of now."""
        return [self.looks.trend(test, self.counted, self._hour()) for test in self.plan.changes]

    def _hour(self) -> int:
        """The last hour looked at; this one before the first look."""
        return self.looked if self.looked >= 0 else int(np.datetime64(self._clock(), "h").astype(np.int64))


def _definition(match: dict[str, Any], tested: Plan) -> str:
    """What the counts of a use case mean."""
    return content_hash({"match": match, "names": list(tested.names)})
