"""Plans: who is to be labelled, and whether the chances written down are the true ones."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.labels.plan import load_plan, make_plan, save_plan
from aligntax.labels.run import JudgedRun
from aligntax.labels.strata import ANY, GUESSED_ERROR, RARE, stratify
from aligntax.records import OUTCOMES
from labels.known_run import exchanges, judged

COUNTS = {
    ("complete", "legal"): 210,
    ("complete", "medical"): 150,
    ("hedged", "legal"): 30,
    ("hedged", "medical"): 20,
    ("refused", "legal"): 40,
    ("refused", "medical"): 25,
    ("refused", "rare"): 2,
    ("undetermined", "legal"): 6,
}


@pytest.fixture
def run(tmp_path: Path) -> JudgedRun:
    return judged(exchanges(COUNTS), tmp_path)


def test_the_strata_are_the_population(run: JudgedRun) -> None:
    """Sizes sum to the eligible exchanges, labels to the budget, and each chance is labels / size."""
    plan = make_plan(run, budget=60)
    assert sum(stratum.size for stratum in plan.strata) == plan.population == sum(COUNTS.values())
    assert sum(stratum.labels for stratum in plan.strata) == len(plan.chosen) == 60
    drawn = Counter(exchange.stratum for exchange in plan.chosen)
    for stratum in plan.strata:
        assert drawn[stratum.name] == stratum.labels
        chances = {one.probability for one in plan.chosen if one.stratum == stratum.name}
        assert chances == {stratum.labels / stratum.size}
    assert len(plan.by_key) == 60


def test_chances_are_true(run: JudgedRun) -> None:
    """Over 400 seeds every exchange is drawn as often as its plan says."""
    seeds, drawn = 400, Counter[str]()
    for seed in range(seeds):
        drawn.update(one.key for one in make_plan(run, budget=60, seed=seed).chosen)
    strata = stratify(run.exchanges, ("verdict", "use_case"), 60)
    chance = np.array([strata.strata[at].probability for at in strata.of_rows])
    share = np.array([drawn[key] for key in run.exchanges["key"].to_pylist()]) / seeds
    some = chance < 1
    z = (share - chance)[some] / np.sqrt(chance * (1 - chance) / seeds)[some]
    assert np.abs(z).max() < 4.5
    assert 0.8 < z.std() < 1.2
    assert (share[~some] == 1).all()


def test_a_total_weighted_by_its_chances_is_unbiased(run: JudgedRun) -> None:
    """Horvitz and Thompson's estimate of how many were truly refused is right on average over seeds."""
    rng = np.random.default_rng(7)
    keys, verdicts = run.exchanges["key"].to_pylist(), run.exchanges["verdict"].to_pylist()
    chance = {"complete": 0.04, "hedged": 0.4, "refused": 0.9, "undetermined": 0.5}
    truth = {key: rng.random() < chance[verdict] for key, verdict in zip(keys, verdicts, strict=True)}
    plans = [make_plan(run, budget=60, seed=seed) for seed in range(400)]
    estimates = [sum(truth[one.key] / one.probability for one in plan.chosen) for plan in plans]
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - sum(truth.values())) < 3 * error
    unweighted = [np.mean([truth[one.key] for one in plan.chosen]) * len(truth) for plan in plans]
    assert np.mean(unweighted) - sum(truth.values()) > 20 * error  # so the weights are what does it


def test_the_same_sample_for_anyone(run: JudgedRun, tmp_path: Path) -> None:
    """Neither a second time nor another order of the log changes the sample; another seed does."""
    plan, other = make_plan(run, budget=60), make_plan(run, budget=60, seed=1)
    assert make_plan(run, budget=60) == plan
    turned = make_plan(judged(exchanges(COUNTS)[::-1], tmp_path), budget=60)
    assert turned.chosen == plan.chosen
    assert {one.key for one in other.chosen} != {one.key for one in plan.chosen}


def test_the_order_tells_nothing_of_the_stratum(run: JudgedRun) -> None:
    """Over seeds every verdict stands on average in the middle of the list."""
    places: dict[str, list[float]] = {outcome: [] for outcome in OUTCOMES}
    for seed in range(200):
        for place, one in enumerate(make_plan(run, budget=60, seed=seed).chosen):
            places[one.stratum.split(" / ")[0]].append(place / 59)
    for several in places.values():
        assert abs(np.mean(several) - 0.5) < 4 / np.sqrt(12 * len(several))


def test_labels_go_where_the_detector_errs(run: JudgedRun) -> None:
    """A verdict that is expected to be wrong more often is labelled more densely, and none is left out."""
    chance = {stratum.name: stratum.probability for stratum in make_plan(run, budget=60).strata}
    assert chance["hedged / legal"] > chance["refused / legal"] > chance["complete / legal"] > 0
    assert min(GUESSED_ERROR.values()) > 0
    assert set(GUESSED_ERROR) == set(OUTCOMES)


def test_undetermined_exchanges_are_a_stratum_of_their_own(run: JudgedRun) -> None:
    assert [s.size for s in make_plan(run, budget=60).strata if s.name.startswith("undetermined")] == [6]


def test_rare_use_cases_are_pooled(tmp_path: Path) -> None:
    """With 60 use cases no stratum is too thin for a variance, and the plan says what was put together."""
    counts = {("complete", f"case {at:02}"): (3 + at) * (1 + at // 50 * 5) for at in range(60)}
    counts |= {("refused", "case 00"): 30}
    plan = make_plan(judged(exchanges(counts), tmp_path), budget=100)
    assert min(stratum.labels for stratum in plan.strata) >= 3
    (pool,) = [stratum for stratum in plan.strata if stratum.pooled]
    assert pool.name == f"complete / {RARE}"
    apart = [s for s in plan.strata if s.name.startswith("complete") and not s.pooled]
    assert len(pool.pooled) + len(apart) == 60
    assert apart
    assert max(counts["complete", cell.split(" / ")[1]] for cell in pool.pooled) <= min(s.size for s in apart)


def test_use_cases_that_are_all_rare_are_not_told_apart(tmp_path: Path) -> None:
    counts = {("complete", f"case {at:02}"): 9 for at in range(60)}
    assert [s.name for s in make_plan(judged(exchanges(counts), tmp_path), budget=100).strata] == [
        f"complete / {ANY}"
    ]


def test_strata_by_other_things(tmp_path: Path) -> None:
    """Names that look alike stay apart, and no verdict in `by` is no obstacle."""
    rows = [
        {"id": f"{verdict}{use_case}{at}", "outcome": verdict, "use_case": use_case, "model": model}
        for verdict in ("complete", "refused")
        for use_case, model in (("a / b", "c"), ("a", "b / c"))
        for at in range(20)
    ]
    run = judged(rows, tmp_path)
    apart = make_plan(run, budget=60, by=("use_case", "model")).strata
    assert len({stratum.name for stratum in apart}) == len(apart) == 2
    assert len(make_plan(run, budget=60, by=("verdict", "use_case", "model")).strata) == 4


def test_a_budget_for_everything(run: JudgedRun) -> None:
    """With as many labels as exchanges all are labelled, for certain."""
    plan = make_plan(run, budget=10_000)
    assert {one.key for one in plan.chosen} == run.keys
    assert {one.probability for one in plan.chosen} == {1.0}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"budget": 0}, "--budget 0: there must be something to label"),
        ({"budget": 5}, "--budget 5 does not reach for 3 labels in each of 4 strata\nhint: --budget 12 is"),
        (
            {"by": ("verdict", "colour")},
            "--by: 'colour' is nothing to tell exchanges apart by\nhint: --by ver",
        ),
        ({"by": ()}, "--by: it names nothing"),
        ({"by": ("verdict", "verdict")}, "--by: it names nothing, or one thing twice"),
    ],
)
def test_what_cannot_be_planned(run: JudgedRun, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(run, **options)
    assert str(caught.value).startswith(complaint)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12), budget=st.integers(1, 200))
def test_any_population_is_planned_or_refused_plainly(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], budget: int
) -> None:
    """Whatever the sizes, a plan keeps to budget and strata; too small a budget is a plain error."""
    counts = {(OUTCOMES[at % 4], f"u{at // 4}"): size for at, size in enumerate(sizes)}
    run = judged(exchanges(counts), tmp_path_factory.mktemp("run"))
    least = 3 * len(sizes)
    if budget < least:
        with contextlib.suppress(UsageError):
            make_plan(run, budget=budget)
        budget = least
    plan = make_plan(run, budget=budget)
    assert len(plan.chosen) == min(budget, sum(sizes))
    assert all(1 <= stratum.labels <= stratum.size for stratum in plan.strata)
    assert all(stratum.labels >= min(3, stratum.size) for stratum in plan.strata)


def test_ids_used_twice_are_two_exchanges(tmp_path: Path) -> None:
    rows = [{"id": "same", "outcome": "complete"}] * 6
    plan = make_plan(judged(rows, tmp_path), budget=6)
    assert {one.key for one in plan.chosen} == {"same", *(f"same ({at})" for at in range(2, 7))}


def test_a_plan_is_read_back(run: JudgedRun, tmp_path: Path) -> None:
    """Nothing is lost in the file, whose first line describes the design."""
    plan = make_plan(run, budget=60)
    save_plan(plan, tmp_path / "deep" / "plan.jsonl")
    assert load_plan(tmp_path / "deep" / "plan.jsonl") == plan
    head = json.loads((tmp_path / "deep" / "plan.jsonl").read_text("utf-8").split("\n")[0])
    assert {"run_hash", "detector", "detector_version", "policy_version", "seed", "strata"} <= set(head)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a label plan"),
        ('{"id": "a"}\n', "not a label plan"),
        ('{"aligntax": "label plan", "format": 9}\n', "a plan of format 9, read is 1"),
        ('{"aligntax": "label plan", "format": 1}\n', "a damaged plan ('run_hash')"),
    ],
)
def test_a_file_that_is_no_plan(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text(text)
    with pytest.raises(UnreadableInput) as caught:
        load_plan(path)
    assert str(caught.value) == f"{path}: {complaint}\nhint: make one with `aligntax label plan RUN`"


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_text('{"aligntax": "label plan", "format": 1}\n{"key": \n')
    with pytest.raises(AligntaxError, match=r"plan.jsonl:2: not valid JSON"):
        load_plan(tmp_path / "plan.jsonl")
