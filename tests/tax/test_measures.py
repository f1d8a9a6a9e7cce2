"""Measures on traffic whose figures were worked out by hand."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aligntax.records import Measurement
from aligntax.stats import wilson
from aligntax.tax.bill import Scale, bill
from aligntax.tax.completion import completion
from aligntax.tax.prices import Price, PriceTable
from aligntax.tax.symptoms import symptoms
from aligntax.tax.tally import count
from aligntax.tax.verbosity import verbosity
from tax.known_traffic import ANSWER, CANNOT, CAVEAT, REFUSAL, SOFT, exchange

PRICES = PriceTable("test", False, (Price("m-*", 1000.0, 5000.0), Price("*", 0.0, 0.0)))
Judged = Callable[..., Path]


def figures(measurements: list[Measurement], **where: str) -> dict[str, Measurement]:
    """Component -> measurement, for one slice."""
    return {m.component: m for m in measurements if m.slice == where}


def traffic() -> list[dict[str, object]]:
    """100 exchanges: 70 answers, 12 refusals, 3 for lack of ability, 10 hedged, 5 empty; 40 legal."""
    responses: list[str | None] = [ANSWER] * 60 + [ANSWER * 2 + CAVEAT] * 10 + [REFUSAL] * 12
    responses += [CANNOT] * 3 + [SOFT] * 10 + [None] * 5
    return [
        exchange(n, text, use_case="legal" if n % 5 < 2 else "medical") for n, text in enumerate(responses)
    ]


def test_completion_by_hand(judge_traffic: Judged) -> None:
    """Shares, denominators and intervals are those counted by hand."""
    found = figures(completion(count(judge_traffic(traffic()))))
    assert found["undetermined"].estimate.value == pytest.approx(5 / 100)
    assert found["undetermined"].estimate.n == 100
    assert found["refused"].estimate.value == pytest.approx(15 / 95)
    assert found["cannot"].estimate.value == pytest.approx(3 / 95)
    assert found["hedged"].estimate.value == pytest.approx(10 / 95)
    assert found["completion_tax"].estimate.value == pytest.approx(22 / 95)
    expected = wilson(15, 95)
    assert found["refused"].estimate.low == expected.low
    assert found["refused"].estimate.high == expected.high


def test_slices_add_up(judge_traffic: Judged) -> None:
    """Every level of the breakdown holds every exchange once."""
    tally = count(judge_traffic(traffic()))
    for level in (("use_case",), ("model",), ("period",), ("use_case", "model", "period")):
        parts = list(tally.slices(level))
        assert sum(p.total("exchanges") for p in parts) == 100
        assert sum(p.total("refused") for p in parts) == 15
    assert [p.where for p in tally.slices(("use_case",))] == [{"use_case": "medical"}, {"use_case": "legal"}]


def test_small_cells_say_so(judge_traffic: Judged) -> None:
    """A slice of fewer than 30 outcomes is marked small, a larger one is not."""
    measurements = completion(count(judge_traffic(traffic())))
    assert not figures(measurements)["refused"].small
    cell = {"use_case": "legal", "model": "m-1", "period": "2026-10-05"}
    assert figures(measurements, **cell)["refused"].small


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_split_into_batches_changes_nothing(judge_traffic: Judged, batch: int) -> None:
    """Sums are the same to the last digit however the traffic came in."""
    whole, parts = count(judge_traffic(traffic())), count(judge_traffic(traffic(), batch=batch))
    for name in whole.sums:
        assert whole.whole.total(name) == parts.whole.total(name)


def test_bill_by_hand(judge_traffic: Judged) -> None:
    """12 refusals of 10 + 40 tokens at 1,000 and 5,000 dollars a million cost 12 x 0.21 dollars."""
    found = figures(bill(count(judge_traffic(traffic())), PRICES, Scale()))
    assert found["bill.refused"].estimate.value == pytest.approx(12)
    assert found["bill.refusal_tokens"].estimate.value == pytest.approx(12 * 50)
    assert found["bill.refusal_cost"].estimate.value == pytest.approx(12 * (10 * 0.001 + 40 * 0.005))
    text = ANSWER * 2 + CAVEAT
    preamble = SOFT.index(ANSWER) - 1
    share = 10 * len(CAVEAT) / len(text) + 10 * preamble / len(SOFT)
    assert found["bill.caveat_tokens"].estimate.value == pytest.approx(40 * share, rel=1e-6)
    wasted = found["bill.refusal_cost"].estimate.value + found["bill.caveat_cost"].estimate.value
    assert found["bill.wasted_cost"].estimate.value == pytest.approx(wasted)


def test_stated_cost_beats_the_table(judge_traffic: Judged) -> None:
    """Where the log says what a call cost, the price table is not used."""
    rows = [row | {"cost": 0.5} for row in traffic()]
    found = figures(bill(count(judge_traffic(rows)), PRICES, Scale()))
    assert found["bill.refusal_cost"].estimate.value == pytest.approx(6.0)


def test_a_sample_is_scaled_up(judge_traffic: Judged) -> None:
    """With a tenth of the traffic in hand, counts and money are ten times as much, rates are not."""
    tally = count(judge_traffic(traffic()))
    once, ten = figures(bill(tally, PRICES, Scale())), figures(bill(tally, PRICES, Scale(traffic=10)))
    for name in ("bill.refused", "bill.refusal_cost"):
        assert ten[name].estimate.value == pytest.approx(10 * once[name].estimate.value)
        assert ten[name].estimate.high == pytest.approx(10 * once[name].estimate.high)


def test_retries_by_hand(judge_traffic: Judged) -> None:
    """The same user asking the same again within a day of a refusal is a retry; nothing else is."""
    rows = [
        exchange(0, REFUSAL, cluster="ann", prompt_key=1),
        exchange(1, REFUSAL, cluster="ann", prompt_key=1),  # a retry
        exchange(2, ANSWER, cluster="ann", prompt_key=1),  # a retry, answered
        exchange(3, ANSWER, cluster="bob", prompt_key=1),  # another user
        exchange(4, ANSWER, cluster="ann", prompt_key=2),  # another question
        exchange(40, ANSWER, cluster="ann", prompt_key=1),  # a day and a half later
        exchange(5, ANSWER, cluster="cid", prompt_key=3),
        exchange(6, ANSWER, cluster="cid", prompt_key=3),  # asked again after an answer
    ]
    found = figures(bill(count(judge_traffic(rows)), PRICES, Scale()))
    assert found["bill.retries"].estimate.value == pytest.approx(2)
    assert found["bill.retry_tokens"].estimate.value == pytest.approx(2 * 50)


def test_retries_need_a_user(judge_traffic: Judged) -> None:
    """Without a user field a retry cannot be told: nan, with the remedy in the reason."""
    found = figures(bill(count(judge_traffic(traffic())), PRICES, Scale()))
    assert math.isnan(found["bill.retries"].estimate.value)
    assert "--cluster-field" in found["bill.retries"].estimate.reason


def test_nothing_seen_still_has_an_upper_end(judge_traffic: Judged) -> None:
    """No refusal among 50 costs nothing so far, and at most what Wilson's upper end would."""
    rows = [exchange(n, ANSWER) for n in range(50)]
    estimate = figures(bill(count(judge_traffic(rows)), PRICES, Scale()))["bill.refusal_cost"].estimate
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert estimate.high == pytest.approx(wilson(0, 50).high * 50 * (0.01 + 0.2))


def test_clusters_widen_the_interval(judge_traffic: Judged) -> None:
    """When ten of twenty users are refused everything, n is twenty and not two hundred."""
    rows = [
        exchange(n, REFUSAL if n % 20 < 10 else ANSWER, cluster=f"user {n % 20}", use_case="x")
        for n in range(200)
    ]
    estimate = figures(completion(count(judge_traffic(rows))))["refused"].estimate
    assert estimate.clusters == 20
    assert estimate.high - estimate.low > 2.5 * (wilson(100, 200).high - wilson(100, 200).low)


def test_a_log_without_text_measures_nothing(judge_traffic: Judged) -> None:
    """A log that kept no text has no refusal rate of 0: it has none, and says why."""
    rows = [exchange(n, None, kind="no_text") for n in range(40)]
    found = figures(completion(count(judge_traffic(rows))))
    for name in ("undetermined", "refused", "hedged", "completion_tax"):
        assert math.isnan(found[name].estimate.value)
        assert found[name].estimate.reason == "the log kept no text"


def test_tool_calls_are_in_no_rate(judge_traffic: Judged) -> None:
    """Answers by tool call leave the denominators alone."""
    rows = [exchange(n, ANSWER) for n in range(40)]
    rows += [exchange(n, None, kind="tool_call") for n in range(40, 60)]
    found = figures(completion(count(judge_traffic(rows))))
    assert found["undetermined"].estimate.value == 0
    assert found["undetermined"].estimate.n == 40


def test_symptoms_and_length(judge_traffic: Judged) -> None:
    """Flags, layers and lengths are counted among exchanges with an outcome."""
    tally = count(judge_traffic(traffic()))
    found = figures(symptoms(tally)) | figures(verbosity(tally))
    assert found["symptom.disclaimer"].estimate.value == pytest.approx(10 / 95)
    assert found["layer.model"].estimate.value == pytest.approx(15 / 95)
    assert found["delay.share"].estimate.value == pytest.approx(10 / 80)
    assert found["length.median"].estimate.value == len(ANSWER)
    assert math.isnan(found["fallback"].estimate.value)


def test_fallback_share(judge_traffic: Judged) -> None:
    """A fallback model that answers hides a refusal; its share is a figure of its own."""
    rows = [
        exchange(n, ANSWER, model_requested="m-2" if n < 5 else "m-1", model_served="m-1") for n in range(50)
    ]
    found = figures(symptoms(count(judge_traffic(rows))))
    assert found["fallback"].estimate.value == pytest.approx(0.1)


@pytest.mark.parametrize(("days", "period", "parts"), [(3, "day", 3), (60, "week", 9), (400, "month", 14)])
def test_time_is_cut_by_the_span(judge_traffic: Judged, days: int, period: str, parts: int) -> None:
    """Days up to two weeks, weeks up to half a year, months beyond."""
    rows = [exchange(24 * n, ANSWER) for n in range(days)]
    tally = count(judge_traffic(rows))
    assert tally.period == period
    assert len(list(tally.slices(("period",)))) == parts


def test_many_use_cases_stay_in_memory(judge_traffic: Judged) -> None:
    """With thousands of use cases clusters share fewer groups, and no exchange is lost."""
    rows = [exchange(n, ANSWER, use_case=f"case {n}") for n in range(3000)]
    tally = count(judge_traffic(rows))
    assert tally.whole.total("exchanges") == 3000
    assert next(iter(tally.sums.values())).size <= 1 << 19
    assert np.array_equal(np.unique(tally.keys[:, 1]), ["m-1"])
