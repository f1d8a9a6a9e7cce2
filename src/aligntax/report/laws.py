"""The laws of the tax as a document.

schema      "aligntax.laws/1"
aligntax    version that wrote it
about       table, rows, level, columns {ours: the table's}, runs (how many; null where not known),
            run_columns
settings    what is explained by what: [{response, on, rows, n, runs, low, high, used, verdict, why,
            laws}]
            laws: [{law, form, source, standing, parameters [{name, what, at_bound, estimate}],
            derived [{name, estimate, beyond}], r_squared, left_out, left_out_methods, aicc, held_out, curve}]
            standing: "holds", "cannot tell", "no better than the mean"; used: the law to read, whether it
            holds or not; verdict: "holds", "cannot tell", "no law holds"; beyond: a peak not wholly inside
            what was observed; curve: {x, value} and for the law used {low, high} too, the prediction
            interval of a new checkpoint
which_kl    null, or {decides, text, capability, alignment, saved, correlation}; decides: "capability",
            "alignment", "cannot tell", "neither"
asked       [{kind "expected", on, at, law, prediction, mean, low, high, extrapolated} or
            {kind "budget", on, budget, law, largest, prediction, whole_range}]
unfitted    what could not be fitted, and why
notes       what a reader must know
points      [{tax, kl_alignment, kl_capability, method, run}], one a checkpoint with a tax

Estimates are {value, low, high, ...} as in a bill: nan is null and `reason` says why.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from aligntax import __version__
from aligntax.records import Estimate
from aligntax.report.document import Document, flat
from aligntax.stats.curve_checks import HeldOut
from aligntax.tax.laws.asking import Budget, Expected
from aligntax.tax.laws.fit import KLS, FittedLaw, Laws, Setting, WhichKL

__all__ = ["SCHEMA", "TITLES", "laws_document"]

SCHEMA = "aligntax.laws/1"
TITLES: Mapping[str, str] = {
    "kl_capability": "KL on capability text",
    "kl_alignment": "KL on alignment prompts",
    "steps": "training steps",
    "tokens": "training tokens",
}
"""Column -> what it is, in words."""
_CURVE = 81
_FEW_RUNS = 6
_BOUND = (
    "The KL of best-of-n rows is ln n - (n - 1)/n where none is given: an upper bound, reached if no samples "
    "tie."
)
_MISPRINT = (
    "a sqrt(KL) - b KL, often printed as the law of RL, is the law of best-of-n; that of RL has ln d in it. "
    "KL is not comparable between the two."
)


def laws_document(laws: Laws, *, table: str, asked: Sequence[Expected | Budget] = ()) -> Document:
    """What was fitted and what was asked, as plain values.

    Args:
        laws: what was fitted.
        table: its name.
        asked: answers to questions.
    """
    checkpoints = laws.checkpoints
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "about": {
            "table": table,
            "rows": len(checkpoints),
            "level": laws.level,
            "columns": dict(checkpoints.columns),
            "runs": None if checkpoints.runs is None else len(set(checkpoints.runs)),
            "run_columns": list(checkpoints.run_columns),
        },
        "settings": [
            _setting(setting, fitted, best)
            for setting, fitted, best in zip(laws.settings, laws.fitted, laws.best, strict=True)
        ],
        "which_kl": _which(laws.which_kl),
        "asked": [_asked(answer) for answer in asked],
        "unfitted": list(laws.unfitted),
        "notes": _notes(laws),
        "points": _points(laws),
    }


def _setting(setting: Setting, fitted: Sequence[FittedLaw], best: FittedLaw) -> dict[str, object]:
    low, high = setting.range
    verdict, why = _verdict(fitted, best)
    return {
        "response": setting.response,
        "on": setting.on,
        "rows": setting.rows,
        "n": len(setting.x),
        "runs": best.fit.clusters,
        "low": low,
        "high": high,
        "used": best.law.name,
        "verdict": verdict,
        "why": why,
        "laws": [_law(law, setting, law is best) for law in fitted],
    }


def _verdict(fitted: Sequence[FittedLaw], best: FittedLaw) -> tuple[str, str]:
    new = "runs not seen" if best.fit.clusters else "checkpoints not seen"
    if best.standing == "holds":
        return "holds", f"{best.law.form} predicts {new} better than their mean does"
    if any(law.standing == "cannot tell" for law in fitted):
        return "cannot tell", f"neither that a law predicts {new} nor that none does is shown by so little"
    return "no law holds", f"none predicts {new} better than their mean does"


def _law(law: FittedLaw, setting: Setting, used: bool) -> dict[str, object]:
    return {
        "law": law.law.name,
        "form": law.law.form,
        "source": law.law.source,
        "standing": law.standing,
        "parameters": [
            {
                "name": name,
                "what": what,
                "at_bound": name == "alpha" and law.fit.at_bound,
                "estimate": flat(law.fit.parameter(index)),
            }
            for index, (name, what) in enumerate(law.law.parameters.items())
        ],
        "derived": [
            {"name": name, "estimate": flat(estimate), "beyond": _beyond(name, estimate, setting)}
            for name, estimate in law.law.derived(law.fit).items()
        ],
        "r_squared": flat(law.r_squared),
        "left_out": flat(law.left_out),
        "left_out_methods": law.left_out_methods and flat(law.left_out_methods),
        "aicc": None if math.isnan(law.aicc) else law.aicc,
        "held_out": _held_out(law.held_out),
        "curve": _curve(law, setting, used),
    }


def _beyond(name: str, estimate: Estimate, setting: Setting) -> bool:
    """Whether a peak's interval leaves the range observed."""
    low, high = setting.range
    return name == "peak KL" and estimate.known and not low <= estimate.low <= estimate.high <= high


def _held_out(held: HeldOut | None) -> dict[str, object] | None:
    if held is None:
        return None
    return {
        "below": held.below,
        "fitted": held.fitted,
        "predicted": held.predicted,
        "inside": held.inside,
        "miss": flat(held.miss),
    }


def _curve(law: FittedLaw, setting: Setting, used: bool) -> dict[str, list[float]]:
    low, high = setting.range
    counted = law.law.variable == "N"
    x = np.clip(np.geomspace(low, high, _CURVE), low, high) if counted else np.linspace(low, high, _CURVE)
    band = law.fit.band(x)
    curve = {"x": x.tolist(), "value": band.value.tolist()}
    return curve | ({"low": band.low.tolist(), "high": band.high.tolist()} if used else {})


def _which(which: WhichKL | None) -> dict[str, object] | None:
    if which is None:
        return None
    decides, text = _decides(which)
    return {
        "decides": decides,
        "text": text,
        "n": len(which.capability.fit.y),
        "saved": flat(which.saved),
        "correlation": which.correlation,
        **{
            name: {"law": law.law.name, "r_squared": flat(law.r_squared), "left_out": flat(law.left_out)}
            for name, law in (("capability", which.capability), ("alignment", which.alignment))
        },
    }


def _decides(which: WhichKL) -> tuple[str, str]:
    standings = which.capability.standing, which.alignment.standing
    if "holds" not in standings:
        if "cannot tell" in standings:
            return "cannot tell", "Cannot tell: with neither KL is a law shown to hold."
        return "neither", "Neither: with neither KL does a law predict better than the mean."
    for name, ahead in (("capability", which.saved.low > 0), ("alignment", which.saved.high < 0)):
        if ahead:
            on = f"kl_{name}"
            (other,) = (kl for kl in KLS if kl != on)
            unseen = which.alignment if name == "capability" else which.capability
            tells = "tells less" if unseen.standing == "holds" else "is not shown to tell anything"
            return name, f"The tax follows {TITLES[on]}; {TITLES[other]} {tells}."
    return "cannot tell", (
        "Cannot tell: neither KL predicts what is new clearly better than the other (their rank correlation "
        f"in this table is {which.correlation:.2f})."
    )


def _asked(answer: Expected | Budget) -> dict[str, object]:
    shared = {
        "on": answer.on,
        "law": answer.law and answer.law.law.name,
        "standing": answer.law and answer.law.standing,
        "prediction": flat(answer.prediction),
    }
    if isinstance(answer, Budget):
        own = {"budget": answer.budget, "largest": answer.largest, "whole_range": answer.whole_range}
        return {"kind": "budget", **shared, **own}
    low, high = answer.range
    ends = {"low": low, "high": high, "extrapolated": answer.extrapolated}
    return {"kind": "expected", "at": answer.at, **shared, "mean": flat(answer.mean), **ends}


def _notes(laws: Laws) -> list[str]:
    notes = list(_of_runs(laws.checkpoints.runs))
    for setting in laws.settings:
        if setting.response == "tax" and (missing := _missing(laws, setting)):
            where = (
                f"no {TITLES[setting.on]} (or 0)" if setting.on in ("steps", "tokens") else f"no {setting.on}"
            )
            notes.append(f"{missing:,} checkpoints with a tax have {where} and are left out there.")
    if any(setting.response == "reward" for setting in laws.settings):
        notes.append(_MISPRINT)
    if _bounded(laws):
        notes.append(_BOUND)
    notes.append("The law is chosen among several on the same data, so it looks a little better than it is.")
    return notes


def _of_runs(named: Sequence[str] | None) -> Iterator[str]:
    """What intervals rest on."""
    if named is None:
        yield (
            "Which checkpoints belong to one training run is not known (--run): they are taken as "
            "independent, and if they are not, every interval is too short."
        )
        return
    runs = len(set(named))
    if runs == 1:
        yield "All checkpoints are of one run: intervals are for more checkpoints of it, not for other runs."
        return
    yield "Intervals are by leaving out each run; a prediction interval is for a checkpoint of a new run."
    if runs < _FEW_RUNS:
        yield f"{runs} runs: how far runs differ is hardly known from so few, so intervals are wide."


def _missing(laws: Laws, setting: Setting) -> int:
    measured = int((~np.isnan(laws.checkpoints.numbers["tax"])).sum())
    return measured - len(setting.x)


def _bounded(laws: Laws) -> bool:
    numbers = laws.checkpoints.numbers
    sampled = any(setting.rows == "best-of-n" for setting in laws.settings)
    kl = numbers.get("kl_alignment")
    return sampled and (kl is None or bool((np.isnan(kl) & ~np.isnan(numbers["n"])).any()))


def _points(laws: Laws) -> list[dict[str, Any]]:
    table = laws.checkpoints
    if "tax" not in table.numbers:
        return []
    names = ("tax", *(name for name in KLS if name in table.numbers))
    return [
        {name: _plain(float(table.numbers[name][row])) for name in names}
        | {"method": table.methods[row], "run": table.runs[row] if table.runs else None}
        for row in np.flatnonzero(~np.isnan(table.numbers["tax"])).tolist()
    ]


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
