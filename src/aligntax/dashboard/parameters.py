"""What a request may carry, typed: an empty field of a form is nothing given, and a NUL is refused."""

import datetime as dt
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, BeforeValidator

from aligntax.ledger.opened import Ledger

__all__ = ["Day", "From", "Key", "Name", "Opened", "RunKey", "To"]


def _ledger(request: Request) -> Ledger:
    found: Ledger = request.app.state.ledger
    return found


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it holds a NUL character")
    return text


def _or_none(text: object) -> object:
    return None if text == "" else text


Opened = Annotated[Ledger, Depends(_ledger)]
"""The ledger that is shown."""
Name = Annotated[str, Query(max_length=2000), AfterValidator(_no_nul)]
"""A name in a query: of a use case, a model, a component."""
Key = Annotated[str, Query(max_length=64), AfterValidator(_no_nul)]
"""A key in a query: of a run, a policy."""
RunKey = Annotated[
    str, Path(max_length=32, pattern=r"^[0-9A-Za-z][0-9A-Za-z-]*$", description="key of a run, or latest")
]
"""A run's key in a path, or the beginning of one."""
Day = Annotated[dt.date | None, BeforeValidator(_or_none)]
From = Annotated[Day, Query(alias="from", description="only what is of this day or later (UTC)")]
To = Annotated[Day, Query(alias="to", description="only what is of this day or earlier (UTC)")]
