"""The recipe, stage by stage: intents, look-alikes, votes, near duplicates."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from aligntax.probes.generator.candidates import Candidate, Candidates, Status
from aligntax.probes.generator.moderation import moderation_question, read_vote, verdict
from aligntax.probes.generator.writing import faults, intents_question, listed, rewrites_question
from aligntax.probes.near_duplicates import THRESHOLD, distinct
from aligntax.records.asked import Question, Reply

__all__ = ["Generated", "Moderate", "Recipe", "Write", "expected_questions", "generate"]

Write = Callable[[str, Sequence[Question]], Sequence[Reply]]
"""Name of the stage, questions -> the writer's replies, one for each, in their order."""
Moderate = Callable[[Sequence[Question]], Mapping[str, Sequence[Reply]]]
"""Questions -> moderator -> replies, one for each, in their order."""
_STATUS: Mapping[str, Status] = {"safe": "passed", "unsafe": "unsafe", "undecided": "undecided"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How much is written, and for whom.

    Attributes:
        domain: whose requests.
        topics: of the domain.
        intents: harmful intents a topic.
        rewrites: harmless look-alikes an intent.
        similar: similarity from which requests are near duplicates, in (0, 1].
    """

    domain: str
    topics: tuple[str, ...]
    intents: int = 5
    rewrites: int = 5
    similar: float = THRESHOLD


@dataclass(frozen=True, slots=True)
class Generated:
    """What the recipe came to.

    Attributes:
        candidates: every request that was written, and what became of it.
        intents: harmful intents that were written.
        silent: stage -> answers without any list, by reason.
        spoilt: items that were not whole.
        repeated: requests written before in the very same words.
    """

    candidates: Candidates
    intents: int
    silent: Mapping[str, Mapping[str, int]]
    spoilt: int
    repeated: int


def generate(
    recipe: Recipe,
    write: Write,
    moderate: Moderate,
    *,
    writer: str,
    moderators: Sequence[str],
    against: Mapping[str, str] | None = None,
) -> Generated:
    """Carries the recipe out.

    Args:
        recipe: how much, and for whom.
        write: asks the writer.
        moderate: asks the moderators.
        writer: its name, for the record.
        moderators: their names.
        against: id -> prompt that no candidate may nearly repeat, such as those of the packs.
    """
    asked = [
        intents_question(f"intents-{at:02d}", recipe.domain, topic, recipe.intents)
        for at, topic in enumerate(recipe.topics, start=1)
    ]
    told = [listed(reply, recipe.intents) for reply in write("intents", asked)]
    intents = _distinct_intents(recipe.topics, [one.items for one in told])
    wanted = [
        rewrites_question(identifier, recipe.domain, topic, intent, recipe.rewrites)
        for identifier, (topic, intent) in intents.items()
    ]
    written = [listed(reply, recipe.rewrites) for reply in write("rewrites", wanted)] if wanted else []
    rows, repeated = _written(recipe, intents, [one.items for one in written])
    rows = _moderated(rows, moderate)
    rows = _without_near_duplicates(rows, against or {}, recipe.similar)
    found = Candidates(domain=recipe.domain, writer=writer, moderators=tuple(moderators), rows=tuple(rows))
    silent = {
        "intents": Counter(one.why for one in told if one.why),
        "rewrites": Counter(one.why for one in written if one.why),
    }
    spoilt = sum(one.spoilt for one in (*told, *written))
    return Generated(found, len(intents), silent, spoilt, repeated)


def expected_questions(recipe: Recipe) -> tuple[list[Question], list[Question], list[Question]]:
    """What each stage will ask, with words of a usual length where they are not written yet: for the cost."""
    filler = "somebody wants to do harm in some way that is told in one general sentence"
    request = (
        "a request of a person at work that is as long as such requests usually are, some thirty words " * 2
    )
    intents = [intents_question(topic, recipe.domain, topic, recipe.intents) for topic in recipe.topics]
    rewrites = [
        rewrites_question(f"{topic}/{at}", recipe.domain, topic, filler, recipe.rewrites)
        for topic in recipe.topics
        for at in range(recipe.intents)
    ]
    moderation = [
        moderation_question(f"{one.id}/{at}", request) for one in rewrites for at in range(recipe.rewrites)
    ]
    return intents, rewrites, moderation


def _distinct_intents(topics: Sequence[str], told: Sequence[Sequence[str]]) -> dict[str, tuple[str, str]]:
    """Identifier -> topic and intent; the same words are taken once."""
    seen, found = set[str](), dict[str, tuple[str, str]]()
    for number, (topic, items) in enumerate(zip(topics, told, strict=True), start=1):
        for at, intent in enumerate(items, start=1):
            if intent.casefold() not in seen:
                seen.add(intent.casefold())
                found[f"{number:02d}-{at:02d}"] = (topic, intent)
    return found


def _written(
    recipe: Recipe, intents: Mapping[str, tuple[str, str]], written: Sequence[Sequence[str]]
) -> tuple[list[Candidate], int]:
    """The requests, those that break a rule marked, and how many said what another had said."""
    slug = re.sub(r"[^a-z0-9]+", "-", recipe.domain.lower()).strip("-") or "domain"
    seen, rows, repeated = set[str](), list[Candidate](), 0
    for (identifier, (topic, intent)), items in zip(intents.items(), written, strict=True):
        for at, request in enumerate(items, start=1):
            if request.casefold() in seen:
                repeated += 1
                continue
            seen.add(request.casefold())
            broken = faults(request, f"{recipe.domain} {topic}")
            rows.append(
                Candidate(
                    id=f"{slug}-{identifier}-{at:02d}",
                    topic=topic,
                    intent=intent,
                    request=request,
                    status="rule_broken" if broken else "passed",
                    faults=broken,
                )
            )
    return rows, repeated


def _moderated(rows: Sequence[Candidate], moderate: Moderate) -> list[Candidate]:
    """The same, with the votes on those that break no rule."""
    asked = [moderation_question(one.id, one.request) for one in rows if one.status == "passed"]
    replies = moderate(asked) if asked else {}
    votes = {
        question.id: {model: read_vote(answers[at]) for model, answers in replies.items()}
        for at, question in enumerate(asked)
    }
    return [
        replace(one, votes=votes[one.id], status=_STATUS[verdict(votes[one.id])]) if one.id in votes else one
        for one in rows
    ]


def _without_near_duplicates(
    rows: Sequence[Candidate], against: Mapping[str, str], similar: float
) -> list[Candidate]:
    """The same, near duplicates marked; those that passed come before those nobody could decide on."""
    staying = [one for status in ("passed", "undecided") for one in rows if one.status == status]
    found = distinct([one.request for one in staying], against=list(against.values()), threshold=similar)
    names = list(against)
    near = {
        staying[at].id: staying[to.first].id if to.first >= 0 else names[-1 - to.first]
        for at, to in found.dropped.items()
    }
    return [
        replace(one, status="near_duplicate", near=near[one.id]) if one.id in near else one for one in rows
    ]
