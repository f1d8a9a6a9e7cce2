"""`aligntax merge`: weights of several checkpoints mixed into one."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast, get_args

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from aligntax.cli.log import stderr
from aligntax.errors import UsageError, needs
from aligntax.report.terminal import printable

with needs("weights"):
    import torch

    from aligntax.mitigations.merging import method as chosen_method
    from aligntax.mitigations.merging.matching import VocabularyRule
    from aligntax.mitigations.merging.method import place_of
    from aligntax.mitigations.merging.run import Merge, Output, planned
    from aligntax.models.checkpoint.provenance import verify as verified

__all__ = ["run"]

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]i?B)?", re.IGNORECASE)
_FACTORS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def run(
    *,
    pre: str,
    aligned: Sequence[str],
    out: Path | None,
    method: str,
    pre_weight: float | None,
    shares: str | None,
    density: float | None,
    decay: float | None,
    seed: int | None,
    dtype: str | None,
    shard_size: str | None,
    vocab: str,
    verify: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Plans the merge, prints the plan, carries it out unless it is a dry run."""
    if out is None and not dry_run:
        raise UsageError("nowhere to write the merged model to", hint="--out DIR, or --dry-run for the plan")
    how = chosen_method(
        method,
        len(aligned),
        pre_weight=pre_weight,
        shares=_shares(method, shares),
        density=density,
        decay=decay,
        seed=seed,
    )
    output = Output(_dtype(dtype), _size(shard_size), _rule(vocab))
    with planned(pre, aligned, how, output) as merge:
        if verify:
            _verify(merge, quiet)
        if not dry_run and out is not None:
            with _progress(merge.size, quiet) as told:
                record = merge.carry_out(out, told)
        else:
            record = _plan(merge)
        if as_json:
            json.dump(record, sys.stdout, indent=1, ensure_ascii=False)
            sys.stdout.write("\n")
        else:
            _print(merge, None if dry_run else out, Console(highlight=False))


def _shares(method: str, text: str | None) -> tuple[float, ...] | None:
    if method == "adaptive" and text is None:
        raise UsageError("adaptive needs the share of each stretch of blocks", hint="--shares 0.3,0.2,0.1")
    try:
        return None if text is None else tuple(float(share) for share in text.split(","))
    except ValueError:
        raise UsageError(f"--shares {text}: not numbers", hint="--shares 0.3,0.2,0.1") from None


def _dtype(name: str | None) -> torch.dtype | None:
    if name is None:
        return None
    if name not in _DTYPES:
        raise UsageError(
            f"--dtype {name}: not a type to store weights in", hint=f"one of {', '.join(_DTYPES)}"
        )
    return _DTYPES[name]


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _FACTORS.get((found[2] or "").lower(), 1)) if found else 0
    if size <= 0:
        raise UsageError(f"--shard-size {text}: not a size", hint="--shard-size 5GB")
    return size


def _rule(name: str) -> VocabularyRule:
    if name not in get_args(VocabularyRule):
        raise UsageError(
            f"--vocab {name}: no such rule", hint=f"one of {', '.join(get_args(VocabularyRule))}"
        )
    return cast(VocabularyRule, name)


def _verify(merge: Merge, quiet: bool) -> None:
    console = stderr()
    for weights in (merge.pre, *merge.aligned):
        for known, checked in verified(weights.checkpoint):
            if checked and not quiet:
                console.print(
                    f"checked {escape(weights.name)}/{known.file}: SHA-256 as recorded", soft_wrap=True
                )


def _plan(merge: Merge) -> dict[str, Any]:
    files = [
        {"file": shard.file, "size": shard.size, "tensors": len(shard.tensors)} for shard in merge.shards
    ]
    return {**merge.described(), "plan": files}


@contextmanager
def _progress(size: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    console = stderr()
    if quiet or not console.is_terminal:
        yield lambda count: None
        return
    columns = (
        TextColumn("merging"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=size)
        yield lambda count: progress.advance(task, count)


def _print(merge: Merge, out: Path | None, console: Console) -> None:
    described = merge.described()
    console.print(f"\n[bold]{'Merged' if out else 'Would merge'}[/bold]  {described['method']}")
    rows = [("pre-alignment", merge.pre.name)]
    rows += [("aligned", weights.name) for weights in merge.aligned]
    rows += [(name.replace("_", " "), _shown(value)) for name, value in described["settings"].items()]
    rows += [("stored as", described["dtype"])]
    rows += [
        ("size", f"{merge.size / 2**30:.2f} GiB in {len(merge.shards)} file(s), {len(merge.parts):,} tensors")
    ]
    if out:
        rows.append(("written to", str(out)))
    _grid(rows, console)
    if shares := _by_block(merge):
        console.print("\n[bold]Share of the pre-alignment model[/bold]")
        _grid(shares, console)
    for note in merge.notes:
        console.print(f"- {escape(printable(note))}")
    if out:
        console.print("\nWhat it costs and brings is not measured yet: compare it with both models.")


def _grid(rows: Sequence[tuple[str, str]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(printable(value)))
    console.print(table)


def _by_block(merge: Merge) -> list[tuple[str, str]]:
    """Share by block, neighbours of the same share together; nothing where it is the same everywhere."""
    blocks = merge.parts[0].place.blocks if merge.parts else 0
    places = [place_of(f"layers.{block}.weight", (), blocks) for block in range(blocks)]
    shares = [merge.method.pre_share(place) for place in places]
    if len(set(shares)) < 2:
        return []
    runs: list[tuple[int, int, float | None]] = []
    for block, share in enumerate(shares):
        if runs and runs[-1][2] == share:
            runs[-1] = (runs[-1][0], block, share)
        else:
            runs.append((block, block, share))
    rows = [(f"blocks {a}-{b}" if a < b else f"block {a}", _shown(share)) for a, b, share in runs]
    return [*rows, ("elsewhere", _shown(merge.method.pre_share(place_of("", (), blocks))))]


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(f"{number:g}" for number in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
