"""What must be equal for two scores to be comparable, and whether it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from aligntax.records import Answers

__all__ = ["NAMES", "Differing", "differing", "digest", "settings", "unknown"]

NAMES: Mapping[str, str] = {
    "metric": "what the score is",
    "direction": "whether a higher score is better",
    "chance": "score of a guess",
    "prompt_type": "whether the prompts are benign or harmful",
    "harness": "the evaluation harness, with its version or commit",
    "task_version": "version of the task",
    "task_arguments": "arguments of the task",
    "shots": "worked examples in the prompt",
    "prompt": "how the task words its prompt (hash)",
    "template": "chat template and system prompt (hash)",
    "solver": "steps that led to the answer",
    "generation": "settings of the generation",
    "judge": "the model that graded",
    "detector": "the detector that gave the outcomes",
}
"""Every condition, in the order in which differences are told: name -> what it is."""

_SAME_CHANCE = 0.005
"""Chance as the mean of 1/options moves a little when one side lacks some items."""
_LONG = 60


@dataclass(frozen=True, slots=True)
class Differing:
    """A condition known on both sides, and not the same.

    Attributes:
        name: of the condition.
        first: its value there.
        second: its value here.
    """

    name: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.name}: {self.first} against {self.second}"


def differing(first: Answers, second: Answers) -> list[Differing]:
    """The conditions both sides tell of that are not equal, in the order of NAMES."""
    ours, theirs = _known(first), _known(second)
    return [
        Differing(name, ours[name], theirs[name])
        for name in _ordered(ours.keys() & theirs.keys())
        if ours[name] != theirs[name] and not (name == "chance" and _near(first.chance, second.chance))
    ]


def unknown(first: Answers, second: Answers) -> list[str]:
    """Names of the conditions only one side tells of, in the order of NAMES."""
    return _ordered(first.conditions.keys() ^ second.conditions.keys())


def _known(answers: Answers) -> dict[str, str]:
    known = dict(answers.conditions)
    if answers.metric:
        known |= {"metric": answers.metric, "direction": _direction(answers)}
    if answers.chance is not None:
        known["chance"] = f"{answers.chance:.4g}"
    if answers.prompt_type is not None:
        known["prompt_type"] = answers.prompt_type
    return known


def _direction(answers: Answers) -> str:
    return "higher is better" if answers.higher_is_better else "lower is better"


def _near(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and abs(first - second) < _SAME_CHANCE


def _ordered(names: set[str]) -> list[str]:
    order = {name: at for at, name in enumerate(NAMES)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def digest(text: str) -> str:
    """The first 12 hex digits of SHA-256: enough to tell two templates apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def settings(values: Mapping[str, object]) -> str:
    """Settings as one short text, equal for equal settings: a long one keeps its beginning and a hash."""
    said = {key: value for key, value in sorted(values.items()) if value is not None}
    text = ", ".join(f"{key}={json.dumps(value, sort_keys=True, default=str)}" for key, value in said.items())
    return text if len(text) <= _LONG else f"{text[: _LONG - 15]}… {digest(text)}"
