"""`aligntax checkpoint`: what a checkpoint holds, and whether it is whole."""

from collections import Counter
from dataclasses import asdict

from rich.console import Console

from aligntax.cli.output import print_json, stages
from aligntax.errors import UnreadableInput, needs
from aligntax.report.tables import facts_table

with needs("weights"):
    import torch
    import xxhash

    from aligntax.models.checkpoint import Checkpoint, Entry, open_checkpoint
    from aligntax.models.checkpoint.numbers import CHUNK
    from aligntax.models.checkpoint.provenance import fingerprint, known_files, stretch_digest, verify

__all__ = ["run"]


def run(*, model: str, verify: bool, as_json: bool, quiet: bool) -> None:
    """Prints what the headers say; with `verify` reads every byte."""
    with open_checkpoint(model) as checkpoint:
        document = _described(checkpoint)
        if verify:
            document["verified"] = _verified(checkpoint, quiet)
    if as_json:
        print_json(document)
    else:
        _print(document, Console(highlight=False))


def _described(checkpoint: Checkpoint) -> dict[str, object]:
    config = checkpoint.config
    types = Counter[str]()
    for entry in checkpoint.entries.values():
        types[str(entry.dtype).removeprefix("torch.")] += entry.count
    return {
        "schema": "aligntax.checkpoint/1",
        "model": checkpoint.name,
        "architecture": next(iter(config.get("architectures") or []), config.get("model_type")),
        "tensors": len(checkpoint.entries),
        "parameters": sum(types.values()),
        "stored_as": dict(types),
        "tied": bool(config.get("tie_word_embeddings")),
        "files": [asdict(known) for known in known_files(checkpoint)],
    }


def _verified(checkpoint: Checkpoint, quiet: bool) -> dict[str, object]:
    """Hashes first, then every floating number.

    Raises:
        UnreadableInput: a wrong hash, or a number that is not finite; names file or tensor.
    """
    checked = [known.file for known, recorded in verify(checkpoint) if recorded]
    numbers_in_all = sum(entry.count for entry in checkpoint.entries.values())
    read: dict[str, list[str]] = {}
    with stages(quiet=quiet) as stage, stage("reading", numbers_in_all) as told:
        for entry in checkpoint.entries.values():
            digest = xxhash.xxh3_128()
            for first in range(0, entry.count, CHUNK):
                last = min(first + CHUNK, entry.count)
                numbers = checkpoint.numbers(entry, first, last)
                _check_finite(entry, first, numbers)
                digest.update(stretch_digest(numbers))
                checkpoint.release(entry, first, last)
            read[entry.name] = [digest.hexdigest()]
            told(entry.count)
    return {"hashes": checked, "finite": True, "fingerprint": fingerprint(read, 0)}


def _check_finite(entry: Entry, first: int, numbers: torch.Tensor) -> None:
    if not numbers.dtype.is_floating_point:
        return
    wide = numbers if numbers.dtype.itemsize > 1 else numbers.float()  # eight bits know no minimum
    if not bool(torch.isfinite(torch.stack(torch.aminmax(wide))).all()):
        at = first + int(torch.nonzero(~torch.isfinite(wide))[0])
        raise UnreadableInput(f"{entry.file}: {entry.name}: number {at:,} is not finite")


def _print(document: dict[str, object], console: Console) -> None:
    files, stored = document["files"], document["stored_as"]
    assert isinstance(files, list)
    assert isinstance(stored, dict)
    size = sum(file["size"] for file in files)
    recorded = sum(bool(file["sha256"] or file["xxh3"]) for file in files)
    rows = [
        ("model", str(document["model"])),
        ("architecture", str(document["architecture"] or "not told")),
        ("parameters", f"{document['parameters']:,} in {document['tensors']:,} tensors"),
        ("stored as", ", ".join(f"{name}" for name in stored)),
        ("embedding", "tied to the head" if document["tied"] else "not tied to the head"),
        ("size", f"{size / 2**30:.2f} GiB in {len(files)} file(s), {recorded} with a recorded hash"),
    ]
    if "verified" in document:
        rows.append(("verified", "every number is finite" + (", hashes as recorded" if recorded else "")))
        rows.append(("fingerprint", document["verified"]["fingerprint"]))  # type: ignore[index]
    console.print(facts_table(rows))
