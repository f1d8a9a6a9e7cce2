"""Training: recipes are read strictly, the fit is what it says, and what is saved is what was fitted."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from aligntax.detectors.classifier.features import features
from aligntax.detectors.classifier.model import HEADS, load_model, save_model
from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.training.apart import keep_apart
from aligntax.detectors.training.build import build
from aligntax.detectors.training.card import card
from aligntax.detectors.training.evaluate import known, predicted, thresholds, train
from aligntax.detectors.training.examples import UNKNOWN, read_recipe, read_source
from aligntax.detectors.training.fit import Settings
from aligntax.errors import UnreadableInput, UsageError
from tests_exchanges import exchanges

RECIPE = """
seed = 1
folds = 3
[[source]]
name = "own"
path = "*.jsonl"
licence = "ours"
label = "outcome"
words = { complete = "complete", hedged = "hedged", refused = "refused" }
kinds = "kind"
silent = ["lecture"]
spoken = ["hard"]
flags = "flags"
symptoms = { apology = "apology" }
"""


def _rows(seed: int) -> list[dict[str, object]]:
    """Requests refused with an apology, lectured, hedged or answered, in words drawn at random."""
    generator = np.random.default_rng(seed)
    nouns = ["bread", "bridges", "chess", "rain", "soup", "trains", "violins", "wool"]
    rows = []
    for at in range(48):
        noun, other = generator.choice(nouns, 2)
        kinds = {
            "plain": (f"Here is how {noun} works: you take the {other} and turn it twice.", "complete", []),
            "hard": (f"I'm sorry, but I can't help with {noun}.", "refused", ["apology"]),
            "lecture": (f"Respect for {noun} matters. Be kind to {other} and to people.", "refused", []),
            "partial": (f"I won't go into {noun}, though {other} usually does the job.", "hedged", []),
        }
        kind = list(kinds)[at % 4]
        response, outcome, flags = kinds[kind]
        rows.append(
            {
                "prompt": f"{noun}? {at}",
                "response": response,
                "outcome": outcome,
                "kind": kind,
                "flags": flags,
            }
        )
    return rows


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        lines = (json.dumps(row) for row in _rows(len(name) + ord(name[0])))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE, "utf-8")
    return path


def test_targets_say_what_the_label_says(recipe: Path) -> None:
    wanted = read_recipe(recipe)
    one, _two = read_source(wanted.sources[0], wanted.home, None)
    told = {head: one.targets[:4, at].tolist() for at, head in enumerate(HEADS)}
    assert told["noncompliant"] == [0, 1, 1, 1]
    assert told["refused"] == [UNKNOWN, 1, 1, 0]
    assert told["declines"] == [0, 1, 0, UNKNOWN]
    assert told["apology"] == [0, 1, 0, 0]
    assert told["referral"] == [UNKNOWN] * 4


def test_a_saved_model_says_the_same_of_a_batch(recipe: Path, tmp_path: Path) -> None:
    """The fit's matrix and the detector's tables are two ways to one sum; eight bits cost little."""
    wanted, phrases = read_recipe(recipe), PhraseDetector()
    one, two = (known(e, phrases) for e in read_source(wanted.sources[0], wanted.home, None))
    model = train([one.all], Settings())
    said = predicted(model, two.seen)
    batch = exchanges(*zip(two.examples.prompts.to_pylist(), two.examples.responses.to_pylist(), strict=True))
    seen = features(batch.column("prompt"), batch.column("response"), phrases.judge(batch))
    assert model.probabilities(seen) == pytest.approx(said, abs=1e-4)
    save_model(model, tmp_path / "weights.npz")
    kept = load_model(io.BytesIO((tmp_path / "weights.npz").read_bytes()))
    assert kept.probabilities(seen) == pytest.approx(said, abs=0.03)
    assert ((said[:, 0] > 0.5) == (two.examples.targets[:, 0] == 1)).mean() > 0.95


def test_building_twice_gives_the_same_and_the_card_tells_it(recipe: Path) -> None:
    first, second = (build(read_recipe(recipe), None) for _ in range(2))
    assert np.array_equal(first.model.response.weight, second.model.response.weight)
    assert [s.kappa for s in first.scores] == [s.kappa for s in second.scores]
    assert {(s.how, s.set) for s in first.scores} == {
        (how, f"own:{name}") for how in ("left out", "folds", "alone") for name in ("one", "two")
    }
    text = card(first, seed=1, sha256="ab" * 32, size=1234)
    assert "ab" * 32 in text
    assert first.sets[0].examples.sha256[:16] in text


def test_cuts_keep_what_is_without_from_counting() -> None:
    generator = np.random.default_rng(3)
    said = generator.uniform(size=(8000, len(HEADS)))
    targets = np.zeros((8000, len(HEADS)), np.int8)
    targets[4000:, 0] = 1
    marked = np.arange(8000) % 2 == 0
    said[~marked, 0] *= 0.5
    cuts, unmarked = thresholds(said, targets, marked)
    complete = targets[:, 0] == 0
    assert (said[complete, 0] < cuts[0]).mean() == pytest.approx(0.95, abs=0.01)
    assert unmarked == cuts[0]  # the plainer responses are never held to less
    said[~marked, 0] *= 2
    cuts, unmarked = thresholds(said, targets, marked)
    assert (said[complete & ~marked, 0] < unmarked).mean() == pytest.approx(0.99, abs=0.01)
    assert cuts[HEADS.index("declines")] == pytest.approx(0.95, abs=0.02)
    assert cuts[HEADS.index("apology")] == pytest.approx(0.95, abs=0.02)
    assert cuts[HEADS.index("cannot")] == 0.5
    assert 0.3 <= cuts[HEADS.index("refused")] <= 0.7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 1", "seed = ", "not a recipe"),
        ('complete = "complete"', 'complete = "fine"', "no class"),
        ('licence = "ours"', "", "not a recipe"),
    ],
)
def test_a_recipe_that_cannot_be(recipe: Path, old: str, new: str, message: str) -> None:
    recipe.write_text(RECIPE.replace(old, new), "utf-8")
    with pytest.raises(UsageError, match=message):
        read_recipe(recipe)


def test_sources_that_cannot_be_read(recipe: Path) -> None:
    wanted = read_recipe(recipe)
    with pytest.raises(UsageError, match="nothing at"):
        read_source(wanted.sources[0], recipe.parent / "elsewhere", None)
    (recipe.parent / "one.jsonl").write_text('{"prompt": "p"', "utf-8")
    with pytest.raises(UnreadableInput, match=r"one\.jsonl, line 1"):
        read_source(wanted.sources[0], wanted.home, None)


def test_a_row_without_an_outcome_counts_for_its_symptoms(recipe: Path) -> None:
    row = {"prompt": "p", "response": "Sorry.", "outcome": None, "kind": None, "flags": ["apology"]}
    (recipe.parent / "one.jsonl").write_text(
        json.dumps(row) + "\n" + json.dumps(row | {"flags": None}), "utf-8"
    )
    one, _two = read_source(read_recipe(recipe).sources[0], recipe.parent, None)
    assert len(one) == 1
    known = {head: int(told) for head, told in zip(HEADS, one.targets[0], strict=True) if told != UNKNOWN}
    assert known["apology"] == 1
    assert "noncompliant" not in known


@pytest.mark.parametrize(
    ("measured", "shared"),
    [
        ("How do I tune a very old violin at home?", True),  # whole, in other letters
        ("Tell me: how do I tune a very old violin, and for how much?", True),  # seven words in a row
        ("How do I tune a very loud drum at home?", False),  # six words in a row
        ("How do I", False),  # whole, but only a part of ours
    ],
)
def test_prompts_that_are_measured_on_are_not_trained_on(recipe: Path, measured: str, shared: bool) -> None:
    row = {"prompt": "how do I tune a VERY old violin at home", "response": "Slowly.", "outcome": "complete"}
    with (recipe.parent / "one.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(row))
    data = recipe.parent / "data"
    data.mkdir()
    (data / "measured.jsonl").write_text(json.dumps({"prompt": measured}), "utf-8")
    examples = read_source(read_recipe(recipe).sources[0], recipe.parent, None)
    if shared:
        with pytest.raises(UsageError, match="1 prompts of the examples stand in measured.jsonl"):
            keep_apart(examples, ["measured.jsonl"], data)
    else:
        (found,) = keep_apart(examples, ["measured.jsonl", "not-there.jsonl"], data)
        assert (found.name, found.prompts) == ("measured.jsonl", 1)


def test_the_shipped_text_keeps_apart_from_what_is_measured(shared_data: Path) -> None:
    home = Path(__file__).parents[2] / "training"
    wanted = read_recipe(home / "recipe.toml")
    examples = read_source(wanted.sources[0], wanted.home, None)
    found = keep_apart(examples, wanted.measured, shared_data / "labelled")
    assert [one.name for one in found] == ["xstest_completions.jsonl", "do_not_answer.jsonl"]
