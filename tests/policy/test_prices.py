"""What tokens cost, by the policy."""

from pathlib import Path

import pytest

from aligntax.errors import PriceTableError
from aligntax.policy.prices import price_table
from aligntax.policy.read import read_policy
from aligntax.tax.prices import load_prices
from policy.policies import HEAD

CASE = '[[use_case]]\nname = "a"\nmatch.use_case = ["a"]\n'
TABLE = '[[price]]\nmodel = "*"\ninput = 1\noutput = 2\n'


def test_without_prices_the_bundled_ones_are_assumed() -> None:
    """And said to be."""
    assert price_table(read_policy(HEAD + CASE)) == load_prices()


def test_what_stands_in_the_policy_goes_before_its_file(tmp_path: Path) -> None:
    """The file lies beside the policy, wherever the command is run."""
    (tmp_path / "prices.toml").write_text(TABLE)
    text = HEAD + CASE + '[prices]\nfile = "prices.toml"\nmodel."North-*" = { input = 3, output = 4.5 }\n'
    table = price_table(read_policy(text, tmp_path / "aligntax.toml"))
    assert not table.assumed
    assert "prices.toml" in table.source
    assert [(table.price(name).input, table.price(name).output) for name in ("north-1", "x")] == [
        (3, 4.5),
        (1, 2),
    ]


def test_prices_for_some_models_leave_the_rest_assumed() -> None:
    """Until one price is for all."""
    some = "[prices.model.north]\ninput = 1\noutput = 1\n"
    assert price_table(read_policy(HEAD + CASE + some)).assumed
    assert not price_table(read_policy(HEAD + CASE + some.replace("north", '"*"'))).assumed


def test_a_price_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """By its path."""
    text = HEAD + CASE + '[prices]\nfile = "prices.toml"\n'
    with pytest.raises(PriceTableError, match=r"prices\.toml"):
        price_table(read_policy(text, tmp_path / "aligntax.toml"))
