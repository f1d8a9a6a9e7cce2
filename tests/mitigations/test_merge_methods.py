"""Every merge method against numbers worked out by hand."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.mitigations.merging import METHODS, method
from aligntax.mitigations.merging.adaptive import Adaptive, group_of
from aligntax.mitigations.merging.dare import dare
from aligntax.mitigations.merging.ema import ema_factors
from aligntax.mitigations.merging.lines import lines
from aligntax.mitigations.merging.matching import Part
from aligntax.mitigations.merging.merge import merged_tensor
from aligntax.mitigations.merging.method import Place, place_of
from aligntax.mitigations.merging.slerp import slerp_factors
from aligntax.mitigations.merging.ties import elect, thresholds

PRE = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
ALIGNED = torch.tensor([[2.0, 0.0], [3.0, -4.0]])
OTHER = torch.tensor([[0.0, 3.0], [3.0, 4.5]])


class InMemory:
    """Numbers from a tensor."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor
        self.shape = tuple(tensor.shape)
        self.dtype = tensor.dtype

    def read(self, first: int, last: int) -> torch.Tensor:
        return self._tensor.reshape(-1)[first:last]

    def release(self, first: int, last: int) -> None:
        pass


def merged(
    name: str, *aligned: torch.Tensor, pre: torch.Tensor = PRE, place: Place | None = None, **settings: Any
) -> torch.Tensor:
    """The merge of one tensor."""
    place = place or Place("model.layers.0.weight", tuple(pre.shape), 0, 1)
    part = Part(place, pre.dtype, InMemory(pre), tuple(InMemory(tensor) for tensor in aligned))
    return merged_tensor(part, method(name, len(aligned), **settings))


def test_linear_takes_a_fifth_of_the_pre_alignment_model_unless_told() -> None:
    # 0.2 * 1 + 0.8 * 2 = 1.8; 0.2 * 2 + 0 = 0.4; 3; 0.2 * 4 - 0.8 * 4 = -2.4
    torch.testing.assert_close(merged("linear", ALIGNED), torch.tensor([[1.8, 0.4], [3.0, -2.4]]))


def test_lines_scales_by_depth() -> None:
    """Five blocks at pre_weight 0.4: .4, .3, .2, .1, 0, and .4 outside the blocks."""
    assert [lines(block, 5, 0.4) for block in range(5)] == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0])
    assert lines(None, 5, 0.4) == 0.4
    place = place_of("model.layers.2.mlp.up_proj.weight", (2, 2), 5)
    expected = torch.tensor([[1.8, 0.4], [3.0, -2.4]])  # as linear at 0.2
    torch.testing.assert_close(merged("lines", ALIGNED, place=place, pre_weight=0.4), expected)


def test_adaptive_takes_each_stretch_s_share() -> None:
    """Six blocks in three stretches; embeddings take the mean."""
    how = Adaptive((0.5, 0.2, 0.1))
    shares = [how.pre_share(place_of(f"layers.{block}.x", (), 6)) for block in range(6)]
    assert shares == [0.5, 0.5, 0.2, 0.2, 0.1, 0.1]
    assert how.pre_share(place_of("embed_tokens.weight", (), 6)) == pytest.approx(0.8 / 3)


def test_stretches_of_the_paper() -> None:
    """26 blocks: 1-8, 9-17 and 18-26 counted from one, give or take the block at the first edge."""
    groups = [group_of(block, 26, 3) for block in range(26)]
    assert [groups.count(group) for group in range(3)] == [9, 8, 9]


def test_task_arithmetic_adds_the_changes() -> None:
    # changes: [[1, -2], [0, -8]] and [[-1, 1], [0, .5]]; sum [[0, -1], [0, -7.5]]; half of it
    expected = torch.tensor([[1.0, 1.5], [3.0, 0.25]])
    torch.testing.assert_close(merged("task_arithmetic", ALIGNED, OTHER, pre_weight=0.5), expected)


def test_task_arithmetic_of_one_model_is_linear() -> None:
    assert torch.equal(merged("task_arithmetic", ALIGNED), merged("linear", ALIGNED))


def test_slerp_of_a_right_angle() -> None:
    """Changes (1, 0) and (0, 1): sin 45 / sin 90 of each, so the mean keeps length 1."""
    pre = torch.zeros(1, 2)
    found = merged("slerp", torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), pre=pre, pre_weight=0.0)
    torch.testing.assert_close(found, torch.full((1, 2), math.sqrt(0.5)))


def test_slerp_of_parallel_changes_is_their_mean() -> None:
    assert slerp_factors([[4.0, 2.0], [2.0, 1.0]]) == (0.5, 0.5)
    assert slerp_factors([[0.0, 0.0], [0.0, 1.0]]) == (0.5, 0.5)


def test_slerp_of_three_at_right_angles() -> None:
    """The first two meet at 45 degrees, the third comes in at a third of the way: each length stays 1."""
    first, second, third = slerp_factors([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    assert first == second == pytest.approx(math.sqrt(0.5) * math.sin(math.pi / 3))
    assert third == pytest.approx(math.sin(math.pi / 6))
    assert first**2 + second**2 + third**2 == pytest.approx(1)


def test_ties_by_the_paper_s_three_steps() -> None:
    """The larger half of each change is kept, the larger sum elects the sign, those agreeing are averaged."""
    first = torch.tensor([3.0, -2.0, 0.1, 1.0])
    second = torch.tensor([1.0, 4.0, -0.2, -0.3])
    # trimmed to (3, -2, 0, 0) and (1, 4, 0, 0); sums (4, 2, 0, 0): +, +; means (2, 4, 0, 0)
    assert elect([first, second], [2.0, 1.0]).tolist() == [2.0, 4.0, 0.0, 0.0]
    pre = torch.ones(4)
    found = merged("ties", pre + first, pre + second, pre=pre, density=0.5, pre_weight=0.5)
    torch.testing.assert_close(found, torch.tensor([2.0, 3.0, 1.0, 1.0]))


@given(st.lists(st.floats(0, 2.0**100, width=32), min_size=1, max_size=50), st.data())
def test_threshold_is_the_kth_largest(values: list[float], data: st.DataObject) -> None:
    keep = data.draw(st.integers(1, len(values)))
    cut = data.draw(st.integers(0, len(values)))
    chunks = [[torch.tensor(part)] for part in (values[:cut], values[cut:]) if part]
    assert thresholds(lambda: iter(chunks), keep) == [sorted(values, reverse=True)[keep - 1]]


def test_dare_keeps_the_sum_on_average() -> None:
    vector = torch.ones(200_000)
    found = dare(vector, 0.1, torch.Generator().manual_seed(1))
    assert set(found.unique().tolist()) == {0.0, 10.0}
    assert float(found.mean()) == pytest.approx(1.0, abs=4 * math.sqrt(9 / 200_000))  # sd of one is 3


def test_dare_draws_the_same_for_the_same_seed() -> None:
    pre, aligned = torch.zeros(1000), torch.ones(1000)
    assert torch.equal(merged("dare", aligned, pre=pre), merged("dare", aligned, pre=pre))
    assert not torch.equal(merged("dare", aligned, pre=pre), merged("dare", aligned, pre=pre, seed=1))


def test_ema_by_hand() -> None:
    """a, then .5 a + .5 b, then .25 a + .25 b + .5 c."""
    assert ema_factors(3, 0.5) == (0.25, 0.25, 0.5)
    one, two, three = (torch.full((1, 1), value) for value in (8.0, 4.0, 2.0))
    found = merged("ema", one, two, three, pre=torch.zeros(1, 1), decay=0.5, pre_weight=0.5)
    assert found.item() == 0.5 * (2 + 1 + 1)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "adaptive"])
def test_nothing_is_left_of_alignment_at_pre_weight_one(name: str) -> None:
    aligned = (ALIGNED, OTHER)[: METHODS[name].fewest]
    if name == "lines":  # the last block keeps its change at any weight
        place = place_of("model.layers.0.x", (2, 2), 4)
        assert torch.equal(merged(name, *aligned, pre_weight=1.0, place=place), PRE)
    else:
        assert torch.equal(merged(name, *aligned, pre_weight=1.0), PRE)


BITS = st.integers(-(2**15), 2**15 - 1)


@given(st.lists(st.tuples(BITS, BITS), min_size=1, max_size=40))
def test_linear_is_bit_exact_at_both_ends(bits: list[tuple[int, int]]) -> None:
    """Negative zeros and subnormal numbers included."""
    pre, aligned = (
        torch.tensor(column, dtype=torch.int16).view(torch.bfloat16) for column in zip(*bits, strict=True)
    )
    pre, aligned = pre.nan_to_num(1.0, 2.0, 3.0), aligned.nan_to_num(1.0, 2.0, 3.0)
    for weight, expected in ((1.0, pre), (0.0, aligned)):
        found = merged("linear", aligned, pre=pre, pre_weight=weight)
        assert torch.equal(found.view(torch.int16), expected.view(torch.int16))


@given(
    st.lists(st.tuples(*[st.floats(-100, 100, width=32)] * 2), min_size=1, max_size=40),
    st.floats(0, 1),
    st.sampled_from([torch.bfloat16, torch.float16, torch.float32]),
)
def test_linear_rounds_once(pairs: list[tuple[float, float]], weight: float, dtype: torch.dtype) -> None:
    """Half precision is mixed in float32: the result is one rounding away from the exact value."""
    pre, aligned = (torch.tensor(column).to(dtype) for column in zip(*pairs, strict=True))
    exact = weight * pre.double() + (1 - weight) * aligned.double()
    found = merged("linear", aligned, pre=pre, pre_weight=weight).double()
    size = torch.maximum(pre.double().abs(), aligned.double().abs())
    half = torch.finfo(dtype).eps / 2
    single = torch.finfo(torch.float32).eps
    assert bool(((found - exact).abs() <= exact.abs() * half + 2 * size * single + 1e-7).all())


@pytest.mark.parametrize(
    ("name", "models", "settings", "said"),
    [
        ("average", 1, {}, "no merge method"),
        ("linear", 1, {"density": 0.5}, "linear has no setting density"),
        ("linear", 2, {}, "linear takes 1 aligned model(s), not 2"),
        ("slerp", 1, {}, "2 or more"),
        ("linear", 1, {"pre_weight": 1.5}, "in [0, 1], not 1.5"),
        ("ties", 1, {"density": 0.0}, "a density lies in (0, 1]"),
        ("ema", 1, {"decay": 1.0}, "a decay lies in [0, 1)"),
        ("adaptive", 1, {"shares": (0.5, 1.2)}, "lie in [0, 1]"),
    ],
)
def test_settings_that_make_no_sense(name: str, models: int, settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        method(name, models, **settings)
    assert said in str(raised.value)
