"""Answers asked for now, as sample files: what two models said to the same prompts, missing answers included.

The figures of a comparison are made from these files, so that comparing the files gives them again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.answers.conditions import digest
from aligntax.detectors import served_by_fallback
from aligntax.errors import UsageError
from aligntax.records.asked import Question, Reply
from aligntax.tax.prompts import Prompt

__all__ = ["Side", "prompt_questions", "sample_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one model answered.

    Attributes:
        model: as a person typed it.
        asked_for: the name it was asked for by, to tell whether another model answered.
        questions: by id.
        replies: one for every question and draw.
        draws: of each question.
        settings: of sampling: temperature and the like; None for what was left to the provider.
        system: prompt of its own; None where it has none, or where every question has one.
        take_any: whether an answer of another model counts as its own.
    """

    model: str
    asked_for: str
    questions: Mapping[str, Question]
    replies: Sequence[Reply]
    draws: int = 1
    settings: Mapping[str, object] = field(default_factory=dict)
    system: str | None = None
    take_any: bool = False

    @property
    def other(self) -> npt.NDArray[np.bool_]:
        """(replies,) whether another model answered than the one that was asked."""
        columns = {
            "model_requested": pa.array([self.asked_for] * len(self.replies), pa.string()),
            "model_served": pa.array([one.served or None for one in self.replies], pa.string()),
        }
        return served_by_fallback(pa.RecordBatch.from_pydict(columns))

    @property
    def served(self) -> Mapping[str, int]:
        """Model -> answers it gave, as the provider tells it."""
        return Counter(one.served for one in self.replies if one.answered and one.served)

    @property
    def counts(self) -> Mapping[str, int]:
        """What became of the requests; an answer of another model is answered too, and counted again."""
        stops = [one.stop for one in self.replies]
        return {
            "requests": len(stops),
            "answered": sum(one.answered for one in self.replies),
            "failed": stops.count("error"),
            "not_asked": stops.count("not_asked"),
            "by_another_model": int(self.other.sum()),
        }


def prompt_questions(
    name: str, prompts: Sequence[Prompt], *, prompt_type: str | None = None
) -> tuple[list[Question], list[str]]:
    """The prompts of a file as questions, each asked once.

    Args:
        name: of the file, before the ids.
        prompts: as `read_prompts` reads them.
        prompt_type: of prompts that do not tell theirs: benign or harmful; None where nobody knows.

    Returns:
        The questions, and what a reader must know of them.

    Raises:
        UsageError: an id that two different prompts have.
    """
    places, found, texts = dict[str, Prompt](), list[Question](), set[str]()
    for one in prompts:
        before = places.setdefault(one.cluster, one)
        if before.text != one.text:
            raise UsageError(
                f"{one.place}: the id {one.cluster!r} has been there before, with another prompt",
                hint=f"give every prompt an id of its own; the other one is at {before.place}",
            )
        if one.text in texts:
            continue
        texts.add(one.text)
        kind = one.group if one.group in ("benign", "harmful") else prompt_type
        facets = {"set": name, **({"purpose": kind} if kind else {})}
        short = one.cluster if one.cluster != one.text else digest(one.text)
        found.append(Question(id=f"{name}/{short}", prompt=one.text, facets=facets))
    again = len(prompts) - len(found)
    return found, [f"{name}: {again:,} prompts come again and were asked once"] if again else []


def sample_rows(side: Side) -> Iterator[dict[str, object]]:
    """The answers as rows of a sample file, those that did not come at its end.

    A request that was never sent is missing for no reason of its own and has no row. One that failed has a
    row without a response, and so has one that another model answered: what the model itself would have said
    is not known, and a fallback can hide a refusal.

    Args:
        side: whose answers.
    """
    lost = list[dict[str, object]]()
    for reply, other in zip(side.replies, side.other.tolist(), strict=True):
        if reply.stop == "not_asked":
            continue
        row = _row(side, reply)
        if reply.answered and (side.take_any or not other):
            yield row | _said(reply)
        elif reply.answered:
            lost.append(row | {"why_missing": f"answered by {reply.served}", "instead": reply.text})
        else:
            lost.append(row | {"why_missing": reply.error or reply.stop})
    yield from lost


def _row(side: Side, reply: Reply) -> dict[str, object]:
    """Of one request; the draws of a prompt share it as their cluster."""
    question = side.questions[reply.question]
    several = side.draws > 1
    row: dict[str, object] = {
        "id": f"{reply.question}#{reply.sample}" if several else reply.question,
        "benchmark": question.facets.get("set", "prompts"),
        "model": side.model,
        "prompt": question.prompt,
        "response": None,
        "outcome": None,
        "cluster": question.cluster or (reply.question if several else None),
        "tokens_out": None,
        "generation_config": dict(side.settings),
        "template": digest(side.system) if side.system else "no system prompt",
    }
    if question.system and not side.system:
        row |= {"system": question.system, "template": None}
    if "purpose" in question.facets:
        row["prompt_type"] = question.facets["purpose"]
    return row


def _said(reply: Reply) -> dict[str, object]:
    """What came back; only what the provider declined has its outcome, the rest is for a detector."""
    tokens = reply.usage.tokens_out
    return {
        "response": reply.text,
        "outcome": "refused" if reply.declined else None,
        "tokens_out": tokens if tokens or not reply.text else None,
        "stop": reply.stop,
        "served": reply.served,
    }
