"""Figures as records of Every Eval Ever, one file a model.

Source: evaleval/every_eval_ever, eval.schema.json, version 0.3.0 (every-eval-ever 0.3.0).
"""

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

from aligntax import __version__
from aligntax.errors import UsageError
from aligntax.exports.directions import lower_is_better
from aligntax.exports.exported import NOT_KNOWN, Exported, Selection, select
from aligntax.exports.names import dns_label, flat_name
from aligntax.exports.written import Written, save_text
from aligntax.records import Measurement

__all__ = ["record", "write_records"]

_SCHEMA_VERSION = "0.3.0"
_UNKNOWN = {"deployment_type": "unknown", "model_availability": "unknown"}  # an audit cannot tell
_SHARES = ("rate", "agreement")


def _chosen(exported: Exported, model: str) -> Selection:
    def of_another(one: Measurement) -> bool:
        return one.slice.get("model", "" if exported.models else model) != model

    return select(
        exported.figures,
        {
            "of a past period": lambda one: "period" in one.slice,
            "by use case; a record is made to be passed on": lambda one: "use_case" in one.slice,
            f"not of {model} alone": of_another,
            NOT_KNOWN: lambda one: not one.estimate.known,
            "of a component of which neither more nor less is better": lambda one: (
                lower_is_better(exported, one.component) is None
            ),
            "of two models, which the schema has no place for": lambda one: "reference" in one.slice,
        },
    )


def record(exported: Exported, model: str, *, organization: str) -> dict[str, Any]:
    """The record of a model.

    Args:
        exported: what to tell.
        model: of the figures.
        organization: that measured.
    """
    at = exported.created.replace(tzinfo=dt.UTC).timestamp()
    return {
        "schema_version": _SCHEMA_VERSION,
        "evaluation_id": f"aligntax-{exported.kind}/{model}/{at:.0f}",
        "evaluation_timestamp": f"{exported.created.isoformat()}Z",
        "retrieved_timestamp": f"{at:.0f}",
        "source_metadata": {
            "source_name": "aligntax",
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": "other",
            "additional_details": _told(exported),
        },
        "eval_library": {"name": "aligntax", "version": __version__},
        "model_info": {"name": model, "id": model, "additional_details": _UNKNOWN},
        "evaluation_results": [_result(exported, one) for one in _chosen(exported, model).figures],
    }


def _told(exported: Exported) -> dict[str, str]:
    """Where it comes from, without paths: a record is made to be passed on."""
    return {name: text for name, text in exported.provenance.items() if name != "source"}


def _result(exported: Exported, figure: Measurement) -> dict[str, Any]:
    estimate = figure.estimate
    share = estimate.unit in _SHARES
    bounds = {"score_type": "continuous", "min_score": 0, "max_score": 1} if share else {}
    where = {name: text for name, text in figure.slice.items() if name != "model"}
    uncertainty: dict[str, Any] = {"num_samples": estimate.n}
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        ends = {"lower": estimate.low, "upper": estimate.high}
        uncertainty["confidence_interval"] = ends | {
            "confidence_level": estimate.level,
            "method": estimate.method,
        }
    details = where | {"correction": figure.correction, "labelled": str(estimate.labelled)}
    return {
        "evaluation_result_id": flat_name(figure),
        "evaluation_name": f"aligntax {exported.kind}",
        "source_data": {
            "dataset_name": exported.title or "traffic",
            "source_type": "other",
            "additional_details": {"exchanges": str(exported.origin.exchanges or estimate.n)},
        },
        "metric_config": {
            "metric_id": f"aligntax.{figure.component}",
            "metric_name": figure.component,
            "metric_kind": estimate.unit,
            "metric_unit": "proportion" if share else estimate.unit,
            "lower_is_better": lower_is_better(exported, figure.component),
            "additional_details": {"detector": exported.detector or "none"},
            **bounds,
        },
        "score_details": {"score": estimate.value, "details": details, "uncertainty": uncertainty},
    }


def write_records(exported: Exported, out: Path, *, model: str = "", organization: str = "") -> Written:
    """Writes a file for each model.

    Args:
        exported: what to tell.
        out: directory.
        model: of the figures, where they do not say; else the only one to write.
        organization: that measured.

    Raises:
        UsageError: the figures name no model and none was given.
    """
    models = [model] if model else exported.models
    if not models:
        raise UsageError("the figures name no model, and a record is of one", hint="--model NAME")
    told = organization or "unknown"
    texts = dict[Path, str]()
    for one in models:
        made = record(exported, one, organization=told)
        path = out / f"{dns_label(one)}.json"
        texts[path] = json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    chosen = [_chosen(exported, one) for one in models]
    left_out = [f"{name}: {line}" for name, one in zip(models, chosen, strict=True) for line in one.told]
    many = sum(len(one.figures) for one in chosen)
    return Written(figures=many, files=save_text(texts), left_out=left_out)
