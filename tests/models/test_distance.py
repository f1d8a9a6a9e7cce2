"""Distances of weights and angles of their main directions."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from aligntax.errors import UnreadableInput, UsageError
from aligntax.models.causal import load_causal
from aligntax.models.distance import principal_angles, relative_distance, top_subspaces, weight_distances
from tiny_models import make_llama


def test_distance_by_hand() -> None:
    """[[3, 0], [0, 4]] moved by 1 in one place: 1 over 25."""
    reference = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    model = torch.tensor([[3.0, 1.0], [0.0, 4.0]])
    assert relative_distance(reference, model) == (1.0, 25.0)


def test_distance_of_narrow_numbers_is_not_rounded() -> None:
    """In bfloat16 a sum of 300 x 300 squares would stop growing."""
    reference = torch.full((300, 300), 0.5, dtype=torch.bfloat16)
    assert relative_distance(reference, reference * 2) == (22500.0, 22500.0)


@pytest.mark.parametrize("degrees", [1e-6, 0.01, 30.0, 44.0, 46.0, 89.0])
def test_angle_by_hand(degrees: float) -> None:
    """A plane turned about one of its axes: angles 0 and the turn, also where its cosine is 1 in float64."""
    turn = math.radians(degrees)
    first = torch.eye(3, dtype=torch.float64)[:, :2]
    second = torch.tensor([[1, 0], [0, math.cos(turn)], [0, math.sin(turn)]], dtype=torch.float64)
    found = principal_angles(first, second)
    assert found.tolist() == pytest.approx([0, degrees], rel=1e-9, abs=1e-12)


def test_subspaces_of_a_large_matrix_are_those_of_the_whole_decomposition() -> None:
    """The randomised way finds the top directions of a matrix with noise below them."""
    generator = torch.Generator().manual_seed(0)
    left = torch.linalg.qr(torch.randn(500, 6, generator=generator, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(400, 6, generator=generator, dtype=torch.float64)).Q
    values = torch.tensor([60.0, 50, 40, 30, 25, 20], dtype=torch.float64)
    noise = 0.2 * torch.randn(500, 400, generator=generator, dtype=torch.float64)
    matrix = (left * values) @ right.T + noise
    found = top_subspaces(matrix, 4)
    whole, sizes, turned = torch.linalg.svd(matrix, full_matrices=False)
    assert float(principal_angles(whole[:, :4], found[0])[-1]) < 1e-4
    assert float(principal_angles(turned[:4].T, found[1])[-1]) < 1e-4
    assert found[2] == pytest.approx(float(sizes[4] / sizes[3]), rel=1e-6)


def test_checkpoints_tensor_by_tensor(tmp_path: Path) -> None:
    """One matrix doubled and one turned: only they move, each in its layer."""
    reference, model = make_llama(tmp_path / "reference"), make_llama(tmp_path / "model", shard="20KB")
    moved = {}
    for file in sorted(model.glob("*.safetensors")):
        weights = load_file(file)
        for name in weights:
            if name == "model.layers.1.mlp.up_proj.weight":
                weights[name] *= 2
            if name == "model.layers.2.self_attn.q_proj.weight":
                weights[name] = weights[name].flip(0).contiguous()
        save_file(weights, file, metadata={"format": "pt"})
    told: list[float] = []
    found = weight_distances(str(reference), str(model), rank=2, advance=told.append)
    moved = {one.name: one for one in found.tensors if one.distance}
    assert set(moved) == {"model.layers.1.mlp.up_proj.weight", "model.layers.2.self_attn.q_proj.weight"}
    doubled = moved["model.layers.1.mlp.up_proj.weight"]
    assert (doubled.layer, doubled.module, doubled.distance) == (1, "mlp.up_proj", pytest.approx(1))
    assert doubled.left == pytest.approx(0, abs=1e-5)
    turned = moved["model.layers.2.self_attn.q_proj.weight"]
    assert turned.left is not None
    assert turned.left > 10
    assert turned.right == pytest.approx(0, abs=1e-4)
    assert {one.layer: one.distance for one in found.layers if one.distance}.keys() == {1, 2}
    assert found.layers[-1].layer is None
    assert found.distance is not None
    assert found.notes == ()
    assert len(told) == len(found.tensors)
    assert math.fsum(told) == pytest.approx(1)


def test_same_checkpoint_is_at_0(tmp_path: Path) -> None:
    """Distance and angles, in every tensor."""
    path = str(make_llama(tmp_path / "model"))
    found = weight_distances(path, path)
    assert found.distance == 0.0
    assert max(one.left or 0.0 for one in found.tensors) < 1e-5


def test_added_rows_are_left_out_and_said(tmp_path: Path) -> None:
    reference, model = make_llama(tmp_path / "a"), make_llama(tmp_path / "b", vocab_size=70)
    found = weight_distances(str(reference), str(model), rank=0)
    assert any("first 64 rows" in note for note in found.notes)


@pytest.mark.parametrize("change", [{"hidden_size": 64}, {"intermediate_size": 96}])
def test_two_architectures(tmp_path: Path, change: dict[str, int]) -> None:
    reference, model = make_llama(tmp_path / "a"), make_llama(tmp_path / "b", **change)
    with pytest.raises(UsageError, match="two architectures"):
        weight_distances(str(reference), str(model))


def test_missing_tensors_are_named(tmp_path: Path) -> None:
    reference, model = make_llama(tmp_path / "a"), make_llama(tmp_path / "b", num_hidden_layers=3)
    notes = weight_distances(str(reference), str(model), rank=0).notes
    assert "9 tensors that the model lacks" in notes[0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    reference, model = make_llama(tmp_path / "a"), make_llama(tmp_path / "b")
    (file,) = model.glob("*.safetensors")
    weights = load_file(file)
    weights["model.norm.weight"][0] = value
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(UnreadableInput, match=r"b: model\.norm\.weight has NaN or Inf"):
        weight_distances(str(reference), str(model))


def test_a_model_is_loaded_whole_or_not_at_all(tmp_path: Path) -> None:
    """A tensor that the files lack is not made up; a file cut short is told before it is loaded."""
    model = make_llama(tmp_path / "model")
    (file,) = model.glob("*.safetensors")
    weights = load_file(file)
    del weights["model.layers.2.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(UnreadableInput, match=r"lacks model\.layers\.2\.mlp\.up_proj\.weight, one of 1"):
        load_causal(str(model))
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(UnreadableInput):
        load_causal(str(model))
    with pytest.raises(UnreadableInput, match="no such file"):
        load_causal("nowhere")
