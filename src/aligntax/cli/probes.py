"""`aligntax probes list | show | export`: what sets there are, and what is in them."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aligntax.cli.output import print_json, stderr
from aligntax.errors import UnwritableOutput, UsageError
from aligntax.probes.packs import PACKS, Pack, load_pack
from aligntax.probes.prompts import PURPOSES, Probe, PromptSet, Purpose
from aligntax.probes.sets import known_sets, read_prompts, read_set
from aligntax.records.files import atomic
from aligntax.report.probes import probes_document, set_entry
from aligntax.report.probes_tables import print_probes, print_set

__all__ = ["chosen", "export", "list_", "purpose_of", "row", "show", "write_rows"]

_SHOWN = 6


def list_(*, as_json: bool) -> None:
    """Prints every pack and every public set known by name."""
    contents = probes_document([load_pack(name) for name in PACKS], known_sets())
    if as_json:
        print_json(contents)
    else:
        print_probes(contents, Console(highlight=False))


def show(*, name: str, path: Path | None, purpose: str | None, datasheet: bool, as_json: bool) -> None:
    """Prints what is known of one set."""
    if datasheet:
        Console(highlight=False).print(_pack(name).datasheet, markup=False, soft_wrap=True)
        return
    found = chosen(name, path, purpose, neutral=False)
    samples = [row(one) for one in random.Random(0).sample(found.probes, min(_SHOWN, len(found.probes)))]
    entry = set_entry(found)
    if as_json:
        print_json({"schema": "aligntax.probe_set/1", **entry, "samples": samples})
        return
    told = [
        {"purpose": one["prompt_type"], "group": one["category"], "prompt": one["prompt"]} for one in samples
    ]
    print_set(entry, told, Console(highlight=False))


def export(
    *,
    name: str,
    to: Path,
    path: Path | None,
    purpose: str | None,
    only: str | None,
    neutral: bool,
    quiet: bool,
) -> None:
    """Writes a set as JSON lines."""
    found = chosen(name, path, purpose, neutral=neutral)
    wanted = PURPOSES if only is None else (purpose_of("--only", only),)
    source = f"{found.source}, sha256 {found.sha256}"
    rows = [row(one) | {"source": source} for one in found.probes if one.purpose in wanted]
    if not rows:
        raise UsageError(f"{found.title}: no {only} prompts in it", hint="leave out --only")
    write_rows(rows, to)
    if not quiet:
        stderr().print(f"wrote {to}: {len(rows):,} prompts; licence: {found.licence}", markup=False)


def chosen(name: str, path: Path | None, purpose: str | None, *, neutral: bool) -> PromptSet:
    """A pack, a public set or a file of prompts, by what a person typed.

    Args:
        name: of a pack or a public set, or a file.
        path: of a public set's file; None to ask the Hub for it.
        purpose: of a file's prompts that do not tell theirs.
        neutral: whether a pack's neutral wordings are wanted.

    Raises:
        UsageError: nothing is known by that name.
        UnreadableInput: its file cannot be read.
    """
    if name in PACKS:
        if path is not None:
            raise UsageError(f"--path: the {name} pack comes with aligntax", hint="leave out --path")
        return load_pack(name).prompts(neutral=neutral)
    if any(one.name == name for one in known_sets()):
        return read_set(name, path)
    if Path(name).is_file():
        if path is not None:
            raise UsageError(f"{name} and --path {path}: which file?", hint="give one of them")
        return read_prompts(Path(name), purpose=None if purpose is None else purpose_of("--purpose", purpose))
    raise UsageError(
        f"{name}: no pack, no public set and no file",
        hint="`aligntax probes list` shows what is known by name",
    )


def purpose_of(option: str, given: str) -> Purpose:
    """What an option says of prompts.

    Raises:
        UsageError: it is neither benign nor harmful.
    """
    for purpose in PURPOSES:
        if given == purpose:
            return purpose
    raise UsageError(f"{option} {given}: no such prompts", hint="benign or harmful")


def row(one: Probe) -> dict[str, object]:
    """A prompt as JSON lines have it."""
    told: dict[str, object] = {
        "id": one.id,
        "prompt": one.prompt,
        "prompt_type": one.purpose,
        "category": one.group,
    }
    if one.match:
        told["match"] = one.match
    if one.wording == "neutral":
        told["wording"] = one.wording
    return told


def write_rows(rows: Sequence[dict[str, object]], to: Path) -> None:
    """Writes JSON lines, whole or not at all.

    Raises:
        UnwritableOutput: that cannot be done.
    """
    try:
        with atomic(to) as part:
            lines = (json.dumps(one, ensure_ascii=True, allow_nan=False) + "\n" for one in rows)
            part.write_text("".join(lines), "utf-8")
    except OSError as error:
        raise UnwritableOutput(
            f"{to}: cannot be written: {error.strerror}", hint="name another file"
        ) from error


def _pack(name: str) -> Pack:
    if name not in PACKS:
        raise UsageError(f"{name}: only packs have a datasheet", hint=f"one of: {', '.join(PACKS)}")
    return load_pack(name)
