"""The rate while people label is the rate an audit would give with the same labels."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.labels.labels import LabelSet, planned
from aligntax.labels.plan import Plan
from aligntax.records import Label
from aligntax.stats import helps
from aligntax.tax.corrected import corrected_rate
from aligntax.tax.labelled import expert_labels, labelled_traffic
from aligntax.tax.labelling import rate_so_far, verdicts_of
from labelling_tasks import a_plan

OUTCOMES = ("complete", "hedged", "refused", "not_applicable")


def given(plan: Plan, count: int, seed: int = 1) -> list[Label]:
    """Labels of the first so many exchanges, drawn at random."""
    drawn = np.random.default_rng(seed).choice(4, size=count, p=(0.6, 0.15, 0.2, 0.05))
    return [
        Label(id=one.key, outcome=OUTCOMES[at], annotator="anna", policy_version="1")  # type: ignore[arg-type]
        for one, at in zip(plan.chosen, drawn, strict=False)
    ]


@pytest.mark.parametrize("count", [3, 10, 37, 60])
def test_it_is_the_audits_rate(tmp_path: Path, count: int) -> None:
    """To the last digit, at any number of labels, from what is kept as JSON."""
    path, plan = a_plan(tmp_path, 60)
    labels = given(plan, count)
    verdicts = json.loads(json.dumps(verdicts_of(path, plan)))
    traffic = labelled_traffic(path, expert_labels(LabelSet(tuple(labels), planned(plan, labels))))
    alone, powered = (corrected_rate(traffic, "completion_tax", powered=way) for way in (False, True))
    assert rate_so_far(plan, verdicts, labels) == (powered if helps(powered, alone) else alone)
    assert rate_so_far(plan, None, labels) == alone


def test_it_narrows(tmp_path: Path) -> None:
    """Four times the labels, about half the width."""
    path, plan = a_plan(tmp_path, 240)
    verdicts = verdicts_of(path, plan)
    widths = [e.high - e.low for e in (rate_so_far(plan, verdicts, given(plan, n)) for n in (60, 240))]
    assert widths[1] < 0.65 * widths[0]


@pytest.mark.parametrize("labels", [0, 1])
def test_too_few_tell_nothing(tmp_path: Path, labels: int) -> None:
    path, plan = a_plan(tmp_path)
    estimate = rate_so_far(plan, verdicts_of(path, plan), given(plan, labels))
    assert not estimate.known
    assert estimate.reason


def test_labels_that_all_disagree_tell_nothing(tmp_path: Path) -> None:
    _, plan = a_plan(tmp_path)
    key = plan.chosen[0].key
    both: Sequence[Label] = [
        Label(id=key, outcome="complete", annotator="anna", policy_version="1"),
        Label(id=key, outcome="refused", annotator="ben", policy_version="1"),
    ]
    assert "disagree" in rate_so_far(plan, None, both).reason


def test_another_run_is_refused(tmp_path: Path) -> None:
    """Verdicts are those of the exchanges the plan is of, or none."""
    (tmp_path / "other").mkdir()
    _, plan = a_plan(tmp_path)
    path, _ = a_plan(tmp_path / "other", counts={("complete", "a"): 500, ("refused", "a"): 30})
    with pytest.raises(UsageError, match="other exchanges"):
        verdicts_of(path, plan)
