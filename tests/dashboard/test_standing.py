"""Where a budget stands: no steady average hides a slice that is over, and the floor is never left out."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
from aligntax.dashboard.reading.standing import Standings, standings
from aligntax.ledger import Origin, open_ledger, record_run
from aligntax.ledger.verdicts import keep_verdict, verdicts
from aligntax.records import Estimate
from aligntax.report.document import flat

FIGURE = flat(Estimate(value=0.02, low=0.01, high=0.03, level=0.95, n=900, unit="rate", method="by hand"))


def held(verdict: str, **slices: str) -> dict[str, Any]:
    common = {"use_case": "medical", "component": "refused", "direction": "at_most", "limit": 0.05}
    return common | {
        "slice": slices,
        "window": "28d",
        "estimate": FIGURE,
        "verdict": verdict,
        "reason": "",
        "needed": None,
    }


def hazard(verdict: str) -> dict[str, Any]:
    return {
        "hazard": "*",
        "limit": 0.05,
        "estimate": FIGURE,
        "verdict": verdict,
        "reason": "",
        "needed": None,
    }


def stood(place: Path, slices: list[dict[str, Any]], hazards: list[dict[str, Any]]) -> Standings:
    ledger = open_ledger(place)
    document = {"schema": "aligntax.gate/1", "slices": slices, "hazards": hazards, "findings": []}
    run = record_run(ledger, document, [], title="held", origin=Origin())
    keep_verdict(ledger, run.id, "0" * 64, "fail", "release", document)
    found = standings(ledger, None, verdicts(ledger)[0], None)
    ledger.close()
    return found


def test_a_slice_over_is_over_whatever_the_mean(tmp_path: Path) -> None:
    found = stood(tmp_path, [held("pass"), held("fail", model="north-2"), held("pass", model="north-1")], [])
    (budget,) = found.budgets
    assert budget.verdict == "fail"
    assert budget.worst == ("model north-2",)
    assert found.count("fail") == 1
    assert found.count("pass") == 0


@pytest.mark.parametrize(
    ("verdicts_of_hazards", "words"),
    [
        ([], "was not measured"),
        (["pass", "pass"], "holds"),
        (["pass", "inconclusive"], "cannot be told"),
        (["inconclusive", "fail"], "is broken"),
    ],
)
def test_the_floor_in_words(tmp_path: Path, verdicts_of_hazards: list[str], words: str) -> None:
    found = stood(tmp_path, [held("pass")], [hazard(one) for one in verdicts_of_hazards])
    assert found.floor_in_words == words
