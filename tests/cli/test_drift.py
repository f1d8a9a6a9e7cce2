"""`aligntax drift` from checkpoints and files to tables, document and chart."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from aligntax.cli.drift import run
from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from tiny_models import make_llama, make_tokenizer, tiny_config

OPTIONS: Mapping[str, Any] = {
    "prompts": None,
    "text": None,
    "samples": 2,
    "max_new_tokens": 6,
    "max_length": 64,
    "seed": 0,
    "limit": None,
    "chat": False,
    "group": "prompt_type",
    "vocab": "exact",
    "weights": True,
    "rank": 2,
    "best_of_n": None,
    "cache": None,
    "device": "cpu",
    "dtype": "auto",
    "batch": 4,
    "level": 0.95,
    "as_json": True,
    "chart": None,
    "quiet": True,
}
PROMPTS = [
    {
        "prompt": f"w{at} w{at + 1}",
        "response": f"w{at + 2} w3 w4",
        "prompt_type": ("benign", "harmful")[at % 2],
    }
    for at in range(8)
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference, a model a little beside it, prompts with responses, and text."""
    directory = tmp_path_factory.mktemp("drift")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    reference = LlamaForCausalLM(tiny_config())
    for weights in reference.parameters():
        if weights.ndim == 2:
            weights.data.normal_(0, 0.3)
    make_llama(directory / "reference", model=reference)
    for weights in reference.parameters():
        if weights.ndim == 2:
            weights.data += 0.05 * torch.randn_like(weights)
    make_llama(directory / "model", model=reference)
    (directory / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PROMPTS))
    (directory / "text.txt").write_text("w1 w2 w3 w4 w5\n\nw9 w8 w7\n\nw20 w21 w22 w23\n")
    return directory


def _measured(
    capsys: pytest.CaptureFixture[str], world: Path, model: str = "model", **options: Any
) -> Mapping[str, Any]:
    run(reference=str(world / "reference"), model=str(world / model), **{**OPTIONS, **options})
    done = capsys.readouterr()
    assert done.err == ""
    return json.loads(done.out)  # type: ignore[no-any-return]


def _everything(world: Path) -> dict[str, Path]:
    return {"prompts": world / "prompts.jsonl", "text": world / "text.txt"}


def test_document_has_every_text_in_both_directions(capsys: pytest.CaptureFixture[str], world: Path) -> None:
    """Four texts, each figure with its interval and what it estimates; no sampled estimator among them."""
    found = _measured(capsys, world, best_of_n=[16], **_everything(world))
    assert found["schema"] == "aligntax.drift/1"
    sizes = {text["text"]: (text["prompts"], text["sequences"]) for text in found["texts"]}
    assert sizes == {
        "reference_samples": (8, 16),
        "model_samples": (8, 16),
        "fixed": (8, 8),
        "general": (3, 3),
    }
    assert len(found["drift"]) == 8
    for row in found["drift"]:
        assert 0 < row["per_token"]["low"] < row["per_token"]["value"] < row["per_token"]["high"]
        assert row["per_token"]["unit"] == "nats"
        assert row["divergence"] in row["estimates"]
    whole = {(row["text"], row["direction"]) for row in found["drift"] if row["per_sequence"]["value"]}
    assert whole == {("reference_samples", "forward"), ("model_samples", "reverse")}
    assert "k1" not in json.dumps(found)
    assert "k3" not in json.dumps(found)
    assert found["best_of_n"] == [{"n": 16, "most_kl": pytest.approx(1.8351, abs=1e-4), "most_wins": 16 / 17}]


def test_positions_types_weights_and_cross_entropy(capsys: pytest.CaptureFixture[str], world: Path) -> None:
    """Figures by position start at 1, types are the file's, every layer has its distance."""
    found = _measured(capsys, world, **_everything(world))
    fixed = [row for row in found["positions"] if (row["text"], row["direction"]) == ("fixed", "forward")]
    assert [(row["first"], row["last"], row["per_token"]["n"]) for row in fixed] == [(1, 1, 8), (2, 3, 16)]
    assert {row["group"] for row in found["groups"]} == {"benign", "harmful"}
    assert [layer["layer"] for layer in found["weights"]["layers"]] == [0, 1, 2, 3, None]
    assert all(0.1 < layer["distance"] < 0.3 for layer in found["weights"]["layers"][:-1])
    entropy = found["cross_entropy"]
    change = entropy["model"]["value"] - entropy["reference"]["value"]
    assert entropy["difference"]["value"] == pytest.approx(change)


def test_a_model_and_itself(capsys: pytest.CaptureFixture[str], world: Path) -> None:
    """All 0, and both drew the same."""
    found = _measured(capsys, world, "reference", **_everything(world))
    assert {row["per_token"]["value"] for row in found["drift"]} == {0.0}
    assert found["cross_entropy"]["difference"]["value"] == 0.0
    assert found["weights"]["distance"] == 0.0


def test_a_second_model_costs_the_reference_nothing_but_the_model_s_own_samples(
    capsys: pytest.CaptureFixture[str], world: Path, tmp_path: Path
) -> None:
    """Kept passes are found by the next run and change no figure; of a new model's draws there are none."""
    plain = _measured(capsys, world, **_everything(world))
    first = _measured(capsys, world, "reference", cache=tmp_path, **_everything(world))
    second = _measured(capsys, world, cache=tmp_path, **_everything(world))
    assert (first["passes"]["cached"], second["passes"]["cached"]) == (0, 4)
    assert second["passes"]["reference"] == 4  # 16 samples of the model, four at a time
    assert second["passes"]["model"] == plain["passes"]["model"]
    assert second["drift"] == plain["drift"]


def test_tables_say_what_is_estimated(capsys: pytest.CaptureFixture[str], world: Path) -> None:
    """The readable form, in 80 columns."""
    run(
        reference=str(world / "reference"),
        model=str(world / "model"),
        **{**OPTIONS, **_everything(world), "as_json": False, "best_of_n": [4]},
    )
    text = capsys.readouterr().out
    for words in (
        "KL per token",
        "KL of whole responses of at most 6 tokens",
        "* the text was drawn from the first model",
        "by position in the response",
        "by prompt type",
        "model less reference",
        "upper bounds",
    ):
        assert words in text


@pytest.mark.parametrize("kind", ["svg", "json"])
def test_chart(capsys: pytest.CaptureFixture[str], world: Path, tmp_path: Path, kind: str) -> None:
    """Positions above, layers below; weights alone where no text was read."""
    path = tmp_path / f"chart.{kind}"
    _measured(capsys, world, chart=path, **_everything(world))
    assert "position in the response" in path.read_text("utf-8")
    _measured(capsys, world, chart=path)
    assert "position in the response" not in path.read_text("utf-8")
    assert "self_attn.q_proj" in path.read_text("utf-8")


def test_weights_alone_need_no_text(capsys: pytest.CaptureFixture[str], world: Path) -> None:
    found = _measured(capsys, world)
    assert found["drift"] == found["texts"] == []
    assert found["weights"]["distance"] > 0


def test_weights_can_be_left_out(capsys: pytest.CaptureFixture[str], world: Path) -> None:
    assert _measured(capsys, world, text=world / "text.txt", weights=False)["weights"] is None


def test_chat_template_of_either_checkpoint(capsys: pytest.CaptureFixture[str], world: Path) -> None:
    """With --chat the template wraps the prompts of both; without it is said that there is one."""
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "w60 {{ messages[0]['content'] }} w59"
    tokenizer.save_pretrained(world / "model")
    options = {"prompts": world / "prompts.jsonl", "weights": False}
    plain = _measured(capsys, world, **options)
    chat = _measured(capsys, world, chat=True, **options)
    make_tokenizer().save_pretrained(world / "model")
    (world / "model" / "chat_template.jinja").unlink(missing_ok=True)
    assert "--chat applies it" in plain["notes"][0]
    assert chat["settings"]["chat_template"].endswith("model")
    assert chat["drift"] != plain["drift"]


def test_prompts_that_do_not_fit_are_counted(
    capsys: pytest.CaptureFixture[str], world: Path, tmp_path: Path
) -> None:
    """Too long with room for a response, or without a response: left out, and said."""
    rows = [*PROMPTS, {"prompt": " ".join(["w1"] * 70), "response": "w2"}, {"prompt": "w1"}]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = _measured(capsys, world, prompts=path, weights=False)
    notes = " ".join(found["notes"])
    assert "1 prompts longer than 64 tokens with room for 6" in notes
    assert "1 without a response" in notes
    assert found["texts"][0]["prompts"] == 9


def _says(world: Path, cause: type[AligntaxError], **options: Any) -> str:
    pair = {"reference": str(world / "reference"), "model": str(world / "model")}
    with pytest.raises(cause) as error:
        run(**{**OPTIONS, **pair, **options})
    return str(error.value)


def test_bad_input(world: Path, tmp_path: Path) -> None:
    """Each with its cause and what to do."""
    assert "nothing to measure" in _says(world, UsageError, weights=False)
    assert "neither tokenizer has a chat template" in _says(
        world, UsageError, prompts=world / "prompts.jsonl", chat=True
    )
    assert "--device cuda" in _says(world, UsageError, prompts=world / "prompts.jsonl", device="cuda:7")
    assert "best of 0" in _says(world, UsageError, best_of_n=[0])
    (tmp_path / "empty").mkdir()
    assert "no such file" in _says(world, UnreadableInput, model="nowhere", text=world / "text.txt")
    for options in ({}, {"prompts": world / "prompts.jsonl"}):
        assert "empty" in _says(world, UnreadableInput, model=str(tmp_path / "empty"), **options)


def test_two_architectures(world: Path, tmp_path: Path) -> None:
    other = str(make_llama(tmp_path / "other", hidden_size=64))
    assert "two architectures" in _says(world, UsageError, model=other)


def test_models_of_different_width_still_have_a_divergence(
    capsys: pytest.CaptureFixture[str], world: Path, tmp_path: Path
) -> None:
    """KL is between distributions: only the vocabulary must be one."""
    make_llama(world / "wide", hidden_size=64)
    found = _measured(capsys, world, "wide", prompts=world / "prompts.jsonl", weights=False)
    assert all(row["per_token"]["value"] > 0 for row in found["drift"])
