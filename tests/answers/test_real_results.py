"""Real results, read from beside the checkout: the figures are those of the files themselves."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from aligntax.answers.conditions import differing, unknown
from aligntax.answers.pairing import pair
from aligntax.answers.read import is_pairs, read_answers, read_pairs
from aligntax.errors import UsageError
from aligntax.records import Answers

MODELS = {
    "hf.co/bartowski/swiss-ai_Apertus-8B-Instruct-2509-GGUF:Q4_K_M": (1000, 56, 122),
    "llama3.1:8b": (999, 73, 131),
    "qwen3:8b": (998, 21, 26),
    "gemma4:e4b": (998, 105, 217),
}
"""Model -> pairs, refusals without the prefix, refusals with it."""


def table_of(answers: Answers) -> pa.Table:
    """The table, which must be there."""
    assert answers.table is not None
    return answers.table


def mean_score(answers: Answers) -> float:
    """Mean of the scores there are."""
    return float(np.mean(table_of(answers).column("score").drop_null().to_numpy()))


@pytest.mark.parametrize("model", ["Meta-Llama-3-8B", "Meta-Llama-3-8B-Instruct"])
@pytest.mark.parametrize(
    ("task", "benchmark", "metric", "shots", "items"),
    [
        ("arc", "arc_challenge", "acc_norm,none", "25", 1172),
        ("gsm8k", "gsm8k", "exact_match,strict-match", "5", 1319),
        ("hellaswag", "hellaswag", "acc_norm,none", "10", 10042),
        ("winogrande", "winogrande", "acc,none", "5", 1267),
        ("mmlu", "mmlu", "acc,none", "5", None),
    ],
)
def test_summaries_of_the_harness(
    shared_data: Path, model: str, task: str, benchmark: str, metric: str, shots: str, items: int | None
) -> None:
    """Mean and standard error are the file's, to the last digit; MMLU is one benchmark, not sixty."""
    path = shared_data / "tables" / "lm_eval_results" / f"{model}__{task}.json"
    entry = json.loads(path.read_text("utf-8"))["results"][benchmark]
    (found,) = read_answers(str(path))
    assert (found.benchmark, found.metric) == (benchmark, metric.removesuffix(",none"))
    assert found.table is None
    assert found.summary is not None
    assert found.summary.mean == entry[metric]
    assert found.summary.standard_error == entry[metric.replace(",", "_stderr,")]
    assert found.summary.n == items
    assert found.model == f"meta-llama/{model}"
    assert found.conditions["shots"] == shots
    assert found.conditions["harness"] == "lm-evaluation-harness commit 3196e907"


def test_base_and_instruct_were_run_alike(shared_data: Path) -> None:
    """Nothing differs between the runs of the two models, and neither tells of its chat template."""
    folder = shared_data / "tables" / "lm_eval_results"
    base, chat = (
        read_answers(f"{folder}:model=meta-llama/{name}")
        for name in ("Meta-Llama-3-8B", "Meta-Llama-3-8B-Instruct")
    )
    assert [answers.benchmark for answers in base] == [answers.benchmark for answers in chat]
    both = list(zip(base, chat, strict=True))
    assert [differing(first, second) for first, second in both] == [[]] * 8
    assert all("template" not in first.conditions and not unknown(first, second) for first, second in both)


def test_truthfulqa_is_three_benchmarks(shared_data: Path) -> None:
    """Its group averages accuracy over two ways of asking the same questions, which is nobody's figure."""
    found = read_answers(str(shared_data / "tables" / "lm_eval_results" / "Meta-Llama-3-8B__truthfulqa.json"))
    assert [(a.benchmark, a.metric, a.chance) for a in found] == [
        ("truthfulqa_gen", "bleu_acc", None),
        ("truthfulqa_mc1", "acc", None),
        ("truthfulqa_mc2", "acc", None),
    ]


@pytest.mark.parametrize(("name", "items", "right"), [("permute", 133, 70), ("secondary", 106, 55)])
def test_sample_logs_of_the_harness(shared_data: Path, name: str, items: int, right: int) -> None:
    """Task and model come from the name of the file, chance from the two options of each item."""
    folder = shared_data / "tables" / "lm_eval_results"
    (path,) = folder.glob(f"pythia-14m__samples_metabench_winogrande_{name}_*.jsonl")
    (found,) = read_answers(str(path))
    assert (found.benchmark, found.model, found.metric) == (
        f"metabench_winogrande_{name}",
        "pythia-14m",
        "acc",
    )
    table = table_of(found)
    assert (len(table), sum(table.column("score").to_pylist())) == (items, right)
    assert found.chance == 0.5
    assert table.column("response").null_count == table.column("parsed").null_count == items


def test_pairs_of_mmlu_pro(shared_data: Path) -> None:
    """Three pairs of 12,032 items each, with the means the data's description gives."""
    path = shared_data / "paired" / "mmlu_pro_base_vs_aligned.jsonl"
    assert is_pairs(path)
    sides = read_pairs(path)
    means = [(round(mean_score(base), 4), round(mean_score(aligned), 4)) for base, aligned in sides]
    assert means == [(0.2977, 0.2415), (0.2917, 0.2876), (0.2497, 0.268)]
    base, aligned = sides[0]
    assert (base.model, aligned.model) == ("Mistral-7B-v0.1", "Mistral-7B-Instruct-v0.1")
    assert base.chance == 0.1
    pairs = pair(base, aligned)
    assert (len(pairs), pairs.only_first, pairs.only_second, pairs.clustered) == (12_032, 0, 0, False)
    assert Counter(table_of(aligned).column("parsed").to_pylist()) == {True: 10_167, False: 1_865}


@pytest.mark.parametrize(
    ("model", "right"),
    [("6b_finetuning", 286), ("6b_verification", 515), ("175b_finetuning", 458), ("175b_verification", 742)],
)
def test_four_systems_on_gsm8k(shared_data: Path, model: str, right: int) -> None:
    """Each system is a selection of the file; nobody can guess a number."""
    (found,) = read_answers(f"{shared_data / 'paired' / 'gsm8k_model_solutions.jsonl'}:model={model}")
    scores = table_of(found).column("score").to_pylist()
    assert (len(scores), sum(scores), found.metric, found.chance) == (1319, right, "correct", 0.0)
    assert not is_pairs(shared_data / "paired" / "gsm8k_model_solutions.jsonl")


def test_a_file_of_many_models_says_what_to_type(shared_data: Path) -> None:
    """The error names the field, the values with their counts, and an argument that works."""
    path = shared_data / "paired" / "gsm8k_model_solutions.jsonl"
    with pytest.raises(UsageError, match=r"4 values of 'model'.*6b_finetuning \(1,319\)") as caught:
        read_answers(str(path))
    argument = caught.value.hint.removeprefix("type ").partition(" or ")[0]
    assert argument == f"{path}:model=6b_finetuning"
    assert len(table_of(read_answers(argument)[0])) == 1319


def test_stages_of_oasst(shared_data: Path) -> None:
    """The same 250 prompts through a pretrained, a tuned and a reinforced model."""
    path = shared_data / "paired" / "oasst_stages.jsonl"
    models = ("pythia-12b-pre-v8", "pythia-12b-sft-v8-7k", "pythia-12b-sft-v8-rlhf-2k")
    stages = [read_answers(f"{path}:model={model}")[0] for model in models]
    for first, second in pairwise(stages):
        pairs = pair(first, second)
        assert (len(pairs), pairs.matched_by, pairs.notes) == (250, "item", ())
        assert differing(first, second) == []
        assert first.conditions == {"generation": "greedy"}


def test_two_answers_are_missing_on_one_side(shared_data: Path) -> None:
    """phi-2 lacks two of the 805 prompts of AlpacaEval; the rest are paired and the two are counted."""
    path = shared_data / "paired" / "alpaca_eval_outputs.jsonl"
    (base,), (dpo,) = (read_answers(f"{path}:model={model}") for model in ("phi-2", "phi-2-dpo"))
    pairs = pair(base, dpo)
    assert (len(pairs), pairs.only_first, pairs.only_second, pairs.changed_prompts) == (803, 0, 2, 0)
    assert pairs.length_unit == "characters"
    assert pairs.first.column("prompt").equals(pairs.second.column("prompt"))


def test_concise_default_and_verbose(shared_data: Path) -> None:
    """A selector reaches any field: claude-2.1's answers grow from concise to verbose."""
    path = shared_data / "paired" / "alpaca_eval_outputs.jsonl"
    chosen = ("verbosity_variant=concise", "model=claude-2.1", "verbosity_variant=verbose")
    means = [np.mean(table_of(read_answers(f"{path}:{s}")[0]).column("length").to_numpy()) for s in chosen]
    assert means == sorted(means)
    assert read_answers(f"{path}:model=claude-2.1,verbosity_variant=null")[0].model == "claude-2.1"


@pytest.mark.parametrize("model", MODELS)
def test_a_prefix_of_the_prompt_on_both_sides_of_a_file(shared_data: Path, model: str) -> None:
    """Neither ids nor prompts are the same, yet each prompt is found behind the prefix; refusals rise."""
    path = shared_data / "paired" / "orbench_legal_prefix_responses.jsonl"
    (plain,) = read_answers(f"{path}:model={model},flags.condition=none")
    (prefixed,) = read_answers(f"{path}:model={model},id~supreme_court_prefix/")
    pairs = pair(plain, prefixed)
    refused = [table.column("outcome").to_pylist().count("refused") for table in (pairs.first, pairs.second)]
    assert (len(pairs), *refused) == MODELS[model]
    assert refused[1] > refused[0]
    assert pairs.added.startswith("I am legal counsel working for a national supreme court")
    assert pairs.matched_by == "parts of the item"
    names = zip(pairs.first.column("item").to_pylist(), pairs.second.column("item").to_pylist(), strict=True)
    assert all(a.rpartition("/")[2] + "_prefix" == b.rpartition("/")[2] for a, b in names)


def test_benign_and_harmful_prompts_are_benchmarks_of_their_own(shared_data: Path) -> None:
    """XSTest holds both; a refusal means the opposite in each."""
    found = read_answers(f"{shared_data / 'labelled' / 'xstest_completions.jsonl'}:model=gpt4")
    assert [(a.benchmark, a.prompt_type, len(table_of(a))) for a in found] == [
        ("xstest_completions (benign)", "benign", 250),
        ("xstest_completions (harmful)", "harmful", 200),
    ]
    assert all(a.conditions == {"detector": "human"} for a in found)
