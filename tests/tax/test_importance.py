"""Overlap of importance: by hand, against permutations, covered by its intervals, and told from noise."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from aligntax.errors import UsageError
from aligntax.tax.importance import Part, compare_importance, layer_of, module_of
from aligntax.tax.importance_halves import Half, Importance, Pool, figures, halves

Floats = npt.NDArray[np.float64]
TEXTS = (80, 80)


def parameter(
    capability: Floats, safety: Floats, name: str = "model.layers.0.q_proj.weight", size: int = 0
) -> Importance:
    """One parameter from (groups, coordinates) sums."""
    return Importance(
        name=name,
        size=size or capability.shape[1],
        capability=capability,
        safety=safety,
        capability_trace=capability.sum(1),
        safety_trace=safety.sum(1),
    )


def drawn(rng: np.random.Generator, truth: Floats, groups: int = 8, texts: int = 10) -> Floats:
    """(groups, coordinates) sums of squared gradients: normal ones, some texts with larger gradients."""
    squares = rng.chisquare(1, (groups, texts, truth.size)) * rng.lognormal(0, 0.4, (groups, texts, 1))
    return np.asarray(squares.sum(1) * truth)


def test_overlap_by_hand() -> None:
    """1 - 1/2 sum (sqrt f - sqrt h)^2 with traces of one; the top by counting."""
    f, h = np.array([0.64, 0.36, 0.0, 0.0]), np.array([0.16, 0.0, 0.0, 0.84])
    pool = Pool([parameter(np.tile(5 * f, (4, 1)), np.tile(7 * h, (4, 1)))])
    pairs = [halves(sums, pool, 0.25) for sums in (pool.capability, pool.safety)]
    found, _ = figures(*pairs)
    by_hand = 1 - 0.5 * sum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(f, h, strict=True))
    assert found[0, 0] == pytest.approx(by_hand) == pytest.approx(0.8 * 0.4)
    assert found[0, 1] == pytest.approx(1)
    assert found[1, 0] == 0
    half = Half(f, pool, 0.5)
    assert half.top.tolist() == [True, True, False, False]
    assert Half(f, pool, 0.75).top.tolist() == [True, True, False, False], "zeros are never in the top"


def test_chance_is_the_mean_of_permutations() -> None:
    """The closed form, mean and deviation, against weights really permuted within each matrix."""
    rng = np.random.default_rng(0)
    names, scales = ("a.0.q_proj.weight", "a.0.k_proj.weight"), (1.0, 20.0)
    matrices = [
        (scale * rng.lognormal(0, 1, (4, 300)), scale * rng.lognormal(0, 1, (4, 300))) for scale in scales
    ]

    def measured(order: list[npt.NDArray[np.int64]] | None) -> tuple[Floats, Floats]:
        parameters = [
            parameter(f, h if order is None else h[:, order[at]], names[at])
            for at, (f, h) in enumerate(matrices)
        ]
        pool = Pool(parameters)
        pair = [[Half(sums.sum(0), pool, 0.1)] * 2 for sums in (pool.capability, pool.safety)]
        return figures(*pair)

    chance = measured(None)[1]
    permuted = np.array([measured([rng.permutation(300) for _ in names])[0][:, 0] for _ in range(2000)])
    assert permuted.mean(0) == pytest.approx(chance[:, 0], rel=0.01)
    assert permuted.std(0) == pytest.approx(np.sqrt(chance[:, 1]), rel=0.08)
    assert chance[1, 0] > 0.15, "matrices of different scale share the top more than q"


def test_chance_of_the_top_of_one_matrix_is_its_share() -> None:
    """Within one matrix, permuting leaves q of the top in common."""
    rng = np.random.default_rng(1)
    part = whole(rng, rng.lognormal(0, 1, 2000), rng.lognormal(0, 1, 2000), top=0.05)
    assert part.top.chance.value == pytest.approx(0.05)
    assert part.top.chance.low < 0.05 < part.top.chance.high


def whole(rng: np.random.Generator, f: Floats, h: Floats, *, top: float = 0.02, texts: int = 10) -> Part:
    given = parameter(drawn(rng, f, texts=texts), drawn(rng, h, texts=texts))
    return compare_importance([given], texts=TEXTS, top=top).whole


def test_readings() -> None:
    """The same weights, unrelated ones, partly shared ones, and noise are told apart."""
    rng = np.random.default_rng(2)
    f = rng.lognormal(0, 1.5, 3000)
    other = rng.lognormal(0, 1.5, 3000)
    assert whole(rng, f, f).overlap.reading == whole(rng, f, f).top.reading == "not told apart"
    unrelated = whole(rng, f, other)
    assert unrelated.overlap.reading == "at chance"
    assert unrelated.overlap.shared.low < 0 < unrelated.overlap.shared.high
    partly = whole(rng, f, np.sqrt(f * other))
    assert partly.overlap.reading == "apart"
    assert 0 < partly.overlap.shared.value < 1
    flat = np.ones(3000)
    noise = whole(rng, flat, flat, texts=1)
    assert noise.overlap.reading == noise.top.reading == "too few texts"
    assert not noise.overlap.shared.known
    assert "no more than chance" in noise.overlap.shared.reason


def test_noise_alone_lowers_the_overlap_and_the_ceiling_alike() -> None:
    """With few texts the overlap of the same thing falls far below 1, and the gap stays at 0."""
    rng = np.random.default_rng(3)
    f = rng.lognormal(0, 1, 3000)
    part = whole(rng, f, f, texts=1)
    assert part.overlap.value.value < 0.93
    assert part.overlap.gap.low < 0 < part.overlap.gap.high
    assert part.overlap.shared.value == pytest.approx(1, abs=0.05)


def test_intervals_cover() -> None:
    """95 % intervals hold the mean of the measure at this many texts nineteen times in twenty, less luck."""
    rng = np.random.default_rng(4)
    f = rng.lognormal(0, 1.5, 800)
    h = np.sqrt(f) * rng.lognormal(0, 1, 800)
    found = [whole(rng, f, h, top=0.05) for _ in range(80)]
    for name in ("value", "ceiling", "gap", "shared"):
        for measure in ("overlap", "top"):
            estimates = [getattr(getattr(part, measure), name) for part in found]
            truth = np.mean([estimate.value for estimate in estimates])
            covered = sum(estimate.low <= truth <= estimate.high for estimate in estimates)
            assert covered >= 0.91 * len(estimates), (measure, name)
            assert max(estimate.high - estimate.low for estimate in estimates) < 1


def test_false_alarms_are_rare() -> None:
    """Of data sets with the same importance few are called apart, of unrelated ones few more than chance."""
    rng = np.random.default_rng(5)
    f = rng.lognormal(0, 1.5, 600)
    same = [whole(rng, f, f).overlap.reading for _ in range(50)]
    assert same.count("not told apart") >= 46
    unrelated = [whole(rng, f, rng.permutation(f)).overlap.reading for _ in range(50)]
    assert unrelated.count("at chance") >= 46


def test_drawn_coordinates_widen_the_interval() -> None:
    """A twentieth of the coordinates gives about the same overlap, less surely."""
    rng = np.random.default_rng(6)
    f = rng.lognormal(0, 1.5, 20000)
    capability, safety = drawn(rng, f, texts=30), drawn(rng, np.sqrt(f), texts=30)
    full = compare_importance([parameter(capability, safety)], texts=TEXTS).whole.overlap.value
    kept = np.sort(rng.choice(20000, 1000, replace=False))
    fewer = compare_importance(
        [parameter(capability[:, kept], safety[:, kept], size=20000)], texts=TEXTS
    ).whole
    assert fewer.coordinates == 1000
    assert fewer.weights == 20000
    assert fewer.overlap.value.low <= full.value <= fewer.overlap.value.high
    assert fewer.overlap.value.high - fewer.overlap.value.low > 1.5 * (full.high - full.low)


def test_layers_modules_and_shares() -> None:
    """Every parameter is in one layer and one module; shares of the trace add up to one."""
    rng = np.random.default_rng(7)
    names = (
        "model.embed_tokens.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.mlp.experts.3.up_proj.weight",
        "model.layers.1.self_attn.q_proj.weight",
        "model.layers.1.self_attn.q_proj.bias",
        "lm_head.weight",
    )
    given = [parameter(drawn(rng, np.ones(50)), drawn(rng, np.ones(50)), name) for name in names]
    found = compare_importance(given, texts=TEXTS, top=0.1)
    assert [part.name for part in found.layers] == ["embed_tokens", "0", "1", "lm_head"]
    assert [part.name for part in found.modules] == [
        "embed_tokens",
        "q_proj",
        "up_proj",
        "q_proj.bias",
        "lm_head",
    ]
    for parts in (found.layers, found.modules):
        assert sum(part.capability_share.value for part in parts) == pytest.approx(1)
        assert sum(part.safety_share.value for part in parts) == pytest.approx(1)
        assert sum(part.weights for part in parts) == 300
    assert layer_of("transformer.h.11.attn.c_attn.weight") == "11"
    assert module_of("A_log") == "A_log"


def test_few_weights_and_no_gradients_are_unknown() -> None:
    """The top of sixty weights is none; a part without gradients has no overlap, and both say why."""
    rng = np.random.default_rng(8)
    small = whole(rng, np.ones(60), np.ones(60), top=0.01)
    assert small.top.reading == "too few weights"
    assert "fewer than 10" in small.top.value.reason
    nothing = parameter(np.zeros((8, 2000)), np.zeros((8, 2000)))
    other = parameter(drawn(rng, np.ones(9)), drawn(rng, np.ones(9)), "b.1.w.weight")
    found = compare_importance([nothing, other], texts=TEXTS)
    empty = found.layers[0]
    assert not empty.overlap.value.known
    assert "no weight here had a gradient" in empty.overlap.value.reason
    assert empty.capability_share.value == 0


@pytest.mark.parametrize(("groups", "top"), [(3, 0.1), (5, 0.1), (8, 0.0), (8, 1.0)])
def test_bad_calls(groups: int, top: float) -> None:
    """Groups that cannot be halved and jackknifed, and a top that is none."""
    sums = np.ones((groups, 20))
    with pytest.raises(UsageError):
        compare_importance([parameter(sums, sums)], texts=TEXTS, top=top)
    with pytest.raises(UsageError):
        compare_importance([], texts=TEXTS)
