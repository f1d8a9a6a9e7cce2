"""The rate at a covariate of 0: by hand, and by its coverage."""

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.stats.regression import rate_at_zero


def test_without_a_covariate_it_is_the_share() -> None:
    """Six of ten, and one success and one failure of weight a half at 0: .6 less what they pull."""
    found = rate_at_zero([1.0] * 60 + [0.0] * 40, np.zeros(100))
    assert found.value == pytest.approx((60 + 0.5) / 101, abs=1e-6)
    assert found.low < 0.55 < 0.65 < found.high


def test_a_curve_without_noise() -> None:
    x = np.linspace(-1, 3, 40)
    found = rate_at_zero(1 / (1 + np.exp(-(0.4 + 0.9 * x))), x)
    assert found.value == pytest.approx(1 / (1 + np.exp(-0.4)), abs=0.01)


def test_all_won_is_no_certainty() -> None:
    found = rate_at_zero([1.0] * 20, np.linspace(0.1, 1, 20))
    assert found.value < 1
    assert np.isfinite([found.low, found.high]).all()


def test_what_cannot_be_known() -> None:
    assert "fewer than 8 clusters" in rate_at_zero([1.0] * 7, [0.0] * 7).reason
    assert "the same for all" in rate_at_zero([1.0, 0.0] * 10, [2.0] * 20).reason
    assert "fewer than 8 clusters" in rate_at_zero([1.0] * 20, range(20), clusters=["a", "b"] * 10).reason
    with pytest.raises(UsageError, match="3 shares and 2 covariates"):
        rate_at_zero([1.0, 0.0, 1.0], [1.0, 2.0])
    with pytest.raises(UsageError):
        rate_at_zero([1.0, 2.0], [1.0, 2.0])


@pytest.mark.slow
@pytest.mark.parametrize(("size", "sd"), [(1, 0.0), (4, 0.0), (4, 0.8)])
def test_coverage(size: int, sd: float) -> None:
    """Half where the covariate is 0, whatever it is elsewhere, in clusters too."""
    generator, covered = np.random.default_rng(1), 0
    for _ in range(1000):
        own = np.repeat(generator.normal(0, sd, 60), size)
        x = generator.normal(0.4, 0.5, 60 * size)
        y = (generator.random(60 * size) < 1 / (1 + np.exp(-(1.2 * x + own)))).astype(float)
        found = rate_at_zero(y, x, clusters=np.repeat(np.arange(60), size))
        covered += found.low <= 0.5 <= found.high
    assert covered / 1000 >= 0.93, covered
