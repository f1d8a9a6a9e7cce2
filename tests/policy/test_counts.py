"""What is tax under a policy: worked out by hand, and the recount lands in the audit's own cells."""

import contextlib
import math
from pathlib import Path

import numpy as np
import pytest

from aligntax.policy.counts import CHARGED, _count, measured_under
from aligntax.policy.recognise import recogniser
from aligntax.records import Measurement
from aligntax.stats import wilson
from aligntax.tax.audit import Settings, audit
from aligntax.tax.prices import load_prices
from aligntax.traffic.read import Log
from policy.judged import audit_of, outcome
from policy.policies import policy_of
from tax.conftest import SignalsAndPhrases

MEDICAL = 'match.use_case = ["med"]\ncounts.disclaimer = "required"\ncounts.referral = "neutral"'
OFFICE = 'match.use_case = ["office"]'
ROWS = [
    outcome("complete", "disclaimer", caveat=20),
    outcome("complete", "disclaimer", "referral", caveat=30),
    outcome("complete", "disclaimer", "apology", caveat=40),
    outcome("complete"),
    outcome("hedged", "disclaimer", caveat=50),
    outcome("refused", "disclaimer", caveat=60),
    outcome("complete", "apology", caveat=10),
]


def figure(measurements: list[Measurement], component: str, **where: str) -> Measurement:
    [found] = [one for one in measurements if one.component == component and one.slice == where]
    return found


def test_required_and_neutral_caveats_are_no_tax(tmp_path: Path) -> None:
    """Alone they cost nothing; mixed with others, or with a step back, between nothing and all they hold."""
    everything = ROWS + [row | {"use_case": "office"} for row in ROWS]
    audited = audit_of(everything, tmp_path / "o.parquet")
    found = measured_under(policy_of(med=MEDICAL, office=OFFICE), audited)
    for component in ("bill.caveat_tokens", "bill.caveat_cost"):
        for where, before, after in (
            ({"use_case": "med"}, 150, 100),
            ({"use_case": "office"}, 150, 150),
            ({}, 300, 250),
        ):
            assert figure(audited.measurements, component, **where).estimate.value == pytest.approx(before)
            assert figure(found, component, **where).estimate.value == pytest.approx(after)
    wasted = figure(found, "bill.wasted_cost", use_case="med").estimate
    assert wasted.value == pytest.approx(100 + 100)  # the refusal's hundred tokens
    assert "lower end counts none" in figure(found, "bill.caveat_tokens", use_case="med").estimate.method
    office = {"component": "bill.caveat_tokens", "use_case": "office"}
    assert figure(found, **office) == figure(audited.measurements, **office)


def test_the_lower_end_takes_mixed_responses_for_free(tmp_path: Path) -> None:
    """It is that of the traffic in which their caveats cost nothing."""
    policy = policy_of(med=MEDICAL)
    mixed = figure(
        measured_under(policy, audit_of(ROWS, tmp_path / "a")), "bill.caveat_tokens", use_case="med"
    )
    free = [row | {"caveat_chars": 0} if row["caveat_chars"] in (40, 50) else row for row in ROWS]
    least = figure(
        measured_under(policy, audit_of(free, tmp_path / "b")), "bill.caveat_tokens", use_case="med"
    )
    assert least.estimate.value == pytest.approx(10)
    assert mixed.estimate.low == pytest.approx(least.estimate.low)
    assert mixed.estimate.high > mixed.estimate.value == pytest.approx(100)


def test_the_absence_of_what_is_required_is_measured(tmp_path: Path) -> None:
    """Among what was answered, with its interval, by model too; nowhere else."""
    rows = (
        ROWS + [row | {"model": "m-2"} for row in ROWS[:2]] + [row | {"use_case": "office"} for row in ROWS]
    )
    found = measured_under(policy_of(med=MEDICAL, office=OFFICE), audit_of(rows, tmp_path / "o.parquet"))
    whole = figure(found, "missing.disclaimer", use_case="med")
    assert whole.estimate == wilson(2, 8, level=0.95)
    assert whole.small
    assert figure(found, "missing.disclaimer", use_case="med", model="m-1").estimate == wilson(
        2, 6, level=0.95
    )
    assert figure(found, "missing.disclaimer", use_case="med", model="m-2").estimate == wilson(
        0, 2, level=0.95
    )
    missing = {
        (one.component, one.slice["use_case"]) for one in found if one.component.startswith("missing.")
    }
    assert missing == {("missing.disclaimer", "med")}


def test_without_an_answer_its_absence_cannot_be_known(tmp_path: Path) -> None:
    """It is nan with a reason, never 0."""
    refused = [outcome("refused", caveat=5) for _ in range(5)]
    estimate = figure(
        measured_under(policy_of(med=MEDICAL), audit_of(refused, tmp_path / "o")),
        "missing.disclaimer",
        use_case="med",
    ).estimate
    assert math.isnan(estimate.value)
    assert estimate.reason == "no exchange was answered"


def test_where_all_is_tax_nothing_changes(tmp_path: Path) -> None:
    """The figures are the audit's own."""
    audited = audit_of(ROWS, tmp_path / "o.parquet")
    assert measured_under(policy_of(med='match.use_case = ["med"]'), audited) == audited.measurements


@pytest.mark.parametrize("weight", ["tax", "neutral", "required"])
def test_the_recount_lands_in_the_cells_and_groups_of_the_audit(
    tmp_path: Path, example_log: Path, weight: str
) -> None:
    """With clusters, periods and models; a policy that spares nothing gives the very same sums."""
    policy = policy_of(
        nowhere='match.use_case = ["nowhere"]\ncounts.apology = "neutral"',
        medical=f'match.use_case = ["medical"]\ncounts.disclaimer = "{weight}"',
        rest='match.use_case = ["*"]',
    )
    with contextlib.closing(Log([str(example_log)])) as log:
        audited = audit(
            log,
            SignalsAndPhrases(),
            tmp_path / "o.parquet",
            prices=load_prices(),
            settings=Settings(),
            recognise=recogniser(policy),
        )
    counted = _count(policy, audited)
    spent = audited.tally.sums["caveat_tokens"]
    medical = audited.tally.keys[:, 0] == "medical"
    for tally in (counted.all_mixed, counted.no_mixed):
        np.testing.assert_array_equal(tally.sums["caveat_tokens"][~medical], spent[~medical])
        assert (tally.sums["caveat_tokens"] <= spent).all()
        same = bool((tally.sums["caveat_tokens"][medical] == spent[medical]).all())
        assert same == (weight == "tax")
    assert counted.no_mixed.whole.total("caveat_tokens") <= counted.all_mixed.whole.total("caveat_tokens")
    found = measured_under(policy, audited)
    changed = {old.component for old, new in zip(audited.measurements, found, strict=False) if old != new}
    assert changed == (set() if weight == "tax" else set(CHARGED))
    assert [one for one in found if one.component == "missing.disclaimer"] == found[
        len(audited.measurements) :
    ]
    assert (weight == "required") == (len(found) > len(audited.measurements))
