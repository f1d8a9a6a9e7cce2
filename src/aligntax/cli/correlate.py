"""`aligntax correlate`: safety against over-refusal over many models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.markup import escape

from aligntax.cli.keeping import keep
from aligntax.cli.output import print_json
from aligntax.records import Estimate
from aligntax.report.charts import save_chart
from aligntax.report.charts.refusal_plane import refusal_plane
from aligntax.report.correlate import correlate_document
from aligntax.report.document import Document, estimate_of
from aligntax.report.figures import interval_text, value_text
from aligntax.report.tables import figures_table, shown
from aligntax.tax.correlated import correlate, selected
from aligntax.tax.model_table import Columns, Scale, read_models

__all__ = ["run"]

Row = Mapping[str, Any]

_WIDTH = 80
_MOST = 5
_CLEAR = 0.5
"""Ranks a model must lie off the line to be named."""


def run(
    *,
    table: Path,
    model_column: str | None,
    over_refusal: str | None,
    safety: str | None,
    harm: str | None,
    unit: str | None,
    only: Sequence[str] | None,
    without: Sequence[str] | None,
    level: float,
    replicates: int,
    seed: int,
    chart: Path | None,
    as_json: bool,
) -> None:
    """Reads the table, correlates, prints and draws; see the options of the command."""
    columns = Columns(model=model_column, over_refusal=over_refusal, safety=safety, harm=harm)
    scale = cast(Scale | None, None if unit is None else str(unit))
    kept, dropped = only or (), without or ()
    models = selected(read_models(table, columns=columns, scale=scale), only=kept, without=dropped)
    found = correlate(models, level=level, replicates=replicates, seed=seed)
    contents = correlate_document(found, replicates=replicates, seed=seed, only=kept, without=dropped)
    if chart is not None:
        save_chart(refusal_plane(contents), chart)
    keep(contents)
    if as_json:
        print_json(contents)
    else:
        _print(contents)
        if chart is not None:
            Console(highlight=False, markup=False).print(f"\ndrawn: {chart}", soft_wrap=True)


def _print(contents: Document) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:  # a pipe has no width of its own
        console = Console(highlight=False, width=_WIDTH)
    models = cast(Sequence[Row], contents["models"])
    count = f"{len(models):,} model{'s' if len(models) != 1 else ''}"
    console.print(f"\n[bold]Safety against over-refusal[/bold]  {count}")
    for line in _read(contents):
        console.print(f"[dim]{shown(line)}[/dim]")
    console.print()
    _print_correlation(contents, console)
    residuals = sorted(
        (row for row in models if row["residual"] is not None), key=lambda row: -row["residual"]
    )
    more = [row for row in residuals[:_MOST] if row["residual"] >= _CLEAR]
    less = [row for row in residuals[::-1][:_MOST] if row["residual"] <= -_CLEAR]
    _section(console, "Refuse more harmless prompts than their safety explains", more, residuals=True)
    _section(console, "Refuse fewer than their safety explains", less, residuals=True)
    best = sorted((row for row in models if row["non_dominated"]), key=lambda row: row["over_refusal"])
    _section(console, "Not dominated: none is safer at as little over-refusal", best, residuals=False)
    console.print()
    for note in cast(Sequence[str], contents["notes"]):
        console.print(f"- {shown(note)}")


def _read(contents: Document) -> list[str]:
    columns, units = cast(Row, contents["columns"]), cast(Row, contents["units"])
    said = [f"model: {columns['model']}"]
    words = {"over_refusal": "over-refusal", "safety": "safety", "harm": "safety, turned round"}
    said += [f"{words[what]}: {name} ({units[name]})" for what, name in columns.items() if what != "model"]
    left_out = cast(Mapping[str, Sequence[str]], contents["left_out"])
    lines = [str(contents["source"]), *said]
    if left_out["only"]:
        lines.append(f"only {', '.join(left_out['only'])}")
    if left_out["without"]:
        lines.append(f"without {', '.join(left_out['without'])}")
    return lines


def _print_correlation(contents: Document, console: Console) -> None:
    rho = estimate_of(cast(Row, contents["spearman"]))
    if not rho.known:
        console.print(f"Spearman's rho: unknown; {escape(rho.reason)}")
        return
    table = figures_table("", "", "value", f"{rho.level:.0%} interval", "how", names=(0, 3))
    p_value, replicates = cast(float, contents["p_value"]), cast(int, contents["replicates"])
    table.add_row("Spearman's rho", _rho(rho), interval_text(rho), rho.method)
    table.add_row("p of no association", _p(p_value, replicates), "", "permutation, two-sided")
    influence = cast(Row | None, contents["influence"])
    if influence is not None:
        ends = f"{influence['low']:.3f} to {influence['high']:.3f}"
        table.add_row("rho, one model left out", "", ends, "range, no interval")
    console.print(table)
    if influence is not None:
        line = f"Without {influence['model']} rho is {influence['rho']:.3f} ({influence['change']:+.3f}): "
        console.print(f"[dim]{shown(line)}no other model moves it more.[/dim]")


def _rho(rho: Estimate) -> str:
    return f"{rho.value:.4f}" if rho.known else value_text(rho)


def _p(value: float, replicates: int) -> str:
    least = 1 / (1 + replicates)
    return f"≤ {least:.1g}" if value <= least * (1 + 1e-9) else f"{value:.2g}"


def _section(console: Console, title: str, rows: Sequence[Row], *, residuals: bool) -> None:
    if not rows:
        return
    console.print(f"\n[bold]{title}[/bold]")
    table = figures_table("", "model", "over-refusal", "safety", *(["ranks off"] if residuals else []))
    for row in rows:
        cells = [f"{row['over_refusal']:.1%}", f"{row['safety']:.1%}"]
        cells += [f"{row['residual']:+.1f}"] if residuals else []
        table.add_row(shown(row["model"]), *cells)
    console.print(table)
