"""Components that are rates of exchanges: which exchanges are events, and among which they are counted.

The same as an audit counts: refused, hedged and their like among the exchanges with an outcome, undetermined
among those that asked for words, missing caveats among those answered, fallback among those that tell both
models.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.detectors import served_by_fallback
from aligntax.records import FLAGS, UNRATED_REASONS

__all__ = ["AMONG", "WATCHED", "Mask", "among", "indicators"]

Mask = npt.NDArray[np.bool_]

_LAYERS = ("provider_filter", "guardrail", "model")
WATCHED: Mapping[str, str] = {
    "completion_tax": "determined",
    "refused": "determined",
    "hedged": "determined",
    "complete": "determined",
    "cannot": "determined",
    "undetermined": "applicable",
    "fallback": "model_pairs",
    "delay.share": "answered",
    **{f"symptom.{flag}": "determined" for flag in FLAGS},
    **{f"missing.{flag}": "replied" for flag in FLAGS},
    **{f"layer.{layer}": "determined" for layer in _LAYERS},
}
"""Component -> the exchanges it is a share of."""
AMONG = ("determined", "applicable", "model_pairs", "answered", "replied")


class _Batch:
    """Outcomes and the exchanges they are of, asked for by name."""

    def __init__(self, outcomes: pa.RecordBatch, exchanges: pa.RecordBatch) -> None:
        self._outcomes, self._exchanges = outcomes, exchanges
        names = {name: _matcher(outcomes.column(name)) for name in ("outcome", "reason", "layer")}
        self.outcome, self.reason, self.layer = names["outcome"], names["reason"], names["layer"]
        self.replied = self.outcome("complete") | self.outcome("hedged")
        self.determined = self.replied | self.outcome("refused")

    def true(self, name: str) -> Mask:
        """Where a flag is set."""
        return _bools(pc.fill_null(self._outcomes.column(name), False))

    def among(self, name: str) -> Mask:
        """The exchanges of AMONG."""
        if name == "determined":
            return self.determined
        if name == "replied":
            return self.replied
        if name == "applicable":
            return ~np.asarray(np.any([self.reason(one) for one in UNRATED_REASONS], axis=0), bool)
        if name == "answered":
            return _bools(pc.is_valid(self._outcomes.column("answer_offset")))
        pairs = [pc.is_valid(self._exchanges.column(n)) for n in ("model_requested", "model_served")]
        return _bools(pc.and_(*pairs))

    def events(self, component: str) -> Mask:
        """The exchanges a component counts."""
        kind, _, what = component.partition(".")
        if kind == "symptom":
            return self.true(what) & self.determined
        if kind == "missing":
            return self.replied & ~self.true(what)
        if kind == "layer":
            return (self.outcome("refused") | self.outcome("hedged")) & self.layer(what)
        return self._plain(component)

    def _plain(self, component: str) -> Mask:
        if component == "completion_tax":
            return (self.outcome("refused") & ~self.reason("cannot")) | self.outcome("hedged")
        if component == "cannot":
            return self.outcome("refused") & self.reason("cannot")
        if component == "undetermined":
            return ~self.determined & self.among("applicable")
        if component == "fallback":
            return np.asarray(served_by_fallback(self._exchanges), bool) & self.among("model_pairs")
        if component == "delay.share":
            offset = pc.fill_null(self._outcomes.column("answer_offset"), 0)
            return np.asarray(offset.to_numpy(zero_copy_only=False)) > 0
        return self.outcome(component)


def indicators(
    outcomes: pa.RecordBatch, exchanges: pa.RecordBatch, components: tuple[str, ...]
) -> dict[str, Mask]:
    """Component -> (rows,) its events; each name of AMONG they need -> (rows,) what they are counted among.

    Args:
        outcomes: OUTCOME schema.
        exchanges: the same rows, with at least what detectors read.
        components: of WATCHED.
    """
    batch = _Batch(outcomes, exchanges)
    found = {component: batch.events(component) for component in components}
    return found | {name: batch.among(name) for name in among(components)}


def among(components: tuple[str, ...]) -> tuple[str, ...]:
    """The names of AMONG that these components need."""
    needed = {WATCHED[component] for component in components}
    return tuple(name for name in AMONG if name in needed)


def _matcher(column: pa.DictionaryArray) -> Callable[[str], Mask]:
    names = column.dictionary.to_pylist()
    codes = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)

    def at(name: str) -> Mask:
        return np.asarray(codes == (names.index(name) if name in names else len(names)), bool)

    return at


def _bools(column: pa.BooleanArray) -> Mask:
    return np.asarray(column.to_numpy(zero_copy_only=False), bool)
