"""Two models asked the same prompts: figures against the planted truth, missing answers, draws, the judge."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.records import Estimate
from aligntax.records.asked import Question
from aligntax.stats.comparison import paired_difference
from aligntax.tax.pairs.asked import prompt_questions, sample_rows
from aligntax.tax.pairs.compared import compare
from aligntax.tax.pairs.differences import Precision, paired
from aligntax.tax.pairs.gate import gated, verdict
from aligntax.tax.pairs.preferred import pairs_to_judge, preferred
from aligntax.tax.pairs.verdicts import finding
from aligntax.tax.prompts import Prompt
from aligntax.tax.quality.pairwise import decide, pair_questions
from planted import Behaviour, marginal
from tax.compared_worlds import A, B, asked, lead, matched, settings, world

WORLDS, N = 400, 90


def covers(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


def measured(seed: int, folder: Path, first: Behaviour = A, second: Behaviour = B):  # noqa: ANN201 - two of ours
    """The comparison, and what the judge makes of it."""
    one, chosen = world(seed, first, second), settings()
    met = matched(asked(one, [p.question for p in one.benign(N)]), folder)
    (found,) = compare([met], chosen)
    pairs = pairs_to_judge(met, chosen)
    votes = decide(pairs, one.replies("judge", pair_questions(pairs)))
    return found, preferred("judge", votes, chosen)


@pytest.mark.slow
def test_intervals_cover_the_planted_truth(tmp_path: Path) -> None:
    """Over 400 worlds refusals, quality and length are covered at .93 or more of .95."""
    truth = {
        "refused": marginal(B.refusal, 1.0) - marginal(A.refusal, 1.0),
        "quality": lead(B.quality - A.quality),
        "length": B.length - A.length,
    }
    hits = {name: 0 for name in truth}
    for seed in range(WORLDS):
        found, judged = measured(seed, tmp_path)
        assert found.completion is not None
        assert found.verbosity is not None
        told = {
            "refused": found.completion.rates["refused"].difference,
            "quality": judged.lead.difference,
            "length": found.verbosity,
        }
        for name, estimate in told.items():
            hits[name] += covers(estimate, truth[name])
    assert all(count / WORLDS >= 0.93 for count in hits.values()), hits


@pytest.mark.slow
def test_equal_models_are_not_told_apart(tmp_path: Path) -> None:
    """The same model under two names: worse or better in at most 5 % of 400 worlds, and three errors."""
    apart = {"completion": 0, "quality": 0, "length": 0}
    for seed in range(WORLDS):
        found, judged = measured(seed, tmp_path, A, A)
        assert found.completion is not None
        assert found.verbosity is not None
        lead_rate = found.completion.rates["completion_tax"]
        apart["completion"] += finding(lead_rate, -1, 0.95) in ("worse", "better")
        apart["quality"] += finding(judged.lead, 1, 0.95) in ("worse", "better")
        apart["length"] += not covers(found.verbosity, 0.0)
    most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / WORLDS)
    assert all(count / WORLDS <= most for count in apart.values()), apart


def test_failed_requests_may_hide_anything() -> None:
    """Four pairs, by hand: one of B is missing where A refused, so the difference is -1/4 or 0 at least."""
    first, second = np.array([1.0, 0, 0, 1]), np.array([np.nan, 0, 1, 1])
    found = paired(first, second, precision=Precision())
    least, most = paired_difference(1, 1, 4), paired_difference(1, 0, 4)
    assert (found.difference.low, found.difference.high) == (least.low, most.high)
    assert found.difference.value == pytest.approx(1 / 3)
    assert found.p == 1.0
    assert found.difference.method.endswith("1 of 4 at their least and most")
    assert found.second.low < 0.3


def test_failed_answers_widen_what_is_compared_and_cover(tmp_path: Path) -> None:
    """B fails just where it would have refused: the interval of 30 worlds still holds the truth."""
    truth = marginal(B.refusal, 1.0) - marginal(A.refusal, 1.0)
    hits, wider = 0, 0
    for seed in range(30):
        one = world(seed)
        questions = [p.question for p in one.benign(N)]
        refused = [at for at, reply in enumerate(one.replies("b", questions)) if "quality" not in reply.text]
        lost = {"b": dict.fromkeys(refused[::2], "error")}
        (whole,) = compare([matched(asked(one, questions), tmp_path)], settings())
        (found,) = compare([matched(asked(one, questions, lost=lost), tmp_path)], settings())
        assert whole.completion is not None
        assert found.completion is not None
        assert found.completion.missing == (0, len(refused[::2]))
        gaps = [one.completion.rates["refused"].difference for one in (whole, found) if one.completion]
        wider += gaps[1].high - gaps[1].low > gaps[0].high - gaps[0].low
        hits += covers(gaps[1], truth)
    assert wider == 30
    assert hits >= 28


def test_requests_never_sent_are_left_out(tmp_path: Path) -> None:
    """They are missing at random: fewer pairs, nothing at its least and most."""
    one = world(1)
    lost = {"a": dict.fromkeys(range(10), "not_asked"), "b": dict.fromkeys(range(5, 20), "not_asked")}
    (found,) = compare(
        [matched(asked(one, [p.question for p in one.benign(N)], lost=lost), tmp_path)], settings()
    )
    assert (found.pairing.items, found.pairing.only_first, found.pairing.only_second) == (N - 20, 10, 5)
    assert found.completion is not None
    assert found.completion.missing == (0, 0)
    assert "least" not in found.completion.rates["refused"].difference.method


def test_prompts_stay_the_unit_of_epochs(tmp_path: Path) -> None:
    """Five draws of 40 prompts are 200 pairs in 40 clusters, and no narrower than prompts allow."""
    one = world(2, Behaviour(refusal=0.0, prompt_sd=30.0), Behaviour(refusal=0.0, own_sd=30.0))
    questions = [p.question for p in one.benign(40, clusters=40)]
    alone = [Question(id=q.id, prompt=q.prompt) for q in questions]
    found = [compare([matched(asked(one, alone, draws=draws), tmp_path)], settings())[0] for draws in (1, 5)]
    gaps = [each.completion.rates["refused"].difference for each in found if each.completion]
    assert [gap.n for gap in gaps] == [40, 200]
    assert gaps[1].clusters == 40
    assert gaps[1].value == pytest.approx(gaps[0].value, abs=0.1)  # nearly every draw says the same
    assert gaps[1].high - gaps[1].low > 0.8 * (gaps[0].high - gaps[0].low)


def test_the_judge_sees_no_refusal_and_nothing_of_who_answered(tmp_path: Path) -> None:
    one, chosen = world(3), settings()
    met = matched(asked(one, [p.question for p in one.benign(N)]), tmp_path)
    pairs = pairs_to_judge(met, chosen)
    answered = [
        row
        for row in zip(
            met.first.table["response"].to_pylist(), met.second.table["response"].to_pylist(), strict=True
        )
        if all("quality" in text for text in row)
    ]
    assert len(pairs) == len(answered)
    for question in pair_questions(pairs):
        assert not {"x/a", "x/b", "refus"} & set((question.system or "").split())
        assert "sorry" not in question.prompt


def test_a_judge_that_refuses_widens_and_one_that_was_stopped_does_not(tmp_path: Path) -> None:
    one, chosen = world(4), settings()
    pairs = pairs_to_judge(matched(asked(one, [p.question for p in one.benign(N)]), tmp_path), chosen)
    replies = one.replies("judge", pair_questions(pairs))
    whole = preferred("j", decide(pairs, replies), chosen)
    mute = [replace(one, declined=at < 20) for at, one in enumerate(replies)]
    unscored = preferred("j", decide(pairs, mute), chosen)
    assert unscored.unscored == {"judge_refused": 10}
    assert unscored.lead.difference.high > whole.lead.difference.high
    assert unscored.lead.difference.n == len(pairs)
    stopped = preferred("j", decide(pairs, replies[20:]), chosen)
    assert stopped.not_asked == 10
    assert stopped.lead.difference.n == len(pairs) - 10


def test_answers_of_a_fallback_are_missing_unless_forced(tmp_path: Path) -> None:
    """A dated snapshot of the model asked is the model; another model's answer hides what was asked for."""
    one = world(5)
    _, second = asked(one, [p.question for p in one.benign(6)])
    served = ["b", "b-2026-01-01", "x/b", "other", "", "b"]
    replies = [replace(one, served=name) for one, name in zip(second.replies, served, strict=True)]
    mixed = replace(second, replies=replies)
    rows = list(sample_rows(mixed))
    assert [row.get("why_missing") for row in rows] == [None] * 5 + ["answered by other"]
    assert rows[-1]["response"] is None
    assert mixed.counts["by_another_model"] == 1
    forced = replace(mixed, take_any=True)
    assert all(row["response"] for row in sample_rows(forced))


def test_duplicated_ids_and_prompts() -> None:
    """An id with two prompts is an error that names both lines; a prompt that comes again is asked once."""
    one = Prompt("How?", None, "", "q1", "f:1")
    with pytest.raises(UsageError, match="f:2: the id 'q1' has been there before"):
        prompt_questions("f", [one, Prompt("Why?", None, "", "q1", "f:2")])
    found, notes = prompt_questions("f", [one, Prompt("How?", None, "", "q2", "f:2"), one])
    assert [question.id for question in found] == ["f/q1"]
    assert notes == ["f: 2 prompts come again and were asked once"]


def test_the_gate() -> None:
    """Worse by more than the margin fails, shown to be within passes, and the rest is inconclusive."""
    ones, zeros = np.ones(400), np.zeros(400)
    rare = np.where(np.arange(400) < 30, 1.0, 0.0)

    def told(second: np.ndarray, margin: float) -> str:
        difference = paired(zeros, second, margin=margin, precision=Precision())
        return gated("refused", difference, -1, margin).verdict

    assert told(ones, 0.1) == "fail"
    assert told(zeros, 0.02) == "pass"
    assert told(rare, 0.08) == "inconclusive"
    better = paired(ones, zeros, margin=0.02, precision=Precision())
    assert gated("refused", better, -1, 0.02).verdict == "pass"
    assert verdict([gated("x", better, -1, 0.02), gated("y", None, -1, 0.02)]) == "inconclusive"
