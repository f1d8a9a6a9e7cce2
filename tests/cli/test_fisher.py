"""`aligntax fisher` from files to figures: planted overlap is found, planted difference is too."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from aligntax.cli.fisher import run
from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.models.fisher_store import load_fisher
from tiny_models import WORDS, make_llama, tiny_config

OPTIONS: Mapping[str, Any] = {
    "empirical": False,
    "per": "sequence",
    "draws": 1,
    "all_tokens": False,
    "chat": False,
    "top": 10.0,
    "max_samples": None,
    "max_length": 64,
    "coordinates": 32768,
    "level": 0.95,
    "seed": 0,
    "device": "cpu",
    "dtype": "auto",
    "batch": 16,
    "out": None,
    "out_safety": None,
    "as_json": True,
    "chart": None,
    "quiet": True,
}
LOW, HIGH = WORDS[3:33], WORDS[33:63]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers in which low words live in one half of the dimensions, high words in the other."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    llama = LlamaForCausalLM(tiny_config(num_hidden_layers=2))
    width = llama.config.hidden_size
    with torch.no_grad():
        for table in (llama.model.embed_tokens.weight, llama.lm_head.weight):
            table.mul_(40)
            table[3:33, width // 2 :] = 0
            table[33:63, : width // 2] = 0
        for layer in llama.model.layers:  # what layers add keeps to the half it comes from
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
            for matrix in (layer.mlp.gate_proj.weight, layer.mlp.up_proj.weight):
                rows = matrix.shape[0] // 2
                matrix.mul_(30)
                matrix[:rows, width // 2 :] = 0
                matrix[rows:, : width // 2] = 0
            down = layer.mlp.down_proj.weight
            columns = down.shape[1] // 2
            down[: width // 2, :columns].normal_(0, 0.3)
            down[width // 2 :, columns:].normal_(0, 0.3)
    return make_llama(tmp_path_factory.mktemp("split"), model=llama)


def written(path: Path, words: tuple[str, ...], seed: int, texts: int = 120) -> Path:
    """Texts of random words."""
    rng = np.random.default_rng(seed)
    rows = [{"text": " ".join(rng.choice(words, 12))} for _ in range(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def measured(capsys: pytest.CaptureFixture[str], **given: object) -> Any:
    run(**{**OPTIONS, **given})  # type: ignore[arg-type]
    return json.loads(capsys.readouterr().out)


def layers(document: Mapping[str, Any]) -> dict[str, Any]:
    return {part["part"]: part for part in document["layers"]}


def test_data_on_other_weights_overlap_at_chance(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Words that live in other rows and dimensions rest on other weights; the same words on the same."""
    low, high = written(tmp_path / "low.jsonl", LOW, 1), written(tmp_path / "high.jsonl", HIGH, 2)
    other = layers(measured(capsys, model=str(model), capability=low, safety=high))
    assert other["embed_tokens"]["overlap"]["reading"] == "at chance"
    assert other["embed_tokens"]["overlap"]["value"]["value"] == 0
    for name in ("0", "1"):
        assert other[name]["overlap"]["shared"]["high"] < 0.6
        assert other[name]["top"]["value"]["value"] < 0.3
    again = written(tmp_path / "again.jsonl", LOW, 3)
    same = layers(measured(capsys, model=str(model), capability=low, safety=again))
    for name in ("embed_tokens", "0", "1", "lm_head"):
        assert same[name]["overlap"]["reading"] == "not told apart"
        assert same[name]["overlap"]["shared"]["value"] == pytest.approx(1, abs=0.1)
        assert same[name]["top"]["value"]["value"] > 0.6


def test_document(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has its schema, its estimates their intervals; the files for a penalty are written."""
    low, high = written(tmp_path / "low.jsonl", LOW, 1, 40), written(tmp_path / "high.jsonl", HIGH, 2, 40)
    out, chart = tmp_path / "fisher.safetensors", tmp_path / "chart.json"
    document = measured(
        capsys, model=str(model), capability=low, safety=high, out=out, chart=chart, max_samples=32
    )
    assert document["schema"] == "aligntax.fisher/1"
    assert document["data"]["capability"]["texts"] == 32
    assert document["data"]["capability"]["tokens"] == 32 * 11
    assert document["kept"] == {"capability": str(out), "safety": None}
    for part in (document["whole"], *document["layers"], *document["modules"]):
        found = part["overlap"]["value"]
        attention = part["part"] in (
            "q_proj",
            "k_proj",
            "v_proj",
            "input_layernorm",
        )  # the output projection is zero
        assert found["reason"] if attention else found["low"] <= found["value"] <= found["high"]
    assert any("32 texts are few" in note for note in document["notes"])
    stored = load_fisher(out)
    assert stored.about["samples"] == "32"
    assert "model.layers.0.mlp.up_proj.weight" in stored.weights
    assert json.loads(chart.read_text("utf-8"))["vconcat"]


def test_tables(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tables fit 80 columns and name what they show."""
    low, high = written(tmp_path / "low.jsonl", LOW, 1, 40), written(tmp_path / "high.jsonl", HIGH, 2, 40)
    run(**{**OPTIONS, "model": str(model), "capability": low, "safety": high, "as_json": False})
    shown = capsys.readouterr().out
    for words in ("true Fisher, per sequence", "layer 1", "embed_tokens", "q_proj", "same data", "To know"):
        assert words in shown
    tables = shown.partition("Fisher overlap")[2].partition("To know")[0]
    assert max(map(len, tables.splitlines())) <= 80


def test_responses_are_the_targets(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the response's tokens count, unless all are asked for; a prompt alone is its own target."""
    pairs = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"w1 w2 {word}", "response": "w5 w6"} for word in LOW]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    alone = tmp_path / "alone.jsonl"
    alone.write_text("".join(json.dumps({"prompt": row["prompt"]}) + "\n" for row in rows), "utf-8")
    given = {"model": str(model), "capability": pairs, "safety": alone}
    document = measured(capsys, **given, empirical=True)
    assert document["data"]["capability"]["tokens"] == 30 * 2
    assert document["data"]["safety"]["tokens"] == 30 * 2
    assert document["data"]["safety"]["without_response"] == 30
    assert any("empirical" in note for note in document["notes"])
    assert measured(capsys, **given, all_tokens=True)["data"]["capability"]["tokens"] == 30 * 4
    cut = measured(capsys, model=str(model), capability=alone, safety=pairs, max_length=4)
    assert cut["data"]["safety"]["cut"] == 30


def _without_tokenizer(model: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("config.json", "model.safetensors"):
        (to / name).write_bytes((model / name).read_bytes())
    return to


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"capability": "empty.jsonl"}, UnreadableInput, "no texts"),
        ({"capability": "few.jsonl"}, UsageError, "3 different texts"),
        ({"safety": "wrong.jsonl"}, UnreadableInput, "wrong.jsonl:2: neither"),
        ({"safety": "number.jsonl"}, UnreadableInput, "`response` is no text"),
        ({"safety": "missing.jsonl"}, UnreadableInput, "no such file"),
        ({"model": "bare"}, UnreadableInput, "tokenizer"),
        ({"model": "nowhere"}, UnreadableInput, "nowhere"),
        ({"chat": True}, UsageError, "no chat template"),
        ({"device": "cuda:99"}, UsageError, "--device cuda:99"),
        ({"out": "fisher.pt"}, UsageError, "safetensors"),
        ({"empirical": True, "draws": 2}, UsageError, "one draw"),
    ],
)
def test_bad_input(
    model: Path, tmp_path: Path, given: dict[str, Any], kind: type[AligntaxError], words: str
) -> None:
    """What cannot be measured is an error with a cause, and a remedy where there is one."""
    (tmp_path / "empty.jsonl").write_text("", "utf-8")
    (tmp_path / "wrong.jsonl").write_text('{"text": "w1 w2"}\n{"words": 1}\n', "utf-8")
    (tmp_path / "number.jsonl").write_text('{"prompt": "w1", "response": 3}\n', "utf-8")
    written(tmp_path / "few.jsonl", LOW, 1, 3)
    _without_tokenizer(model, tmp_path / "bare")
    usual = {"model": str(model), "capability": "texts.jsonl", "safety": "texts.jsonl"}
    written(tmp_path / "texts.jsonl", LOW, 1, 20)
    named = {**usual, **given}
    for name in ("capability", "safety", "out"):
        if name in named:
            named[name] = tmp_path / named[name]
    if named["model"] != str(model):
        named["model"] = str(tmp_path / named["model"])
    with pytest.raises(kind, match=words):
        run(**{**OPTIONS, **named})


def test_weights_that_are_not_numbers(model: Path, tmp_path: Path) -> None:
    """A checkpoint with NaN names the tensor that holds it."""
    from safetensors.torch import load_file, save_file

    broken = _without_tokenizer(model, tmp_path / "broken")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (broken / name).write_bytes((model / name).read_bytes())
    weights = load_file(broken / "model.safetensors")
    weights["model.layers.1.mlp.down_proj.weight"][0, 0] = torch.nan
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    texts = written(tmp_path / "texts.jsonl", LOW, 1, 20)
    with pytest.raises(UnreadableInput, match="down_proj"):
        run(**{**OPTIONS, "model": str(broken), "capability": texts, "safety": texts})
