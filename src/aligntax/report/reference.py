"""Published taxes as a document, and a run of one's own beside them.

schema    "aligntax.reference/1"
aligntax  version that wrote it
checks    how a figure can be checked, name -> what it means
taxes     [{benchmark, kind, metric, model, method, step, shots, before, after, full, chance,
          higher_is_better, harness, harness_after, source, year, check, reason, note, change, loss, tax}]:
          scores in the unit of full, the score of a perfect model; change, loss (of full marks) and tax
          {value, low, high, ..., reason}, whose ends are null since nobody published them; shots "" where the
          source does not tell; reason says why a row is disputed
runs      [{benchmark, what, harness, shots, tax, loss, compared, beside, larger, smaller, within, disputed,
          comparable}]; compared is "tax", or "loss" where the run has no tax. beside has one {row, figure,
          apart, stands} a published figure of the same benchmark, the largest first: row is its place in
          taxes, apart says why the two are not comparable ("" where they are), stands is where it lies:
          larger or smaller than the run's interval, or within. Empty without a run
notes     what a reader must know
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from aligntax import __version__
from aligntax.errors import UnreadableInput
from aligntax.records import Estimate, unknown
from aligntax.report.document import Document, estimate_of, flat
from aligntax.tax.reference import CHECKS, PublishedTax, Run, beside, shots_word

__all__ = ["SCHEMA", "load_runs", "reference_document"]

SCHEMA = "aligntax.reference/1"
_COMPARISON = "aligntax.comparison/2"
_NOTES = (
    "tax: share of the score above a guess that was lost; below 0 it is a bonus. Where the score before was "
    "little above a guess it is large whatever happened; a dash stands where a guess has no known score",
    "published without intervals: a small change may be noise. One run's 95 % interval at a score of 50 % is "
    "± 18 points on AIME24 (30 items), ± 7 on GPQA-diamond (198) and ± 0.8 on MMLU",
    "before and after share harness, shots and template, else the row is disputed; rows of different "
    "harnesses or shots are not comparable with each other",
)


def reference_document(rows: Sequence[PublishedTax], runs: Sequence[Run] = ()) -> Document:
    """Published taxes, and runs beside them, as plain values, ready for JSON.

    Args:
        rows: published taxes; with runs, only those of their benchmarks are told.
        runs: of one's own.
    """
    if runs:
        rows = [row for row in rows if any(row.benchmark.called(run.benchmark) for run in runs)]
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "checks": dict(CHECKS),
        "taxes": [_tax(row) for row in rows],
        "runs": [_run(run, rows) for run in runs],
        "notes": list(_NOTES),
    }


def _tax(row: PublishedTax) -> dict[str, object]:
    chance = row.benchmark.chance
    return {
        "benchmark": row.benchmark.name,
        "kind": row.benchmark.kind,
        "metric": row.metric,
        "model": row.model,
        "method": row.method,
        "step": row.step,
        "shots": row.shots,
        "before": _known(row.before),
        "after": _known(row.after),
        "full": row.full,
        "chance": None if chance is None else chance * row.full,
        "higher_is_better": row.higher_is_better,
        "harness": row.harness,
        "harness_after": row.harness_after,
        "source": row.source,
        "year": row.year,
        "check": row.check,
        "reason": row.reason,
        "note": row.note,
        "change": flat(row.change),
        "loss": flat(row.loss),
        "tax": flat(row.tax),
    }


def _run(run: Run, rows: Sequence[PublishedTax]) -> dict[str, object]:
    found = beside(run, rows)
    places = {id(row): at for at, row in enumerate(rows)}
    counts = {name: sum(one.stands == name for one in found) for name in ("larger", "smaller", "within")}
    return {
        "benchmark": run.benchmark,
        "what": run.what,
        "harness": run.harness,
        "shots": run.shots,
        "tax": flat(run.tax),
        "loss": flat(run.loss),
        "compared": "tax" if run.tax.known else "loss",
        "beside": [
            {
                "row": places[id(one.published)],
                "figure": flat(one.figure),
                "apart": one.apart,
                "stands": one.stands,
            }
            for one in found
        ],
        **counts,
        "disputed": sum(row.check == "disputed" and row.benchmark.called(run.benchmark) for row in rows),
        "comparable": sum(not one.apart for one in found),
    }


def load_runs(path: Path, *, harness: str = "", shots: str = "") -> list[Run]:
    """The capability taxes in a document of `aligntax compare --json`, unparsed answers scored as they came.

    Args:
        path: of the document.
        harness: what measured them, where the document does not tell.
        shots: likewise.

    Raises:
        UnreadableInput: not such a document, or nothing in it is scored.
    """
    hint = "aligntax compare A B --json > comparison.json"
    try:
        contents = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}", hint=hint) from error
    except ValueError as error:
        raise UnreadableInput(f"{path}: not JSON: {error}", hint=hint) from error
    schema = contents.get("schema") if isinstance(contents, dict) else None
    if schema != _COMPARISON:
        raise UnreadableInput(f"{path}: of schema {schema!r}, not {_COMPARISON!r}", hint=hint)
    try:
        runs = [_run_of(entry, harness, shots) for entry in contents["compared"] if entry["scores"]]
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise UnreadableInput(f"{path}: not a whole comparison: {error!r}", hint=hint) from error
    if not runs:
        raise UnreadableInput(f"{path}: no scores in it, so no capability tax", hint=hint)
    return runs


def _run_of(entry: Mapping[str, Any], harness: str, shots: str) -> Run:
    first, second = entry["first"], entry["second"]
    strict = [scores for scores in entry["scores"] if scores["convention"] == "strict"]
    scores = (strict or entry["scores"])[0]
    conditions = cast(Mapping[str, str], first.get("conditions") or {})
    return Run(
        benchmark=str(entry["benchmark"]),
        tax=estimate_of(scores["tax"]),
        loss=_loss(estimate_of(scores["difference"]), better=bool(entry["higher_is_better"])),
        harness=conditions.get("harness", harness),
        shots=shots_word(conditions.get("shots", shots)),
        what=f"{first['model']} → {second['model']}",
    )


def _loss(difference: Estimate, *, better: bool) -> Estimate:
    """B less A as what A lost; unknown for a score whose full marks are not known."""
    if difference.unit != "difference" or not difference.known:
        reason = difference.reason or "full marks of the score are not known"
        return unknown(reason, unit="difference", level=difference.level, n=difference.n)
    if not better:
        return difference
    low, high = -difference.high, -difference.low
    return replace(difference, value=-difference.value, low=low, high=high)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
