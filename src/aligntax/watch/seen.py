"""What came with the exchanges of a use case and when it was first seen: models, prompts, detectors, layers.

A change of the rate near a first sight is a coincidence worth a name; it proves nothing. Prompts are kept as
a hash. A kind with too many values (a prompt for every user) is not followed any further.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.watch.counted import Counted

__all__ = ["KINDS", "Seen", "Sight", "values_of"]

KINDS = ("model", "prompt", "detector", "layer")
_MOST = 64
_LONG = 100
_DEPLOYED_EXCHANGES = 100
_DEPLOYED_SHARE = 0.1

Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Sight:
    """A value and when it came.

    Attributes:
        first: microseconds since 1970 of its first exchange.
        within: exchanges of the use case before it in the same hour.
        n: its exchanges.
        total: exchanges of the use case before the batch it was first seen in.
        deployed: whether it once had answered a tenth of the exchanges since, and a hundred at least.
    """

    first: int
    within: int
    n: int
    total: int
    deployed: bool = False

    @property
    def hour(self) -> int:
        """Of its first exchange, counted from 1970."""
        return self.first // 3_600_000_000


def values_of(
    exchanges: pa.RecordBatch, outcomes: pa.RecordBatch, detector: str
) -> dict[str, pa.DictionaryArray]:
    """Kind -> (rows,) values, null where there is none."""
    model = pc.coalesce(exchanges.column("model_served"), exchanges.column("model_requested"))
    prompts = exchanges.column("system").dictionary_encode()
    hashes = pa.array([_hashed(text) for text in prompts.dictionary.to_pylist()], pa.string())
    alike = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(model), np.int32)), pa.array([detector]))
    layer = outcomes.column("layer")
    return {
        "model": model.dictionary_encode(),
        "prompt": pa.DictionaryArray.from_arrays(prompts.indices, hashes),
        "detector": alike,
        "layer": pa.DictionaryArray.from_arrays(layer.indices.cast(pa.int32()), layer.dictionary),
    }


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Seen:
    """First sights by use case and kind.

    Args:
        use_cases: names.
    """

    def __init__(self, use_cases: Sequence[str]) -> None:
        self._use_cases = tuple(use_cases)
        self._found: list[dict[str, dict[str, Sight]]] = [{kind: {} for kind in KINDS} for _ in use_cases]
        self._many: list[set[str]] = [set() for _ in use_cases]
        self.totals = [0] * len(use_cases)

    def add(
        self, case: Ints, times: Ints, values: Mapping[str, pa.DictionaryArray], counted: Counted
    ) -> None:
        """Takes note of exchanges, before they are counted.

        Args:
            case: (rows,) number of the use case.
            times: (rows,) microseconds since 1970.
            values: kind -> (rows,).
            counted: what was counted before them.
        """
        for number in np.unique(case).tolist():
            rows = np.flatnonzero(case == number)
            for kind in KINDS:
                if kind not in self._many[number]:
                    self._add(number, kind, rows, times, values[kind], counted)
            self.totals[number] += len(rows)
            for _, _, sight in self.sights(number):
                since = self.totals[number] - sight.total
                enough = max(_DEPLOYED_EXCHANGES, _DEPLOYED_SHARE * since)
                sight.deployed = sight.deployed or sight.n >= enough

    def _add(
        self, case: int, kind: str, rows: Ints, times: Ints, values: pa.DictionaryArray, counted: Counted
    ) -> None:
        names = values.dictionary.to_pylist()
        codes = pc.fill_null(values.indices, -1).to_numpy(zero_copy_only=False)[rows]
        known = self._found[case][kind]
        for code in np.unique(codes[codes >= 0]).tolist():
            own = rows[codes == code]
            first = int(times[own].min())
            name = str(names[code])[:_LONG]
            if name in known:
                known[name].n += len(own)
                known[name].first = min(known[name].first, first)
                continue
            if len(known) >= _MOST:
                self._many[case].add(kind)
                return
            within = self._within(case, first, rows, times, counted)
            known[name] = Sight(first, within, len(own), self.totals[case])

    def _within(self, case: int, first: int, rows: Ints, times: Ints, counted: Counted) -> int:
        hour = first // 3_600_000_000
        before = int(counted.between(case, "exchanges", hour, hour + 1).sum())
        same = times[rows]
        return before + int(((same // 3_600_000_000 == hour) & (same < first)).sum())

    def sights(self, case: int) -> Iterable[tuple[str, str, Sight]]:
        """Kind, value and first sight of all that is followed."""
        for kind, found in self._found[case].items():
            if kind not in self._many[case]:
                yield from ((kind, value, sight) for value, sight in found.items())

    def first_hour(self, case: int) -> int | None:
        """Of the use case's first exchange; None where there was none."""
        hours = [sight.hour for found in self._found[case].values() for sight in found.values()]
        return min(hours, default=None)

    def deployments(self, case: int) -> list[int]:
        """Hours in which a model, prompt or detector came that went on to be deployed.

        Only what came after the use case's first hour. This depends on the traffic and never on its
        outcomes, so that a test may begin anew there.
        """
        begun = self.first_hour(case)
        kinds = ("model", "prompt", "detector")
        found = {sight.hour for kind, _, sight in self.sights(case) if kind in kinds and sight.deployed}
        return sorted(hour for hour in found if begun is not None and hour > begun)

    def kept(self) -> dict[str, Any]:
        """For the state of a watch."""
        return {
            case: {
                "total": self.totals[at],
                "many": sorted(self._many[at]),
                "found": {
                    kind: {value: asdict(sight) for value, sight in found.items()}
                    for kind, found in self._found[at].items()
                },
            }
            for at, case in enumerate(self._use_cases)
        }

    def take(self, kept: Mapping[str, Any], use_cases: Sequence[str]) -> None:
        """What was kept of these use cases."""
        for case in use_cases:
            if case in kept:
                at = self._use_cases.index(case)
                self.totals[at] = kept[case]["total"]
                self._many[at] = set(kept[case]["many"])
                for kind, found in kept[case]["found"].items():
                    self._found[at][kind] = {value: Sight(**sight) for value, sight in found.items()}
