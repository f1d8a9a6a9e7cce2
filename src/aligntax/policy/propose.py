"""A policy proposed from a log: its use cases, and budgets that today's traffic meets.

A limit is the upper end of today's interval, rounded up: what is measured now passes, a clear rise fails. It
is where a discussion begins, and says nothing of what the limit ought to be.
"""

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.policy.model import Match, Policy, UseCase
from aligntax.policy.recognise import OTHER, folded, recogniser
from aligntax.policy.window import parse_window
from aligntax.records import Estimate
from aligntax.tax.audit import Audit
from aligntax.tax.completion import completion
from aligntax.tax.symptoms import symptoms
from aligntax.tax.tally import Tally, count

__all__ = ["BUDGETS", "EVERYTHING", "Proposal", "ProposedCase", "limit_above", "propose"]

BUDGETS = ("refused", "hedged", "undetermined")
"""Components a budget is proposed for."""
EVERYTHING = "everything"
"""The one use case of a log that does not tell use cases."""
_WINDOW = "28d"
_MOST_CASES = 20
_LONGEST = 200
_BATCH = 500_000
_CAREFUL = re.compile(
    r"medi[cz]|health|clinic|klini|patient|pharma|diagnos|therap"
    r"|legal|(?<![a-z])laws?(?![a-z])|lawyer|attorney|litigat|recht"
    r"|financ|finanz|invest|bank|insur|versicher|wealth|loan|credit|pension|(?<![a-z])tax(?![a-z])",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\[[a-z]+:[0-9a-f]{6}\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedCase:
    """A use case found in a log.

    Attributes:
        name: for the policy.
        match: names of the log's own field, * for all that none before it took.
        exchanges: judged, in the window.
        share: of all exchanges in the window, in [0, 1].
        measured: component -> today's figure.
        careful: whether its name sounds like a profession in which a disclaimer has its place.
        disclaimers: share of exchanges with an outcome that show one.
    """

    name: str
    match: tuple[str, ...]
    exchanges: int
    share: float
    measured: Mapping[str, Estimate]
    careful: bool
    disclaimers: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a policy can be written from.

    Attributes:
        cases: the largest first; the one that takes all the rest last.
        named: whether the log tells use cases.
        models: that answered, the busiest first.
        window: of the budgets.
        first: earliest exchange of the window, UTC; None without times.
        last: latest.
        exchanges: judged, in the window.
        audit: that the figures are from.
    """

    cases: Sequence[ProposedCase]
    named: bool
    models: Sequence[str]
    window: str
    first: dt.datetime | None
    last: dt.datetime | None
    exchanges: int
    audit: Audit


def propose(audit: Audit) -> Proposal:
    """Proposes a policy from an audit of a log that tells its own use cases, or none.

    Args:
        audit: its file of outcomes is read once more, and a smaller one written beside it for a while.
    """
    cases = _cases(audit.tally)
    policy = Policy(version=1, service="proposed", use_case=tuple(cases))
    tally = _recounted(audit, policy)
    measured = {
        (one.slice.get("use_case", ""), one.component): one.estimate
        for one in (
            *completion(tally, level=audit.settings.level),
            *symptoms(tally, level=audit.settings.level),
        )
        if set(one.slice) <= {"use_case"}
    }
    total = tally.whole.total("exchanges")
    sizes = {part.where["use_case"]: round(part.total("exchanges")) for part in tally.slices(("use_case",))}
    return Proposal(
        cases=[
            ProposedCase(
                name=case.name,
                match=case.match.use_case,
                exchanges=sizes[case.name],
                share=sizes[case.name] / max(total, 1.0),
                measured={name: measured[case.name, name] for name in BUDGETS},
                careful=_CAREFUL.search(case.name.replace("_", " ")) is not None,
                disclaimers=measured[case.name, "symptom.disclaimer"],
            )
            for case in cases
            if sizes.get(case.name)
        ],
        named=any(audit.tally.keys[:, 0]),
        models=_models(tally),
        window=_WINDOW,
        first=tally.first,
        last=tally.last,
        exchanges=round(total),
        audit=audit,
    )


def _cases(tally: Tally) -> list[UseCase]:
    """A use case for each of the log's, and one for all the rest where there is a rest."""
    found = dict[str, str]()  # as it is compared -> as it is written
    sizes = list(tally.slices(("use_case",)))
    rest = not sizes
    for part in sizes:
        name = part.where["use_case"]
        usable = 0 < len(name.strip()) <= _LONGEST and name != "(none)" and not _PLACEHOLDER.search(name)
        if usable and len(found) < _MOST_CASES:
            found.setdefault(folded(name), name.strip())
        rest |= not usable or folded(name) not in found
    names = sorted(
        found.values(), key=lambda name: any(c in name for c in "*?")
    )  # these take others' exchanges
    cases = [UseCase(name=name, match=Match(use_case=(name,))) for name in names]
    if rest:
        free = next(name for name in (OTHER, "everything else", "all the rest") if name not in names)
        cases.append(UseCase(name=free if names else EVERYTHING, match=Match(use_case=("*",))))
    return cases


def _recounted(audit: Audit, policy: Policy) -> Tally:
    """The newest window of the traffic, counted by the policy's use cases."""
    told, last = recogniser(policy), audit.tally.last
    since = last - parse_window(_WINDOW) if last else None
    target = audit.judged.with_name(f".{audit.judged.name}.proposed")
    try:
        with pq.ParquetFile(audit.judged) as file, pq.ParquetWriter(target, file.schema_arrow) as writer:
            at = file.schema_arrow.get_field_index("use_case")
            for batch in file.iter_batches(batch_size=_BATCH):
                named = batch.set_column(at, "use_case", told(batch))
                writer.write_batch(named.filter(_newer(named, since)) if since else named)
        return count(target, period=audit.tally.period)
    finally:
        target.unlink(missing_ok=True)


def _newer(batch: pa.RecordBatch, since: dt.datetime) -> pa.BooleanArray:
    times = batch.column("time").to_numpy(zero_copy_only=False).astype("datetime64[us]")
    return pa.array(times >= np.datetime64(since))  # no time compares as older


def _models(tally: Tally) -> list[str]:
    names = [part.where["model"] for part in tally.slices(("model",))]
    return [name for name in names if name != "(none)" and not _PLACEHOLDER.search(name)]


def limit_above(share: Estimate) -> float:
    """A round limit at or above the upper end of a rate's interval, at most 1."""
    step = next(step for below, step in _STEPS if share.high <= below)
    return min(1.0, round(math.ceil(share.high / step - 1e-9) * step, 4))


_STEPS = ((0.02, 0.001), (0.1, 0.005), (1.0, 0.01), (math.inf, 1.0))
"""Up to which end of an interval it is rounded up to a multiple of what."""
