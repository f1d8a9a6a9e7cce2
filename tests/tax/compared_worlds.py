"""Two planted models asked the same prompts, without a socket, and what comparing them must come to."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aligntax.detectors import detector
from aligntax.records.asked import Question, Reply
from aligntax.tax.pairs.asked import Side, sample_rows
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.differences import Precision
from aligntax.tax.pairs.matching import Match, match
from aligntax.tax.pairs.sides import sides
from planted import Asked, Behaviour, Judge, World
from planted.world import sigmoid

__all__ = ["JUDGE", "PHRASES", "asked", "lead", "matched", "settings", "speak", "world"]

PHRASES = detector("phrases")
A = Behaviour(refusal=-1.6, prompt_sd=1.0, length=4.5, quality=0.0)
B = Behaviour(refusal=-0.7, prompt_sd=1.0, length=4.7, quality=0.25)
_ANSWERS = re.compile(r"the (?:first|second) answer begins\]\n(.*?)\n\[", re.DOTALL)


def speak(judge: Judge, question: Asked) -> str:
    """A verdict in the form that is asked for."""
    first, second = _ANSWERS.findall(question.prompt)
    return f"thought: read.\nbetter: {'first' if judge.prefers_first(question, first, second) else 'second'}"


JUDGE = Judge(speak=speak, position_bias=0.5, sharpness=3.0)


def world(seed: int, first: Behaviour = A, second: Behaviour = B) -> World:
    return World(seed=seed, models={"a": first, "b": second, "judge": JUDGE})


def settings(**chosen: object) -> Settings:
    return Settings(precision=Precision(), detector=lambda: PHRASES, **chosen)  # type: ignore[arg-type]


def asked(
    one: World,
    questions: Sequence[Question],
    *,
    draws: int = 1,
    lost: Mapping[str, Mapping[int, str]] | None = None,
) -> tuple[Side, Side]:
    """Both models' replies; `lost` is model -> number of the reply -> "error" or "not_asked"."""
    found = []
    for name in ("a", "b"):
        gone = (lost or {}).get(name, {})
        replies = [
            replace(reply, text="", stop=gone[at], served="") if at in gone else reply
            for at, reply in enumerate(one.replies(name, questions, draws))
        ]
        found.append(_side(name, questions, replies, draws))
    return found[0], found[1]


def _side(name: str, questions: Sequence[Question], replies: Sequence[Reply], draws: int) -> Side:
    return Side(
        model=f"x/{name}",
        asked_for=f"x/{name}",
        questions={question.id: question for question in questions},
        replies=replies,
        draws=draws,
    )


def matched(both: tuple[Side, Side], folder: Path) -> Match:
    """The sample files, written and read back."""
    names = []
    for name, side in zip("ab", both, strict=True):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in sample_rows(side)), "utf-8")
        names.append(str(path))
    ((first, second),) = sides(*names)
    ((found,), _) = match(first, second)
    return found


def lead(gap: float, noise: float = 0.5 * 2**0.5, judge: Judge = JUDGE) -> float:
    """Share of pairs in which both orders name B, less that in which both name A.

    Args:
        gap: mean quality of B less that of A.
        noise: standard deviation of the gap of a pair.
        judge: sharp and biased as it is.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    total = 0.0
    for node, weight in zip(nodes, weights, strict=True):
        ahead, bias = judge.sharpness * (gap + noise * node), judge.position_bias
        both_b = sigmoid(ahead - bias) * sigmoid(ahead + bias)
        total += weight * (both_b - sigmoid(bias - ahead) * sigmoid(-bias - ahead))
    return float(total / np.sqrt(2 * np.pi))
