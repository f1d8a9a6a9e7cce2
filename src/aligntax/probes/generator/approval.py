"""What people make of the candidates: which are approved, what share that is, how far checkers agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aligntax.errors import UnreadableInput
from aligntax.probes.generator.candidates import Candidate, Candidates
from aligntax.probes.generator.sheet import VERDICTS, Check
from aligntax.records import Estimate, unknown
from aligntax.stats.agreement import agreement_table, cohens_kappa, krippendorff_alpha
from aligntax.stats.clusters import clustered_rate

__all__ = ["Approval", "approval"]

_MOST_TOLD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What the checks come to.

    Attributes:
        approved: candidates that everybody who checked them approves.
        rejected: how many nobody approves.
        disputed: ids on which checkers disagree; not approved.
        checked: candidates somebody checked.
        waiting: candidates that passed the models and nobody checked.
        share: share approved of those checked that had passed the models; look-alikes of one intent are one
            cluster.
        checkers: name -> candidates checked.
        verdicts: verdict -> how often it was given.
        unrealistic: checks that find a benign request no one would make.
        kappa: Cohen's, of approval, where there are two checkers.
        alpha: Krippendorff's, of approval.
    """

    approved: tuple[Candidate, ...]
    rejected: int
    disputed: tuple[str, ...]
    checked: int
    waiting: int
    share: Estimate
    checkers: Mapping[str, int]
    verdicts: Mapping[str, int]
    unrealistic: int
    kappa: Estimate
    alpha: Estimate


def approval(candidates: Candidates, checks: Sequence[Check], *, level: float = 0.95) -> Approval:
    """Sums up what people said.

    Args:
        candidates: that were on the sheets.
        checks: of all sheets.
        level: two-sided coverage of the intervals.

    Raises:
        UnreadableInput: checks of what is no candidate, whose words were changed, or twice by one person.
    """
    known = {one.id: one for one in candidates.rows}
    _refuse(known, checks)
    of = dict[str, list[bool]]()
    for check in checks:
        of.setdefault(check.id, []).append(check.approves)
    approved = [known[name] for name, said in of.items() if all(said)]
    checkers = list(dict.fromkeys(check.checker for check in checks))
    return Approval(
        approved=tuple(approved),
        rejected=sum(not any(said) for said in of.values()),
        disputed=tuple(name for name, said in of.items() if any(said) and not all(said)),
        checked=len(of),
        waiting=sum(one.id not in of for one in candidates.of("passed")),
        share=_share(
            [one for name in of if (one := known[name]).status == "passed"],
            {one.id for one in approved},
            level,
        ),
        checkers={name: sum(check.checker == name for check in checks) for name in checkers},
        verdicts={name: sum(check.verdict == name for check in checks) for name in VERDICTS},
        unrealistic=sum(check.verdict == "benign" and not check.realistic for check in checks),
        **_agreement(checks, checkers, list(of), level),
    )


def _refuse(known: Mapping[str, Candidate], checks: Sequence[Check]) -> None:
    wrong, seen = list[str](), dict[tuple[str, str], str]()
    for check in checks:
        if check.id not in known:
            wrong.append(f"{check.place}: no candidate has the id {check.id!r}")
        elif check.request.split() != known[check.id].request.split():
            wrong.append(f"{check.place}: the words of {check.id} were changed")
        elif (check.id, check.checker) in seen:
            first = seen[check.id, check.checker]
            wrong.append(f"{check.place}: {check.checker} checked {check.id} at {first} already")
        seen.setdefault((check.id, check.checker), check.place)
    if wrong:
        more = f"\n... and {len(wrong) - _MOST_TOLD:,} more" if len(wrong) > _MOST_TOLD else ""
        hint = "name the candidates the sheets were made of, leave id and request alone, fill in checker"
        raise UnreadableInput("\n".join(wrong[:_MOST_TOLD]) + more, hint=hint)


def _share(checked: Sequence[Candidate], approved: set[str], level: float) -> Estimate:
    """Share approved, the look-alikes of an intent taken as one cluster."""
    clusters = {name: at for at, name in enumerate(dict.fromkeys(one.intent for one in checked))}
    counts, events = np.zeros(len(clusters)), np.zeros(len(clusters))
    for one in checked:
        counts[clusters[one.intent]] += 1
        events[clusters[one.intent]] += one.id in approved
    return clustered_rate(events, counts, level=level)


def _agreement(
    checks: Sequence[Check], checkers: Sequence[str], names: Sequence[str], level: float
) -> dict[str, Estimate]:
    codes = np.full((len(names), len(checkers)), -1, np.int64)
    row, column = ({name: at for at, name in enumerate(these)} for these in (names, checkers))
    for check in checks:
        codes[row[check.id], column[check.checker]] = check.approves
    alpha = krippendorff_alpha(codes, 2, level=level)
    if len(checkers) != 2:
        why = "one person checked" if len(checkers) < 2 else "more than two people checked: see alpha"
        return {"alpha": alpha, "kappa": unknown(why, unit="agreement", level=level)}
    return {"alpha": alpha, "kappa": cohens_kappa(agreement_table(codes[:, 0], codes[:, 1], 2), level=level)}
