"""A proposed policy as the `aligntax.toml` that people edit: every key explained where it stands."""

import datetime as dt
import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from aligntax import __version__
from aligntax.labels import POLICY_VERSION
from aligntax.policy.propose import BUDGETS, Proposal, limit_above
from aligntax.policy.read import read_policy
from aligntax.records import Estimate
from aligntax.tax.completion import SMALL

__all__ = ["proposed_text", "toml_text"]

_MOST_MODELS = 6
_LONGEST = 100


def proposed_text(proposal: Proposal, *, service: str, sources: str, written: dt.date) -> str:
    """The text of an `aligntax.toml`, read back before it is given out.

    Args:
        proposal: from a log.
        service: what the policy is of.
        sources: the log, as it was typed.
        written: today.
    """
    price = proposal.audit.prices.price
    models = [name for name in proposal.models if len(name) <= _LONGEST][:_MOST_MODELS]
    text = _template().render(
        audit=proposal.audit,
        budgets=BUDGETS,
        careful=any(case.careful for case in proposal.cases),
        labelling_policy=POLICY_VERSION,
        prices=[(name, price(name)) for name in models],
        proposal=proposal,
        service=service,
        sources=sources,
        traffic=_traffic(proposal),
        version=__version__,
        written=f"{written:%Y-%m-%d}",
    )
    read_policy(text, "the proposed policy")
    return text


def toml_text(text: str) -> str:
    """Text in the quotes of TOML, on one line, whatever is in it."""
    quoted = json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)[1:-1]
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted) + '"'


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )  # TOML, and every word of others goes through a filter
    filters: dict[str, Callable[[Any], str]] = {
        "toml": toml_text,
        "plain": _plain,
        "limit": lambda today: f"{limit_above(today):g}",
        "figure": _figure,
        "disclaimers": _disclaimers,
    }
    environment.filters |= filters
    source = resources.files("aligntax.policy").joinpath("proposed.toml.jinja").read_text("utf-8")
    return environment.from_string(source)


def _plain(text: str) -> str:
    """Words of others inside a comment: one line, nothing that cannot be seen."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _traffic(proposal: Proposal) -> str:
    words = f"{proposal.exchanges:,} exchanges"
    if proposal.audit.settings.sample and proposal.audit.scale.traffic > 1:
        words = f"a sample of {words}"
    if proposal.first and proposal.last:
        words += f" from {proposal.first:%Y-%m-%d} to {proposal.last:%Y-%m-%d}"
    return words


def _figure(today: Estimate) -> str:
    """Today's figure, as the limit beside it was made from it."""
    interval = f"{today.low:.1%} to {today.high:.1%}"
    few = "; few exchanges, hence so wide" if today.n < SMALL else ""
    return f"today {today.value:.1%}, {today.level:.0%} interval {interval}, n = {today.n:,}{few}"


def _disclaimers(shown: Estimate) -> str:
    if not shown.known:
        return "whether a disclaimer is shown could not be told"
    interval = f"{shown.low:.0%} to {shown.high:.0%}"
    return f"a disclaimer is in {shown.value:.0%} of today's exchanges ({interval}, n = {shown.n:,})"
