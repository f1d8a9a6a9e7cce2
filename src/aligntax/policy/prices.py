"""The prices of a policy as the price table that bills are made with."""

from aligntax.policy.read import LoadedPolicy
from aligntax.tax.prices import Price, PriceTable, load_prices

__all__ = ["price_table"]


def price_table(loaded: LoadedPolicy) -> PriceTable:
    """What stands in the policy, then its file, or the table that comes with aligntax where it names none.

    Args:
        loaded: a relative path of its price file is taken from the directory of the policy.

    Raises:
        PriceTableError: the file cannot be read, or is no price table.
    """
    prices = loaded.policy.prices
    table = load_prices(loaded.path.parent / prices.file if prices.file else None)
    own = tuple(Price(name, price.input, price.output) for name, price in prices.model.items())
    if not own:
        return table
    whole = any(name == "*" for name in prices.model)
    return PriceTable(
        source=str(loaded.path) if whole else f"{loaded.path}, then {table.source}",
        assumed=table.assumed and not whole,
        prices=own + table.prices,
    )
