"""The requests and words of `aligntax counterfactual`, from packs, files and a model's proposals."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aligntax.errors import UsageError
from aligntax.probes.packs import PACKS, Pack, load_pack, read_pack
from aligntax.tax.counterfactual.requests import (
    Request,
    Requests,
    merged,
    pack_requests,
    read_requests,
)
from aligntax.tax.counterfactual.terms import Term, read_terms
from aligntax.tax.counterfactual.variants import Cases

__all__ = ["Material", "drawn", "gather", "nothing_to_ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is to be rewritten.

    Attributes:
        benign: requests to be answered.
        harmful: requests to be refused.
        lexicon: terms for all of them.
        sources: what they were read from, and whether it is harmful.
        notes: what to know of them.
    """

    benign: tuple[Request, ...]
    harmful: tuple[Request, ...]
    lexicon: tuple[Term, ...]
    sources: tuple[tuple[Requests, bool], ...]
    notes: list[str] = field(default_factory=list)


def gather(
    packs: Sequence[str], prompts: Path | None, terms: Path | None, harmful: Path | None, *, proposed: bool
) -> Material:
    """Reads everything.

    Args:
        packs: names, or files.
        prompts: requests of a team's own.
        terms: lexicon for them.
        harmful: harmful requests.
        proposed: whether a model will propose wordings.

    Raises:
        UsageError: no requests, no words, a request that is benign and harmful.
        UnreadableInput: a file cannot be read.
    """
    if not packs and prompts is None:
        raise UsageError("which requests?", hint="--pack medical, or --prompts FILE with --terms FILE")
    given = read_terms(terms) if terms else []
    if not packs and not given and not proposed:
        raise UsageError(
            "which words are alarming?", hint="--terms FILE, or --propose MODEL with --judge MODEL"
        )
    good, bad, lexicon = list[Requests](), list[Requests](), {term.term.lower(): term for term in given}
    for name in dict.fromkeys(packs):
        benign, twin, own = pack_requests(_pack(name))
        good.append(benign)
        bad.append(twin)
        for term in own:
            lexicon.setdefault(term.term.lower(), term)
    good += [read_requests(prompts)] if prompts else []
    bad += [read_requests(harmful)] if harmful else []
    material = Material(
        benign=merged(good),
        harmful=merged(bad),
        lexicon=tuple(lexicon.values()),
        sources=(*((one, False) for one in good), *((one, True) for one in bad)),
    )
    _check_apart(material)
    material.notes.extend(
        f"{one.source}: {one.repeated:,} prompts stand there more than once and were asked once"
        for one in (*good, *bad)
        if one.repeated
    )
    return material


def drawn(benign: Cases, harmful: Cases, most: int | None, seed: int) -> tuple[Cases, Cases, list[str]]:
    """As many whole cases as --max-samples has room for, drawn at random, benign and harmful together.

    Args:
        benign: cases.
        harmful: cases.
        most: wordings to ask; None for all.
        seed: of the draw.

    Returns:
        The cases that are asked, and a note if they are not all.
    """
    both = [*benign.found, *harmful.found]
    if most is None or sum(len(case.texts) for case in both) <= most:
        return benign, harmful, []
    random.Random(seed).shuffle(both)
    kept, room = set[str](), most
    for case in both:
        if len(case.texts) > room:
            break
        room -= len(case.texts)
        kept.add(case.id)
    if not kept:
        raise UsageError(
            f"--max-samples {most} has no room for one request", hint="4 wordings a request, or more"
        )
    parts = [
        Cases(found=tuple(case for case in side.found if case.id in kept), left_out=side.left_out)
        for side in (benign, harmful)
    ]
    note = f"a random sample of {len(kept):,} of {len(both):,} rewritten requests was asked (--max-samples)"
    return parts[0], parts[1], [note]


def nothing_to_ask(cases: Cases) -> None:
    """Refuses to go on without a single request to rewrite.

    Raises:
        UsageError: says why they are left out.
    """
    if cases.found:
        return
    why = ", ".join(f"{len(ids):,} ({name})" for name, ids in cases.left_out.items()) or "none was given"
    raise UsageError(
        f"no request can be rewritten: {why}",
        hint="give terms that stand in the prompts, outside code and quotes",
    )


def _pack(name: str) -> Pack:
    path = Path(name)
    return read_pack(path) if name not in PACKS and path.suffix == ".jsonl" else load_pack(name)


def _check_apart(material: Material) -> None:
    """A text cannot be both, and an id must not stand for two texts."""
    texts = {one.text: one.id for one in material.benign}
    ids = {one.id for one in material.benign}
    for one in material.harmful:
        if one.text in texts:
            raise UsageError(
                f"harmful request {one.id!r} is also benign request {texts[one.text]!r}",
                hint="a request must be answered or refused",
            )
        if one.id in ids:
            raise UsageError(
                f"id {one.id!r} stands for a benign and a harmful request", hint="give each an id of its own"
            )
