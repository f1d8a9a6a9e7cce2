"""What the ledger takes from a document: its figures, where they come from, what to call it.

A document of a schema without a reader, or of a later version of one, is recorded all the same: its figures
are called by where they stand in it, and `known` says so.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from aligntax.errors import UnreadableInput
from aligntax.ledger.documents import of_models, of_traffic, of_weights
from aligntax.ledger.documents.reader import Reader, count, named, part, texts, time_of
from aligntax.ledger.documents.walk import walk
from aligntax.ledger.models import StageModel
from aligntax.ledger.runs import Origin
from aligntax.records import Measurement

__all__ = ["READERS", "check", "created_of", "figures", "known", "origin_of", "stages_in", "title_of"]

Document = Mapping[str, Any]
READERS: Mapping[str, Reader] = {
    one.schema: one for one in (*of_traffic.READERS, *of_models.READERS, *of_weights.READERS)
}
_SOURCES = ("files", "sources", "source")


def check(document: object, name: str = "the document") -> Document:
    """The document, if it is one of ours.

    Raises:
        UnreadableInput: it is none.
    """
    schema = document.get("schema") if isinstance(document, Mapping) else None
    if isinstance(document, Mapping) and isinstance(schema, str) and _is_ours(schema):
        return document
    raise UnreadableInput(
        f'{name}: not a document of aligntax: it has no "schema": "aligntax.KIND/VERSION"',
        hint="record what a command's --json or --out wrote",
    )


def _is_ours(schema: str) -> bool:
    kind, slash, version = schema.removeprefix("aligntax.").partition("/")
    return schema.startswith("aligntax.") and bool(kind and slash and version)


def known(document: Document) -> bool:
    """Whether its schema has a reader; if not, its figures are called by where they stand."""
    return document["schema"] in READERS


def figures(document: Document) -> list[Measurement]:
    """The figures in a document, in its order; no two have component, slice and correction in common."""
    reader = _reader(document)
    return walk(document, reader.naming(document))


def stages_in(document: Document) -> Sequence[StageModel]:
    """The stages of training it measured; none for most documents."""
    return _reader(document).stages(document)


def title_of(document: Document) -> str:
    """What it is of, in a few words."""
    told = _reader(document).title(document)
    return told or PurePath(origin_of(document).source.partition(";")[0]).name or str(document["schema"])


def created_of(document: Document) -> dt.datetime | None:
    """When it was measured, UTC without zone; None where it does not say."""
    return time_of(document.get("created"))


def origin_of(document: Document) -> Origin:
    """Where its figures come from, as far as it says."""
    about = part(document, "about")
    seeds = (count(one.get("seed")) for one in (about, part(document, "settings"), document))
    usual = Origin(
        source=_source(about) or _source(document),
        first=time_of(about.get("first")),
        last=time_of(about.get("last")),
        exchanges=count(about.get("exchanges")),
        detector=named(about.get("detector")),
        detector_version=named(about.get("detector_version")),
        judge=named(about.get("judge")),
        seed=next((seed for seed in seeds if seed is not None), None),
        versions={"aligntax": version} if (version := named(document.get("aligntax"))) else {},
    )
    told = {name: value for name, value in _reader(document).origin(document).items() if value}
    return replace(usual, **told)  # type: ignore[arg-type]


def _reader(document: Document) -> Reader:
    schema = str(document["schema"])
    return READERS.get(schema) or Reader(schema=schema)


def _source(told: Document) -> str:
    """Files, or sources: as texts, or as objects that name them."""
    for key in _SOURCES:
        value = told.get(key)
        if isinstance(value, list | tuple):
            value = [one.get("source") if isinstance(one, Mapping) else one for one in value]
        if found := texts(value):
            return "; ".join(found)
    return ""
