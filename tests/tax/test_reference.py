"""Published taxes: every row says where it comes from, and the claims that do not hold are marked."""

import math
from collections import Counter

import pytest

from aligntax.errors import AligntaxError, UsageError
from aligntax.records import Estimate, unknown
from aligntax.tax.reference import (
    CHECKS,
    PublishedTax,
    Run,
    benchmarks,
    beside,
    load_reference,
    published_taxes,
    selected,
    shots_word,
)

TABLE = """
[[benchmark]]
name = "Quiz"
names = ["quiz"]
chance = 0.25

[[source]]
source = "A paper, Table 1"
year = 2026
check = "primary"
harness = "theirs"
full = 100
model = "m"
metric = "accuracy"
method = "SFT"
step = "base → SFT"
rows = [{ benchmark = "Quiz", before = 65.0, after = 55.0 }]
"""


def only(**fitting: object) -> PublishedTax:
    """The one row with these attributes."""
    found = [
        row
        for row in published_taxes()
        if all(
            (row.benchmark.name if name == "benchmark" else getattr(row, name)) == value
            for name, value in fitting.items()
        )
    ]
    assert len(found) == 1, fitting
    return found[0]


def own(value: float, low: float = math.nan, high: float = math.nan, **where: str) -> Run:
    tax = Estimate(value=value, low=low, high=high, level=0.95, n=100, unit="share", method="by hand")
    return Run(benchmark="mmlu", tax=tax, loss=unknown("not given", unit="difference"), **where)


def test_every_row_has_its_source_and_check() -> None:
    """Source, year, harness, metric and check stand in every row; reasons in the disputed ones alone."""
    rows = published_taxes()
    assert len(rows) > 150
    for row in rows:
        assert all((row.source, row.harness, row.metric, row.model, row.method, row.step)), row
        assert 2020 < row.year < 2030
        assert row.check in CHECKS
        assert (row.check == "disputed") == bool(row.reason)
        assert row.full in (1, 100)
        assert all(math.isnan(score) or 0 <= score <= row.full for score in (row.before, row.after))
    assert set(Counter(row.check for row in rows)) == set(CHECKS)


def test_no_row_twice() -> None:
    """One figure, one row."""
    seen = Counter(
        (row.source, row.model, row.method, row.step, row.benchmark.name, row.shots)
        for row in published_taxes()
    )
    assert max(seen.values()) == 1


def test_before_and_after_share_their_harness() -> None:
    """Only disputed rows compare two harnesses, and such rows give no tax."""
    for row in published_taxes():
        if row.harness_after != row.harness:
            assert row.check == "disputed"
        if row.check == "disputed":
            assert not row.tax.known
            assert not row.loss.known


@pytest.mark.parametrize(
    ("benchmark", "shots", "step", "before", "after"),
    [
        ("SQuADv2", "0", "GPT-3 → PPO", 64.30, 43.68),
        ("SQuADv2", "few", "GPT-3 → PPO-ptx", 69.75, 69.93),
        ("DROP", "0", "GPT-3 → SFT", 27.53, 15.79),
        ("DROP", "0", "SFT → PPO", 15.79, 13.08),
        ("DROP", "few", "GPT-3 → PPO", 35.27, 27.78),
        ("HellaSwag", "0", "GPT-3 → PPO", 0.781, 0.743),
        ("WMT15 Fr-En", "0", "GPT-3 → PPO", 38.92, 24.16),
        ("WMT15 Fr-En", "few", "GPT-3 → PPO-ptx", 39.93, 36.76),
        ("QuAC", "few", "GPT-3 → SFT", 45.38, 48.77),
        ("RTE", "0", "GPT-3 → PPO", 0.563, 0.704),
        ("SST", "few", "GPT-3 → PPO", 0.944, 0.944),
        ("WSC", "few", "SFT → PPO", 0.779, 0.654),
    ],
)
def test_instructgpt_table_14(benchmark: str, shots: str, step: str, before: float, after: float) -> None:
    """Zero-shot and few-shot stand apart, with the figures of the paper."""
    row = only(model="GPT-3 175B", benchmark=benchmark, shots=shots, step=step)
    assert (row.before, row.after, row.check) == (before, after, "primary")
    assert row.source == "InstructGPT, arXiv 2203.02155, Table 14"


def test_changes_and_taxes_by_hand() -> None:
    """After less before; before less after over what lies above a guess."""
    drop = only(model="GPT-3 175B", benchmark="DROP", shots="0", step="GPT-3 → PPO")
    assert drop.change.value == pytest.approx(-14.45)
    assert drop.tax.value == pytest.approx(14.45 / 27.53)  # a free answer cannot be guessed
    hellaswag = only(model="GPT-3 175B", benchmark="HellaSwag", shots="0", step="GPT-3 → PPO")
    assert hellaswag.tax.value == pytest.approx(0.038 / (0.781 - 0.25))
    llama = only(model="Llama-2 7B", benchmark="MMLU", check="primary")
    assert llama.change.value == pytest.approx(-11.6)
    assert llama.tax.value == pytest.approx(11.6 / (45.7 - 25))
    assert llama.loss.value == pytest.approx(0.116)
    safechain = only(method="SafeChain SFT", benchmark="AIME24, GPQA, MATH500")
    assert safechain.change.value == pytest.approx(-7.09)
    assert math.isnan(safechain.tax.value)
    assert "average" in safechain.tax.reason


def test_nothing_published_has_an_interval() -> None:
    """A figure without an interval does not get one, and says how it came."""
    for row in published_taxes():
        for figure in (row.change, row.tax, row.loss):
            assert math.isnan(figure.low)
            assert math.isnan(figure.high)
            assert figure.method if figure.known else figure.reason


def test_the_three_false_claims_are_disputed() -> None:
    """Llama-2-chat's MMLU, InstructGPT's 85 %, and InstructGPT's MMLU."""
    llama = [row for row in published_taxes() if row.check == "disputed" and row.model.startswith("Llama-2")]
    assert [(row.before, row.after) for row in llama] == [(45.3, 48.3), (54.8, 54.6), (68.9, 68.8)]
    assert all("52.9" in row.reason and "61.1" in row.reason for row in llama)
    preferred = only(model="InstructGPT 1.3B", benchmark="human preference")
    assert (preferred.check, preferred.after) == ("disputed", 85)
    assert "175B InstructGPT" in preferred.reason
    mmlu = only(model="InstructGPT 175B", benchmark="MMLU")
    assert (mmlu.check, mmlu.after) == ("disputed", 42.7)
    assert math.isnan(mmlu.before)
    assert "no MMLU" in mmlu.reason
    assert sum(row.check == "disputed" for row in published_taxes()) == 5


def test_checks_are_those_of_the_sources() -> None:
    """What was read off a figure, and what was only seen quoted, is not called primary."""
    assert {row.check for row in published_taxes() if "OGPSA" in row.source} == {"figure"}
    assert {row.check for row in published_taxes() if "NSPO" in row.source} == {"secondary"}
    assert {row.check for row in published_taxes() if "Safety Tax" in row.source} == {"secondary"}
    assert {row.check for row in published_taxes() if row.model.startswith("Zephyr")} == {"primary"}


def test_benchmarks_go_by_many_names() -> None:
    """What harnesses call it is understood; a part of a benchmark, or another one, is not the benchmark."""
    mmlu = next(known for known in benchmarks() if known.name == "MMLU")
    assert all(mmlu.called(name) for name in ("mmlu", "MMLU", "hendrycks_test", "tasks/mmlu"))
    assert not any(mmlu.called(name) for name in ("mmlu_pro", "mmlu_anatomy", "leaderboard_mmlu_pro"))
    names = Counter(name for known in benchmarks() for name in known.names)
    assert max(names.values()) == 1


def test_selected() -> None:
    """By benchmark, model, method and check, alone or together; what fits nothing is an error."""
    rows = published_taxes()
    assert {row.benchmark.name for row in selected(rows, benchmark="arc_challenge")} == {"ARC-C"}
    assert {row.model for row in selected(rows, model="zephyr")} == {"Zephyr-7B-beta", "Zephyr-7B-Gemma"}
    assert len(selected(rows, benchmark="mmlu", check="disputed")) == 4
    assert {row.method for row in selected(rows, method="ppo-ptx", check="primary")} == {"PPO-ptx"}
    with pytest.raises(UsageError, match="no published tax fits"):
        selected(rows, model="no such model")
    with pytest.raises(UsageError, match="no such check"):
        selected(rows, check="certain")


def test_only_the_same_harness_and_shots_are_comparable() -> None:
    """A version of the harness is the harness; other shots, other harnesses and the untold are not."""
    meta = "Meta internal evaluation library"
    found = beside(own(0.3, 0.25, 0.4, harness=f"{meta} 2.0", shots="5-shot"), published_taxes())
    assert {one.published.model for one in found if not one.apart} == {
        "Llama-2 7B",
        "Llama-2 13B",
        "Llama-2 70B",
    }
    assert {one.apart for one in found} == {"", "other harness"}
    for run, why in (
        (own(0.3, harness=meta, shots="0"), "other shots"),
        (own(0.3, harness=meta), "shots not told"),
        (own(0.3, shots="5"), "harness of the run not told"),
    ):
        assert {one.apart for one in beside(run, published_taxes()) if one.published.harness == meta} == {why}


def test_where_a_run_stands() -> None:
    """Published taxes against the run's interval: Meta's are .560, .376, .208; disputed ones do not count."""
    found = beside(own(0.3, 0.25, 0.4), published_taxes())
    values = [one.figure.value for one in found]
    assert values == sorted(values, reverse=True)
    stands = {one.published.model: one.stands for one in found if one.published.harness.startswith("Meta")}
    assert stands == {"Llama-2 7B": "larger", "Llama-2 70B": "within", "Llama-2 13B": "smaller"}
    assert not any(one.published.check == "disputed" for one in found)
    assert beside(own(math.nan), published_taxes()) == []


def test_points_are_compared_where_a_guess_has_no_score() -> None:
    """On SQuADv2 nobody knows a guess: what was lost of full marks is set beside what others lost."""
    loss = Estimate(value=0.1, low=0.05, high=0.15, level=0.95, n=9, unit="difference", method="by hand")
    run = Run(benchmark="squadv2", tax=unknown("no guess", unit="share"), loss=loss)
    found = beside(run, published_taxes())
    assert found[0].figure.value == pytest.approx(0.2062)
    assert found[0].stands == "larger"
    assert {one.stands for one in found} == {"larger", "within", "smaller"}


@pytest.mark.parametrize(("text", "word"), [("5-shot", "5"), ("5", "5"), (" few_shots ", "few"), ("", "")])
def test_shots_are_written_in_many_ways(text: str, word: str) -> None:
    """All of them mean a number."""
    assert shots_word(text) == word


def test_a_table_is_held_to_its_rules() -> None:
    """The row of the example is read; each rule broken is an error that says so."""
    ((quiz,), (row,)) = load_reference(TABLE, where="table.toml")
    assert row.tax.value == pytest.approx(10 / 40)
    assert quiz.chance == 0.25
    for old, new, words in (
        ('check = "primary"', 'check = "disputed"', "disputed without a reason"),
        ('check = "primary"', 'check = "certain"', "checked as 'certain'"),
        ('harness = "theirs"', 'harness = "theirs"\nharness_after = "ours"', "different harnesses"),
        (", after = 55.0 }", " }", "before and after"),
        ('source = "A paper, Table 1"', "", "'source'"),
        ("chance = 0.25", "", "one of task, chance and no_chance"),
        ('benchmark = "Quiz"', 'benchmark = "Test"', "'Test'"),
        ("year = 2026", "year = ", "table.toml"),
    ):
        assert old in TABLE
        with pytest.raises(AligntaxError, match=words):
            load_reference(TABLE.replace(old, new), where="table.toml")
