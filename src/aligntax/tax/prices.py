"""The price table: what a token costs, by model, in a file the user can edit."""

import fnmatch
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from aligntax.errors import PriceTableError

__all__ = ["Price", "PriceTable", "load_prices"]


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs.

    Attributes:
        model: pattern of its name; `*` stands for anything, case does not matter.
        input: US dollars a million tokens sent, >= 0.
        output: US dollars a million tokens received, >= 0.
    """

    model: str
    input: float
    output: float


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices in order of precedence.

    Attributes:
        source: where the table comes from.
        assumed: whether the figures are the round ones aligntax ships.
        prices: tried in order.
    """

    source: str
    assumed: bool
    prices: tuple[Price, ...]

    def price(self, model: str) -> Price:
        """The first price whose pattern matches.

        Raises:
            PriceTableError: none does.
        """
        for price in self.prices:
            if fnmatch.fnmatchcase(model.lower(), price.model.lower()):
                return price
        raise PriceTableError(f"{self.source}: no price for model {model!r}", hint='end it with model = "*"')


def load_prices(path: Path | None = None) -> PriceTable:
    """Reads a price table; the one that comes with aligntax when there is no path.

    Raises:
        PriceTableError: the file cannot be read, or an entry is not a price.
    """
    if path is None:
        text = resources.files("aligntax.tax").joinpath("prices.toml").read_text("utf-8")
        return PriceTable("the bundled table (round assumptions)", True, _prices(text, "prices.toml"))
    try:
        return PriceTable(str(path), False, _prices(path.read_text("utf-8"), str(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise PriceTableError(f"{path}: cannot be read: {error}") from error


def _prices(text: str, where: str) -> tuple[Price, ...]:
    try:
        entries = tomllib.loads(text).get("price", [])
    except tomllib.TOMLDecodeError as error:
        raise PriceTableError(f"{where}: {error}") from error
    prices = []
    for number, entry in enumerate(entries, start=1):
        try:
            price = Price(str(entry["model"]), float(entry["input"]), float(entry["output"]))
        except (KeyError, TypeError, ValueError) as error:
            raise PriceTableError(
                f"{where}, price {number}: {error}", hint="each needs model, input and output"
            ) from error
        if min(price.input, price.output) < 0:
            raise PriceTableError(f"{where}, price {number}: a price below zero")
        prices.append(price)
    if not prices:
        raise PriceTableError(f"{where}: no [[price]] in it")
    return tuple(prices)
