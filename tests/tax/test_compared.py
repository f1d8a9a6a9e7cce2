"""A against B, on tables whose comparison is worked out by hand, and on real ones."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.records import Answers, Summary
from aligntax.stats.comparison import difference, exact_mcnemar, paired_difference
from aligntax.tax.pairs.compared import Compared, compare
from aligntax.tax.pairs.differences import Difference
from aligntax.tax.pairs.matching import match, refuse
from aligntax.tax.pairs.sides import sides
from aligntax.tax.pairs.verdicts import finding
from aligntax.traffic.redaction import Redactor
from tax.known_answers import answers, compared, scores, settings, worlds


def strict(one: Compared) -> Difference:
    return one.scores[0].difference


def verdict(one: Compared, at: int = 0) -> str:
    direction = 1 if one.first.higher_is_better else -1
    return finding(one.scores[at].difference, direction, 0.95)


def test_zeros_and_ones_have_mcnemars_test() -> None:
    """20 items, six lost and none won: -.3, p = 2 / 64, Bonett and Price's interval by hand."""
    found = compared(answers("a", score=scores(12, 20)), answers("b", score=scores(6, 20)))
    gap = strict(found)
    assert gap.test == "exact McNemar"
    assert gap.p == pytest.approx(2 / 64)
    centre, error = -6 / 22, math.sqrt(8 - 36 / 22) / 22
    assert gap.difference.value == pytest.approx(-0.3)
    assert gap.difference.low == pytest.approx(centre - 1.959964 * error)
    assert gap.difference.high == pytest.approx(centre + 1.959964 * error)
    assert (gap.first.value, gap.second.value) == (0.6, 0.3)
    assert verdict(found) == "worse"


def test_items_are_paired_by_name_not_by_place() -> None:
    """The same answers in another order are no difference at all; what one side lacks is counted."""
    first = answers("a", items=["x", "y", "z"], score=[1, 0, 1])
    second = answers("b", items=["z", "w", "x", "y"], score=[1, 1, 1, 0])
    found = compared(first, second)
    assert strict(found).difference.value == 0
    assert (found.pairing.items, found.pairing.only_first, found.pairing.only_second) == (3, 0, 1)


def test_unparsed_answers_count_both_ways() -> None:
    """A: 5 of 10, all read. B: 4 right and 4 unparsed: -.1 as wrong, 0 where a guess earns .25."""
    first = answers("a", chance=0.25, score=scores(5, 10), parsed=[True] * 10)
    second = answers("b", chance=0.25, score=scores(4, 10), parsed=[True] * 6 + [False] * 4)
    found = compared(first, second)
    assert [s.convention for s in found.scores] == ["strict", "guess credit"]
    assert [s.difference.difference.value for s in found.scores] == pytest.approx([-0.1, 0.0])
    assert found.scores[0].unparsed == (0, 4)


def test_unparsed_answers_without_a_score_are_wrong() -> None:
    first = answers("a", score=[1.0, 1.0, 0.0], parsed=[True] * 3)
    second = answers("b", score=[1.0, None, 0.0], parsed=[True, False, True])
    assert strict(compared(first, second)).difference.value == pytest.approx(-1 / 3)


def test_what_was_not_scored_is_left_out() -> None:
    first, second = answers("a", score=[1.0, 1.0, 0.0]), answers("b", score=[1.0, None, 0.0])
    found = compared(first, second)
    assert found.scores[0].unscored == 1
    assert strict(found).difference.n == 2


def test_without_a_known_guess_there_is_no_tax_and_no_credit() -> None:
    first = answers("a", score=scores(50, 100), parsed=[True] * 100)
    second = answers("b", score=scores(40, 100), parsed=[False] * 100)
    found = compared(first, second)
    assert [s.convention for s in found.scores] == ["strict"]
    assert not found.scores[0].tax.known
    told = compared(first, second, chances={"quiz": 0.25})
    assert len(told.scores) == 2
    assert told.scores[0].tax.value == pytest.approx(0.1 / 0.25)


def test_the_tax_is_what_is_lost_above_a_guess() -> None:
    """80 % down to 60 % where a guess scores 40 %: half of 40 points. The other way round it is a bonus."""
    high, low = scores(80, 100), scores(60, 100)
    lost = compared(answers("a", chance=0.4, score=high), answers("b", chance=0.4, score=low))
    assert lost.scores[0].tax.value == pytest.approx(0.5)
    won = compared(answers("a", chance=0.4, score=low), answers("b", chance=0.4, score=high))
    assert won.scores[0].tax.value == pytest.approx(-1)
    near = compared(answers("a", chance=0.4, score=scores(42, 100)), answers("b", chance=0.4, score=low))
    assert not near.scores[0].tax.known


def test_clusters_make_the_interval_wider() -> None:
    """Ten passages of ten questions that fall together are ten changes, not a hundred."""
    first = answers("a", score=[1.0] * 100, cluster=[f"p{at // 10}" for at in range(100)])
    lost = [0.0 if at // 10 in (0, 3, 7) else 1.0 for at in range(100)]
    second = answers("b", score=lost, cluster=[f"p{at // 10}" for at in range(100)])
    clustered = strict(compared(first, second))
    alone = strict(compared(answers("a", score=[1.0] * 100), answers("b", score=lost)))
    assert clustered.test == "sign flip"
    assert clustered.p == pytest.approx(2 / 2**3)
    assert alone.p < 1e-6
    assert clustered.difference.high - clustered.difference.low > 2 * (
        alone.difference.high - alone.difference.low
    )


def test_less_can_be_better() -> None:
    """A perplexity that rises is worse, its unit is its own, and the margin for shares is none for it."""
    generator = np.random.default_rng(3)
    low = generator.uniform(5, 6, 60)
    found = compared(
        answers("a", metric="perplexity", higher_is_better=False, score=low.tolist()),
        answers("b", metric="perplexity", higher_is_better=False, score=(low + 1).tolist()),
    )
    assert strict(found).difference.unit == "score"
    assert strict(found).equivalence is None
    assert verdict(found) == "worse"
    assert found.score_flips is not None
    assert (found.score_flips.worse, found.score_flips.better) == (60, 0)


@pytest.mark.parametrize(
    ("lost", "of", "said"),
    [(0, 4000, "no difference"), (30, 4000, "worse"), (3, 100, "cannot tell"), (400, 4000, "worse")],
)
def test_no_more_is_said_than_the_interval_allows(lost: int, of: int, said: str) -> None:
    first, second = answers("a", score=[1.0] * of), answers("b", score=scores(of - lost, of))
    assert verdict(compared(first, second)) == said


def test_many_benchmarks_are_adjusted_for() -> None:
    """P of 1/32 alone is worse; among three of them, no longer."""
    first = [answers("a", benchmark=f"b{at}", score=scores(12, 20)) for at in range(3)]
    second = [answers("b", benchmark=f"b{at}", score=scores(6, 20)) for at in range(3)]
    found = compare(match(first, second)[0], settings())
    assert [strict(one).p for one in found] == pytest.approx([1 / 32] * 3)
    assert [strict(one).adjusted for one in found] == pytest.approx([3 / 32] * 3)
    assert {verdict(one) for one in found} == {"cannot tell"}


def summary(
    model: str, mean: float, error: float | None = None, n: int | None = None, **more: Any
) -> Answers:
    known = Summary(mean=mean, standard_error=error, n=n)
    return Answers(benchmark="quiz", metric="acc", model=model, source=model, summary=known, **more)


def test_summaries_are_compared_unpaired_and_say_so() -> None:
    """Counts give Newcombe's interval, standard errors the normal one, neither gives none."""
    counted = compared(summary("a", 74 / 250, n=250), summary("b", 149 / 250, n=250))
    assert strict(counted).difference == difference(149, 250, 74, 250)
    assert "only the mean of A and of B is known" in counted.pairing.why_not
    errors = compared(summary("a", 0.5, 0.03, chance=0.25), summary("b", 0.4, 0.04, chance=0.25))
    assert strict(errors).difference.low == pytest.approx(-0.1 - 1.959964 * 0.05)
    assert errors.scores[0].tax.value == pytest.approx(0.4)
    neither = compared(summary("a", 0.5), summary("b", 0.4))
    assert not strict(neither).difference.known
    assert verdict(neither) == "cannot tell"


def test_items_that_never_meet_are_compared_unpaired() -> None:
    first = answers("a", items=[f"x{at}" for at in range(100)], score=scores(60, 100))
    second = answers("b", items=[f"y{at}" for at in range(100)], score=scores(50, 100))
    found = compared(first, second)
    assert not found.pairing.paired
    assert found.pairing.why_not == "no item of A is among those of B"
    assert strict(found).difference == difference(50, 100, 60, 100)
    assert found.score_flips is None


ANSWER_TEXT = "Boil the eggs for nine minutes, then cool them in water and peel them. " * 3
REFUSAL = "I'm sorry, but I can't help with that request."


def prompts(n: int) -> list[str]:
    return [f"How do I boil {at} eggs?" for at in range(n)]


def test_refusals_are_told_by_the_detector() -> None:
    """40 prompts, ten answered by A alone, two by B alone: +.2, McNemar 10 against 2."""
    first = [REFUSAL] * 2 + [ANSWER_TEXT] * 38
    second = [ANSWER_TEXT] * 2 + [REFUSAL] * 10 + [ANSWER_TEXT] * 28
    found = compared(
        answers("a", prompt=prompts(40), response=first), answers("b", prompt=prompts(40), response=second)
    )
    assert found.completion is not None
    rate = found.completion.rates["completion_tax"]
    assert rate.difference == paired_difference(10, 2, 40)
    assert rate.p == exact_mcnemar(10, 2)
    assert found.completion.source.startswith("phrases (")
    assert found.outcome_flips is not None
    assert (found.outcome_flips.worse, found.outcome_flips.better) == (10, 2)


def test_outcomes_of_the_file_lead_where_both_sides_have_them() -> None:
    """The file calls refused what reads as complete; a detector that is asked for overrules it."""
    told = {"prompt": prompts(6), "response": [ANSWER_TEXT] * 6}
    first = answers("a", **told, outcome=["complete"] * 6)
    second = answers("b", **told, outcome=["refused"] * 2 + ["hedged"] * 2 + ["undetermined"] + ["complete"])
    led = compared(first, second).completion
    assert led is not None
    assert led.source == "file"
    assert {name: rate.difference.value for name, rate in led.rates.items()} == pytest.approx(
        {"completion_tax": 0.8, "refused": 0.4, "hedged": 0.4}
    )
    assert (led.undetermined, led.left_out) == ((0, 1), 1)
    overruled = compared(first, second, detector_leads=True).completion
    assert overruled is not None
    assert overruled.rates["refused"].difference.value == 0
    half = compared(answers("a", **told), second).completion
    assert half is not None
    assert half.source != "file"


def test_what_the_provider_refused_needs_no_text() -> None:
    """A log marks refusals alone: they count, though there is nothing to read, and the rest is detected."""
    first = answers("a", prompt=prompts(4), response=[ANSWER_TEXT] * 4)
    second = answers(
        "b",
        prompt=prompts(4),
        response=[None, "", ANSWER_TEXT, REFUSAL],
        outcome=["refused", "refused", None, None],
    )
    found = compared(first, second).completion
    assert found is not None
    assert found.rates["refused"].second.value == pytest.approx(3 / 4)


def test_harmful_prompts_are_safety_not_tax() -> None:
    """Ten harmful prompts that A refuses and B answers: B complied with all, and that is worse."""
    told = {"prompt": prompts(10), "prompt_type": "harmful"}
    first, second = (
        answers("a", response=[REFUSAL] * 10, **told),
        answers("b", response=[ANSWER_TEXT] * 10, **told),
    )
    found = compared(first, second)
    assert found.completion is not None
    assert found.completion.harmful
    assert "completion_tax" not in found.completion.rates
    complied = found.completion.rates["complied"]
    assert (complied.first.value, complied.second.value) == (0, 1)
    assert finding(complied, -1, 0.95) == "worse"
    assert found.outcome_flips is not None
    assert (found.outcome_flips.worse, found.outcome_flips.better) == (10, 0)


def test_verbosity_is_the_ratio_where_both_answered() -> None:
    """Half of the answers get twice as long, half four times: x2.83. Refusals do not count."""
    lengths = [100 + 7 * at for at in range(10)]
    longer = [(2 if at % 2 else 4) * n for at, n in enumerate(lengths)]
    known = {"response": ["x"] * 12}
    first = answers("a", length=[*lengths, 500, 500], outcome=["complete"] * 11 + ["refused"], **known)
    outcomes = ["complete"] * 10 + ["refused", "complete"]
    second = answers("b", length=[*longer, 20, 700], outcome=outcomes, **known)
    found = compared(first, second).verbosity
    assert found is not None
    assert (found.n, found.unit) == (10, "log ratio")
    assert found.value == pytest.approx(1.5 * math.log(2))
    half = 2.262157 * 0.5 * math.log(2) / 3  # t with 9 degrees, standard error by hand
    assert found.low <= found.value - half
    assert found.low > 0


def test_flips_are_redacted_and_cut() -> None:
    prompt = "Write to jane.doe@example.com about it. " + "x" * 400
    first = answers("a", prompt=[prompt, "b"], score=[1.0, 0.0])
    second = answers("b", prompt=[prompt, "b"], score=[0.0, 1.0])
    clean = compared(first, second, redactor=Redactor()).score_flips
    assert clean is not None
    assert [flip.way for flip in clean.flips] == ["worse", "better"]
    shown = str(clean.flips[0].prompt)
    assert "jane.doe" not in shown
    assert "[email:" in shown
    assert len(shown) == 240
    raw = compared(first, second).score_flips
    assert raw is not None
    assert "jane.doe@example.com" in str(raw.flips[0].prompt)


def test_the_largest_changes_come_first() -> None:
    first, second = answers("a", score=[0.5, 0.9, 0.4]), answers("b", score=[0.4, 0.1, 0.9])
    flips = compared(first, second).score_flips
    assert flips is not None
    assert [(f.item, f.way) for f in flips.flips] == [("i1", "worse"), ("i2", "better"), ("i0", "worse")]


@pytest.mark.parametrize(
    ("name", "value", "other"),
    [("shots", "5", "0"), ("template", "none", "1f2e"), ("harness", "lm-eval 0.4.2", "lm-eval 0.4.9")],
)
def test_other_conditions_are_refused(name: str, value: str, other: str) -> None:
    """The name, the benchmark and both values are said; forced, they are kept."""
    first = answers("a", score=[1.0, 0.0], conditions={name: value})
    second = answers("b", score=[1.0, 0.0], conditions={name: other})
    matches, _ = match([first], [second])
    with pytest.raises(UsageError) as caught:
        refuse(matches, force=False)
    assert f"quiz: {name} is {value} in A and {other} in B" in caught.value.message
    assert "--force" in caught.value.hint
    assert refuse(matches, force=True) == [f"quiz: {name} is {value} in A and {other} in B"]


def test_another_metric_is_refused() -> None:
    first, second = answers("a", score=[1.0]), answers("b", metric="f1", score=[1.0])
    with pytest.raises(UsageError, match="metric is correct in A and f1 in B"):
        refuse(match([first], [second])[0], force=False)


def test_another_benchmark_is_refused() -> None:
    first, second = answers("a", score=[1.0]), answers("b", benchmark="exam", score=[1.0])
    with pytest.raises(UsageError, match="benchmark is quiz in A and exam in B"):
        refuse(match([first], [second])[0], force=False)


def test_files_that_lend_their_names_are_no_two_benchmarks() -> None:
    first, second = answers("a", benchmark="a", score=[1.0]), answers("b", benchmark="b", score=[1.0])
    assert refuse(match([first], [second])[0], force=False) == []


def test_benchmarks_are_matched_by_name() -> None:
    first = [answers("a", benchmark=name, score=[1.0]) for name in ("x", "y", "z")]
    second = [answers("b", benchmark=name, score=[1.0]) for name in ("z", "x", "w")]
    matches, notes = match(first, second)
    assert [one.first.benchmark for one in matches] == ["x", "z"]
    assert notes == ["only A has y (correct)", "only B has w (correct)"]
    assert [one.first.benchmark for one in match(first, second, benchmarks=["z"])[0]] == ["z"]
    with pytest.raises(UsageError, match="nothing to compare: A has y"):
        match(first, second, benchmarks=["y"])


def write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def test_one_file_of_two_models_is_both_sides(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": str(at), "model": model, "correct": at % 2 == 0, "domain": domain}
        for model, domain in (("x, y", "law"), ("z", "law"), ("w", "art"))
        for at in range(4)
    ]
    with pytest.raises(UsageError, match="two models are compared, and there are 3: x, y"):
        list(sides(write(tmp_path / "three.jsonl", rows), None))
    ((first, second),) = sides(write(tmp_path / "two.jsonl", rows) + ":domain=law", None)
    assert [side[0].model for side in (first, second)] == ["x, y", "z"]
    with pytest.raises(UsageError, match="there are 1"):
        list(sides(f"{tmp_path / 'two.jsonl'}:domain=art", None))


@pytest.mark.slow
def test_the_interval_covers_in_clusters() -> None:
    """B is five points worse in truth: of 400 worlds of 60 clusters, the 95 % interval holds it in 95 %."""
    held = 0
    for seed in range(400):
        first, second, cluster = worlds(seed, 60, 8)
        found = strict(
            compared(
                answers("a", score=first.tolist(), cluster=cluster),
                answers("b", score=second.tolist(), cluster=cluster),
            )
        )
        held += found.difference.low <= -0.05 <= found.difference.high
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.slow
def test_the_interval_covers_without_clusters() -> None:
    """The same worlds with one item a cluster: Bonett and Price's interval, which errs on the long side."""
    held = 0
    for seed in range(1000):
        first, second, _ = worlds(seed, 300, 1)
        gap = strict(compared(answers("a", score=first.tolist()), answers("b", score=second.tolist())))
        held += gap.difference.low <= -0.05 <= gap.difference.high
    assert 0.935 <= held / 1000 <= 0.98


def test_mmlu_pro(shared_data: Path) -> None:
    """Three real pairs: one worse, one of which nobody can tell, one better; both conventions."""
    file = str(shared_data / "paired" / "mmlu_pro_base_vs_aligned.jsonl")
    matches = [match(*pair)[0][0] for pair in sides(file, None)]
    found = {one.first.model: one for one in compare(matches, settings())}
    old, new, yi = (found[name] for name in ("Mistral-7B-v0.1", "Mistral-7B-v0.2-hf", "Yi-6B"))
    assert strict(old).difference == paired_difference(1156, 1832, 12032)
    assert strict(old).difference.value == pytest.approx(-0.0562, abs=5e-5)
    assert strict(old).p == exact_mcnemar(1156, 1832)
    assert (verdict(old), verdict(old, 1)) == ("worse", "worse")
    assert old.scores[0].tax.value == pytest.approx(0.0562 / 0.1977, abs=2e-3)
    values = [scores.difference.difference.value for scores in new.scores]
    assert values[0] == pytest.approx(-0.0042, abs=5e-5)
    assert 0.003 <= values[1] <= 0.004
    assert (verdict(new), verdict(new, 1)) == ("cannot tell", "cannot tell")
    assert strict(yi).difference.value == pytest.approx(0.0184, abs=5e-5)
    assert verdict(yi) == "better"
    assert yi.scores[0].tax.high < 0


def one_of(first: str, second: str, **chosen: Any) -> Compared:
    ((one, other),) = sides(first, second)
    (found,) = compare(match(one, other)[0], settings(**chosen))
    return found


def test_gsm8k(shared_data: Path) -> None:
    """Verification of 175B against fine-tuning of 6B: paired by problem, against a count of the rows."""
    path = shared_data / "paired" / "gsm8k_model_solutions.jsonl"
    right: dict[str, set[str]] = {}
    with path.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            right.setdefault(row["model"], set()).update([row["id"]] if row["correct"] else [])
    won = len(right["175b_verification"] - right["6b_finetuning"])
    lost = len(right["6b_finetuning"] - right["175b_verification"])
    found = one_of(f"{path}:model=6b_finetuning", f"{path}:model=175b_verification")
    assert strict(found).difference == paired_difference(won, lost, 1319)
    assert found.score_flips is not None
    assert (found.score_flips.better, found.score_flips.worse) == (won, lost)
    assert verdict(found) == "better"
    assert found.scores[0].tax.high < 0


def test_concise_default_verbose(shared_data: Path) -> None:
    """Told to be concise, claude-2.1 is surely shorter than by default, told to be verbose surely longer."""
    path = shared_data / "paired" / "alpaca_eval_outputs.jsonl"
    for short, long in (("claude-2.1_concise", "claude-2.1"), ("claude-2.1", "claude-2.1_verbose")):
        found = one_of(f"{path}:model={short}", f"{path}:model={long}").verbosity
        assert found is not None
        assert found.low > 0
        assert found.n > 600


def test_lm_eval_summaries(shared_data: Path) -> None:
    """Meta-Llama-3-8B against -Instruct: eight figures, unpaired, GSM8K better and HellaSwag worse."""
    folder = shared_data / "tables" / "lm_eval_results"
    ((one, other),) = sides(f"{folder}/Meta-Llama-3-8B__*", f"{folder}/Meta-Llama-3-8B-Instruct__*")
    found = {c.first.benchmark: c for c in compare(match(one, other)[0], settings())}
    assert not any(c.pairing.paired for c in found.values())
    assert all("only the mean" in c.pairing.why_not for c in found.values())
    assert verdict(found["gsm8k"]) == "better"
    assert strict(found["gsm8k"]).difference.method == "Newcombe"
    assert verdict(found["hellaswag"]) == "worse"
    assert strict(found["mmlu"]).difference.method == "two standard errors"
    assert verdict(found["mmlu"]) == "cannot tell"


@pytest.mark.parametrize("detector_leads", [False, True])
@pytest.mark.parametrize(
    ("model", "sure"),
    [
        ("hf.co/bartowski/swiss-ai_Apertus-8B-Instruct-2509-GGUF:Q4_K_M", True),
        ("llama3.1:8b", True),
        ("gemma4:e4b", True),
        ("qwen3:8b", False),
    ],
)
def test_the_prefix_backfires(shared_data: Path, model: str, sure: bool, detector_leads: bool) -> None:
    """Pleading to be counsel raises refusals for each of four models, by the labels three of them surely."""
    path = shared_data / "paired" / "orbench_legal_prefix_responses.jsonl"
    plain, prefix = (f"{path}:model={model},flags.condition={c}" for c in ("none", "supreme_court_prefix"))
    found = one_of(plain, prefix, detector_leads=detector_leads)
    assert found.pairing.paired
    assert found.pairing.items > 990
    assert found.completion is not None
    rate = found.completion.rates["refused"]
    assert rate.difference.value > 0
    assert (rate.difference.low > 0) == (sure or detector_leads)
    assert (found.completion.source == "file") == (not detector_leads)
