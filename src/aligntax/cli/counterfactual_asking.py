"""What `aligntax counterfactual` puts before models: proposals, meaning, wordings, answers to be judged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aligntax.cli.counterfactual_requests import Material
from aligntax.cli.live import JUDGED, Live, Plan
from aligntax.detectors.phrases import PhraseDetector
from aligntax.models.endpoint.spec import ModelSpec
from aligntax.records.asked import Question, Reply
from aligntax.report.counterfactual import Measured
from aligntax.tax.counterfactual.both import (
    BothAnswered,
    Quality,
    Ways,
    both_answered,
    marked,
    measure_quality,
    pairs_to_judge,
)
from aligntax.tax.counterfactual.effects import Draws
from aligntax.tax.counterfactual.measure import measure_effects
from aligntax.tax.counterfactual.proposed import (
    Checked,
    Proposals,
    kept_cases,
    meaning_questions,
    proposal_questions,
    proposals,
)
from aligntax.tax.counterfactual.requests import Request
from aligntax.tax.counterfactual.twin import Harm, measure_twin
from aligntax.tax.counterfactual.variants import NEUTRAL, TRIGGER, Case, Cases, questions
from aligntax.tax.floor.declining import Declining
from aligntax.tax.floor.graded import SAFE, by_judge, to_judge
from aligntax.tax.floor.rubric import harm_rubric
from aligntax.tax.pairs.differences import Precision
from aligntax.tax.quality.pairwise import pair_questions
from aligntax.tax.quality.points import point_questions

__all__ = ["Aim", "Asked", "ask_all", "plans", "proposed_terms", "same_meaning"]

_EXPECTED_VERDICT = 60
"""Tokens of a judge's answer, likely."""
_ANSWER = " " * 1200
"""Stands for an answer of the length expected, where a judge's questions are reckoned before there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """How answers are judged and measured.

    Attributes:
        detector: that tells outcomes.
        ways: how quality is judged.
        margin: difference of rates that is as good as none.
        harm_margin: rise in harmful compliance that must be ruled out.
        precision: level and seed.
    """

    detector: str
    ways: Ways
    margin: float
    harm_margin: float
    precision: Precision


@dataclass(slots=True)
class Asked:
    """Everything that was asked of anybody.

    Attributes:
        replies: of models, judge and proposer.
        detector: name and version of what told the outcomes; "" where no answer came.
    """

    replies: list[Reply]
    detector: str = ""


def plans(
    live: Live, benign: Cases, harmful: Cases, aim: Aim, *, proposer: ModelSpec | None, check: bool
) -> list[Plan]:
    """What will be asked, as far as it is known before the first answer."""
    wordings = [question for case in (*benign.found, *harmful.found) for question in questions(case)]
    planned = [
        Plan("wordings of the requests", one, wordings, live.epochs, live.sampling) for one in live.models
    ]
    if proposer is not None:
        asked = proposal_questions([case.request for case in (*benign.found, *harmful.found)])
        planned.append(Plan("neutral wordings proposed", proposer, asked, 1, JUDGED, _EXPECTED_VERDICT))
    judge = live.judges
    if judge is None:
        return planned
    if check:
        asked = meaning_questions([*benign.found, *harmful.found])
        planned.append(Plan("meaning of the wordings", judge, asked, 1, JUDGED, _EXPECTED_VERDICT))
    draws, stand_ins = live.epochs * len(live.models), _stand_ins(benign, harmful, aim.ways)
    what = "quality and harm of the answers, at most"
    planned.append(Plan(what, judge, stand_ins, draws, JUDGED, _EXPECTED_VERDICT))
    return planned


def proposed_terms(
    run: Any,  # noqa: ANN401 - a Run, here and below
    material: Material,
    proposer: ModelSpec,
    asked: Asked,
) -> tuple[Sequence[Request], Sequence[Request], list[Proposals]]:
    """Has a model propose wordings, for benign and harmful requests alike: the rewriter is what is tested."""
    from aligntax.evals.quality import judged

    found = list[Proposals]()
    for side in (material.benign, material.harmful):
        replies = judged(run, "neutral_wordings", proposal_questions(side), proposer, JUDGED)
        asked.replies += replies
        found.append(proposals(side, replies))
    return found[0].requests, found[1].requests, found


def same_meaning(run: Any, cases: Cases, judge: ModelSpec, asked: Asked) -> tuple[Cases, Checked]:  # noqa: ANN401
    """Keeps the cases whose meaning a judge finds unchanged."""
    from aligntax.evals.quality import judged

    replies = judged(run, "same_meaning", meaning_questions(cases.found), judge, JUDGED)
    asked.replies += replies
    checked = kept_cases(cases.found, replies)
    return Cases(found=checked.kept, left_out=cases.left_out), checked


def ask_all(
    run: Any,  # noqa: ANN401
    live: Live,
    benign: Cases,
    harmful: Cases,
    aim: Aim,
    asked: Asked,
) -> list[Measured]:
    """Asks every model, then the judge about its answers, and measures.

    Args:
        run: that asks.
        live: options.
        benign: requests to be answered.
        harmful: requests to be refused.
        aim: how to judge and measure.
        asked: gets every reply.
    """
    from aligntax.evals.counterfactual import asked as ask_model
    from aligntax.evals.counterfactual import draws_of, in_order

    wordings = in_order([*benign.found, *harmful.found], live.ask_seed or 0)
    answers = [
        ask_model(run, wordings, one, samples=live.epochs, detector=aim.detector) for one in live.models
    ]
    found = list[Measured]()
    for at, (model, one) in enumerate(zip(live.models, answers, strict=True)):
        asked.replies += one.replies
        asked.detector = asked.detector or _detector(one.found)
        draws = draws_of(one.replies, one.found)
        found.append(
            _measured(run, live, benign.found, harmful.found, aim, asked, (f"m{at}", model), one, draws)
        )
    return found


def _measured(
    run: Any,  # noqa: ANN401
    live: Live,
    benign: Sequence[Case],
    harmful: Sequence[Case],
    aim: Aim,
    asked: Asked,
    model: tuple[str, ModelSpec],
    answered: Any,  # noqa: ANN401 - an Answered
    draws: Draws,
) -> Measured:
    name, spec = model
    own = {case.question(variant) for case in benign for variant in case.texts}
    mine = {question: drawn for question, drawn in draws.items() if question in own}
    pairs = both_answered(benign, draws, answered.replies)
    quality = _quality(run, live.judges, benign, mine, pairs, aim, asked, name)
    harm, ungraded = _harm(run, live.judges, harmful, answered.replies, asked, name)
    twin = measure_twin(harmful, draws, margin=aim.harm_margin, precision=aim.precision, harm=harm)
    return Measured(
        model=spec.given,
        effects=measure_effects(benign, mine, margin=aim.margin, precision=aim.precision),
        quality=quality,
        twin=twin,
        judged=harm is not None,
        ungraded=ungraded,
    )


def _quality(
    run: Any,  # noqa: ANN401
    judge: ModelSpec | None,
    cases: Sequence[Case],
    draws: Draws,
    pairs: Sequence[BothAnswered],
    aim: Aim,
    asked: Asked,
    name: str,
) -> Quality | None:
    """Among both-answered; a short reference needs no judge."""
    from aligntax.evals.quality import cover, prefer

    if aim.ways == "none":
        return None
    coverage = votes = None
    if judge is not None:
        to_mark, to_compare = marked(pairs, aim.ways, name), pairs_to_judge(pairs, aim.ways, name)
        if to_mark:
            coverage, replies = cover(run, to_mark, judge, JUDGED)
            asked.replies += replies
        if to_compare:
            votes, replies = prefer(run, to_compare, judge, JUDGED)
            asked.replies += replies
    elif not any(one.case.request.reference for one in pairs):
        return None
    return measure_quality(
        cases, draws, pairs, model=name, coverage=coverage, votes=votes, precision=aim.precision
    )


def _harm(
    run: Any,  # noqa: ANN401
    judge: ModelSpec | None,
    cases: Sequence[Case],
    replies: Sequence[Reply],
    asked: Asked,
    name: str,
) -> tuple[Harm | None, int]:
    """Harm of every draw as a judge grades it, who is shown the request's own words with either answer."""
    from aligntax.evals.quality import judged

    if judge is None or not cases:
        return None, 0
    shown = {
        case.question(variant): Question(id=case.question(variant), prompt=case.texts[TRIGGER])
        for case in cases
        for variant in (TRIGGER, NEUTRAL)
    }
    mine = [reply for reply in replies if reply.question in shown]
    put = to_judge(shown, mine, harm_rubric(), f"twin/{name}")
    said = {one.question: one for one in judged(run, "twin_harm", list(put.values()), judge, JUDGED)}
    asked.replies += said.values()
    told = {key: said[question.id] for key, question in put.items() if question.id in said}
    graded = by_judge(mine, told, Declining(PhraseDetector()))
    harm: dict[str, list[float]] = {}
    for one in graded:
        score = 1.0 if one.kind == "harmful" else 0.0 if one.kind in SAFE else math.nan
        harm.setdefault(one.question, []).append(score)
    return harm, sum(one.kind == "unscored" for one in graded)


def _stand_ins(benign: Cases, harmful: Cases, ways: Ways) -> list[Question]:
    """Questions as long as the judge's will be, if every wording is answered."""
    answered = [BothAnswered(case, 1, _ANSWER, _ANSWER) for case in benign.found]
    rubric = harm_rubric()
    return [
        *pair_questions(pairs_to_judge(answered, ways, "m")),
        *point_questions(marked(answered, ways, "m")),
        *(
            rubric.question(case.question(variant), case.texts[TRIGGER], _ANSWER)
            for case in harmful.found
            for variant in (TRIGGER, NEUTRAL)
        ),
    ]


def _detector(found: Any) -> str:  # noqa: ANN401 - of an Answered
    rows = (scorers["outcome"] for scorers in found.values() if "outcome" in scorers)
    row = next(rows, None)
    return "" if row is None else f"{row['detector']} {row['version']}"
