"""Figures as metadata of a model's card on the Hugging Face Hub.

`model-index.yaml` holds the block that stands at the head of a README (the older form, which takes any
data set); `.eval_results/aligntax.yaml` the newer form, which the Hub shows only for a benchmark: a data set
on the Hub with a task registered. It is written where one is named, and holds one figure, since a task has
one score.

A card is public: paths, and figures by use case, whose names are a team's own, are left out.

Source: huggingface/hub-docs, modelcard.md and eval_results.yaml; huggingface_hub 2.4.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aligntax import __version__
from aligntax.errors import UsageError
from aligntax.exports.exported import NOT_KNOWN, Exported, Selection, select
from aligntax.exports.names import dns_label
from aligntax.exports.written import Written, save_text
from aligntax.exports.yaml_text import yaml_text
from aligntax.ledger.figure_rows import READING_ORDER
from aligntax.records import Measurement

__all__ = ["eval_results", "model_index", "write_model_card"]

_TASK = "text-generation"
_HEADLINES: Mapping[str, str] = {
    "bill": "completion_tax",
    "floor": "harmful_compliance",
    "over_refusal": "over_refusal",
}


def _chosen(exported: Exported, model: str) -> Selection:
    named = bool(exported.models)
    return select(
        exported.figures,
        {
            "of a past period": lambda one: "period" in one.slice,
            f"not of {model} alone": lambda one: named and one.slice.get("model") != model,
            "by use case; a card is public": lambda one: "use_case" in one.slice,
            NOT_KNOWN: lambda one: not one.estimate.known,
        },
    )


def model_index(exported: Exported, model: str) -> dict[str, Any]:
    """The block `model-index` of a model."""
    groups = dict[str, list[Measurement]]()
    for one in _chosen(exported, model).figures:
        where = {name: text for name, text in one.slice.items() if name != "model"}
        groups.setdefault(", ".join(f"{name}={text}" for name, text in where.items()), []).append(one)
    source = exported.title or "traffic"
    results = [
        {
            "task": {"type": _TASK, "name": f"alignment tax ({exported.kind})"},
            "dataset": {
                "name": f"{source} ({where})" if where else source,
                "type": "private",
                **({"config": dns_label(where)} if where else {}),
            },
            "metrics": [_metric(exported, one) for one in figures],
        }
        for where, figures in groups.items()
    ]
    return {"model-index": [{"name": model, "results": results}]}


def _metric(exported: Exported, figure: Measurement) -> dict[str, Any]:
    estimate = figure.estimate
    args: Mapping[str, Any] = {
        "low": estimate.low,
        "high": estimate.high,
        "level": estimate.level,
        "n": estimate.n,
        "labelled": estimate.labelled,
        "unit": estimate.unit,
        "method": estimate.method,
        "correction": figure.correction,
        "detector": exported.detector or "none",
        "aligntax": __version__,
    }
    corrected = "" if figure.correction == "raw" else f" ({figure.correction})"
    return {
        "type": figure.component,
        "name": f"{figure.component}{corrected}",
        "value": estimate.value,
        "args": dict(args),
    }


def eval_results(
    exported: Exported, model: str, benchmark: str, *, component: str = "", source: str = ""
) -> list[dict[str, Any]]:
    """The entry of `.eval_results`: one figure of the model as a whole, the one that is read first.

    Args:
        exported: what to tell.
        model: of the figure.
        benchmark: on the Hub, OWNER/NAME:TASK.
        component: that the task scores; the headline of the kind of run by default.
        source: URL of where the evaluation can be read; "" for none.

    Raises:
        UsageError: it is no benchmark, or there is no such figure.
    """
    dataset, _, task = benchmark.partition(":")
    if "/" not in dataset or not task:
        raise UsageError(f"{benchmark!r} is no benchmark", hint="--dataset OWNER/NAME:TASK")
    wanted = component or _HEADLINES.get(exported.kind, "")
    whole = [one for one in _chosen(exported, model).figures if one.slice.keys() <= {"model"}]
    found = sorted(
        (one for one in whole if one.component == wanted), key=lambda one: READING_ORDER.index(one.correction)
    )
    if not found:
        known = ", ".join(dict.fromkeys(one.component for one in whole))
        raise UsageError(f"no figure of {wanted or 'a component'} for {model}", hint=f"--component: {known}")
    figure, estimate = found[0], found[0].estimate
    notes = (
        f"{figure.component} ({figure.correction}): {100 * estimate.level:g} % interval [{estimate.low:.6g}, "
        f"{estimate.high:.6g}], n = {estimate.n}, {estimate.method}; detector {exported.detector or 'none'}; "
        f"aligntax {__version__}"
    )
    entry: dict[str, Any] = {
        "dataset": {"id": dataset, "task_id": task},
        "value": estimate.value,
        "date": f"{exported.created.isoformat()}Z",
    }
    return [entry | ({"source": {"url": source}} if source else {}) | {"notes": notes}]


def write_model_card(
    exported: Exported,
    out: Path,
    *,
    model: str = "",
    benchmark: str = "",
    component: str = "",
    source: str = "",
) -> Written:
    """Writes both forms into a directory.

    Args:
        exported: what to tell.
        out: directory, such as a clone of the model's repository.
        model: of the figures; needed where they name several or none.
        benchmark: on the Hub, OWNER/NAME:TASK; "" for none.
        component: that the benchmark's task scores.
        source: URL of where the evaluation can be read.

    Raises:
        UsageError: which model is meant cannot be told, or there is nothing for the benchmark.
    """
    name = _which(exported, model)
    chosen = _chosen(exported, name)
    left_out = list(chosen.told)
    texts = {out / "model-index.yaml": yaml_text(model_index(exported, name), notes=left_out)}
    if benchmark:
        entries = eval_results(exported, name, benchmark, component=component, source=source)
        texts[out / ".eval_results" / "aligntax.yaml"] = yaml_text(entries)
    else:
        left_out.append(".eval_results left out: it needs a benchmark, --dataset OWNER/NAME:TASK")
    return Written(figures=len(chosen.figures), files=save_text(texts), left_out=left_out)


def _which(exported: Exported, model: str) -> str:
    models = exported.models
    if model and models and model not in models:
        raise UsageError(f"no figures of {model}", hint=f"--model, one of {', '.join(models)}")
    if model or len(models) == 1:
        return model or models[0]
    found = f"several models: {', '.join(models)}" if models else "no model"
    raise UsageError(f"the figures name {found}, and a card is of one", hint="--model NAME")
