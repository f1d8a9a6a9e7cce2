"""An audit's figures under a policy: what is no tax is not charged, what is required is missed where absent.

The spend on caveats is measured by the sentence, whatever kinds of caveat a sentence or a response holds. In
a use case where some kinds are required or neutral, a complete answer with these kinds alone costs no tax;
one that mixes them with others costs something between nothing and all of its caveats. The figure counts all
of it, the lower end of its interval none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.policy.model import Counts, Policy
from aligntax.records import FLAGS, Estimate, Measurement
from aligntax.tax.audit import Audit
from aligntax.tax.bill import bill
from aligntax.tax.cells import Accumulator, Floats
from aligntax.tax.completion import measured, rate
from aligntax.tax.judging import batches_of
from aligntax.tax.tally import Tally

__all__ = ["CHARGED", "measured_under"]

CHARGED = ("bill.caveat_tokens", "bill.caveat_cost", "bill.wasted_cost")
"""Figures that required and neutral caveats are left out of."""
_SPENT = ("caveat_tokens", "caveat_cost")
_BY: tuple[tuple[str, ...], ...] = (
    ("use_case",),
    ("use_case", "model"),
    ("use_case", "period"),
    ("use_case", "model", "period"),
)
_NO_TAX = "; required and neutral caveats left out"
_MIXED = "; where a response mixes them with others the lower end counts none of its caveats, the rest all"

Mask = npt.NDArray[np.bool_]


def measured_under(policy: Policy, audit: Audit) -> list[Measurement]:
    """The figures of an audit as the policy counts them, the corrected ones after the raw ones.

    Added is `missing.SYMPTOM` for each symptom that a use case requires: the share of its answered exchanges,
    complete or hedged, without it. Changed are `CHARGED` where symptoms are required or neutral. What the
    detector calls hedged stays so, also where it does for the sake of required caveats.

    Args:
        policy: whose use cases the audit knows, see `policy.recognise`.
        audit: its file of outcomes is read once more where the policy changes something.
    """
    found = list(audit.measurements)
    if any(_untaxed(case.counts) for case in policy.use_case):
        counted = _count(policy, audit)
        charged = _charged(counted, audit)
        found = [charged.get(_key(one), one) for one in found]
        found += _missing(policy, counted.all_mixed, audit.settings.level)
    return found + (audit.correction.measurements if audit.correction else [])


def _untaxed(counts: Counts) -> tuple[str, ...]:
    return (*counts.of("required"), *counts.of("neutral"))


@dataclass(frozen=True)
class _Counted:
    """An audit's sums under a policy: flags among answered exchanges alone, caveats that are tax alone.

    Attributes:
        all_mixed: the caveats of responses that mix kinds counted.
        no_mixed: not counted.
    """

    all_mixed: Tally
    no_mixed: Tally


def _count(policy: Policy, audit: Audit) -> _Counted:
    """Counts the outcomes once more, into the very cells and groups of the audit."""
    tally, reweigh = audit.tally, _Reweigh(policy)
    cells = [Accumulator(tally.period, expected=len(tally.keys)) for _ in range(2)]
    for one in cells:
        one.groups = tally.sums["exchanges"].shape[1]
    for batch in batches_of(audit.judged, cells[0].columns):
        for one, counted in zip(cells, reweigh(batch), strict=True):
            one.add(counted)
    whole, least = (replace(tally, sums=_merged(tally.sums, one.sums)) for one in cells)
    return _Counted(whole, least)


def _merged(audited: Mapping[str, Floats], recounted: Mapping[str, Floats]) -> dict[str, Floats]:
    answered = recounted["complete"] + recounted["hedged"]
    without = {f"without.{flag}": answered - recounted[f"flag.{flag}"] for flag in FLAGS}
    return {**audited, **{name: recounted[name] for name in _SPENT}, "answered_at_all": answered, **without}


class _Reweigh:
    """Outcomes with flags on answers alone, and the characters of untaxed caveats taken out."""

    def __init__(self, policy: Policy) -> None:
        self._untaxed = {case.name: set(_untaxed(case.counts)) for case in policy.use_case}

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """With the caveats of responses that mix kinds, and without."""
        complete, hedged = (_is(batch.column("outcome"), name) for name in ("complete", "hedged"))
        flags = {flag: _bools(batch.column(flag)) & (complete | hedged) for flag in FLAGS}
        untaxed = self._rows(batch.column("use_case"))
        spared = np.logical_or.reduce([flags[flag] & untaxed[flag] for flag in FLAGS])
        taxed = np.logical_or.reduce([flags[flag] & ~untaxed[flag] for flag in FLAGS])
        pure = spared & ~taxed & complete  # hedged may hold a refusal, which no flag tells
        answers = {flag: pa.array(mask) for flag, mask in flags.items()}
        chars = batch.column("caveat_chars").to_numpy(zero_copy_only=False)
        all_mixed = _with(batch, answers | {"caveat_chars": _zeroed(chars, pure)})
        return all_mixed, _with(batch, answers | {"caveat_chars": _zeroed(chars, spared)})

    def _rows(self, use_case: pa.DictionaryArray) -> dict[str, Mask]:
        """Flag -> (rows,) whether it is untaxed in the use case of the row."""
        names = [*use_case.dictionary.to_pylist(), None]
        codes = use_case.indices.fill_null(len(names) - 1).to_numpy()
        known = [self._untaxed.get(name, set()) for name in names]
        return {flag: np.array([flag in untaxed for untaxed in known])[codes] for flag in FLAGS}


def _is(column: pa.DictionaryArray, name: str) -> Mask:
    names = column.dictionary.to_pylist()
    codes = column.indices.fill_null(-1).to_numpy()
    found: Mask = codes == (names.index(name) if name in names else len(names))
    return found


def _bools(column: pa.BooleanArray) -> Mask:
    return np.asarray(column.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _zeroed(chars: npt.NDArray[np.generic], rows: Mask) -> pa.Array:
    return pa.array(np.where(rows, 0, np.nan_to_num(chars.astype(np.float64))))


def _with(batch: pa.RecordBatch, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    arrays = [columns.get(name, batch.column(name)) for name in batch.schema.names]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


Key = tuple[str, tuple[tuple[str, str], ...]]


def _key(one: Measurement) -> Key:
    return one.component, tuple(sorted(one.slice.items()))


def _charged(counted: _Counted, audit: Audit) -> dict[Key, Measurement]:
    whole, least = (
        {_key(one): one for one in bill(tally, audit.prices, audit.scale, level=audit.settings.level)}
        for tally in (counted.all_mixed, counted.no_mixed)
    )
    before = {_key(one): one for one in audit.measurements}
    return {
        key: replace(one, estimate=_between(before[key].estimate, least[key].estimate, one.estimate))
        for key, one in whole.items()
        if one.component in CHARGED and key in before
    }


def _between(charged: Estimate, least: Estimate, whole: Estimate) -> Estimate:
    """A figure known to lie between two: the value of the larger, the interval of both."""
    if not (charged.known and whole.known and least.known):
        return whole
    if charged.value == whole.value == least.value:
        return charged
    mixed = "" if least.value == whole.value else _MIXED
    return replace(whole, low=min(least.low, whole.low), method=whole.method + _NO_TAX + mixed)


def _missing(policy: Policy, tally: Tally, level: float) -> Iterator[Measurement]:
    required = {case.name: case.counts.of("required") for case in policy.use_case}
    for part in tally.slices(*_BY):
        for flag in required.get(part.where["use_case"], ()):
            among = part.groups("answered_at_all")
            share = rate(part, f"without.{flag}", among, level, "no exchange was answered")
            yield measured(part, f"missing.{flag}", share)
