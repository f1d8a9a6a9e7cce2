"""Sums by use case x model x period x cluster group, added up batch by batch."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.records import FLAGS, UNRATED_REASONS
from aligntax.stats import GROUPS

__all__ = ["Accumulator", "Floats", "period_of"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Period = Literal["day", "week", "month"]

LAYERS = ("provider_filter", "guardrail", "model")
_MOST_SLOTS = 1 << 18
_FEWEST_GROUPS = 32
_MOST_NAMES = 2_000
_OTHER = "(other)"
_RETRIES = ("retries", "retry_tokens_in", "retry_tokens_out", "retry_cost")
_EPOCH_MONDAY = 3  # 1 January 1970 was a Thursday


def period_of(times: npt.NDArray[np.datetime64], period: Period | None) -> Ints:
    """Number of the period each time lies in, counted from 1970; weeks begin on Monday."""
    if period == "month":
        return times.astype("datetime64[M]").astype(np.int64)
    days = times.astype("datetime64[D]").astype(np.int64)
    return (days + _EPOCH_MONDAY) // 7 if period == "week" else days


def _first_day(number: int, period: Period) -> str:
    if period == "month":
        return str(np.datetime64(number, "M")) + "-01"
    return str(np.datetime64(number * 7 - _EPOCH_MONDAY if period == "week" else number, "D"))


class Accumulator:
    """Sums that grow with every batch of judged traffic.

    Args:
        period: what time is cut into; None when the log has no times.
        expected: cells expected at most; with many of them clusters share fewer groups, so that
            memory stays flat.
    """

    columns = (
        "use_case",
        "model",
        "model_requested",
        "time",
        "cluster_group",
        "outcome",
        "layer",
        "reason",
        *FLAGS,
        "hedge_density",
        "answer_offset",
        "response_chars",
        "caveat_chars",
        "fallback",
        "tokens_in",
        "tokens_out",
        "tokens_estimated",
        "cost",
    )
    """Columns of the JUDGED schema that are read."""

    def __init__(self, period: Period | None, *, expected: int) -> None:
        self._period = period
        self.groups = GROUPS
        while self.groups > _FEWEST_GROUPS and expected * self.groups > _MOST_SLOTS:
            self.groups //= 2
        self._cells: dict[tuple[str, str, int], int] = {}
        self._names: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._sums: dict[str, Floats] = {name: np.empty(0) for name in _RETRIES}
        self._exchanges = 0

    @property
    def keys(self) -> npt.NDArray[np.object_]:
        """(cells, 3) use case, model and first day of the period."""
        rows = [
            (use_case, model, _first_day(number, self._period) if self._period and number >= 0 else "")
            for use_case, model, number in self._cells
        ]
        return np.array(rows, dtype=object).reshape(len(rows), 3)

    @property
    def sums(self) -> Mapping[str, Floats]:
        """Name -> (cells, groups)."""
        cells = len(self._cells)
        return {name: self._wide(values).reshape(cells, self.groups) for name, values in self._sums.items()}

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds a batch with `columns`."""
        slots = self._slots(
            _strings(batch.column("use_case")),
            _strings(batch.column("model")),
            batch.column("time"),
            self._group(batch.column("cluster_group")),
        )
        self._exchanges += batch.num_rows
        for name, (chosen, weights) in _measured(batch).items():
            self._add(name, slots if chosen is None else slots[chosen], weights)

    def add_retries(self, rows: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Adds the exchanges that ask again what was turned away: columns of equal length."""
        coded = [pa.array(rows[n].tolist(), pa.string()).dictionary_encode() for n in ("use_case", "model")]
        times = pa.array(np.ma.filled(rows["time"], np.datetime64("NaT", "us")).astype("datetime64[us]"))
        group = np.asarray(rows["cluster_group"], np.int64) % self.groups
        slots = self._slots(coded[0], coded[1], times, group)
        self._add("retries", slots, None)
        for name in ("tokens_in", "tokens_out", "cost"):
            self._add(f"retry_{name}", slots, np.ma.filled(rows[name], 0.0).astype(np.float64))

    def _add(self, name: str, slots: Ints, weights: Floats | None) -> None:
        found = np.bincount(slots, weights=weights, minlength=len(self._cells) * self.groups)
        self._sums[name] = self._wide(self._sums.get(name, np.empty(0))) + found

    def _wide(self, values: Floats) -> Floats:
        """Sums made before the latest cells were known, with room for these."""
        return np.concatenate([values, np.zeros(len(self._cells) * self.groups - len(values))])

    def _group(self, groups: pa.Int16Array) -> Ints:
        """Cluster groups; an exchange without a cluster is dealt to one by its place in the log."""
        known = pc.fill_null(groups, -1).to_numpy().astype(np.int64)
        alone = (self._exchanges + np.arange(len(known))) * 2_654_435_761 >> 7
        return np.where(known < 0, alone, known) % self.groups

    def _slots(
        self, use_case: pa.DictionaryArray, model: pa.DictionaryArray, time: pa.Array, group: Ints
    ) -> Ints:
        """Index of each exchange's sum: cell * groups + group."""
        names = [column.dictionary.to_pylist() for column in (use_case, model)]
        codes = [_codes(column, absent=len(n)) for column, n in zip((use_case, model), names, strict=True)]
        number = self._number(time)
        first = int(number.min(initial=0))
        width = (len(names[0]) + 1, len(names[1]) + 1)
        mixed = ((number - first) * width[0] + codes[0]) * width[1] + codes[1]
        distinct, which = np.unique(mixed, return_inverse=True)
        cells = [
            self._cell(
                self._name(0, names[0], code // width[1] % width[0]),
                self._name(1, names[1], code % width[1]),
                code // width[1] // width[0] + first,
            )
            for code in distinct.tolist()
        ]
        return np.array(cells, np.int64)[which] * self.groups + group

    def _number(self, time: pa.Array) -> Ints:
        """(rows,) number of the period of each exchange, -1 for none."""
        when = time.to_numpy(zero_copy_only=False).astype("datetime64[us]")
        if self._period is None:
            return np.full(len(when), -1)
        return np.where(np.isnat(when), -1, period_of(when, self._period))

    def _cell(self, use_case: str, model: str, number: int) -> int:
        return self._cells.setdefault((use_case, model, number), len(self._cells))

    def _name(self, dimension: int, names: list[str], code: int) -> str:
        """A use case or model; "" for none; the last of too many share a name."""
        name = names[code] if code < len(names) else ""
        known = self._names[dimension]
        return known.setdefault(name, name if len(known) < _MOST_NAMES else _OTHER)


def _codes(column: pa.DictionaryArray, *, absent: int) -> Ints:
    return np.asarray(pc.fill_null(column.indices, absent).to_numpy(), np.int64)


def _strings(column: pa.Array) -> pa.DictionaryArray:
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _measured(batch: pa.RecordBatch) -> dict[str, tuple[Mask | None, Floats | None]]:
    """What to add up: name -> (rows or None for all, weights or None for ones)."""
    is_outcome, is_layer, is_reason = (_matcher(batch.column(n)) for n in ("outcome", "layer", "reason"))
    complete, hedged, refused = (is_outcome(name) for name in ("complete", "hedged", "refused"))
    determined = complete | hedged | refused
    unscored = {name: is_reason(name) for name in UNRATED_REASONS}
    cannot = refused & is_reason("cannot")
    declined, stopped = refused & ~cannot, refused | hedged
    tokens_in, tokens_out = (_numbers(batch.column(n)) for n in ("tokens_in", "tokens_out"))
    answered = complete | hedged
    caveat = tokens_out * _numbers(batch.column("caveat_chars"))
    caveat /= np.maximum(_numbers(batch.column("response_chars")), 1)
    caveat[~answered] = 0.0
    found: dict[str, tuple[Mask | None, Floats | None]] = {
        "exchanges": (None, None),
        "not_applicable": (np.logical_or.reduce(list(unscored.values())), None),
        **{f"unscored.{name}": (mask, None) for name, mask in unscored.items()},
        "undetermined": (~determined & ~np.logical_or.reduce(list(unscored.values())), None),
        "complete": (complete, None),
        "hedged": (hedged, None),
        "refused": (refused, None),
        "cannot": (cannot, None),
        "completion_tax": (declined | hedged, None),
        **{f"layer.{name}": (stopped & is_layer(name), None) for name in LAYERS},
        **{f"flag.{flag}": (_true(batch.column(flag)) & determined, None) for flag in FLAGS},
        "fallback": (_true(batch.column("fallback")), None),
        "model_pairs": (_known(batch.column("model_requested")) & _known(batch.column("model")), None),
        "delayed": (_numbers(batch.column("answer_offset")) > 0, None),
        "answered": (_known(batch.column("answer_offset")), None),
        "hedge_density": _weighed(determined, _numbers(batch.column("hedge_density"))),
        "tokens_in": (None, tokens_in),
        "tokens_out": (None, tokens_out),
        "caveat_tokens": _weighed(caveat > 0, caveat),
        "refusal_tokens_in": _weighed(declined, tokens_in),
        "refusal_tokens_out": _weighed(declined, tokens_out),
        "priced": (_known(batch.column("cost")), None),
        "estimated": (_true(batch.column("tokens_estimated")), None),
    }
    return found | _costs(batch, caveat, declined, tokens_in, tokens_out)


def _costs(
    batch: pa.RecordBatch, caveat: Floats, declined: Mask, tokens_in: Floats, tokens_out: Floats
) -> dict[str, tuple[Mask | None, Floats | None]]:
    """Money the log states. A response's part of it is taken to be its part of the tokens."""
    if batch.column("cost").null_count == batch.num_rows:
        nothing = np.zeros(batch.num_rows, dtype=bool)
        return dict.fromkeys(("cost", "caveat_cost", "refusal_cost"), (nothing, None))
    cost = _numbers(batch.column("cost"))
    return {
        "cost": (None, cost),
        "caveat_cost": (None, cost * caveat / np.maximum(tokens_in + tokens_out, 1)),
        "refusal_cost": _weighed(declined, cost),
    }


def _weighed(mask: Mask, weights: Floats) -> tuple[Mask, Floats]:
    return mask, weights[mask]


def _matcher(column: pa.DictionaryArray) -> Callable[[str], Mask]:
    """A function from a name to where the column holds it."""
    names = column.dictionary.to_pylist()
    codes = pc.fill_null(column.indices, -1).to_numpy()
    return lambda name: codes == names.index(name) if name in names else np.zeros(len(codes), dtype=bool)


def _numbers(column: pa.Array) -> Floats:
    return np.asarray(pc.fill_null(column, 0).to_numpy(zero_copy_only=False), np.float64)


def _true(column: pa.BooleanArray) -> Mask:
    return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False), dtype=bool)


def _known(column: pa.Array) -> Mask:
    return np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=bool)
