"""An audit's exchanges as an Inspect log, with the audit's figures as metrics."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aligntax.errors import UnwritableOutput, UsageError, needs
from aligntax.exports.exported import NOT_KNOWN, OUTCOMES, Exported, Selection, select
from aligntax.exports.judged import judged_rows
from aligntax.exports.written import Written
from aligntax.labels.keys import KeyCounter
from aligntax.records.files import atomic

__all__ = ["write_inspect"]

_SUFFIXES = (".eval", ".json")


def write_inspect(exported: Exported, out: Path, *, max_samples: int = 10_000, seed: int = 0) -> Written:
    """Writes a log that `inspect_ai.log.read_eval_log` reads.

    Args:
        exported: an audit's run, or its bill with `outcomes.parquet` beside it.
        out: ends in .eval or .json.
        max_samples: exchanges in it, at most, drawn alike where there are more; the figures are of all.
        seed: of the drawing.

    Raises:
        UsageError: it has no outcomes of exchanges, or `out` is neither.
        MissingExtra: Inspect is not installed.
    """
    if OUTCOMES not in exported.files:
        raise UsageError(
            f"{exported.run or exported.title}: it keeps no outcomes of exchanges",
            hint=f"audit with --out DIRECTORY and give its bill.json, or record it with its {OUTCOMES}",
        )
    if out.suffix not in _SUFFIXES:
        raise UsageError(f"{out}: an Inspect log ends in .eval or .json", hint="--out FILE.eval")
    with needs("models"):
        from aligntax.evals.exported import COLUMNS, write_log
    path = exported.files[OUTCOMES]
    in_all = sum(1 for _ in judged_rows(path, ["outcome"]))
    drawn = set(random.Random(seed).sample(range(in_all), min(max_samples, in_all)))
    chosen = _chosen(exported)
    try:
        with atomic(out) as part:
            named = part.with_name(f"{part.name}{out.suffix}")  # Inspect goes by how a name ends
            try:
                many = write_log(
                    _rows(path, COLUMNS, drawn),
                    chosen.figures,
                    named,
                    created=exported.created,
                    title=exported.title or exported.kind,
                    exchanges_in_all=in_all,
                    about=exported.provenance,
                )
                named.replace(part)
            finally:
                named.unlink(missing_ok=True)
    except OSError as error:
        raise UnwritableOutput(
            f"{out}: cannot be written: {error.strerror or error}", hint="--out"
        ) from error
    left = (
        [f"{in_all - many:,} exchanges left out: {many:,} of {in_all:,} are drawn"] if many < in_all else []
    )
    return Written(figures=len(chosen.figures), files=[out], left_out=[*chosen.told, *left])


def _chosen(exported: Exported) -> Selection:
    return select(
        exported.figures,
        {
            "of a past period": lambda one: "period" in one.slice,
            NOT_KNOWN: lambda one: not one.estimate.known,
        },
    )


def _rows(path: Path, columns: tuple[str, ...], drawn: set[int]) -> Iterator[dict[str, Any]]:
    """The drawn exchanges, in their order, each with a key of its own."""
    key = KeyCounter()
    for at, row in enumerate(judged_rows(path, columns)):
        own = key(str(row["id"] or ""))
        if at in drawn:
            yield row | {"key": own}
