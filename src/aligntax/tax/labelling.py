"""What a labelling task knows of the rate so far: the corrected rate, from the labels there are.

While people label, the run need not be read again with every label: what its detector said is put together
once, cell by cell, when the task is made (`verdicts_of`), and is some hundred numbers however large the run.
Where no run is at hand the sizes of the plan's strata are enough for the rate from labels alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aligntax.errors import UsageError
from aligntax.labels.labels import LabelSet, planned
from aligntax.labels.plan import Plan
from aligntax.records import Estimate, Label, unknown
from aligntax.stats import helps
from aligntax.tax.corrected import corrected_rate
from aligntax.tax.labelled import OPEN, ExpertLabels, LabelledTraffic, expert_labels, labelled_traffic

__all__ = ["rate_so_far", "verdicts_of"]

_RATE = "completion_tax"


def verdicts_of(judged: Path, plan: Plan) -> dict[str, Any]:
    """What the detector said of a run, by cells of equal verdict and slice, as JSON.

    Args:
        judged: Parquet file of the JUDGED schema.
        plan: which exchanges of the run are labelled.

    Returns:
        verdicts and counts, one each cell; strata, the same, or None where the plan's strata cannot be told
        in this run; and cell, key of each planned exchange -> its cell.

    Raises:
        UsageError: the plan is of other exchanges than this run's.
    """
    stand_ins = [
        Label(id=one.key, outcome="complete", annotator="-", policy_version=plan.policy_version)
        for one in plan.chosen
    ]
    whole = expert_labels(LabelSet(tuple(stand_ins), planned(plan, stand_ins)), force=True)
    traffic = labelled_traffic(judged, whole)
    keys = whole.resolved.labels["id"].to_pylist()
    return {
        "verdicts": traffic.verdicts.tolist(),
        "counts": traffic.counts.tolist(),
        "strata": None if traffic.strata is None else traffic.strata.tolist(),
        "cell": dict(zip(keys, traffic.cell.tolist(), strict=True)),
    }


def rate_so_far(
    plan: Plan, verdicts: Mapping[str, Any] | None, labels: Sequence[Label], *, level: float = 0.95
) -> Estimate:
    """The completion tax from the labels there are.

    Args:
        plan: the labels are given by.
        verdicts: by `verdicts_of`; None for labels alone.
        labels: of exchanges of the plan.
        level: two-sided coverage.

    Returns:
        Estimate in [0, 1]: prediction-powered where that is sharper than labels alone, as in an audit; nan
        with fewer than two labels that tell an outcome.
    """
    if not labels:
        return unknown("no labels", unit="rate", level=level)
    try:
        experts = expert_labels(LabelSet(tuple(labels), planned(plan, labels)), level=level, force=True)
    except UsageError as error:
        return unknown(error.message, unit="rate", level=level)
    traffic = _traffic(plan, verdicts, experts)
    alone = corrected_rate(traffic, _RATE, powered=False, level=level)
    if verdicts is None:
        return alone
    powered = corrected_rate(traffic, _RATE, level=level)
    return powered if helps(powered, alone) else alone


def _traffic(plan: Plan, verdicts: Mapping[str, Any] | None, experts: ExpertLabels) -> LabelledTraffic:
    final = experts.resolved.labels
    keys = final["id"].to_pylist()
    place = {stratum.name: at for at, stratum in enumerate(plan.strata)}
    cells = verdicts or {
        "verdicts": [OPEN] * len(plan.strata),
        "counts": [stratum.size for stratum in plan.strata],
        "strata": list(range(len(plan.strata))),
        "cell": {key: place[plan.by_key[key].stratum] for key in keys},
    }
    return LabelledTraffic(
        names={},
        verdicts=np.array(cells["verdicts"], np.int64),
        counts=np.array(cells["counts"], np.int64),
        strata=None if cells["strata"] is None else np.array(cells["strata"], np.int64),
        simple=False,
        cell=np.array([cells["cell"][key] for key in keys], np.int64),
        labels=np.array([experts.classes[key] for key in keys], np.int64),
        inclusion=np.array(final["probability"].to_pylist(), np.float64),
    )
