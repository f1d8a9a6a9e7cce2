"""Recording a document: its figures, its origin and where it was made, in one call."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aligntax.ledger.documents import check, created_of, figures, origin_of, stages_in, title_of
from aligntax.ledger.opened import Ledger
from aligntax.ledger.provenance import config_hash, data_hash, here
from aligntax.ledger.runs import Run, record_run

__all__ = ["record"]


def record(
    ledger: Ledger,
    document: Mapping[str, Any],
    *,
    files: Mapping[str, Path] | None = None,
    title: str = "",
    settings: Mapping[str, object] | None = None,
    read: Sequence[Path] = (),
    policy_id: str | None = None,
    fresh: bool = True,
) -> Run:
    """Keeps a document in the ledger; one that is there already is not kept twice.

    Args:
        ledger: to keep it in.
        document: with a `schema` of "aligntax.KIND/VERSION", which need not be known.
        files: name -> file to keep a copy of (`outcomes.parquet`).
        title: for a person; told from the document by default.
        settings: of the command that made it, for their hash.
        read: files it was made from, for their hash.
        policy_id: of the policy it was held to.
        fresh: whether it was made here and now, so that this commit and these versions made it; of a document
            of another day or place only what it says itself is known.

    Returns:
        Its run.

    Raises:
        UnreadableInput: it is no document of ours, or a file to be hashed cannot be read.
    """
    check(document)
    origin = origin_of(document)
    if fresh:
        made = here()
        versions = {**made.versions, **origin.versions}
        origin = replace(origin, git_sha=made.git_sha, git_dirty=made.git_dirty, versions=versions)
    return record_run(
        ledger,
        document,
        figures(document),
        title=title or title_of(document),
        origin=replace(
            origin,
            policy_id=policy_id,
            config_hash=None if settings is None else config_hash(settings),
            data_hash=data_hash(read) if read else None,
        ),
        created=created_of(document),
        files=files,
        stages=stages_in(document),
    )
