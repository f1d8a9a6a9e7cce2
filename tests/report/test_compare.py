"""Two bills side by side."""

from typing import Any

import pytest

from aligntax.errors import UsageError
from aligntax.records import Estimate
from aligntax.report.compare import COMPARED, compare, rate_difference
from aligntax.stats import wilson
from aligntax.stats.comparison import difference
from report.test_report import corrected_document, document


def differences(contents: Any) -> dict[str, Any]:
    return {entry["component"]: entry for entry in contents["differences"]}


def test_raw_rates_have_newcombes_interval() -> None:
    """149 of 250 against 74 of 250: the published difference, second less first."""
    found = rate_difference(wilson(74, 250), wilson(149, 250))
    assert found == difference(149, 250, 74, 250)
    assert (found.low, found.high) == pytest.approx((0.21431, 0.37936), abs=1e-5)


def test_other_intervals_are_combined_as_newcombe_combines_wilsons() -> None:
    """MOVER on Wilson's intervals is Newcombe's method; so one formula serves the corrected rates."""

    def renamed(estimate: Estimate) -> Estimate:
        return Estimate(
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            level=0.95,
            n=estimate.n,
            unit="rate",
            method="PPI++, smoothed, t",
            labelled=40,
        )

    first, second = wilson(74, 250), wilson(149, 250)
    newcombe, found = rate_difference(first, second), rate_difference(renamed(first), renamed(second))
    assert (found.value, found.low, found.high) == pytest.approx(
        (newcombe.value, newcombe.low, newcombe.high)
    )
    assert (found.method, found.labelled) == ("MOVER", 80)


def test_corrected_bills_compare_corrected_rates() -> None:
    """Labels on both sides: the rates to read, also where one is powered and the other from labels alone."""
    found = compare(corrected_document("powered"), corrected_document("labels"))
    tax = differences(found)["completion_tax"]
    assert found["reads"] == "labels"
    assert (tax["first"]["correction"], tax["second"]["correction"]) == ("powered", "labels")
    assert tax["difference"]["value"] == pytest.approx(-0.01)
    assert tax["difference"]["low"] < -0.01 < tax["difference"]["high"]
    assert set(differences(found)) == set(COMPARED)


def test_one_corrected_bill_is_compared_raw() -> None:
    found = compare(document(), corrected_document("powered"))
    assert found["reads"] == "raw"
    assert differences(found)["completion_tax"]["difference"]["value"] == pytest.approx(0)
    assert any("raw detector rates are compared" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("about", "clash"),
    [
        ({"detector": "phrases"}, "the detector is cascade (1) in one and phrases (1) in the other"),
        ({"detector_version": "2"}, "the detector is cascade (1) in one and cascade (2) in the other"),
    ],
)
def test_versions_are_not_compared_unless_forced(about: dict[str, str], clash: str) -> None:
    """Another detector or version: refused, with the remedy; forced, and said so."""
    with pytest.raises(UsageError) as caught:
        compare(document(), document(**about))
    assert clash in caught.value.message
    assert "--force" in caught.value.hint
    assert f"forced: {clash}" in compare(document(), document(**about), force=True)["notes"]


def test_labelling_policies_are_not_compared() -> None:
    other = corrected_document()
    other["about"]["labelling_policy"] = "2"
    with pytest.raises(UsageError, match=r"labelling policy is 1 in one and 2 in the other"):
        compare(corrected_document(), other)


def test_levels_are_never_compared() -> None:
    """An interval of .8 and one of .95 make none, forced or not."""
    with pytest.raises(UsageError, match=r"intervals of 0\.95 and 0\.8"):
        compare(document(), document(level=0.8), force=True)


def test_bills_from_before_there_were_corrections_compare() -> None:
    """A document without the newer keys is a raw one; what it lacks is unknown, with a reason."""
    old = document()
    assert "correction" not in old
    found = differences(compare(old, document()))
    assert found["complete"]["difference"]["value"] is None
    assert found["complete"]["difference"]["reason"] == "not measured"
    assert found["refused"]["difference"]["value"] == pytest.approx(0)
