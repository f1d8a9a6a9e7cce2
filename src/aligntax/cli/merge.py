"""`aligntax merge`: weights of several checkpoints mixed into one."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
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

from aligntax.cli.merge_options import Options, checked, shares_of
from aligntax.cli.output import Stage, print_json, stages, stderr
from aligntax.errors import UsageError, needs
from aligntax.report.tables import facts_table, shown

with needs("weights"):
    import torch

    from aligntax.mitigations.merging import method as chosen_method
    from aligntax.mitigations.merging.adaptive import Adaptive
    from aligntax.mitigations.merging.matching import VocabularyRule
    from aligntax.mitigations.merging.method import Method, place_of
    from aligntax.mitigations.merging.run import Merge, Output, planned
    from aligntax.models.checkpoint.provenance import verify as verified

__all__ = ["run"]

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]i?B)?", re.IGNORECASE)
_FACTORS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def run(**given: Any) -> None:  # noqa: ANN401 - see Options
    """Plans the merge, prints the plan, carries it out unless it is a dry run; or looks at many merges."""
    options = checked(Options(**given))
    output = Output(_dtype(options.dtype), _size(options.shard_size), _rule(options.vocab), options.sha256)
    with (
        planned(options.pre, options.aligned, _method(options), output) as merge,
        stages(quiet=options.quiet) as stage,
    ):
        if options.verify:
            _verify(merge, options.quiet)
        if options.curve:
            _look(merge, options, stage)
        else:
            _merge(merge, options, stage)


def _method(options: Options) -> Method:
    """How to mix; where shares are to be fitted or looked for, the same share everywhere for the while."""
    if options.fits or options.trials is not None:
        mean = 0.2 if options.pre_weight is None else options.pre_weight
        return Adaptive((mean,) * max(1, options.groups))
    return chosen_method(
        options.method,
        len(options.aligned),
        pre_weight=options.pre_weight,
        shares=shares_of(options),
        density=options.density,
        decay=options.decay,
        seed=options.method_seed,
    )


def _look(merge: Merge, options: Options, stage: Stage) -> None:
    """A sweep or a search, or the plan of one."""
    from aligntax.cli.merge_sweep import planned_points, searched, swept
    from aligntax.report.charts.merge_sweep import merge_sweep_chart
    from aligntax.report.charts.save import save_chart
    from aligntax.report.merge_tables import print_merge_sweep

    console = Console(highlight=False)
    if options.dry_run:
        record = planned_points(merge, options)
        if options.as_json:
            print_json(record)
        else:
            _print_points(record, options, console)
        return
    document = (swept if options.sweep else searched)(merge, options, stage)
    if options.chart is not None:
        save_chart(merge_sweep_chart(document), options.chart)
    if options.as_json:
        print_json(document)
    else:
        print_merge_sweep(document, console)


def _merge(merge: Merge, options: Options, stage: Stage) -> None:
    """One merge, with shares fitted to proxy samples if that was asked for."""
    fit = None
    if options.fits:
        from aligntax.cli.merge_fit import (  # and transformers, which no other merge waits for
            fitted,
            keep_fit,
        )

        how, fit = fitted(merge, options, stage)
        merge = replace(merge, method=how)
    out = None if options.dry_run else options.out
    if out is None:
        record = _plan(merge)
    else:
        with _progress(merge.size, options.quiet) as told:
            record = merge.carry_out(out, told)
        if fit is not None:
            keep_fit(fit, out)
    if options.as_json:
        print_json(record if fit is None else {**record, "fit": fit})
        return
    console = Console(highlight=False)
    if fit is not None:
        from aligntax.report.merge_fit import print_fit

        print_fit(fit, console)
    _print(merge, out, console)


def _print_points(record: Mapping[str, Any], options: Options, console: Console) -> None:
    plan = record["plan"]
    console.print(f"\n[bold]Would {'sweep' if options.sweep else 'search'}[/bold]  {record['method']}")
    rows = [("pre-alignment", record["pre"]["name"])]
    rows += [("aligned", source["name"]) for source in record["aligned"]]
    rows += [("merges", f"{plan['merges']:,}")]
    if plan["pre_weights"]:
        rows.append(("pre_weights", ", ".join(f"{weight:g}" for weight in plan["pre_weights"])))
    if plan["command"]:
        rows.append(("measured by", plan["command"]))
        rows.append(("known already", f"{plan['known']:,}"))
        rows.append(("room needed", f"{plan['size'] / 2**30:.2f} GiB, one merge at a time"))
    console.print(facts_table(rows))


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
        for known, done in verified(weights.checkpoint):
            if done and not quiet:
                console.print(
                    f"checked {escape(weights.name)}/{known.file}: hash as recorded", soft_wrap=True
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
    console.print(facts_table(rows))
    if shares := _by_block(merge):
        console.print("\n[bold]Share of the pre-alignment model[/bold]")
        console.print(facts_table(shares))
    for note in merge.notes:
        console.print(f"- {shown(note)}")
    if out:
        console.print("\nWhat it costs and brings is not measured yet: compare it with both models.")


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
