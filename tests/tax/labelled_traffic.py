"""Traffic whose truth is known, a detector whose error is known, and experts who tell the truth."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from aligntax.labels import LabelSet, load_labels
from aligntax.labels.collect import Sources, collect
from aligntax.labels.formats import read_answers, write_tasks
from aligntax.labels.labels import census_or_random, planned, save_labels
from aligntax.labels.plan import load_plan, make_plan, save_plan
from aligntax.labels.run import read_run
from aligntax.labels.tasks import Task
from aligntax.records import OUTCOME, Label
from aligntax.tax.judging import Judge, write_judged
from aligntax.traffic.redaction import Redactor
from tax.known_traffic import READ, exchange

TRUE_TAX = 0.20
SHARES = {"complete": 0.80, "hedged": 0.08, "refused": 0.12}
USE_CASES = ("medical", "legal", "rare")


class NoisyDetector:
    """Reads the truth from the response and errs at known rates: misses 30 %, raises 4 % false alarms,
    leaves 5 % of complete answers and 15 % of the others open."""

    name = "noisy"

    def __init__(self, seed: int, version: str = "1") -> None:
        self.version = version
        self._random = np.random.default_rng(seed)

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """One draw an exchange."""
        truth = np.array(exchanges.column("response").to_pylist(), object)
        draw, rows = self._random.random(len(truth)), len(truth)
        complete = truth == "complete"
        seen = truth.copy()
        seen[~complete & (draw < 0.30)] = "complete"
        seen[complete & (draw < 0.04)] = "refused"
        open_ = self._random.random(rows) < np.where(complete, 0.05, 0.15)
        seen[open_] = "undetermined"
        told = {
            "id": exchanges.column("id"),
            "outcome": list(seen),
            "reason": ["empty" if outcome == "undetermined" else None for outcome in seen],
            "detector": [self.name] * rows,
            "version": [self.version] * rows,
        }
        columns = []
        for field in OUTCOME:
            values = told.get(field.name, [False] * rows if field.type == pa.bool_() else [None] * rows)
            columns.append(values if isinstance(values, pa.Array) else pa.array(values, field.type))
        return pa.RecordBatch.from_arrays(columns, schema=OUTCOME)


def truth(seed: int, size: int) -> np.ndarray:
    """(size,) what became of each exchange."""
    return np.random.default_rng([seed, 1]).choice(list(SHARES), size, p=list(SHARES.values()))


def judged_by(detector: NoisyDetector, truths: np.ndarray, path: Path, **columns: object) -> Path:
    """The outcomes of traffic with these truths."""
    draws = np.random.default_rng([7, len(truths)]).choice(USE_CASES, len(truths), p=(0.6, 0.3, 0.1))
    rows = [
        exchange(n, str(what), use_case=str(draws[n]), model_served=f"m-{n % 2}", **columns)
        for n, what in enumerate(truths)
    ]
    table = pa.Table.from_pylist(rows, schema=READ)
    judge = Judge(detector, Redactor(b"k" * 32))
    write_judged(iter(table.to_batches()), judge, path, seen=lambda exchanges: None)
    return path


def answer(row: Mapping[str, str], truths: np.ndarray) -> dict[str, str]:
    """A row as an annotator who is always right fills it in."""
    return {**row, "outcome": str(truths[int(row["exchange_id"][1:])]), "annotator": "anna"}


def planned_labels(outcomes: Path, truths: np.ndarray, *, budget: int, seed: int) -> LabelSet:
    """Labels by way of every file: plan, export, what the annotator saves, import, labels."""
    folder = outcomes.parent
    save_plan(make_plan(read_run(outcomes), budget=budget, seed=seed), folder / "plan.jsonl")
    plan = load_plan(folder / "plan.jsonl")
    write_tasks([Task(key=one.key) for one in plan.chosen], folder / "to-label.csv", "csv")
    text = (folder / "to-label.csv").read_text("utf-8-sig")
    rows = [answer(row, truths) for row in csv.DictReader(io.StringIO(text, newline=""))]
    with (folder / "anna.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    found = collect(read_answers(folder / "anna.csv"), Sources(known=plan.by_key))
    design = planned(plan, found.labels)
    save_labels(LabelSet(tuple(found.labels), design, tuple(found.notes())), folder / "labels.jsonl")
    return load_labels([folder / "labels.jsonl"])


def given(outcomes: Path, labels: Mapping[str, str], *, random: bool = True, **more: str) -> LabelSet:
    """Labels given by hand, of exchanges drawn at random; `more` goes into each."""
    made = tuple(
        Label(id=key, outcome=outcome, annotator="anna", **{"policy_version": "1", **more})  # type: ignore[arg-type]
        for key, outcome in labels.items()
    )
    return LabelSet(made, census_or_random(read_run(outcomes), made, random=random))
