"""The judge of `aligntax compare`: both orders of every pair in which both models answered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aligntax.cli.live import EXPECTED, JUDGED, Live, Plan
from aligntax.models.endpoint.spec import ModelSpec
from aligntax.records.asked import Question, Reply
from aligntax.records.files import atomic
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.differences import adjusted
from aligntax.tax.pairs.matching import Match
from aligntax.tax.pairs.preferred import Between, Preferred, pairs_to_judge, preferred
from aligntax.tax.quality.pairwise import Pair, Votes, decide, pair_questions

__all__ = ["judge_plan", "judged"]

_CHARACTERS = 4
_VERDICT = 80
"""Tokens of a verdict, likely."""


def judge_plan(judge: ModelSpec, questions: Sequence[Question], epochs: int) -> Plan:
    """What the judge will cost at most: every pair answered, in both orders."""
    answer = "x" * (EXPECTED * _CHARACTERS)
    benign = [one for one in questions if one.facets.get("purpose") != "harmful"]
    pairs = [Pair(id=one.id, question=one.prompt, first=answer, second=answer) for one in benign]
    what = f"up to {len(pairs) * epochs:,} pairs, judged in both orders"
    return Plan(what, judge, pair_questions(pairs), epochs, JUDGED, _VERDICT)


def judged(
    running: Any,  # noqa: ANN401 - a Run
    live: Live,
    matches: Sequence[Match],
    chosen: Settings,
    between: Mapping[str, Between],
) -> tuple[list[Preferred | None], Sequence[Reply]]:
    """What the judge makes of every set of prompts; None of one that has nothing to judge.

    Args:
        running: asks the judge.
        live: the options; without a judge nothing is asked.
        matches: answers of both models.
        chosen: margin and precision.
        between: set -> how its verdicts become a difference, where pairs do not count alike.

    Returns:
        One for every match, and the judge's replies.
    """
    if live.judges is None:
        return [None] * len(matches), []
    of_match = [pairs_to_judge(one, chosen) for one in matches]
    pairs = [pair for several in of_match for pair in several]
    if not pairs:
        return [None] * len(matches), []
    (answered,) = running.ask("quality", pair_questions(pairs), [live.judges], sampling=JUDGED)
    found = list[Preferred | None]()
    votes = [decide(several, answered.replies) for several in of_match]
    _keep(votes, running.logs.parent / "quality.jsonl")
    for one, told in zip(matches, votes, strict=True):
        estimate = between.get(one.first.benchmark)
        found.append(preferred(live.judges.given, told, chosen, estimate) if told.decisions else None)
    return _adjusted(found), answered.replies


def _keep(votes: Sequence[Votes], path: Path) -> None:
    """Every decision, a line each; the judge's own words are with the run's answers."""
    rows = [
        {"pair": one.pair.id, "score": one.score, "agreed": one.agreed, "unscored": one.unscored}
        for told in votes
        for one in told.decisions
    ]
    with atomic(path) as part:
        part.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _adjusted(found: Sequence[Preferred | None]) -> list[Preferred | None]:
    """Holm over all sets of prompts."""
    leads = iter(adjusted([one.lead for one in found if one is not None]))
    return [None if one is None else replace(one, lead=next(leads)) for one in found]
