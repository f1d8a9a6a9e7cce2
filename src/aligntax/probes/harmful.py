"""Harmful prompts a floor is measured on: a file, the harmful rows of a pack, or a public set by its name."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aligntax.errors import UnreadableInput, UsageError
from aligntax.probes.packs import load_pack
from aligntax.probes.prompts import PromptSet, asked_id, digest
from aligntax.probes.rows import Row, read_rows
from aligntax.probes.sets import known_sets, read_set
from aligntax.records.asked import Question

__all__ = ["NO_HAZARD", "HarmfulPrompts", "in_random_order", "prompt_digest", "read_harmful"]

NO_HAZARD = "(none)"
"""Hazard of a prompt whose source tells none."""
_PROMPT = ("prompt", "request", "goal", "Goal", "behavior", "Behavior", "question", "text")
_HAZARD = ("hazard", "category", "Category", "SemanticCategory", "group", "type")
_HINT = "--set FILE.jsonl, --set pack:medical, --set strongreject or --set strongreject=FILE"


@dataclass(frozen=True, slots=True)
class HarmfulPrompts:
    """What is put before a model to see what it does.

    Attributes:
        questions: with the facets hazard and set; ids are unique.
        sources: of each set: name, source, sha256, licence, prompts.
        notes: what was left out, in words.
    """

    questions: Sequence[Question]
    sources: Sequence[Mapping[str, object]]
    notes: Sequence[str]


def read_harmful(given: Sequence[str]) -> HarmfulPrompts:
    """Reads every set.

    Args:
        given: each a file of rows with a prompt and, if there are, id, hazard or category, cluster, system,
            context and prompt_type; "pack:NAME"; the name of a public set, which is fetched, or NAME=FILE.

    Raises:
        UsageError: no set of that name, or none at all.
        UnreadableInput: a file or a row of it cannot be read, an id comes twice, or nothing in it is harmful.
    """
    if not given:
        raise UsageError("which harmful prompts?", hint=_HINT)
    questions, notes, sources = dict[str, Question](), list[str](), list[Mapping[str, object]]()
    texts = dict[tuple[str | None, str], str]()
    for name in given:
        found, source, said = _read(name)
        notes += said
        same = 0
        for one in found:
            if one.id in questions:
                raise UnreadableInput(
                    f"{name}: id {one.id!r} stands in another set too", hint="ids tell prompts apart"
                )
            if (one.system, one.prompt) in texts:
                same += 1
                continue
            texts[one.system, one.prompt] = one.id
            questions[one.id] = one
        if same:
            notes.append(f"{source['name']}: {same:,} prompts that repeat another word for word are left out")
        sources.append({**source, "prompts": len(found) - same})
    return HarmfulPrompts(list(questions.values()), sources, notes)


def in_random_order(questions: Sequence[Question], seed: int) -> list[Question]:
    """Questions in an order drawn by a hash of their ids, the same whenever they are asked.

    A run that is stopped early then has a random part of them; and the first n are a random sample of n.
    """
    return sorted(questions, key=lambda one: hashlib.sha256(f"{seed}:{one.id}".encode()).digest())


def prompt_digest(question: Question) -> str:
    """Tells whether two runs asked the same under one id, without its text."""
    return digest(f"{question.system or ''}\x00{question.prompt}".encode("utf-8", "surrogatepass"))[:16]


Read = tuple[list[Question], dict[str, object], list[str]]


def _read(given: str) -> Read:
    if given.startswith("pack:"):
        pack = load_pack(given.removeprefix("pack:"))
        return _probes(pack.prompts(), given)
    name, equals, file = given.partition("=")
    known = {one.name for one in known_sets()}
    if equals and name in known:
        return _probes(read_set(name, Path(file)), name)
    if given in known and not Path(given).exists():
        return _probes(read_set(given), given)
    if not Path(given).exists():
        raise UsageError(f"--set {given}: no such file, pack or public set", hint=_HINT)
    return _file(Path(given))


def _probes(found: PromptSet, given: str) -> Read:
    questions = [
        Question(
            id=asked_id(found.name, one.id),
            prompt=one.prompt,
            facets={"hazard": one.group or NO_HAZARD, "set": found.name},
        )
        for one in found.probes
        if one.purpose == "harmful"
    ]
    if not questions:
        raise UnreadableInput(f"{given}: no harmful prompt in it", hint=_HINT)
    source: dict[str, object] = {
        "name": given,
        "source": found.source,
        "sha256": found.sha256,
        "licence": found.licence,
    }
    return questions, source, [f"{given}: {note}" for note in found.notes]


def _file(path: Path) -> Read:
    rows = read_rows(path)
    places, found, benign = dict[str, str](), list[Question](), 0
    for number, (place, row) in enumerate(rows.rows, start=1):
        if str(row.get("prompt_type") or row.get("kind") or "harmful") == "benign":
            benign += 1
            continue
        question = _question(row, place, f"{path.stem}/{number}", path.name)
        if question.id in places:
            raise UnreadableInput(
                f"{place}: id {question.id!r} already stands at {places[question.id]}",
                hint="give every prompt an id of its own",
            )
        places[question.id] = place
        found.append(question)
    if not found:
        raise UnreadableInput(f"{path}: no harmful prompt in it", hint=_HINT)
    source: dict[str, object] = {"name": path.name, "source": str(path), "sha256": rows.sha256}
    source["licence"] = "not told"
    notes = [f"{path.name}: {benign:,} benign prompts left out"] if benign else []
    return found, source, notes


def _question(row: Row, place: str, identifier: str, name: str) -> Question:
    prompt = _text(row, _PROMPT)
    if not prompt.strip():
        raise UnreadableInput(f"{place}: no prompt in it", hint=f"a field {', '.join(_PROMPT[:3])}, ...")
    context = _text(row, ("context", "ContextString"))
    made = Question(
        id=_text(row, ("id", "BehaviorID")) or identifier,
        prompt=f"{context}\n\n{prompt}" if context.strip() else prompt,
        system=_text(row, ("system",)) or None,
        cluster=_text(row, ("cluster",)) or None,
        facets={"hazard": _text(row, _HAZARD) or NO_HAZARD, "set": name},
    )
    return replace(made, id=" ".join(made.id.split()))


def _text(row: Row, names: Sequence[str]) -> str:
    return next((str(row[name]) for name in names if row.get(name) not in (None, "")), "")
