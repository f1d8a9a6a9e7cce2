"""The bill: what the tax comes to in requests, tokens and money, by use case and for a month."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aligntax.records import Estimate, Measurement, Unit, unknown
from aligntax.stats import clustered_mean, wilson
from aligntax.tax.cells import Floats
from aligntax.tax.completion import measured, rate
from aligntax.tax.prices import PriceTable
from aligntax.tax.tally import DIMENSIONS, Slice, Tally

__all__ = ["ITEMS", "Item", "Scale", "bill"]


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the bill.

    Attributes:
        name: of the component.
        title: for a person.
        unit: what is counted.
    """

    name: str
    title: str
    unit: Unit


ITEMS = (
    Item("bill.refused", "requests refused", "exchanges"),
    Item("bill.hedged", "requests hedged", "exchanges"),
    Item("bill.retries", "same prompt asked again", "exchanges"),
    Item("bill.caveat_tokens", "tokens spent on caveats", "tokens"),
    Item("bill.refusal_tokens", "tokens spent on refusals", "tokens"),
    Item("bill.retry_tokens", "tokens spent on retries", "tokens"),
    Item("bill.caveat_cost", "money spent on caveats", "usd"),
    Item("bill.refusal_cost", "money spent on refusals", "usd"),
    Item("bill.retry_cost", "money spent on retries", "usd"),
    Item("bill.wasted_cost", "money spent for nothing", "usd"),
)

_NO_CLUSTER = "the log has no user or session field (--cluster-field), so a retry cannot be told"


@dataclass(frozen=True, slots=True)
class Scale:
    """From the exchanges audited to all traffic, and to a month of it.

    Attributes:
        traffic: exchanges of real traffic for each one audited, >= 1.
        days: days the log spans, >= 1; None when it has no times.
    """

    traffic: float = 1.0
    days: float | None = None

    @property
    def month(self) -> float | None:
        """What the log's total is multiplied by to give 30 days."""
        return None if self.days is None else 30.0 / self.days


def bill(tally: Tally, prices: PriceTable, scale: Scale, *, level: float = 0.95) -> list[Measurement]:
    """What the tax comes to, for all traffic and by use case; over the log's time, not a month.

    Refusals for lack of an ability ("I cannot open attachments") are not charged to alignment.

    Args:
        tally: the judged traffic.
        prices: for exchanges whose cost the log does not state.
        scale: `traffic` multiplies every figure; `days` is not used here.
        level: two-sided coverage.
    """
    priced = replace(tally, sums={**tally.sums, **_derived(tally, prices)})
    return [m for part in priced.slices((), ("use_case",)) for m in _of(part, scale.traffic, level)]


def _derived(tally: Tally, prices: PriceTable) -> dict[str, Floats]:
    """(cells, groups) sums the bill adds: refusals charged to alignment, and money."""
    sums = tally.sums
    table = [prices.price(str(model)) for model in tally.keys[:, DIMENSIONS.index("model")]]
    dear_in = np.array([[price.input] for price in table]) / 1e6  # (cells, 1)
    dear_out = np.array([[price.output] for price in table]) / 1e6
    stated = (sums["priced"] == sums["exchanges"]) & (sums["exchanges"] > 0)

    def money(name: str, tokens_in: Floats | float, tokens_out: Floats) -> Floats:
        return np.where(stated, sums[name], tokens_in * dear_in + tokens_out * dear_out)

    refusal = money("refusal_cost", sums["refusal_tokens_in"], sums["refusal_tokens_out"])
    retry = money("retry_cost", sums["retry_tokens_in"], sums["retry_tokens_out"])
    caveat = money("caveat_cost", 0.0, sums["caveat_tokens"])
    return {
        "declined": sums["refused"] - sums["cannot"],
        "refusal_tokens": sums["refusal_tokens_in"] + sums["refusal_tokens_out"],
        "retry_tokens": sums["retry_tokens_in"] + sums["retry_tokens_out"],
        "caveat_usd": caveat,
        "refusal_usd": refusal,
        "retry_usd": retry,
        "wasted_usd": caveat + refusal + retry,
        "spent_usd": money("cost", sums["tokens_in"], sums["tokens_out"]),
    }


def _of(part: Slice, traffic: float, level: float) -> Iterator[Measurement]:
    for name, event in (("refused", "declined"), ("hedged", "hedged"), ("retries", "retries")):
        share = rate(part, event, part.determined, level)
        count = share.times(float(part.determined.sum()) * traffic, "exchanges")
        yield _told(part, f"bill.{name}", count)
    for name, total, unit in _TOTALS:
        yield _told(part, f"bill.{name}", _total(part, total, unit, traffic, level))


_TOTALS: tuple[tuple[str, str, Unit], ...] = (
    ("caveat_tokens", "caveat_tokens", "tokens"),
    ("refusal_tokens", "refusal_tokens", "tokens"),
    ("retry_tokens", "retry_tokens", "tokens"),
    ("caveat_cost", "caveat_usd", "usd"),
    ("refusal_cost", "refusal_usd", "usd"),
    ("retry_cost", "retry_usd", "usd"),
    ("wasted_cost", "wasted_usd", "usd"),
    ("spent_cost", "spent_usd", "usd"),
)


def _told(part: Slice, component: str, estimate: Estimate) -> Measurement:
    """Retries are unknown without a field that tells who asked."""
    if "retr" in component and not part.clustered:
        estimate = unknown(_NO_CLUSTER, unit=estimate.unit, level=estimate.level, n=estimate.n)
    return measured(part, component, estimate)


def _total(part: Slice, name: str, unit: Unit, traffic: float, level: float) -> Estimate:
    """A sum over the slice, as a mean per exchange with its interval, times the exchanges."""
    counts = part.groups("exchanges")
    exchanges = float(counts.sum())
    if part.total(name):
        mean = clustered_mean(part.groups(name), counts, unit=unit, level=level)
        return mean.times(exchanges * traffic, unit)
    return _none_seen(part, unit, exchanges * traffic, level)


def _none_seen(part: Slice, unit: Unit, exchanges: float, level: float) -> Estimate:
    """Zero, with an upper end: Wilson's for no event, each priced like the average exchange."""
    spent = part.total("spent_usd") if unit == "usd" else part.total("tokens_in") + part.total("tokens_out")
    n = round(float(part.groups("exchanges").sum()))
    upper = wilson(0, n, level=level).high
    high = upper * spent / max(n, 1) * exchanges
    method = "none seen; upper end: Wilson's rate at the price of an average exchange"
    return Estimate(value=0.0, low=0.0, high=high, level=level, n=n, unit=unit, method=method)
