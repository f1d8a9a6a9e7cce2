"""What summaries and sample logs of lm-evaluation-harness have in common: metrics, models, conditions."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aligntax.answers.conditions import digest, settings
from aligntax.answers.selector import plain
from aligntax.answers.shapes import mapping

__all__ = ["best_metric", "conditions_of", "higher_is_better", "metric_name", "model_of"]

_LENGTH_NORMALISED = ("arc", "ai2_arc", "hellaswag", "openbookqa", "leaderboard")
"""Tasks whose acc_norm (the option's log-likelihood by its length) is the figure people quote."""
_METRICS = ("exact_match", "em", "acc", "acc_norm", "mc2", "pass@1", "f1", "mcc", "bleu_acc", "rougeL_acc")
_FILTERS = ("strict-match", "none", "get-answer", "custom-extract", "flexible-extract")
_LOWER = re.compile(r"perplexity|bits_per_byte|loss|\bw?er\b|error|brier", re.IGNORECASE)
_MODEL_ARGUMENTS = ("peft", "delta", "pretrained", "model", "path", "engine")
"""Arguments that name the model, the ones that change it most first, as the harness itself takes them."""
_WORDING = ("description", "doc_to_text", "doc_to_choice", "target_delimiter", "fewshot_delimiter")


def metric_name(metric: str, kept: str = "none") -> str:
    """A metric with the filter of the answers it is of: "exact_match,strict-match"; "acc" without one."""
    return metric if kept in ("none", "") else f"{metric},{kept}"


def best_metric(task: str, names: Iterable[str]) -> str:
    """The metric to report of a task: exact match by the strict filter, acc_norm where it is customary, acc.

    Args:
        task: its name.
        names: at least one, as `metric_name` gives them; the first of the unknown ones comes last.
    """
    known = list(_METRICS)
    if task.split("_")[0] in _LENGTH_NORMALISED or task.startswith(_LENGTH_NORMALISED):
        known.insert(known.index("acc"), known.pop(known.index("acc_norm")))

    def rank(name: str) -> tuple[int, int]:
        metric, _, kept = name.partition(",")
        return (
            known.index(metric) if metric in known else len(known),
            _FILTERS.index(kept or "none") if (kept or "none") in _FILTERS else len(_FILTERS),
        )

    return min(names, key=rank)


def higher_is_better(metric: str, told: Mapping[str, Any]) -> bool:
    """Direction of a metric.

    Args:
        metric: its name, with or without a filter.
        told: metric -> direction, as the harness tells it.
    """
    name = metric.partition(",")[0]
    return bool(told[name]) if isinstance(told.get(name), bool) else not _LOWER.search(name)


def model_of(results: Mapping[str, Any]) -> str:
    """The model a document of results is about, "" where it does not tell."""
    config = mapping(results.get("config"))
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        arguments = dict(part.strip().split("=", 1) for part in arguments.split(",") if "=" in part)
    given = mapping(arguments)
    named = next((given[name] for name in _MODEL_ARGUMENTS if given.get(name)), "")
    return plain(results.get("model_name") or named or config.get("model") or "")


def conditions_of(results: Mapping[str, Any], tasks: Iterable[str]) -> dict[str, str]:
    """The conditions a document of results tells of some tasks; those that differ among them are left out.

    Args:
        results: the document.
        tasks: one, or the parts of a group.
    """
    told = [_of_task(results, task) for task in tasks]
    alike = {n: v for n, v in told[0].items() if all(other.get(n) == v for other in told)} if told else {}
    return {**_of_run(results), **alike}


def _of_run(results: Mapping[str, Any]) -> dict[str, str]:
    version, commit = results.get("lm_eval_version"), results.get("git_hash")
    found: dict[str, str] = {}
    if version or commit:
        found["harness"] = f"lm-evaluation-harness {version or f'commit {commit}'}"
    if "chat_template" in results or "chat_template_sha" in results:
        found["template"] = _template(results)
    return found


def _template(results: Mapping[str, Any]) -> str:
    known, text = results.get("chat_template_sha"), results.get("chat_template")
    system = results.get("system_instruction_sha") or results.get("system_instruction")
    parts = [str(known)[:12] if known else digest(str(text)) if text else "none"]
    if text and results.get("fewshot_as_multiturn"):
        parts.append("examples as turns")
    if system:
        parts.append(f"system prompt {digest(str(system))}")
    return ", ".join(parts)


def _of_task(results: Mapping[str, Any], task: str) -> dict[str, str]:
    config, run = mapping(mapping(results.get("configs")).get(task)), mapping(results.get("config"))
    shots = mapping(results.get("n-shot")).get(task, config.get("num_fewshot", run.get("num_fewshot")))
    version = mapping(results.get("versions")).get(task)
    found = {"shots": plain(shots)} if shots is not None else {}
    if version is not None:
        found["task_version"] = plain(version)
    if wording := _wording(config):
        found["prompt"] = wording
    if config.get("output_type") == "generate_until":
        found["generation"] = _generation(mapping(config.get("generation_kwargs")), run.get("gen_kwargs"))
    return found


def _wording(config: Mapping[str, Any]) -> str:
    """A hash of how the task words its prompt; a function shown by its address tells nothing."""
    said = {name: str(config[name]) for name in _WORDING if config.get(name) is not None}
    return (
        "" if "doc_to_text" not in said or any(" at 0x" in v for v in said.values()) else digest(repr(said))
    )


def _generation(task: Mapping[str, Any], run: object) -> str:
    return settings({**task, **mapping(run), **({"given": run} if isinstance(run, str) and run else {})})
