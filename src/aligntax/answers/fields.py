"""Where a file of samples keeps what: the names a person gave, or the ones such files mostly have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

__all__ = ["AnswerFields", "guessed", "lookup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFields:
    """Field names, or dotted paths into nested ones; None to guess.

    Attributes:
        id: what names the item.
        prompt: what was asked.
        response: what the model answered.
        model: who answered.
        score: how the answer was scored: a number, or a truth value.
        outcome: complete, partial (or hedged), refused.
        prediction: what was read out of the response; null where nothing could be.
        benchmark: name of the benchmark, where one file holds several.
        cluster: what makes items depend on each other.
        prompt_type: benign or harmful.
        tokens: length of the response in tokens.
    """

    id: str | None = None
    prompt: str | None = None
    response: str | None = None
    model: str | None = None
    score: str | None = None
    outcome: str | None = None
    prediction: str | None = None
    benchmark: str | None = None
    cluster: str | None = None
    prompt_type: str | None = None
    tokens: str | None = None

    def chosen(self) -> dict[str, str]:
        """Attribute -> the field a person named."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: path for name, path in pairs if path is not None}


_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "item", "item_id", "question_id", "sample_id", "prompt_id", "request_id", "doc_id", "uuid"),
    "prompt": ("prompt", "instruction", "question", "query", "input", "user_input"),
    "response": ("response", "output", "completion", "generation", "reply", "model_output"),
    "model": ("model", "model_name", "model_id", "generator", "model_served", "system_name"),
    "score": (
        "correct",
        "is_correct",
        "score",
        "passed",
        "acc",
        "exact_match",
        "accuracy",
        "rating",
        "reward",
    ),
    "outcome": ("outcome", "label", "verdict"),
    "prediction": ("prediction", "pred", "extracted_answer", "parsed_answer"),
    "benchmark": ("benchmark", "task", "task_name"),
    "cluster": ("cluster", "passage_id", "template_id", "group_id"),
    "prompt_type": ("prompt_type",),
    "tokens": ("tokens_out", "completion_tokens", "output_tokens", "response_tokens"),
}


def guessed(keys: Iterable[str], chosen: AnswerFields) -> AnswerFields:
    """The fields a file most likely means, from its top-level keys; those a person named stand."""
    present, named = {key.lower(): key for key in reversed(list(keys))}, chosen.chosen()
    found: dict[str, str] = {}
    for name, synonyms in _SYNONYMS.items():
        there = (present[word] for word in synonyms if word in present)
        field = next((key for key in there if key not in named.values()), None)
        if name not in named and field is not None:
            found[name] = field
    return replace(chosen, **found)


def lookup(row: Mapping[str, object], path: str | None) -> object:
    """The value at a field, or at a dotted path into nested ones; None where there is none."""
    if path is None:
        return None
    if path in row:
        return row[path]
    value: object = row
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value
