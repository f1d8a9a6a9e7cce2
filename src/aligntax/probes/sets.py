"""Public sets of prompts by name, from a file or the Hub, with licence and hash; none comes with aligntax."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput, UsageError, needs
from aligntax.probes.prompts import PURPOSES, Probe, PromptSet, Purpose, Terms
from aligntax.probes.rows import Row, read_rows

__all__ = ["Download", "PublicSet", "known_set", "known_sets", "read_prompts", "read_set"]

Download = Callable[[str, str, str], Path]
"""Repository of the Hub, file, revision -> the file on this disk."""
_PROMPT = ("prompt", "request", "question", "instruction", "goal", "Goal", "text")
_GROUP = ("category", "topic", "hazard", "type", "domain")
_FIRST_COLUMN = "1st column"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSet:
    """What is known of a set that others publish; see the head of `sets.toml`.

    Attributes:
        name: what commands call it.
        title: what people call it.
        purpose: of its prompts; where it has both, of those that `harmful` does not name.
        licence: in words.
        terms: what the licence allows.
        source: where it is published.
        checked: primary or secondary: how these facts were found.
        size: rows; None where nobody counted.
        gated: whether the Hub asks for an agreement first.
        revision: the facts are of.
        paper: that describes it.
        prompt: fields that may hold the prompt, the first that is there counts; likewise id, group, context.
        harmful: (field, beginning of its value) of the rows that must be refused.
        only: (field, value) of the rows that are taken; None for all.
        hub: repository, file and revision on the Hub; None where it is not known to be there.
        notes: what a reader must know.
    """

    name: str
    title: str
    purpose: Purpose
    licence: str
    terms: Terms
    source: str
    checked: str
    prompt: Sequence[str] = _PROMPT
    size: int | None = None
    gated: bool = False
    revision: str = ""
    paper: str = ""
    id: Sequence[str] = ("id",)
    group: Sequence[str] = ()
    context: Sequence[str] = ()
    harmful: Sequence[Sequence[str]] = ()
    only: Sequence[str] | None = None
    hub: Mapping[str, str] | None = None
    notes: Sequence[str] = field(default=())

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """Purposes its prompts have."""
        return PURPOSES if self.harmful else (self.purpose,)


@cache
def known_sets() -> tuple[PublicSet, ...]:
    """Every set that is known by name."""
    text = (resources.files("aligntax.probes") / "sets.toml").read_text("utf-8")
    return tuple(PublicSet(**entry) for entry in tomllib.loads(text)["set"])


def known_set(name: str) -> PublicSet:
    """The set of that name.

    Raises:
        UsageError: none is known by it.
    """
    for one in known_sets():
        if one.name == name:
            return one
    names = ", ".join(one.name for one in known_sets())
    raise UsageError(f"no public set is known as {name!r}", hint=f"one of: {names}")


def read_set(name: str, path: Path | None = None, *, download: Download | None = None) -> PromptSet:
    """A public set's prompts.

    Args:
        name: of the set.
        path: of its file, as published or with the fields id, prompt, prompt_type, category; None to fetch it
            from the Hub.
        download: fetches a file of the Hub; by default huggingface_hub does.

    Raises:
        UsageError: no such set, or it is not on the Hub.
        UnreadableInput: the file, or a row of it, cannot be read, or the Hub does not give it.
    """
    known = known_set(name)
    revision, source = known.revision, str(path)
    if path is None:
        path, revision = _fetched(known, download or _hub)
        source = f"huggingface.co/datasets/{(known.hub or {})['repository']}"
    rows = read_rows(path)
    probes, notes = _probes(rows.rows, known, str(path))
    notes = [*known.notes, *notes]
    if known.terms != "open":
        notes.append(f"licence: {known.licence}")
    found = PromptSet(
        name=name,
        title=known.title,
        source=source,
        sha256=rows.sha256,
        licence=known.licence,
        terms=known.terms,
        revision=revision,
        probes=probes,
        notes=tuple(notes),
    )
    return _counted(found, known)


def read_prompts(path: Path, *, purpose: Purpose | None = None) -> PromptSet:
    """Prompts of a team's own.

    Args:
        path: of JSON lines, JSON, CSV or Parquet with the field prompt and, where there are any, id, category
            or topic, and prompt_type or kind: benign or harmful.
        purpose: of prompts that do not tell it.

    Raises:
        UnreadableInput: the file, or a row of it, cannot be read.
    """
    rows = read_rows(path)
    own = PublicSet(
        name=path.stem,
        title=path.name,
        purpose=purpose or "benign",
        licence="unclear: the file tells none",
        terms="unclear",
        source=str(path),
        checked="",
        group=_GROUP,
    )
    if purpose is None:
        for place, row in rows.rows:
            if _told(row) is None:
                hint = 'give each row "prompt_type": "benign" or "harmful", or tell it of all with --purpose'
                raise UnreadableInput(f"{place}: should it be answered or refused?", hint=hint)
    probes, notes = _probes(rows.rows, own, str(path))
    return PromptSet(
        name=own.name,
        title=own.title,
        source=str(path),
        sha256=rows.sha256,
        licence=own.licence,
        terms=own.terms,
        probes=probes,
        notes=tuple(notes),
    )


def _probes(
    rows: Sequence[tuple[str, Row]], known: PublicSet, where: str
) -> tuple[tuple[Probe, ...], list[str]]:
    """The prompts of a file, and what a reader must know of them."""
    found, empty, other = dict[str, Probe](), 0, 0
    for number, (place, row) in enumerate(rows):
        if known.only is not None and known.only[0] in row and row[known.only[0]] != known.only[1]:
            other += 1
            continue
        prompt = _value(row, known.prompt, place)
        if not prompt.strip():
            empty += 1
            continue
        context = _first(row, known.context)
        identifier = _first(row, known.id) or str(number)
        if identifier in found:
            raise UnreadableInput(
                f"{place}: id {identifier!r} for the second time", hint="give every prompt an id of its own"
            )
        found[identifier] = Probe(
            id=identifier,
            prompt=f"{context}\n\n{prompt}" if context.strip() else prompt,
            purpose=_purpose(row, known, place),
            group=_first(row, known.group),
        )
    if not found:
        raise UnreadableInput(f"{where}: no prompt in it", hint=f"a field {' or '.join(known.prompt)}")
    notes = [f"{empty:,} rows without words left out"] if empty else []
    return tuple(found.values()), notes + ([f"{other:,} rows of other forms left out"] if other else [])


def _purpose(row: Row, known: PublicSet, place: str) -> Purpose:
    told = _told(row)
    if told is not None:
        for purpose in PURPOSES:
            if told == purpose:
                return purpose
        raise UnreadableInput(f"{place}: {told!r} is neither benign nor harmful", hint="benign or harmful")
    harmful = any(str(row.get(name, "")).startswith(begins) for name, begins in known.harmful)
    return "harmful" if harmful else known.purpose


def _told(row: Row) -> str | None:
    """What a row of ours says of its purpose."""
    told = row.get("prompt_type") or row.get("kind")
    return None if told is None else str(told)


def _value(row: Row, names: Sequence[str], place: str) -> str:
    for name in names:
        if name == _FIRST_COLUMN:
            return _words(next(iter(row.values()), ""))
        if name in row:
            return _words(row[name])
    there = ", ".join(list(row)[:10]) or "none"
    raise UnreadableInput(f"{place}: no field {' or '.join(names)}", hint=f"its fields are: {there}")


def _first(row: Row, names: Sequence[str]) -> str:
    return next((_words(row[name]) for name in names if row.get(name) is not None), "")


def _words(value: object) -> str:
    """A field as text; of several turns the first."""
    if isinstance(value, list):
        value = value[0] if value else ""
    return "" if value is None else str(value)


def _counted(found: PromptSet, known: PublicSet) -> PromptSet:
    """The set, with a note where it has not the size it is known by."""
    if known.size is None or len(found.probes) == known.size:
        return found
    note = f"{len(found.probes):,} prompts, not the {known.size:,} it is known by: another version, or a part"
    return PromptSet(
        **{name: getattr(found, name) for name in PromptSet.__slots__ if name != "notes"},
        notes=(*found.notes, note),
    )


def _fetched(known: PublicSet, download: Download) -> tuple[Path, str]:
    """The file on this disk, and the revision it is of."""
    if known.hub is None:
        raise UsageError(
            f"{known.name}: not known to be on the Hub", hint=f"get it from {known.source}, then --path FILE"
        )
    where: Mapping[str, Any] = known.hub
    path = download(where["repository"], where["file"], where["revision"])
    snapshot = path.parts[path.parts.index("snapshots") + 1] if "snapshots" in path.parts else ""
    return path, snapshot or where["revision"]


def _hub(repository: str, file: str, revision: str) -> Path:
    with needs("models"):
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
    page = f"https://huggingface.co/datasets/{repository}"
    try:
        return Path(hf_hub_download(repository, file, repo_type="dataset", revision=revision))
    except GatedRepoError as error:
        raise UnreadableInput(
            f"{repository}: the Hub asks for an agreement first",
            hint=f"accept it at {page}, then: hf auth login",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        cause = type(error).__name__
        raise UnreadableInput(
            f"{repository}, {file}: the Hub does not give it ({cause})",
            hint=f"get it from {page}, then --path FILE",
        ) from error
