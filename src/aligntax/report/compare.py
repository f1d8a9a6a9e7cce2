"""Two bills side by side: how their rates differ, or why they are not to be compared.

schema       "aligntax.comparison/1"
bills        [{created, detector, detector_version, labelling_policy, exchanges}], two
reads        what the rates rest on: raw, labels (expert labels, prediction-powered or alone), published
differences  [{component, first, second, difference}], each {value, low, high, ...} as in a bill;
             difference is second less first
notes        what a reader must know
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.report.document import Document, flat
from aligntax.report.figures import Figure, Figures
from aligntax.stats.comparison import difference

__all__ = ["COMPARED", "SCHEMA", "compare", "rate_difference"]

SCHEMA = "aligntax.comparison/1"
COMPARED: Mapping[str, str] = {
    "completion_tax": "refused or hedged",
    "refused": "refused",
    "hedged": "hedged",
    "complete": "complete",
    "undetermined": "undetermined",
}
"""Rate -> what it is, in words."""
_OF_LABELS = ("labels", "powered")


def compare(first: Document, second: Document, *, force: bool = False) -> Document:
    """The difference of every rate of all traffic, second less first.

    Rates are compared as they are to be read if both bills are corrected in the same way, else raw.

    Args:
        first: a bill.
        second: another, of other traffic: the rates are taken as independent.
        force: compare across versions of the detector or the labelling policy, and say so.

    Raises:
        UsageError: detector, labelling policy or level differ, and that is not forced (level never is).
    """
    clashes = _clashes(first, second)
    if clashes and not force:
        raise UsageError(
            f"not to be compared: {'; '.join(clashes)}",
            hint="audit both logs with the same versions, or --force to see the difference all the same",
        )
    bills = Figures(first), Figures(second)
    reads = _reads(*bills)
    return {
        "schema": SCHEMA,
        "bills": [_identity(contents) for contents in (first, second)],
        "reads": reads,
        "differences": [_compared(name, *(_read(bill, name, reads) for bill in bills)) for name in COMPARED],
        "notes": [*(f"forced: {clash}" for clash in clashes), *_notes(bills, reads)],
    }


def rate_difference(first: Estimate, second: Estimate) -> Estimate:
    """Second rate less first, independent: Newcombe's interval, or its like from any two intervals.

    Raw rates of independent exchanges have Newcombe's. Others are combined by squaring and adding the
    distances from the values to the ends (MOVER), which for Wilson's interval is Newcombe's.

    Returns:
        Estimate in [-1, 1], unit "difference"; nan where either rate is.

    Source: Newcombe (1998), Statistics in Medicine 17:873; Zou & Donner (2008), Statistics in Medicine
    27:1693 (MOVER).
    """
    n = first.n + second.n
    if not (first.known and second.known):
        reason = first.reason or second.reason
        return unknown(reason, unit="difference", level=first.level, n=n)
    if first.method == second.method == "Wilson score":
        counts = round(second.value * second.n), second.n, round(first.value * first.n), first.n
        return difference(*counts, level=first.level)
    value = second.value - first.value
    return Estimate(
        value=value,
        low=value - math.hypot(second.value - second.low, first.high - first.value),
        high=value + math.hypot(second.high - second.value, first.value - first.low),
        level=first.level,
        n=n,
        labelled=first.labelled + second.labelled,
        unit="difference",
        method="MOVER",
    )


def _about(contents: Document) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], contents["about"])


def _clashes(first: Document, second: Document) -> list[str]:
    """What makes two bills unfit to be compared, in words."""
    one, other = _about(first), _about(second)
    if one["level"] != other["level"]:
        raise UsageError(
            f"the bills have intervals of {one['level']:g} and {other['level']:g}",
            hint="audit one of the logs again with the --level of the other",
        )
    found = list[str]()
    detectors = [f"{about['detector']} ({about['detector_version']})" for about in (one, other)]
    if detectors[0] != detectors[1]:
        found.append(f"the detector is {detectors[0]} in one and {detectors[1]} in the other")
    policies = [about.get("labelling_policy") for about in (one, other)]
    if None not in policies and policies[0] != policies[1]:
        found.append(f"the labelling policy is {policies[0]} in one and {policies[1]} in the other")
    return found


def _reads(first: Figures, second: Figures) -> str:
    kinds = {_kind(bill.read("completion_tax")) for bill in (first, second)}
    return kinds.pop() if len(kinds) == 1 else "raw"


def _kind(figure: Figure) -> str:
    return "labels" if figure.correction in _OF_LABELS else figure.correction


def _read(bill: Figures, component: str, reads: str) -> Figure:
    figure = bill.read(component)
    return figure if _kind(figure) == reads else bill.get(component)


def _identity(contents: Document) -> dict[str, object]:
    about = _about(contents)
    names = ("detector", "detector_version", "exchanges", "first", "last")
    policy = about.get("labelling_policy")
    return {"created": contents["created"], "labelling_policy": policy, **{n: about[n] for n in names}}


def _compared(component: str, first: Figure, second: Figure) -> dict[str, object]:
    if _kind(first) != _kind(second):
        apart = unknown("corrected in one bill only", unit="difference", level=first.estimate.level)
    else:
        apart = rate_difference(first.estimate, second.estimate)
    return {
        "component": component,
        "first": {"correction": first.correction, **flat(first.estimate)},
        "second": {"correction": second.correction, **flat(second.estimate)},
        "difference": flat(apart),
    }


def _notes(bills: tuple[Figures, Figures], reads: str) -> Sequence[str]:
    notes = list[str]()
    if reads == "raw" and any(bill.correction for bill in bills):
        notes.append("only one bill is corrected, or each in another way: raw detector rates are compared")
    if reads == "raw":
        notes.append(
            "raw detector rates: a difference may be the detector's, if it errs otherwise on one log"
        )
    files = [_about(bill.contents)["files"] for bill in bills]
    if files[0] == files[1]:
        notes.append(
            "both bills name the same files: of the same exchanges the interval is not to be trusted"
        )
    return notes
