"""Rates corrected by labels: they cover the truth where the raw detector does not, or say they cannot."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from aligntax.errors import UsageError
from aligntax.labels import LabelSet
from aligntax.records import Estimate, Measurement
from aligntax.stats import helps, labelled_mean, prediction_powered_mean, wilson
from aligntax.tax.corrected import Corrected, correct, corrected_rate
from aligntax.tax.labelled import expert_labels, labelled_traffic
from aligntax.tax.tally import count
from tax.known_traffic import ANSWER, CANNOT, REFUSAL, exchange
from tax.labelled_traffic import TRUE_TAX, NoisyDetector, given, judged_by, planned_labels, truth

Judged = Callable[..., Path]


def corrected_by(outcomes: Path, labels: LabelSet, *, force: bool = False) -> Corrected:
    return correct(outcomes, expert_labels(labels, force=force), count(outcomes))


def figures(found: Corrected, correction: str, **where: str) -> dict[str, Estimate]:
    """Component -> estimate, for one slice."""
    chosen = [m for m in found.measurements if m.correction == correction and m.slice == where]
    return {m.component: m.estimate for m in chosen}


def covers(estimate: Estimate, value: float) -> bool:
    return estimate.low <= value <= estimate.high


@pytest.mark.slow
def test_labels_cover_the_truth_where_the_detector_does_not(tmp_path: Path) -> None:
    """100 planned labels of 800 exchanges, 200 times: the powered interval covers the true tax, and the one
    from labels alone; that of the raw detector, which misses a third, hardly ever does."""
    seeds, size = 200, 800
    hits = dict.fromkeys(("raw", "labels", "powered"), 0)
    sharper = 0
    for seed in range(seeds):
        truths = truth(seed, size)
        outcomes = judged_by(NoisyDetector(seed), truths, tmp_path / "outcomes.parquet")
        labels = planned_labels(outcomes, truths, budget=100, seed=seed)
        traffic = labelled_traffic(outcomes, expert_labels(labels))
        whole = count(outcomes).whole
        found = {
            "raw": wilson(round(whole.total("completion_tax")), round(float(whole.determined.sum()))),
            "labels": corrected_rate(traffic, "completion_tax", powered=False),
            "powered": corrected_rate(traffic, "completion_tax"),
        }
        sharper += helps(found["powered"], found["labels"])
        for name, estimate in found.items():
            hits[name] += covers(estimate, TRUE_TAX)
    assert hits["powered"] >= 0.93 * seeds
    assert hits["labels"] >= 0.93 * seeds
    assert hits["raw"] <= 0.30 * seeds
    assert sharper >= 0.9 * seeds


def test_from_a_plan_to_corrected_rates(tmp_path: Path) -> None:
    """One run by way of every file: what is read, its slices, the bill, and no figure without its place."""
    truths = truth(3, 1500)
    outcomes = judged_by(NoisyDetector(3), truths, tmp_path / "outcomes.parquet")
    found = corrected_by(outcomes, planned_labels(outcomes, truths, budget=120, seed=1))
    assert found.read == "powered"
    assert found.labels is not None
    assert (found.labels.exchanges, found.labels.design, found.labels.population) == (120, "planned", 1500)
    tax = figures(found, "powered")["completion_tax"]
    assert tax.method.startswith("stratified PPI++")
    assert (tax.n, tax.labelled) == (1500, 120)
    assert covers(tax, TRUE_TAX)
    assert figures(found, "powered", use_case="medical")["refused"].known
    assert figures(found, "powered", use_case="medical", model="m-1")["refused"].known
    refused = figures(found, "powered")["bill.refused"]
    assert refused.unit == "exchanges"
    assert refused.value == pytest.approx(1500 * figures(found, "powered")["refused"].value)
    assert covers(refused, float((truths == "refused").sum()))


def test_a_simple_random_sample_is_ppi(tmp_path: Path) -> None:
    """With random labels the figures are those of the statistics by hand: open verdicts say the raw rate."""
    truths = truth(5, 400)
    outcomes = judged_by(NoisyDetector(5), truths, tmp_path / "outcomes.parquet")
    chosen = np.random.default_rng(0).choice(400, 80, replace=False)
    found = corrected_by(outcomes, given(outcomes, {f"x{n}": str(truths[n]) for n in chosen}))
    whole = count(outcomes).whole
    raw = whole.total("hedged") / float(whole.determined.sum())
    verdicts = np.array([{"hedged": 1.0, "undetermined": raw}.get(v, 0.0) for v in _verdicts(outcomes)])
    labels = (truths[chosen] == "hedged").astype(float)
    rest = np.delete(verdicts, chosen)
    by_hand = prediction_powered_mean(labels, verdicts[chosen], rest)
    powered = figures(found, "powered")["hedged"]
    assert powered.value == pytest.approx(by_hand.value)
    assert (powered.low, powered.high) == pytest.approx((by_hand.low, by_hand.high))
    alone = figures(found, "labels")["hedged"]
    assert (alone.low, alone.high) == (labelled_mean(labels).low, labelled_mean(labels).high)
    assert "taken on trust" in " ".join(found.notes)


def _verdicts(outcomes: Path) -> list[str]:
    return [str(outcome) for outcome in pq.read_table(outcomes)["outcome"].to_pylist()]


def test_what_is_not_applicable_leaves_both_sides(judge_traffic: Judged) -> None:
    """Of 40 labelled exchanges 20 asked for nothing and 5 of the others were refused: 25 %, not 12.5 %;
    the bill counts the 5."""
    rows = [exchange(n, REFUSAL if n < 5 else ANSWER) for n in range(40)]
    outcomes = judge_traffic(rows)
    labels = {f"x{n}": "refused" if n < 5 else "complete" if n < 20 else "not_applicable" for n in range(40)}
    found = corrected_by(outcomes, given(outcomes, labels, random=False))
    for correction in ("labels", "powered"):
        refused = figures(found, correction)["refused"]
        assert refused.value == pytest.approx(0.25)
        assert refused.low <= 0.25 <= refused.high
    assert figures(found, "labels")["refused"].high == pytest.approx(wilson(5, 20).high)
    assert figures(found, "powered")["bill.refused"].value == pytest.approx(5)
    assert "20 labelled exchanges are not applicable: in no corrected rate" in found.notes


def test_a_ratio_from_a_random_sample_covers(tmp_path: Path) -> None:
    """With a third not applicable the powered ratio covers its truth."""
    hits, seeds, size = 0, 60, 500
    for seed in range(seeds):
        truths = truth(seed, size)
        random = np.random.default_rng([seed, 9])
        asked = random.random(size) < 0.67
        outcomes = judged_by(NoisyDetector(seed), truths, tmp_path / "outcomes.parquet")
        chosen = random.choice(size, 100, replace=False)
        labels = {f"x{n}": str(truths[n]) if asked[n] else "not_applicable" for n in chosen}
        traffic = labelled_traffic(outcomes, expert_labels(given(outcomes, labels)))
        hits += covers(corrected_rate(traffic, "completion_tax"), TRUE_TAX)
    assert hits >= 0.92 * seeds


def test_a_missing_ability_is_told_by_the_note(judge_traffic: Judged) -> None:
    """Refusals noted `cannot` are refused and not in the tax; without a single note that is said."""
    rows = [exchange(n, CANNOT if n < 30 else ANSWER) for n in range(60)]
    outcomes = judge_traffic(rows)
    labels = {f"x{n}": "refused" if n < 30 else "complete" for n in range(60)}
    noted = corrected_by(outcomes, given(outcomes, labels, random=False, note="Cannot open files"))
    assert figures(noted, "labels")["refused"].value == pytest.approx(0.5)
    assert figures(noted, "labels")["completion_tax"].value == 0
    assert figures(noted, "labels")["bill.refused"].value == 0
    bare = corrected_by(outcomes, given(outcomes, labels, random=False))
    assert figures(bare, "labels")["completion_tax"].value == pytest.approx(0.5)
    assert "no labelled refusal is noted `cannot`, though the detector finds 30" in " ".join(bare.notes)


def test_judged_anew_the_labels_stay_valid(tmp_path: Path) -> None:
    """Under another detector the strata of the plan are lost; probabilities weigh instead, and it is said."""
    truths = truth(11, 900)
    outcomes = judged_by(NoisyDetector(11), truths, tmp_path / "outcomes.parquet")
    labels = planned_labels(outcomes, truths, budget=150, seed=2)
    judged_by(NoisyDetector(12, version="2"), truths, outcomes)
    found = corrected_by(outcomes, labels)
    tax = figures(found, "powered")["completion_tax"]
    assert tax.method.startswith("weighted PPI++")
    assert covers(tax, TRUE_TAX)
    assert "planned on verdicts of noisy (1)" in " ".join(found.notes)


@pytest.mark.parametrize("n", [1, 2, 10])
def test_few_labels(judge_traffic: Judged, n: int) -> None:
    """One label corrects nothing, two open a wide interval; both are told how many are needed."""
    rows = [exchange(number, REFUSAL if number % 4 == 0 else ANSWER) for number in range(200)]
    outcomes = judge_traffic(rows)
    labels = {f"x{number}": "refused" if number % 4 == 0 else "complete" for number in range(n)}
    found = corrected_by(outcomes, given(outcomes, labels))
    tax = figures(found, "powered")["completion_tax"]
    assert tax.known == (n > 1)
    if n == 1:
        assert found.read == "raw"
        assert "a single label does not tell" in found.why
    else:
        assert found.read != "raw"
        assert tax.high - tax.low > 0.15
    assert "50 are the least that corrects a rate" in " ".join(found.notes)


def test_one_class_is_said(judge_traffic: Judged) -> None:
    """Sixty labels that all say complete bound the tax and cannot tell how good the detector is."""
    outcomes = judge_traffic([exchange(n, ANSWER) for n in range(300)])
    found = corrected_by(outcomes, given(outcomes, {f"x{n}": "complete" for n in range(60)}))
    tax = figures(found, found.read)["completion_tax"]
    assert tax.value == 0
    assert 0 < tax.high < 0.1
    assert "all 60 labelled exchanges are neither refused nor hedged" in found.notes[0]


def test_a_useless_detector_is_left_out(tmp_path: Path, judge_traffic: Judged) -> None:
    """Where verdicts have nothing to do with the truth, labels alone are read, and why is said."""
    rows = [exchange(n, REFUSAL if n % 2 else ANSWER) for n in range(400)]
    outcomes = judge_traffic(rows)
    labels = {f"x{n}": "refused" if n % 3 == 0 else "complete" for n in range(90)}
    found = corrected_by(outcomes, given(outcomes, labels))
    assert found.read == "labels"
    assert found.why == "labels alone are as sharp: the detector does not help here"


def test_a_census_needs_no_detector(judge_traffic: Judged) -> None:
    outcomes = judge_traffic([exchange(n, ANSWER) for n in range(60)])
    labels = {f"x{n}": "refused" if n < 6 else "complete" for n in range(60)}
    found = corrected_by(outcomes, given(outcomes, labels, random=False))
    assert (found.read, found.why) == ("labels", "every exchange is labelled: the detector is not needed")
    assert figures(found, "labels")["completion_tax"].value == pytest.approx(0.1)


def test_clusters_widen_and_are_told(judge_traffic: Judged) -> None:
    """The same labels on a log of few users: an interval wider than without them, and a note."""

    def run(**columns: str) -> Corrected:
        rows = [
            exchange(n, REFUSAL if n % 20 < 6 else ANSWER, **{k: f"user {n % 20}" for k in columns})
            for n in range(400)
        ]
        outcomes = judge_traffic(rows)
        labels = {f"x{n}": "refused" if n % 20 < 6 else "complete" for n in range(0, 400, 3)}
        return corrected_by(outcomes, given(outcomes, labels))

    plain, clustered = run(), run(cluster="")
    one, other = (figures(found, "powered")["completion_tax"] for found in (plain, clustered))
    assert one.value == other.value
    assert other.high - other.low > 1.5 * (one.high - one.low)
    assert other.clusters == 20
    assert any("taken as independent" in note for note in clustered.notes)
    assert not any("taken as independent" in note for note in plain.notes)


def test_slices_without_two_labels_have_no_corrected_rate(judge_traffic: Judged) -> None:
    rows = [exchange(n, ANSWER, use_case="rare" if n < 5 else "medical") for n in range(200)]
    outcomes = judge_traffic(rows)
    found = corrected_by(outcomes, given(outcomes, {f"x{n}": "complete" for n in range(4, 70)}))
    slices = {tuple(m.slice.values()) for m in found.measurements}
    assert ("rare",) not in slices
    assert ("medical",) in slices


def complaint(outcomes: Path, labels: LabelSet, *, force: bool = False) -> str:
    with pytest.raises(UsageError) as caught:
        corrected_by(outcomes, labels, force=force)
    assert caught.value.hint
    return str(caught.value)


def test_labels_that_cannot_be_used_are_refused(judge_traffic: Judged) -> None:
    """Unknown choice, other exchanges, another policy, nothing settled: each with the way out."""
    outcomes = judge_traffic([exchange(n, ANSWER) for n in range(50)])
    labels = given(outcomes, {f"x{n}": "complete" for n in range(20)})
    none = given(outcomes, {f"x{n}": "complete" for n in range(20)}, random=False)
    for force in (False, True):
        assert "nobody knows how the labelled exchanges were chosen" in complaint(outcomes, none, force=force)
    old = replace(labels, labels=tuple(replace(label, policy_version="0") for label in labels.labels))
    assert "follow version 0 of the labelling policy" in complaint(outcomes, old)
    forced = corrected_by(outcomes, old, force=True)
    assert forced.labels is not None
    assert forced.labels.policy_version == "0"
    assert "forced: the labels follow labelling policy 0" in " ".join(forced.notes)
    half = tuple(replace(one, policy_version="0") if n % 2 else one for n, one in enumerate(labels.labels))
    assert "2 versions of the labelling policy" in complaint(outcomes, replace(labels, labels=half))
    unknown = (*labels.labels, replace(labels.labels[0], id="elsewhere"))
    assert "1 of 21 labelled exchanges are not in this log: elsewhere" in complaint(
        outcomes, replace(labels, labels=unknown)
    )
    torn = tuple(replace(one, outcome="refused", annotator="ben") for one in labels.labels)
    conflict = replace(labels, labels=labels.labels + torn)
    assert "annotators disagree on all of them" in complaint(outcomes, conflict)


def test_labels_of_a_longer_log_are_refused(judge_traffic: Judged) -> None:
    """Labels drawn from 60 exchanges say nothing known of 50 of them, also when forced."""
    outcomes = judge_traffic([exchange(n, ANSWER) for n in range(60)])
    labels = given(outcomes, {f"x{n}": "complete" for n in range(20)})
    shorter = judge_traffic([exchange(n, ANSWER) for n in range(50)])
    said = complaint(shorter, labels, force=True)
    assert "drawn from other exchanges (60 of them) than this log holds (50)" in said


def test_conflicting_labels_stay_out(judge_traffic: Judged) -> None:
    """Two annotators who disagree on one exchange: it has no label, and the agreement is told."""
    outcomes = judge_traffic([exchange(n, ANSWER) for n in range(200)])
    labels = given(outcomes, {f"x{n}": "refused" if n % 5 == 0 else "complete" for n in range(100)})
    second = [replace(one, annotator="ben") for one in labels.labels[:40]]
    second[1] = replace(second[1], outcome="refused")
    found = corrected_by(outcomes, replace(labels, labels=labels.labels + tuple(second)))
    assert found.labels is not None
    assert (found.labels.exchanges, found.labels.annotators, found.labels.shared) == (99, 2, 40)
    assert found.labels.agreement.value > 0.9
    assert any("labels that disagree are left out" in note for note in found.notes)


def test_every_corrected_figure_has_its_interval(tmp_path: Path) -> None:
    """Every slice and way has low <= value <= high, or a reason; and all are marked as corrected."""
    truths = truth(21, 700)
    outcomes = judged_by(NoisyDetector(21), truths, tmp_path / "outcomes.parquet")
    found = corrected_by(outcomes, planned_labels(outcomes, truths, budget=60, seed=4))

    def sound(m: Measurement) -> bool:
        if math.isnan(m.estimate.value):
            return bool(m.estimate.reason)
        return m.estimate.low <= m.estimate.value <= m.estimate.high

    assert all(sound(m) for m in found.measurements)
    assert {m.correction for m in found.measurements} == {"labels", "powered"}
