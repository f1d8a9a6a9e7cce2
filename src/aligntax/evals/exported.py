"""Exchanges that an audit judged, as an Inspect log, which `inspect view` reads like an eval's."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalLog,
    EvalMetric,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    write_eval_log,
)
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score

from aligntax import __version__
from aligntax.records import FLAGS, Measurement

__all__ = ["COLUMNS", "write_log"]

COLUMNS = (
    *("id", "outcome", "layer", "reason", "score", "evidence", "detector", "version", *FLAGS),
    *("use_case", "model", "time", "prompt", "response"),
)
"""What is read of each exchange; prompt and response are there only where an audit was told to keep texts."""
_SCORER = "aligntax/outcome"
_TASK = "aligntax/audit"
_NO_TEXT = "(the audit kept no text)"


def write_log(
    exchanges: Iterable[Mapping[str, Any]],
    figures: Sequence[Measurement],
    out: Path,
    *,
    created: dt.datetime,
    title: str,
    exchanges_in_all: int,
    about: Mapping[str, str],
) -> int:
    """Writes a log.

    Args:
        exchanges: the COLUMNS of each, with a `key` that no other has.
        figures: known ones, of the whole run, with their intervals.
        out: ends in .eval or .json.
        created: when they were measured, UTC without zone.
        title: of the traffic.
        exchanges_in_all: how many the figures are of.
        about: where it comes from.

    Returns:
        How many samples were written.
    """
    samples = [_sample(one) for one in exchanges]
    models = list(dict.fromkeys(one.output.model for one in samples if one.output.model))
    spec = EvalSpec(
        created=f"{created.isoformat()}+00:00",
        task=_TASK,
        task_display_name=title,
        dataset=EvalDataset(
            name=title, samples=len(samples), sample_ids=[one.id for one in samples], shuffled=False
        ),
        model=models[0] if len(models) == 1 else "none/traffic",
        config=EvalConfig(epochs=1),
        packages={"aligntax": __version__},
        metadata=dict(about) | {"models": models, "exchanges_in_all": exchanges_in_all},
    )
    results = EvalResults(
        total_samples=len(samples),
        completed_samples=len(samples),
        scores=_scores(figures),
        metadata={"figures_are_of": f"{exchanges_in_all} exchanges, the samples are {len(samples)} of them"},
    )
    log = EvalLog(status="success", eval=spec, results=results, samples=samples)
    write_eval_log(log, str(out), format="eval" if out.suffix == ".eval" else "json")
    return len(samples)


def _sample(row: Mapping[str, Any]) -> EvalSample:
    told = {name: row[name] for name in ("layer", "reason", "score", "detector", "version")}
    flags = [flag for flag in FLAGS if row[flag]]
    time = row["time"]
    output = ModelOutput.from_content(row["model"] or "", row["response"] or "")
    return EvalSample(
        id=row["key"],
        epoch=1,
        input=row["prompt"] or _NO_TEXT,
        target="",
        output=output,
        scores={
            "outcome": Score(
                value=row["outcome"],
                answer=row["response"] or None,
                explanation=row["evidence"],
                metadata=told | {"flags": flags},
            )
        },
        metadata={"use_case": row["use_case"], "time": time and f"{time.isoformat()}Z", "id": row["id"]},
    )


def _scores(figures: Sequence[Measurement]) -> list[EvalScore]:
    """One for all traffic, one for each slice; a metric NAME has NAME_low and NAME_high beside it."""
    groups = dict[str, list[Measurement]]()
    for one in figures:
        where = ", ".join(f"{name}={text}" for name, text in one.slice.items())
        groups.setdefault(f"outcome ({where})" if where else "outcome", []).append(one)
    return [
        EvalScore(
            name=name,
            scorer=_SCORER,
            metrics={metric.name: metric for one in group for metric in _metrics(one)},
        )
        for name, group in groups.items()
    ]


def _metrics(figure: Measurement) -> list[EvalMetric]:
    estimate = figure.estimate
    name = figure.component if figure.correction == "raw" else f"{figure.component}_{figure.correction}"
    how = {
        "n": estimate.n,
        "level": estimate.level,
        "method": estimate.method,
        "unit": estimate.unit,
        "labelled": estimate.labelled,
        "correction": figure.correction,
    }
    ends = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return [EvalMetric(name=side, value=value, metadata=how) for side, value in ends.items()]
