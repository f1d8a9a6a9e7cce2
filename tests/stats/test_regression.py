"""The mean at a covariate of 0: by hand, and by its coverage."""

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.stats.regression import mean_at_zero


def test_a_line_without_noise() -> None:
    x = np.linspace(-1, 3, 20)
    found = mean_at_zero(0.3 + 0.5 * x, x, unit="score")
    assert (found.value, found.low, found.high) == pytest.approx((0.3, 0.3, 0.3))


def test_without_a_covariate_it_is_the_mean() -> None:
    found = mean_at_zero([0.0, 1.0] * 10, np.zeros(20))
    assert found.value == 0.5
    assert found.low < 0.5 < found.high


def test_what_cannot_be_known() -> None:
    assert "fewer than 8 clusters" in mean_at_zero([1.0] * 7, [0.0] * 7).reason
    assert "the same for all" in mean_at_zero([1.0, 0.0] * 10, [2.0] * 20).reason
    assert "fewer than 8 clusters" in mean_at_zero([1.0] * 20, range(20), clusters=["a", "b"] * 10).reason
    with pytest.raises(UsageError, match="3 values and 2 covariates"):
        mean_at_zero([1.0, 2.0, 3.0], [1.0, 2.0])


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 4])
def test_coverage(size: int) -> None:
    generator, covered = np.random.default_rng(1), 0
    for _ in range(1500):
        clusters = np.repeat(np.arange(40), size)
        x = generator.normal(0.4, 0.5, 40 * size)
        y = (
            0.2
            + 0.5 * x
            + np.repeat(generator.normal(0, 0.3, 40), size)
            + generator.normal(0, 0.5, 40 * size)
        )
        found = mean_at_zero(y, x, clusters=clusters, unit="score")
        covered += found.low <= 0.2 <= found.high
    assert covered / 1500 >= 0.93
