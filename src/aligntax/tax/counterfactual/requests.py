"""The requests an effect is measured on, and the harmful ones the same rewriting is run on."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput
from aligntax.labels.lines import json_lines
from aligntax.probes.packs import Pack
from aligntax.tax.counterfactual.terms import Control, Term

__all__ = ["Request", "Requests", "digest_of", "merged", "pack_requests", "read_requests"]

_JSON = (".jsonl", ".ndjson", ".json")
_HINT = 'a line is {"id": "...", "prompt": "..."}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as somebody made it.

    Attributes:
        id: unique among the requests of a run.
        text: words of the user.
        system: the system prompt.
        cluster: requests that depend on each other share it; None for one that stands alone.
        topic: slice it belongs to; the hazard of a harmful one; "" for none.
        terms: of this request alone, which go before those of a lexicon.
        control: a harmless word of it with another for it; None to look for one.
        points: what a complete answer covers; () where nobody knows.
        reference: a short answer that is right; "" without one.
        recorded: outcome it had when it was chosen, in a log; "" where nobody knows.
    """

    id: str
    text: str
    system: str | None = None
    cluster: str | None = None
    topic: str = ""
    terms: tuple[Term, ...] = ()
    control: Control | None = None
    points: tuple[str, ...] = ()
    reference: str = ""
    recorded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests with where they come from.

    Attributes:
        found: each text once, each id once.
        source: pack or file.
        sha256: of what they were read from.
        repeated: how many were left out since the same text stands before them.
    """

    found: tuple[Request, ...]
    source: str
    sha256: str
    repeated: int = 0


@dataclass(slots=True)
class _Seen:
    ids: dict[str, str] = field(default_factory=dict)
    texts: set[tuple[str | None, str]] = field(default_factory=set)


def pack_requests(pack: Pack) -> tuple[Requests, Requests, list[Term]]:
    """Benign and harmful requests of a pack, and the lexicon of all its terms.

    A harmful request gets the terms of the benign one it matches first, and the others of the lexicon: what a
    rewriter would do that knows all of them.
    """
    lexicon, own = dict[str, Term](), dict[str, tuple[Term, ...]]()
    for one in pack.benign:
        control = Control(one.control.term, one.control.replacement)
        own[one.id] = tuple(Term(t.term, t.neutral, control) for t in one.triggers)
        for term in own[one.id]:
            lexicon.setdefault(term.term.lower(), Term(term.term, term.neutral))
    benign = (
        Request(
            id=one.id,
            text=one.request,
            topic=one.topic,
            terms=own[one.id],
            control=Control(one.control.term, one.control.replacement),
            points=one.answer_covers,
        )
        for one in pack.benign
    )
    harmful = (
        Request(
            id=one.id, text=one.request, topic=one.hazard, terms=_first(own[one.matches], lexicon.values())
        )
        for one in pack.harmful
    )
    source = f"{pack.name} pack"
    both = [_distinct(((source, one) for one in side), source, pack.sha256) for side in (benign, harmful)]
    return both[0], both[1], list(lexicon.values())


def read_requests(path: Path) -> Requests:
    """Requests of a file, in its order, each text once.

    Args:
        path: JSON lines with `prompt` (or `request`), and where they are known `id`, `system`, `cluster`,
            `topic` (or `hazard`, `prompt_type`), `answer_covers`, `reference`, `outcome`; otherwise plain
            text, one request a line.

    Raises:
        UnreadableInput: it cannot be read, a line has no prompt, one id stands for two texts, there is none.
    """
    if path.suffix.lower() in _JSON:
        rows = [(f"{path}:{n}", _request(row, f"{path}:{n}", n)) for n, row in json_lines(path, hint=_HINT)]
    else:
        rows = [(place, Request(id=name, text=line)) for place, name, line in _lines(path)]
    if not rows:
        raise UnreadableInput(f"{path}: no prompts in it", hint="one prompt a line")
    return _distinct(rows, str(path), digest_of(path.read_bytes()))


def digest_of(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _distinct(rows: Iterable[tuple[str, Request]], source: str, sha256: str) -> Requests:
    seen, kept, repeated = _Seen(), list[Request](), 0
    for place, one in rows:
        key = (one.system, one.text)
        if key in seen.texts:
            repeated += 1
            continue
        if one.id in seen.ids:
            told = f"{place}: id {one.id!r} stands for another prompt at {seen.ids[one.id]}"
            raise UnreadableInput(told, hint="give every prompt an id of its own, or none")
        seen.texts.add(key)
        seen.ids[one.id] = place
        kept.append(one)
    return Requests(found=tuple(kept), source=source, sha256=sha256, repeated=repeated)


def merged(several: Sequence[Requests]) -> tuple[Request, ...]:
    """Requests of several sources; ids that meet get the name of their source in front."""
    counts = Counter(one.id for part in several for one in part.found)
    texts, found = set[tuple[str | None, str]](), list[Request]()
    for part in several:
        for one in part.found:
            if (one.system, one.text) not in texts:
                texts.add((one.system, one.text))
                apart = replace(one, id=f"{part.source}/{one.id}") if counts[one.id] > 1 else one
                found.append(apart)
    return tuple(found)


def _first(own: Sequence[Term], others: Iterable[Term]) -> tuple[Term, ...]:
    known = {term.term.lower() for term in own}
    return (*own, *(term for term in others if term.term.lower() not in known))


def _lines(path: Path) -> Iterable[tuple[str, str, str]]:
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path}: not UTF-8 text", hint="save it as UTF-8") from error
    return [(f"{path}:{n}", str(n), line.strip()) for n, line in enumerate(lines, 1) if line.strip()]


def _request(row: Mapping[str, Any], place: str, number: int) -> Request:
    text = row.get("prompt", row.get("request"))
    if not isinstance(text, str) or not text.strip():
        raise UnreadableInput(f"{place}: no `prompt`, or one that is no text", hint=_HINT)
    points = row.get("answer_covers") or ()
    if not isinstance(points, list | tuple) or not all(isinstance(one, str) for one in points):
        raise UnreadableInput(f"{place}: `answer_covers` is no list of texts", hint='["...", "..."]')
    topic = next((row[name] for name in ("topic", "hazard", "prompt_type") if row.get(name)), "")
    told = {name: _optional(row, name, place) for name in ("system", "cluster", "reference", "outcome")}
    name = row.get("id")
    return Request(
        id=str(number) if name is None else str(name),
        text=text,
        system=told["system"],
        cluster=told["cluster"],
        topic=str(topic),
        points=tuple(points),
        reference=told["reference"] or "",
        recorded=told["outcome"] or "",
    )


def _optional(row: Mapping[str, Any], name: str, place: str) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value
    if name == "cluster" and isinstance(value, int):
        return str(value)
    raise UnreadableInput(f"{place}: `{name}` is no text", hint=_HINT)
