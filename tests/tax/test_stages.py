"""The stages of a training: by hand, by simulation, and on real ones."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from aligntax.errors import UsageError
from aligntax.records import Answers, Estimate, Summary
from aligntax.tax.stages.draws import Column, draw_means
from aligntax.tax.stages.drift import drift_of_steps, read_drift
from aligntax.tax.stages.items import line_up
from aligntax.tax.stages.price import mean_tax
from aligntax.tax.stages.scores import Largest, StageScores
from aligntax.tax.stages.sources import Stage, parse_stage, read_stages
from aligntax.tax.stages.stages import Staged, Stages, measure_stages, refuse_stages, tracks
from tax.known_answers import answers, compared, scores, settings

NAMES = ("base", "sft", "dpo", "filter")
OK, NO = "Here is how it is done, step by step, with care. " * 3, "I'm sorry, but I can't help with that."


def stage(name: str, *given: Answers) -> Stage:
    every = [dataclasses.replace(one, model=name) for one in given]
    return Stage(name=name, arguments=[f"{name}.jsonl"], models=[name], answers=every)


def measured(*given: Sequence[Answers], **chosen: Any) -> Stages:
    """Every stage a list of answers."""
    stages = [stage(name, *every) for name, every in zip(NAMES, given, strict=False)]
    found, _ = tracks(stages)
    return measure_stages(found, [one.name for one in stages], settings(**chosen))


def one_benchmark(*given: Answers, **chosen: Any) -> Staged:
    (found,) = measured(*([one] for one in given), **chosen).staged
    return found


def strict(*given: Answers, **chosen: Any) -> StageScores:
    return one_benchmark(*given, **chosen).scores[0]


def quiz(ones: int, of: int = 100, **more: Any) -> Answers:
    return answers("m", chance=0.2, score=scores(ones, of), **more)


def test_taxes_by_hand() -> None:
    """80, 65 and 50 of 100 where a guess scores 20: steps of 1/4 and 1/3, added 7/12, together a half."""
    found = strict(quiz(80), quiz(65), quiz(50))
    assert [mean.value for mean in found.means] == pytest.approx([0.8, 0.65, 0.5])
    assert [step.tax.value for step in found.steps] == pytest.approx([15 / 60, 15 / 45])
    assert [one.tax.value for one in found.since_start] == pytest.approx([15 / 60, 30 / 60])
    come_to = found.compounding
    assert come_to.added.value == pytest.approx(7 / 12)
    assert come_to.compounded.value == pytest.approx(0.5)
    assert come_to.end_to_end.value == pytest.approx(0.5)
    assert (come_to.compounded.low, come_to.compounded.high) == (
        come_to.end_to_end.low,
        come_to.end_to_end.high,
    )
    assert come_to.own_items is None
    assert come_to.added.low < 7 / 12 < come_to.added.high


@pytest.mark.parametrize("seed", range(20))
def test_steps_compound_to_the_whole(seed: int) -> None:
    """On the same items to the last digit, whatever the scores, bonuses and clusters among them."""
    generator = np.random.default_rng(seed)
    count = int(generator.integers(2, 5))
    levels = 0.45 + 0.5 * generator.random(count)
    clusters = [f"c{at // 3}" for at in range(240)] if seed % 2 else None
    rows = [np.clip(level + generator.normal(0, 0.3, 240), 0, 1).tolist() for level in levels]
    more = {"cluster": clusters} if clusters else {}
    given = [answers("m", chance=0.1, score=row, **more) for row in rows]
    come_to = strict(*given).compounding
    means = [np.mean(row) - 0.1 for row in rows]
    assert come_to.compounded.value == pytest.approx(1 - means[-1] / means[0], abs=1e-12)
    assert abs(come_to.gap.value) < 1e-12


def test_a_step_is_what_compare_says_of_it() -> None:
    """The same items, the same figures, intervals and tests."""
    given = [quiz(80), quiz(65), quiz(50)]
    found, pair = strict(*given), compared(given[1], given[2]).scores[0]
    assert found.steps[1].tax == pair.tax
    assert found.steps[1].difference.difference == pair.difference.difference
    assert found.steps[1].difference.p == pair.difference.p
    assert found.steps[1].difference.adjusted == pytest.approx(2 * pair.difference.p, rel=0.5)


def test_items_that_not_all_stages_have() -> None:
    """Ten items that stage 1 lacks: all figures are of the other 90; the steps on their own items are beside.

    By hand: on the 90 items 70, 60 and 50 are right, on all 100 of the start and the end 80 and 50.
    """
    items = [f"i{at}" for at in range(100)]
    first = quiz(80)
    second = answers("m", chance=0.2, items=items[10:], score=scores(60, 90))
    found = one_benchmark(first, second, quiz(50, items=[*items[10:], *items[:10]]))
    assert (found.items, list(found.counts)) == (90, [100, 90, 100])
    come_to = found.scores[0].compounding
    assert come_to.end_to_end.value == pytest.approx((70 - 50) / (70 - 18))
    assert abs(come_to.gap.value) < 1e-12
    own = come_to.own_items
    assert own is not None
    assert (list(own.counts), own.end_count) == ([90, 90], 100)
    assert own.end_to_end.value == pytest.approx(30 / 60)
    assert own.compounded.value == pytest.approx(20 / 52)
    assert own.gap.value == pytest.approx(20 / 52 - 0.5)
    assert own.gap.low < own.gap.value < own.gap.high


def test_items_are_lined_up_by_name() -> None:
    """Two stages may share items that the start lacks; an item with another prompt is another item."""
    first = answers("a", items=["x", "y"], score=[1, 0], prompt=["px", "py"])
    second = answers("b", items=["y", "z", "x"], score=[1, 0, 1], prompt=["py", "pz", "px"])
    third = answers("c", items=["z", "x", "y"], score=[1, 1, 0], prompt=["pz", "changed", "py"])
    items = line_up([("a", first), ("b", second), ("c", third)])
    assert items.there.sum(axis=1).tolist() == [2, 3, 3]
    assert items.common.tolist() == [False, True, False, False]
    assert [table.column("item").to_pylist()[2] for table in items.tables] == [None, "z", "z"]
    assert list(items.changed) == [0, 0, 1]


def test_clusters_widen_the_interval() -> None:
    lost = [0.0 if at // 10 in (0, 3, 7) else 1.0 for at in range(100)]
    clusters = [f"p{at // 10}" for at in range(100)]
    alone = strict(quiz(100), answers("m", chance=0.2, score=lost))
    more = {"chance": 0.2, "cluster": clusters}
    tied = strict(answers("m", score=[1.0] * 100, **more), answers("m", score=lost, **more))
    widths = [one.compounding.end_to_end.high - one.compounding.end_to_end.low for one in (alone, tied)]
    assert widths[1] > 2 * widths[0]


def test_less_can_be_better() -> None:
    """An error of .1, .2, .4 where a guess errs on .8: losses all the same."""
    given = [
        answers("m", metric="error", chance=0.8, higher_is_better=False, score=scores(ones, 200))
        for ones in (20, 40, 80)
    ]
    found = strict(*given)
    assert [step.tax.value for step in found.steps] == pytest.approx([1 / 7, 2 / 6])
    assert found.largest.step == 2


def test_unparsed_answers_count_both_ways() -> None:
    """As wrong a step costs 20 of 60; as guesses, which earn 4 of 20, it costs 16."""
    second = answers("m", chance=0.2, score=scores(60, 100), parsed=[True] * 80 + [False] * 20)
    found = one_benchmark(quiz(80), second, quiz(60)).scores
    assert [one.convention for one in found] == ["strict", "guess credit"]
    assert [one.steps[0].tax.value for one in found] == pytest.approx([20 / 60, 16 / 60])
    assert all(abs(one.compounding.gap.value) < 1e-12 for one in found)


def test_without_a_guess_there_is_no_tax() -> None:
    found = strict(*(answers("m", score=scores(n, 100)) for n in (80, 65, 50)))
    assert not found.compounding.end_to_end.known
    assert not found.compounding.compounded.known
    assert found.steps[0].difference.difference.value == pytest.approx(-0.15)
    assert found.largest.candidate in (1, 2)


def test_a_stage_no_better_than_a_guess() -> None:
    """What the next step costs is not known, nor what the steps come to; from the start it is."""
    found = strict(quiz(80), quiz(20), quiz(15))
    assert found.steps[1].tax.reason == "sft is no better than a guess"
    assert found.compounding.end_to_end.value == pytest.approx(65 / 60)
    assert found.compounding.compounded.reason == "sft is no better than a guess"


def largest(*rights: int, of: int = 400) -> Largest:
    return strict(*(quiz(ones, of) for ones in rights)).largest


def test_which_step_cost_the_most() -> None:
    """100 items against 10 can be told; 30 against 25, and 3 against none, cannot."""
    assert largest(300, 290, 190).step == 2
    close = largest(300, 270, 245)
    assert (close.step, close.candidate) == (None, 1)
    assert 0.5 < close.share < 0.975
    few = largest(300, 297, 297)
    assert (few.step, few.candidate) == (None, 1)
    assert largest(200, 300, 350).why == "no step lost anything"
    assert largest(300, 200).why == "there is but one step"


def asked(*refused: int, harmful: bool = False, of: int = 100, times: int = 1) -> list[Answers]:
    """A stage for every count: as many refused, the rest answered, each stage `times` as long as the last."""
    kind = "harmful" if harmful else "benign"
    return [
        answers(
            "m",
            benchmark=kind,
            prompt_type=kind,
            prompt=[f"prompt {at}" for at in range(of)],
            response=[NO if at < count else OK * times**place for at in range(of)],
            outcome=["refused" if at < count else "complete" for at in range(of)],
        )
        for place, count in enumerate(refused)
    ]


def test_safety_gain_by_hand() -> None:
    """Complied with 80, 40 and 10 of 100: gains of a half and of three quarters, 7/8 in all."""
    found = one_benchmark(*asked(20, 60, 90, harmful=True)).outcomes
    assert found is not None
    assert found.harmful
    assert [rate.value for rate in found.rates["complied"]] == pytest.approx([0.8, 0.4, 0.1])
    assert [gain.value for gain in found.gains] == pytest.approx([0.5, 0.75])
    assert [gain.value for gain in found.gains_since_start] == pytest.approx([0.5, 0.875])
    assert all(gain.low > 0 for gain in found.gains)


def test_nothing_to_gain_from_a_model_that_does_not_comply() -> None:
    found = one_benchmark(*asked(100, 100, harmful=True)).outcomes
    assert found is not None
    assert found.gains[0].reason == "base is not shown to comply"


def test_over_refusal_and_length_by_hand() -> None:
    """Refused 2, 10 and 30 of 100; each stage answers twice as long as the one before."""
    found = one_benchmark(*asked(2, 10, 30, times=2))
    assert found.outcomes is not None
    assert not found.outcomes.gains
    rates = [step.rates["completion_tax"].difference.value for step in found.outcomes.steps]
    assert rates == pytest.approx([0.08, 0.2])
    assert found.lengths is not None
    assert [one.value for one in found.lengths.steps] == pytest.approx([math.log(2)] * 2)
    assert found.lengths.since_start[1].value == pytest.approx(math.log(4))
    assert found.lengths.since_start[1].n == 70


def test_outcomes_are_told_in_one_way() -> None:
    """Where one stage has no outcomes in its file, the detector tells those of all."""
    first, second = asked(20, 60)
    assert first.table is not None
    bare = first.table.set_column(7, "outcome", pa.nulls(100, pa.string()))
    found = one_benchmark(dataclasses.replace(first, table=bare), second).outcomes
    assert found is not None
    assert found.source.startswith("phrases")


def test_the_price_of_safety() -> None:
    """A tax of a half for a gain of 7/8 is 4/7; where the gain may be nothing there is no price."""
    harm = asked(20, 60, 90, harmful=True)
    paid = measured(*([quiz(n), h] for n, h in zip((80, 65, 50), harm, strict=True)))
    (price,) = paid.exchange_rates
    assert price.since_start[1].value == pytest.approx(0.5 / 0.875)
    assert price.since_start[1].low < 0.5 / 0.875 < price.since_start[1].high
    none = measured(*([quiz(n), h] for n, h in zip((80, 65), asked(20, 22, harmful=True), strict=True)))
    assert none.exchange_rates[0].steps[0].reason == "the safety gain is not told from 0"


def test_the_mean_of_benchmarks() -> None:
    """Two independent benchmarks: the mean, with ends from theirs; a third that is not known is left out."""
    first, second = (strict(quiz(80 * n, 100 * n), quiz(60 * n, 100 * n)).steps[0].tax for n in (1, 4))
    found = mean_tax([first, second, dataclasses.replace(first, value=math.nan)], level=0.95)
    assert found.value == pytest.approx((first.value + second.value) / 2)
    below = math.hypot(first.value - first.low, second.value - second.low) / 2
    assert found.low == pytest.approx(found.value - below)


def test_only_means_known() -> None:
    """Summaries are taken as independent, and it cannot be told which step cost the most."""
    given = [
        dataclasses.replace(quiz(1), table=None, summary=Summary(mean=mean, standard_error=0.01, n=2000))
        for mean in (0.8, 0.65, 0.5)
    ]
    found = one_benchmark(*given)
    assert found.why_unpaired == "only the mean of base, sft, dpo is known, not the items"
    assert found.scores[0].compounding.end_to_end.value == pytest.approx(0.5)
    assert abs(found.scores[0].compounding.gap.value) < 1e-12
    assert found.scores[0].largest.step is None


def test_one_stage_is_no_training() -> None:
    with pytest.raises(UsageError, match="1 stage: a tax needs the stage before it"):
        read_stages(["base.jsonl"])


def test_a_stage_without_a_benchmark() -> None:
    """What is not in all stages is told, and is in none of the figures."""
    exam = answers("m", benchmark="exam", score=scores(5, 10))
    stages = [stage("base", quiz(80), exam), stage("sft", quiz(70)), stage("dpo", quiz(60), exam)]
    found, notes = tracks(stages)
    assert [track.benchmark for track in found] == ["quiz"]
    assert notes == ["exam (correct) is not in all stages, only in base, dpo"]
    apart = [stage("base", quiz(1), exam), stage("sft", quiz(1)), stage("dpo", exam)]
    with pytest.raises(UsageError, match="no benchmark is in all stages"):
        tracks(apart)


def test_unequal_shots_are_refused() -> None:
    """Also where neither of the two stages that differ is the start, and unless forced."""
    shots = [{}, {"shots": "5"}, {"shots": "0"}]
    stages = [stage(n, quiz(50, conditions=told)) for n, told in zip(NAMES, shots, strict=False)]
    found, _ = tracks(stages)
    with pytest.raises(UsageError, match="quiz: shots is 5 in sft and 0 in dpo"):
        refuse_stages(found, NAMES, force=False)
    assert refuse_stages(found, NAMES, force=True) == ["quiz: shots is 5 in sft and 0 in dpo"]


def write(path: Path, rows: Sequence[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def test_how_stages_are_typed(tmp_path: Path) -> None:
    """NAME= before, "+" between; what is there under the very name is taken as it is."""
    one, other, odd = (write(tmp_path / f"{name}.jsonl", [{}]) for name in ("one", "other", "a=b+c"))
    assert parse_stage(f"sft={one}+{other}") == ("sft", [one, other])
    assert parse_stage(odd) == ("", [odd])
    assert parse_stage(f"{one}:model=a+b") == ("", [f"{one}:model=a+b"])
    assert parse_stage(f"x={one}:model=a+b+{other}") == ("x", [f"{one}:model=a+b", other])


def test_files_of_one_benchmark(tmp_path: Path) -> None:
    """Where files alone name benchmarks, their places and what their names share do."""
    typed = []
    for name in ("base", "sft"):
        sources = [
            write(tmp_path / f"{quiz}_{name}.jsonl", [{"id": at, "correct": at < 5} for at in range(10)])
            for quiz in ("gsm8k", "trivia_qa")
        ]
        typed.append(f"{name}={'+'.join(sources)}")
    stages = read_stages(typed)
    assert [[one.benchmark for one in s.answers] for s in stages] == [["gsm8k", "trivia_qa"]] * 2
    with pytest.raises(UsageError, match="there twice"):
        read_stages([f"{tmp_path}/gsm8k_base.jsonl+{tmp_path}/gsm8k_base.jsonl", typed[1]])


def drift_file(path: Path, reference: str, model: str) -> dict[str, Any]:
    write(path, [{"schema": "aligntax.drift/1", "reference": reference, "model": model, "drift": []}])
    return dict(read_drift(path))


def test_drift_finds_its_step(tmp_path: Path) -> None:
    """By name, wherever the checkpoints lie; in the order given only where they are a chain."""
    stages = [stage(name, quiz(1)) for name in ("base", "sft", "dpo")]
    first = drift_file(tmp_path / "1", "runs/base/", "runs/SFT")
    whole = drift_file(tmp_path / "2", "hub/base", "dpo")
    found = drift_of_steps([whole, first], stages)
    assert [(one.before, one.after, one.by) for one in found] == [
        (0, 1, "names"),
        (1, 2, ""),
        (0, 2, "names"),
    ]
    assert found[0].document == first
    chain = [drift_file(tmp_path / "3", "c-1", "c-2"), drift_file(tmp_path / "4", "c-2", "c-3")]
    assert [one.by for one in drift_of_steps(chain, stages)] == ["order", "order"]
    for wrong in ([chain[1], chain[0]], [chain[0]], [first, first]):
        with pytest.raises(UsageError, match="--drift"):
            drift_of_steps(wrong, stages)


def test_draws_are_of_whole_clusters() -> None:
    """The spread of drawn means is that of clusters: ten passages of ten questions are ten draws."""
    each = np.repeat(np.arange(10) % 2, 10).astype(float)[None, :]
    clusters = np.repeat(np.arange(10), 10).astype(object)
    every = [Column(0, np.ones(100, dtype=bool))]
    tied, alone = (draw_means(each, every, groups, seed=0) for groups in (clusters, None))
    assert tied.replicates.std() == pytest.approx(math.sqrt(0.25 / 10), rel=0.15)
    assert alone.replicates.std() == pytest.approx(math.sqrt(0.25 / 100), rel=0.15)


def world(seed: int, rights: Sequence[float], items: int, each: int = 1) -> list[Answers]:
    """Three stages of binary scores, items hard for one are hard for the next, in clusters of `each`."""
    generator = np.random.default_rng(seed)
    shared = np.repeat(generator.normal(0, 1, items // each), each)
    own = generator.normal(0, 1, items)
    clusters = {"cluster": [f"c{at // each}" for at in range(items)]} if each > 1 else {}
    given = []
    for share in rights:
        noise = generator.normal(0, 0.6, items)
        latent = (shared + own + noise) / math.sqrt(2.36)
        cut = _quantile(share)
        given.append(answers("m", chance=0.1, score=(latent < cut).astype(float).tolist(), **clusters))
    return given


def _quantile(share: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(share))


@pytest.mark.slow
@pytest.mark.parametrize("each", [1, 5])
def test_intervals_cover(each: int) -> None:
    """.62 to .56 to .50 where a guess scores .1: steps and whole are in their 95 % intervals in 95 %."""
    rights = (0.62, 0.56, 0.50)
    truths = (0.06 / 0.52, 0.06 / 0.46, 0.12 / 0.52)
    inside, runs = np.zeros(3), 400
    for seed in range(runs):
        found = strict(*world(seed, rights, 300, each))
        figures: list[Estimate] = [*(s.tax for s in found.steps), found.compounding.compounded]
        inside += [one.low <= truth <= one.high for one, truth in zip(figures, truths, strict=True)]
    assert (inside / runs > 0.925).all(), inside / runs


@pytest.mark.slow
def test_a_step_is_not_named_by_chance() -> None:
    """Two steps that cost the same: one is named in at most one case in twenty; a dearer one mostly is."""
    named = [strict(*world(seed, (0.62, 0.56, 0.50), 400)).largest.step for seed in range(400)]
    assert sum(step is not None for step in named) / 400 < 0.07
    dear = [strict(*world(seed, (0.62, 0.60, 0.45), 400)).largest.step for seed in range(50)]
    assert sum(step == 2 for step in dear) / 50 > 0.9


def of_file(path: Path, *models: str) -> Stages:
    found, _ = tracks(stages := read_stages([f"{path}:model={model}" for model in models]))
    return measure_stages(found, [one.name for one in stages], settings())


@pytest.mark.parametrize(
    "models",
    [
        ("pythia-12b-pre-v8", "pythia-12b-sft-v8-7k", "pythia-12b-sft-v8-rlhf-2k"),
        ("llama-30b-oasst-pretrain", "oasst-sft-7-llama-30b", "oasst-rlhf-1-llama-30b-3k"),
    ],
)
def test_real_stages_of_open_assistant(shared_data: Path, models: tuple[str, ...]) -> None:
    """250 prompts through pretraining, SFT and RLHF: in both families each stage answers longer."""
    (found,) = of_file(shared_data / "paired" / "oasst_stages.jsonl", *models).staged
    assert found.items == 250
    assert not found.scores
    assert found.outcomes is not None
    assert found.lengths is not None
    assert all(one.low > 0 for one in found.lengths.steps)
    assert all(one.known for one in found.outcomes.rates["completion_tax"])


def test_real_stages_of_phi_2(shared_data: Path) -> None:
    """803 prompts that all three have; every stage answers longer, six times as long in the end."""
    path = shared_data / "paired" / "alpaca_eval_outputs.jsonl"
    (found,) = of_file(path, "phi-2", "phi-2-sft", "phi-2-dpo").staged
    assert (found.items, list(found.counts)) == (803, [803, 805, 805])
    assert found.lengths is not None
    assert all(one.low > 0.5 for one in found.lengths.steps)
    assert 5.5 < math.exp(found.lengths.since_start[1].value) < 6.7
