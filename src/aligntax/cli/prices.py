"""`aligntax prices`: the price table to edit."""

import sys
from importlib import resources

__all__ = ["run"]


def run() -> None:
    """Prints the bundled price table as TOML."""
    sys.stdout.write(resources.files("aligntax.tax").joinpath("prices.toml").read_text("utf-8"))
