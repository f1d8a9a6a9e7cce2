"""Summaries of lm-evaluation-harness (`results_*.json`), written since version 0.4 or before."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from aligntax.answers.chance import chance_of
from aligntax.answers.formats.lm_eval import (
    best_metric,
    conditions_of,
    higher_is_better,
    metric_name,
    model_of,
)
from aligntax.answers.request import AnswerFormat, Request
from aligntax.answers.selector import Selector, nothing_selected
from aligntax.answers.shapes import mapping, sequence
from aligntax.errors import UnreadableInput
from aligntax.records import Answers, Summary
from aligntax.traffic.rows import document

__all__ = ["LM_EVAL_RESULTS"]

_WHOLE = 1e-5
"""How near to a whole number the items behind an error must come to be believed, as a share."""


def recognises(record: Mapping[str, object]) -> bool:
    """Whether a document maps tasks to scores, and tells versions or settings beside them."""
    results = record.get("results")
    beside = any(isinstance(record.get(key), Mapping) for key in ("versions", "configs", "config"))
    return isinstance(results, Mapping) and beside and all(isinstance(v, Mapping) for v in results.values())


def read(request: Request) -> list[Answers]:
    """One summary a task, or a group of tasks where the group has a score of its own kind.

    `FILE:task=NAME` reaches a part of a group too, `FILE:metric=NAME` another metric than the one people
    quote: exact match under the strict filter, acc_norm for ARC, HellaSwag and OpenBookQA, acc.

    Raises:
        UnreadableInput: a score that is none.
        UsageError: no such task, metric or model.
    """
    results = document(request.path)
    tasks = mapping(results.get("results"))
    scores = {task: _scores(entry) for task, entry in tasks.items()}
    scores = {task: found for task, found in scores.items() if found}
    if not scores:
        raise UnreadableInput(f"{request.path}: there is no score in it", hint="is the run complete?")
    named = request.selector.on("task", "benchmark", "model")
    wanted = list(scores) if request.selector.on("task", "benchmark") else list(_outermost(results, scores))
    model = model_of(results) or request.path.parent.name
    rows = [{"task": task, "benchmark": task, "model": model} for task in wanted]
    picked = [row["task"] for row in rows if named.holds(row)]
    found = [
        _answers(request, results, scores, task, name)
        for task in picked
        for name in _picked(request, task, scores)
    ]
    if not found or request.selector.rest("task", "benchmark", "model", "metric", "filter"):
        raise _nothing(request, scores, model)
    return found


def _scores(entry: Mapping[str, Any]) -> dict[str, tuple[float, float | None]]:
    """Metric -> mean and standard error, of the entry of a task."""
    found: dict[str, tuple[float, float | None]] = {}
    for key, value in entry.items():
        metric, _, kept = key.partition(",")
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or metric.endswith("_stderr")
            or metric in ("alias", "sample_len", "sample_count")
        ):
            continue
        error = entry.get(f"{metric}_stderr,{kept}" if kept else f"{metric}_stderr")
        known = isinstance(error, int | float) and math.isfinite(error)
        found[metric_name(metric, kept)] = (
            float(value),
            float(error) if known and error is not None else None,
        )
    return found


def _outermost(results: Mapping[str, Any], scores: Mapping[str, Any]) -> Iterator[str]:
    """Groups that speak for their parts, and tasks that are part of none, so that nothing counts twice."""
    members = {group: _leaves(results, group) for group in scores}
    groups = {group: parts for group, parts in members.items() if parts and _speaks(group, parts, scores)}
    inside = {part for parts in groups.values() for part in parts}
    within = {g for g in groups if any(set(groups[g]) < set(parts) for parts in groups.values())}
    for task in scores:
        hollow = members[task] and task not in groups
        if not hollow and task not in inside and task not in within:
            yield task


def _leaves(results: Mapping[str, Any], group: str, depth: int = 8) -> tuple[str, ...]:
    """The tasks below a group; none for a task."""
    parts = map(str, sequence(mapping(results.get("group_subtasks")).get(group)))
    below = {part: _leaves(results, part, depth - 1) if depth else () for part in parts if part != group}
    return tuple(leaf for part, leaves in below.items() for leaf in (leaves or (part,)))


def _speaks(group: str, parts: tuple[str, ...], scores: Mapping[str, Any]) -> bool:
    """Whether a group's score is of the same kind as the score of every part of it."""
    metric = best_metric(group, scores[group])
    known = [part for part in parts if part in scores]
    return all(best_metric(part, scores[part]) == metric for part in known) and not _apart(known)


def _apart(parts: list[str]) -> bool:
    """Whether the parts ask the same items in different ways, so that their mean means nothing."""
    return any(part.endswith(("_mc1", "_mc2", "_gen")) for part in parts)


def _picked(request: Request, task: str, scores: Mapping[str, Any]) -> list[str]:
    chosen = request.selector.on("metric", "filter")
    if not chosen:
        return [best_metric(task, scores[task])]
    rows = [{"metric": name, "filter": name.partition(",")[2] or "none"} for name in scores[task]]
    exact = [row["metric"] for row in rows if chosen.holds(row)]
    bare = [row["metric"] for row in rows if chosen.holds({**row, "metric": row["metric"].partition(",")[0]})]
    found = exact or bare
    return [best_metric(task, found)] if found else []


def _answers(
    request: Request, results: Mapping[str, Any], scores: Mapping[str, Any], task: str, metric: str
) -> Answers:
    mean, error = scores[task][metric]
    if not math.isfinite(mean):
        raise UnreadableInput(
            f"{request.path}: the {metric} of {task} is {mean}", hint="the run has failed there"
        )
    parts = _leaves(results, task) or (task,)
    config = mapping(mapping(results.get("configs")).get(parts[0]))
    told = mapping(mapping(results.get("higher_is_better")).get(task))
    metrics = map(mapping, sequence(config.get("metric_list")))
    listed = {str(metric.get("metric")): metric.get("higher_is_better") for metric in metrics}
    higher = higher_is_better(metric, {**listed, **told})
    return Answers(
        benchmark=request.benchmark or task,
        metric=metric,
        model=model_of(results) or request.path.parent.name,
        source=request.source,
        summary=Summary(mean=mean, standard_error=error, n=_items(results, parts, mean, error)),
        conditions=conditions_of(results, parts),
        chance=chance_of(task) if higher else None,
        higher_is_better=higher,
    )


def _items(
    results: Mapping[str, Any], parts: tuple[str, ...], mean: float, error: float | None
) -> int | None:
    """Items behind a score: as told, else as the standard error of a share gives them away.

    The harness divides by n - 1, so that n = 1 + p (1 - p) / error², to the last digit if it was a share.
    """
    told = [mapping(mapping(results.get("n-samples")).get(part)).get("effective") for part in parts]
    if all(isinstance(count, int) for count in told):
        return sum(count for count in told if isinstance(count, int))
    if len(parts) > 1 or not error or not 0 < mean < 1:
        return None
    items = 1 + mean * (1 - mean) / error**2
    return round(items) if abs(items - round(items)) < _WHOLE * items else None


def _nothing(request: Request, scores: Mapping[str, Mapping[str, Any]], model: str) -> Exception:
    metrics = dict.fromkeys(name for found in scores.values() for name in found)
    seen = {"task": list(scores), "benchmark": list(scores), "metric": list(metrics), "model": [model]}
    seen["filter"] = list(dict.fromkeys(name.partition(",")[2] or "none" for name in metrics))
    asked = {c.field: seen.get(c.field, []) for c in request.selector.conditions}
    return nothing_selected(str(request.path), Selector(request.selector.conditions), asked)


LM_EVAL_RESULTS = AnswerFormat(
    name="lm-eval-results",
    describes="summaries of lm-evaluation-harness (results_*.json)",
    looks_for="`results` with tasks, and `versions`, `configs` or `config`",
    recognises=recognises,
    read=read,
)
