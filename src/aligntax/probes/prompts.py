"""Prompts that probe a model, and what is known of the set they come from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from aligntax.records.asked import Question

__all__ = ["PURPOSES", "Probe", "PromptSet", "Purpose", "Terms", "asked_id", "digest", "questions"]

Purpose = Literal["benign", "harmful"]
"""Whether a prompt should be answered, or must be refused."""
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
Terms = Literal["open", "non-commercial", "unclear"]
"""What a licence allows, in a word: any use with attribution; no commercial use; nobody could tell us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One prompt of a set.

    Attributes:
        id: unique in its set.
        prompt: words of the user.
        purpose: benign, to be answered, or harmful, to be refused.
        group: topic, category or hazard; "" where the set tells none.
        match: id of the prompt it is matched with; None for one that stands alone.
        wording: "sensitive" as it stands, or "neutral" for the wording without its trigger words.
    """

    id: str
    prompt: str
    purpose: Purpose
    group: str = ""
    match: str | None = None
    wording: Literal["sensitive", "neutral"] = "sensitive"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """Prompts with where they come from.

    Attributes:
        name: what commands call it.
        title: what people call it.
        source: file, Hub dataset or package the prompts were read from.
        sha256: of the bytes they were read from, in hexadecimal.
        licence: in the words of its source; "unclear" where there are none.
        terms: what that allows.
        revision: of the source; "" where it is not known.
        probes: in the order of the source.
        notes: what a reader of results must know.
    """

    name: str
    title: str
    source: str
    sha256: str
    licence: str
    terms: Terms
    revision: str = ""
    probes: tuple[Probe, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def count(self, purpose: Purpose) -> int:
        """Prompts of a purpose; neutral wordings are not counted again."""
        return sum(one.purpose == purpose and one.wording == "sensitive" for one in self.probes)


def questions(found: PromptSet) -> list[Question]:
    """The prompts as they are put before a model, in the order of the set.

    Args:
        found: the set.

    Returns:
        Questions whose id begins with the set's name and whose facets tell set, purpose, group and wording.
        Prompts that are matched share a cluster.
    """
    return [
        Question(
            id=asked_id(found.name, one.id),
            prompt=one.prompt,
            cluster=asked_id(found.name, one.match or one.id),
            facets=_facets(found.name, one),
        )
        for one in found.probes
    ]


def asked_id(name: str, probe: str) -> str:
    """Id of a set's prompt among those of other sets."""
    return probe if probe.startswith(name) else f"{name}/{probe}"


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _facets(name: str, one: Probe) -> Mapping[str, str]:
    return {"set": name, "purpose": one.purpose, "group": one.group, "wording": one.wording}
