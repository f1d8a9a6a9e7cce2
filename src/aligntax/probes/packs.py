"""The domain packs written for aligntax: requests of professionals, and look-alikes that must be refused."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput, UsageError
from aligntax.probes.prompts import Probe, PromptSet, digest

__all__ = [
    "HAZARDS",
    "PACKS",
    "Benign",
    "Control",
    "Harmful",
    "Pack",
    "Trigger",
    "load_pack",
    "occurs",
    "read_pack",
]

PACKS = ("medical", "legal", "security", "finance")
"""Names of the packs that come with aligntax."""
HAZARDS = (
    "violent_crimes",
    "nonviolent_crimes",
    "sex_related_crimes",
    "child_sexual_exploitation",
    "indiscriminate_weapons",
    "suicide_self_harm",
    "hate",
    "privacy",
    "defamation",
    "intellectual_property",
    "specialized_advice",
    "sexual_content",
)
"""What harmful requests are told apart by."""
_BENIGN = ("id", "kind", "request", "profession", "topic", "triggers", "control", "answer_covers")
_HARMFUL = ("id", "kind", "request", "matches", "hazard", "why")
_BEGINS = re.compile(r"(?:\A|[.!?:\n])[\s\"'(\u201c\u2018-]*\Z")
"""What stands before the first word of a sentence."""
_HINT = "the fields are told in the pack's datasheet"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Words that may set off a refusal, and words for the same thing that should not.

    Attributes:
        term: as it stands in the request.
        neutral: what may stand in its place.
    """

    term: str
    neutral: str


@dataclass(frozen=True, slots=True)
class Control:
    """A harmless word and another for it: how much answers change when any word does.

    Attributes:
        term: as it stands in the request.
        replacement: what may stand in its place.
    """

    term: str
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Benign:
    """A request a professional really makes.

    Attributes:
        id: unique in the pack.
        request: words of the professional.
        profession: who asks.
        topic: part of the domain.
        triggers: alarming words in it, at least one.
        control: a harmless word in it.
        answer_covers: what a complete answer has to cover.
    """

    id: str
    request: str
    profession: str
    topic: str
    triggers: tuple[Trigger, ...]
    control: Control
    answer_covers: tuple[str, ...]

    @property
    def neutral(self) -> str:
        """The request with a neutral wording for every trigger."""
        text = self.request
        for one in sorted(self.triggers, key=lambda trigger: -len(trigger.term)):
            text = _replaced(text, one)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmful:
    """A request in the words of a benign one that must be refused.

    Attributes:
        id: unique in the pack.
        request: an intent, without operational detail.
        matches: id of the benign request whose trigger it shares.
        hazard: one of HAZARDS.
        why: it must be refused all the same.
    """

    id: str
    request: str
    matches: str
    hazard: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A domain's requests.

    Attributes:
        name: of the domain.
        benign: requests to be answered.
        harmful: requests to be refused, each matched with a benign one.
        sha256: of the file.
        datasheet: Markdown; "" where there is none.
    """

    name: str
    benign: tuple[Benign, ...]
    harmful: tuple[Harmful, ...]
    sha256: str
    datasheet: str = ""

    @property
    def topics(self) -> tuple[str, ...]:
        """In the order of the pack."""
        return tuple(dict.fromkeys(one.topic for one in self.benign))

    def prompts(self, *, neutral: bool = False) -> PromptSet:
        """The pack as a set of prompts.

        Args:
            neutral: whether to add the neutral wording of every benign request a harmful one matches, so that
                the three make a triple.
        """
        matched = {one.matches for one in self.harmful}
        probes = [
            *(Probe(id=b.id, prompt=b.request, purpose="benign", group=b.topic) for b in self.benign),
            *(
                Probe(id=h.id, prompt=h.request, purpose="harmful", group=h.hazard, match=h.matches)
                for h in self.harmful
            ),
            *(_neutral(b) for b in self.benign if neutral and b.id in matched),
        ]
        return PromptSet(
            name=self.name,
            title=f"{self.name} pack",
            source=f"aligntax, probes/packs/{self.name}.jsonl",
            sha256=self.sha256,
            licence="Apache-2.0",
            terms="open",
            probes=tuple(probes),
        )


@cache
def load_pack(name: str) -> Pack:
    """A pack that comes with aligntax.

    Raises:
        UsageError: there is none of that name.
        UnreadableInput: its file is not what was shipped.
    """
    if name not in PACKS:
        raise UsageError(f"no pack is called {name!r}", hint=f"one of: {', '.join(PACKS)}")
    folder = resources.files("aligntax.probes") / "packs"
    sheet = folder / f"{name}.md"
    datasheet = sheet.read_text("utf-8") if sheet.is_file() else ""
    file = folder / f"{name}.jsonl"
    if not file.is_file():
        raise UnreadableInput(
            f"{name}.jsonl: it did not come with the package", hint="install aligntax again"
        )
    return _pack(name, file.read_bytes(), f"{name}.jsonl", datasheet)


def read_pack(path: Path) -> Pack:
    """A pack of a team's own, in the same form.

    Raises:
        UnreadableInput: the file or a line of it cannot be read, with the cause.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    return _pack(path.stem, data, str(path), "")


def occurs(term: str, text: str) -> bool:
    """Whether a term stands in a text as whole words, in upper or lower case."""
    return _whole(term).search(text) is not None


def _neutral(one: Benign) -> Probe:
    return Probe(
        id=f"{one.id}~neutral",
        prompt=one.neutral,
        purpose="benign",
        group=one.topic,
        match=one.id,
        wording="neutral",
    )


@cache
def _whole(term: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)" + re.escape(term) + r"(?!\w)", re.IGNORECASE)


def _replaced(text: str, trigger: Trigger) -> str:
    """A text with a trigger's neutral wording, with a capital where a sentence begins with it."""

    def neutral(found: re.Match[str]) -> str:
        begins = _BEGINS.search(text, 0, found.start()) is not None
        capital = begins and found[0][:1].isupper()
        return trigger.neutral[:1].upper() + trigger.neutral[1:] if capital else trigger.neutral

    return _whole(trigger.term).sub(neutral, text)


def _pack(name: str, data: bytes, where: str, datasheet: str) -> Pack:
    benign, harmful = dict[str, Benign](), dict[str, tuple[str, Harmful]]()
    for place, row in _rows(data, where):
        kind, identifier = row.get("kind"), row.get("id")
        if identifier in benign or identifier in harmful:
            raise _wrong(place, f"id {identifier!r} for the second time")
        if kind == "benign":
            benign[str(identifier)] = _benign(row, place)
        elif kind == "harmful":
            harmful[str(identifier)] = (place, _harmful(row, place))
        else:
            raise _wrong(place, f"kind {kind!r} is neither benign nor harmful")
    for place, one in harmful.values():
        _check_match(one, benign, place)
    if not benign:
        raise UnreadableInput(f"{where}: no benign request in it", hint=_HINT)
    return Pack(
        name=name,
        benign=tuple(benign.values()),
        harmful=tuple(one for _, one in harmful.values()),
        sha256=digest(data),
        datasheet=datasheet,
    )


def _rows(data: bytes, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        place = f"{where}:{number}"
        try:
            row = json.loads(line.decode("utf-8"))
        except ValueError as error:
            raise _wrong(place, f"not valid JSON ({error})") from error
        if not isinstance(row, dict):
            raise _wrong(place, "not a JSON object")
        yield place, row


def _benign(row: Mapping[str, Any], place: str) -> Benign:
    _check_fields(row, _BENIGN, place)
    request = _text(row, "request", place)
    triggers = tuple(
        Trigger(_text(one, "term", place), _text(one, "neutral", place))
        for one in _objects(row, "triggers", ("term", "neutral"), place)
    )
    for one in triggers:
        if not occurs(one.term, request):
            raise _wrong(place, f"trigger {one.term!r} does not stand in the request as whole words")
        if occurs(one.term, one.neutral):
            raise _wrong(place, f"the neutral wording of {one.term!r} holds it")
    return Benign(
        id=_text(row, "id", place),
        request=request,
        profession=_text(row, "profession", place),
        topic=_text(row, "topic", place),
        triggers=triggers,
        control=_control(row, request, triggers, place),
        answer_covers=_texts(row, "answer_covers", place),
    )


def _control(row: Mapping[str, Any], request: str, triggers: Sequence[Trigger], place: str) -> Control:
    given = row["control"]
    if not isinstance(given, dict):
        raise _wrong(place, "control is not an object")
    _check_fields(given, ("term", "replacement"), place)
    control = Control(_text(given, "term", place), _text(given, "replacement", place))
    if not occurs(control.term, request):
        raise _wrong(place, f"control {control.term!r} does not stand in the request as whole words")
    if any(occurs(control.term, one.term) or occurs(one.term, control.term) for one in triggers):
        raise _wrong(place, f"control {control.term!r} overlaps a trigger")
    if control.term.casefold() == control.replacement.casefold():
        raise _wrong(place, f"control {control.term!r} is replaced by itself")
    return control


def _harmful(row: Mapping[str, Any], place: str) -> Harmful:
    _check_fields(row, _HARMFUL, place)
    found = Harmful(**{name: _text(row, name, place) for name in _HARMFUL if name != "kind"})
    if found.hazard not in HAZARDS:
        raise _wrong(place, f"no hazard is called {found.hazard!r}")
    return found


def _check_match(one: Harmful, benign: Mapping[str, Benign], place: str) -> None:
    if one.matches not in benign:
        raise _wrong(place, f"it matches {one.matches!r}, which is no benign request of the pack")
    if not any(occurs(trigger.term, one.request) for trigger in benign[one.matches].triggers):
        raise _wrong(place, f"it holds no trigger of {one.matches}, which it matches")


def _check_fields(row: Mapping[str, Any], wanted: Sequence[str], place: str) -> None:
    missing = [name for name in wanted if name not in row]
    unknown = [name for name in row if name not in wanted]
    if missing:
        raise _wrong(place, f"without {', '.join(missing)}")
    if unknown:
        raise _wrong(place, f"with unknown {', '.join(map(repr, unknown))}")


def _text(row: Mapping[str, Any], name: str, place: str) -> str:
    value = row[name]
    if not isinstance(value, str) or not value.strip():
        raise _wrong(place, f"{name} is not a text, or empty")
    return value


def _texts(row: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
    given = row[name]
    if not isinstance(given, list) or not given:
        raise _wrong(place, f"{name} is not a list, or empty")
    return tuple(_text({name: one}, name, place) for one in given)


def _objects(row: Mapping[str, Any], name: str, fields: Sequence[str], place: str) -> list[Mapping[str, Any]]:
    given = row[name]
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise _wrong(place, f"{name} is not a list of objects, or empty")
    for one in given:
        _check_fields(one, fields, place)
    return given


def _wrong(place: str, cause: str) -> UnreadableInput:
    return UnreadableInput(f"{place}: {cause}", hint=_HINT)
