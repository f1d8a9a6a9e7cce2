"""What a watch has counted: events by use case, component and hour, and by group of clusters.

The hours of the newest month and the one before are kept. They are all that a look needs: any window that
begins with an hour is a sum of them, in whatever order the exchanges came. What comes later than that is
counted as late.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["GROUPS", "HOURS", "MONTHS", "Counted", "first_hour", "month_of"]

HOURS = 31 * 24
"""Hours a month has at most."""
MONTHS = 2
GROUPS = 256
"""Groups that clusters are dealt to."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def first_hour(month: int) -> int:
    """The first hour of a month, counted from 1970, of a month counted so."""
    return int(np.datetime64(month, "M").astype("datetime64[h]").astype(np.int64))


def month_of(hour: int) -> int:
    """The month an hour lies in."""
    return int(np.datetime64(hour, "h").astype("datetime64[M]").astype(np.int64))


def groups_of(clusters: pa.StringArray) -> Ints | None:
    """(rows,) the group of each cluster, -1 for none; None where there is no cluster at all."""
    if clusters.null_count == len(clusters):
        return None
    coded = clusters.dictionary_encode()
    names = [zlib.crc32(n.encode("utf-8", "surrogatepass")) % GROUPS for n in coded.dictionary.to_pylist()]
    codes = pc.fill_null(coded.indices, len(names)).to_numpy(zero_copy_only=False)
    return np.asarray(np.array([*names, -1], np.int64)[codes])


class Counted:
    """Counts by use case (in the order of `use_cases`), by name, by hour.

    Args:
        use_cases: names.
        names: what is counted: components, what they are shares of, and "exchanges".
        month: the newest; None before the first exchange.
    """

    def __init__(self, use_cases: Sequence[str], names: Sequence[str], month: int | None = None) -> None:
        self.use_cases, self.names, self.month = tuple(use_cases), tuple(names), month
        self.late = 0
        self.clustered = False
        self._hours = {name: np.zeros((len(use_cases), MONTHS, HOURS), np.int64) for name in names}
        self._groups = {name: np.zeros((len(use_cases), GROUPS)) for name in names}

    def roll(self, month: int) -> None:
        """Makes room for a newer month; the groups forget half of what they knew."""
        if self.month is not None:
            by = min(month - self.month, MONTHS)
            for name in self.names:
                kept = self._hours[name][:, by:]
                empty = np.zeros((len(self.use_cases), by, HOURS), np.int64)
                self._hours[name] = np.concatenate([kept, empty], axis=1)
                self._groups[name] *= 0.5
        self.month = month

    def add(self, case: Ints, hour: Ints, group: Ints | None, masks: Mapping[str, Mask]) -> None:
        """Counts exchanges of months that are kept already; older ones are late.

        Args:
            case: (rows,) number of the use case.
            hour: (rows,) counted from 1970.
            group: (rows,) group of the cluster, -1 for none.
            masks: name -> (rows,) whether it counts.
        """
        place = self._place(hour)
        known = place >= 0
        self.late += int((~known).sum())
        width = len(self.use_cases) * MONTHS * HOURS
        slot = case * MONTHS * HOURS + place
        for name in self.names:
            found = np.bincount(slot[known & masks[name]], minlength=width)
            self._hours[name] += found.reshape(len(self.use_cases), MONTHS, HOURS)
        if group is not None:
            self._add_groups(case, group, {name: known & masks[name] for name in self.names})

    def _add_groups(self, case: Ints, group: Ints, masks: Mapping[str, Mask]) -> None:
        self.clustered = True
        alone = np.arange(len(group)) * 2_654_435_761 >> 7
        slot = case * GROUPS + np.where(group < 0, alone, group) % GROUPS
        for name in self.names:
            found = np.bincount(slot[masks[name]], minlength=len(self.use_cases) * GROUPS)
            self._groups[name] += found.reshape(len(self.use_cases), GROUPS)

    def _place(self, hour: Ints) -> Ints:
        """(rows,) month slot * HOURS + hour of the month; -1 for what is older than what is kept."""
        if self.month is None:
            return np.full(len(hour), -1)
        place = np.full(len(hour), -1)
        for slot in range(MONTHS):
            month = self.month - MONTHS + 1 + slot
            begins, ends = first_hour(month), first_hour(month + 1)
            inside = (hour >= begins) & (hour < ends)
            place[inside] = slot * HOURS + hour[inside] - begins
        return place

    def between(self, case: int, name: str, start: int, end: int) -> Ints:
        """(end - start,) counts of each hour, from `start` to before `end`; 0 where no longer kept."""
        found = np.zeros(max(end - start, 0), np.int64)
        if self.month is None:
            return found
        for slot in range(MONTHS):
            month = self.month - MONTHS + 1 + slot
            begins = first_hour(month)
            low, high = max(start, begins), min(end, first_hour(month + 1))
            if low < high:
                found[low - start : high - start] = self._hours[name][
                    case, slot, low - begins : high - begins
                ]
        return found

    def groups(self, case: int, name: str) -> Floats:
        """(groups,) counts of the last two months and, more faintly, of those before."""
        found: Floats = self._groups[name][case]
        return found

    def span(self) -> tuple[int, int]:
        """First and last hour kept that hold an exchange, the last exclusive; 0, 0 where there is none."""
        if self.month is None:
            return 0, 0
        start = first_hour(self.month - MONTHS + 1)
        end = first_hour(self.month + 1)
        seen = sum(self.between(case, "exchanges", start, end) for case in range(len(self.use_cases)))
        rows = np.flatnonzero(seen)
        return (start + int(rows[0]), start + int(rows[-1]) + 1) if len(rows) else (0, 0)

    def kept(self) -> dict[str, Any]:
        """For the state of a watch."""
        return {
            "month": self.month,
            "late": self.late,
            "clustered": self.clustered,
            "hours": {case: self._packed(self._hours, at) for at, case in enumerate(self.use_cases)},
            "groups": {case: self._packed(self._groups, at) for at, case in enumerate(self.use_cases)},
        }

    def _packed(self, arrays: Mapping[str, npt.NDArray[Any]], case: int) -> dict[str, str]:
        return {name: _pack(arrays[name][case]) for name in self.names if arrays[name][case].any()}

    def take(self, kept: Mapping[str, Any], use_cases: Sequence[str]) -> None:
        """What was kept of these use cases; names and use cases that are not watched any more are dropped."""
        self.month, self.late, self.clustered = kept["month"], kept["late"], kept["clustered"]
        for case in use_cases:
            at = self.use_cases.index(case)
            for name in self.names:
                if packed := kept["hours"].get(case, {}).get(name):
                    self._hours[name][at] = _unpacked(packed, np.int64).reshape(MONTHS, HOURS)
                if packed := kept["groups"].get(case, {}).get(name):
                    self._groups[name][at] = _unpacked(packed, np.float64)


def _pack(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), 6)).decode("ascii")


def _unpacked(text: str, kind: type[Any]) -> npt.NDArray[Any]:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind).copy()
