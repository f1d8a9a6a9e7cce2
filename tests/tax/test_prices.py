"""The price table a user edits."""

from pathlib import Path

import pytest

from aligntax.errors import PriceTableError
from aligntax.tax.prices import load_prices


def test_the_first_match_counts() -> None:
    """Patterns are tried in order; the bundled table ends with one for any model."""
    table = load_prices()
    assert table.assumed
    assert table.price("North-Mini-2").output == 1.0
    assert table.price("north-2").output == 8.0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[price]]\nmodel = 'x'\ninput = 1", "price 1: 'output'"),
        ("[[price]]\nmodel = 'x'\ninput = 'a'\noutput = 1", "price 1"),
        ("[[price]]\nmodel = 'x'\ninput = -1\noutput = 1", "below zero"),
        ("prices = 3", "no [[price]]"),
        ("[[price", "prices.toml"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    """A slip is reported with file and entry."""
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(PriceTableError) as caught:
        load_prices(path)
    assert complaint in str(caught.value)


def test_a_model_without_a_price(tmp_path: Path) -> None:
    """A table that does not cover a model says which, and how to end it."""
    path = tmp_path / "prices.toml"
    path.write_text("[[price]]\nmodel = 'a'\ninput = 1\noutput = 1")
    with pytest.raises(PriceTableError, match="no price for model 'b'") as caught:
        load_prices(path).price("b")
    assert 'model = "*"' in caught.value.hint
