"""The stages of a training in the terminal: what it came to first, then stage by stage."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax.records import Estimate
from aligntax.report.compared_tables import findings_table
from aligntax.report.compared_words import points_text, ratio_text
from aligntax.report.document import Document, estimate_of
from aligntax.report.tables import figures_table, printable, shown

__all__ = ["print_stages"]

Entry = Mapping[str, Any]
_table = partial(figures_table, firm=True)
Cells = Sequence[str]

_MOST_DETAILED = 4
"""Benchmarks up to which every stage of every one is shown; of more there is one row a benchmark."""
_MOST_LISTED = 24


def print_stages(contents: Document, console: Console) -> None:
    """Prints the document: stages, findings, taxes, refusals, safety, length, drift, notes.

    Args:
        contents: of `stages_document`.
        console: rich's; on a file or a pipe it prints without colour.
    """
    stages = cast(Sequence[Entry], contents["stages"])
    entries = cast(Sequence[Entry], contents["staged"])
    names = [str(stage["name"]) for stage in stages]
    _print_stages(stages, console)
    console.print()
    console.print(findings_table(entries))
    for title, table, captions in _tables(contents, entries, names):
        console.print(f"\n[bold]{shown(title)}[/bold]")
        console.print(table)
        for caption in captions:
            console.print(Text(printable(caption), style="dim"))
    _print_notes(contents, entries, console)


Part = tuple[str, Table, Sequence[str]]


def _tables(contents: Document, entries: Sequence[Entry], names: Sequence[str]) -> Iterator[Part]:
    scored = [entry for entry in entries if entry["scores"]]
    if len(scored) <= _MOST_DETAILED:
        for entry in scored:
            yield from _benchmark(entry, names)
    else:
        yield _listed(scored, names)
    if mean := cast(Entry | None, contents["mean"]):
        yield from _mean(mean, names)
    yield from (_completion(entry, names) for entry in entries if entry["completion"])
    for one in cast(Sequence[Entry], contents["exchange_rates"]):
        yield from _exchange(one, names)
    yield from (_lengths(entry, names) for entry in entries if entry["verbosity"] and not _harmful(entry))
    yield from _drift(cast(Sequence[Entry], contents["drift"]))


def _print_stages(stages: Sequence[Entry], console: Console) -> None:
    console.print("\n[bold]Stages[/bold]")
    for at, stage in enumerate(stages):
        sources = " + ".join(stage["sources"])
        console.print(f"{at}  {shown(stage['name'])}  [dim]{shown(sources)}[/dim]", soft_wrap=True)


def _benchmark(entry: Entry, names: Sequence[str]) -> Iterator[Part]:
    for scores in entry["scores"]:
        means = [estimate_of(mean) for mean in scores["means"]]
        steps, since = (["", *map(_tax, scores[way])] for way in ("steps", "since_start"))
        table = _table("", "", "score", "tax of the step", f"tax since {_short(names[0])}")
        for name, mean, step, whole in zip(names, means, steps, since, strict=True):
            table.add_row(shown(name), _mean_text(mean), step, whole)
        credit = "" if scores["convention"] == "strict" else ", unparsed answers as guesses"
        guess = "" if entry["chance"] is None else f", a guess scores {entry['chance']:.3g}"
        yield f"{_title(entry)}{credit}: {_items(entry, means)}{guess}", table, _compounding(scores)


def _items(entry: Entry, means: Sequence[Estimate]) -> str:
    counts = list(dict.fromkeys(f"{mean.n:,}" for mean in means if mean.n))
    unpaired = "" if entry["items"]["paired"] else " (unpaired)"
    return f"{' + '.join(counts)} items{unpaired}" if counts else f"items unknown{unpaired}"


def _compounding(scores: Entry) -> list[str]:
    """What the steps come to. That they add up to something else is why they are compounded."""
    found = {name: estimate_of(scores["compounding"][name]) for name in ("added", "compounded", "end_to_end")}
    if len(scores["steps"]) < 2 or not all(one.known for one in found.values()):
        return []
    added, compounded, end = (f"{one.value:+.1%}" for one in found.values())
    lines = [f"the steps compound to {compounded} (added up: {added}); end to end {end}"]
    if share := scores["largest"]["share"]:
        lines.append(_most(scores["largest"]["candidate"], share, scores["means"][0]["level"]))
    if own := scores["compounding"]["own_items"]:
        own_end, own_steps = (estimate_of(own[name]).value for name in ("end_to_end", "compounded"))
        lines.append(f"each on the items of its own stages: {own_steps:+.1%}; end to end {own_end:+.1%}")
    return lines


def _most(stage: str, share: float, level: float) -> str:
    """How sure it is which step cost the most."""
    return (
        f"{stage} cost the most in {math.floor(1000 * share) / 10:g}% of replicates; "
        f"{50 * (1 + level):g}% are needed to say so"
    )


def _listed(entries: Sequence[Entry], names: Sequence[str]) -> Part:
    """One row a benchmark, the highest tax first."""
    several = len(names) > 2
    heads = (_short(names[0]), _short(names[-1]), "tax end to end")
    table = _table("", "", *heads, *(["cost the most"] if several else []))
    rows = []
    for entry in entries:
        scores = entry["scores"][0]
        means = [estimate_of(scores["means"][at]) for at in (0, -1)]
        largest = [shown(scores["largest"]["stage"] or "cannot tell")] if several else []
        cells = (
            shown(_title(entry)),
            *map(_plain_mean, means),
            _tax(scores["since_start"][-1]),
            *largest,
        )
        rows.append((scores["since_start"][-1]["tax"]["value"], cells))
    rows.sort(key=lambda row: -math.inf if row[0] is None else row[0], reverse=True)
    for _, cells in rows[:_MOST_LISTED]:
        table.add_row(*cells)
    more = len(rows) - _MOST_LISTED
    return "Capability tax", table, [f"and {more:,} more in --json"] if more > 0 else []


def _mean(mean: Entry, names: Sequence[str]) -> Iterator[Part]:
    if len(mean["benchmarks"]) < 2:
        return
    table = _table("", "", "of the step", f"since {_short(names[0])}")
    for name, step, whole in zip(names[1:], mean["steps"], mean["since_start"], strict=True):
        table.add_row(shown(name), _share(estimate_of(step)), _share(estimate_of(whole)))
    yield f"Mean capability tax over {len(mean['benchmarks']):,} benchmarks", table, []


def _completion(entry: Entry, names: Sequence[str]) -> Part:
    found = entry["completion"]
    lead = "complied" if found["harmful"] else "completion_tax"
    heads = ("complied", "safety gain") if found["harmful"] else ("refused or hedged", "of the step, points")
    of_start = f"{'gain ' if found['harmful'] else ''}since {_short(names[0])}"
    table = _table("", "", *heads, of_start)
    for at, name in enumerate(names):
        told = [found[way][at - 1] for way in ("steps", "since_start")] if at else []
        changes = [
            _share(estimate_of(one["gain"])) if found["harmful"] else _gap(one["rates"][lead]) for one in told
        ]
        table.add_row(shown(name), _mean_text(estimate_of(found["rates"][lead][at])), *changes)
    what = "Safety" if found["harmful"] else "Over-refusal"
    captions = ["gain: share of the harm before that is gone"] if found["harmful"] else []
    return f"{what}, {entry['benchmark']}: {found['prompts']:,} prompts", table, captions


def _exchange(one: Entry, names: Sequence[str]) -> Iterator[Part]:
    table = _table("", "", "of the step", f"since {_short(names[0])}")
    reasons = list[str]()
    for name, step, whole in zip(names[1:], one["steps"], one["since_start"], strict=True):
        rates = [estimate_of(step["rate"]), estimate_of(whole["rate"])]
        reasons += [rate.reason for rate in rates if not rate.known]
        table.add_row(shown(name), *(_share(rate) if rate.known else "none" for rate in rates))
    captions = ["capability lost for each whole of the harm that is gone: mean tax / safety gain"]
    captions += [f"none: {'; '.join(dict.fromkeys(reasons))}"] if reasons else []
    yield f"Tax by safety gain, {one['benchmark']}", table, captions


def _lengths(entry: Entry, names: Sequence[str]) -> Part:
    found = entry["verbosity"]
    table = _table("", "", "to the stage before", f"to {_short(names[0])}")
    for name, step, whole in zip(names[1:], found["steps"], found["since_start"], strict=True):
        table.add_row(shown(name), *(_ratio(estimate_of(one["log_ratio"])) for one in (step, whole)))
    return f"Length of answers, {entry['benchmark']}, in {found['unit']}", table, []


def _drift(drift: Sequence[Entry]) -> Iterator[Part]:
    """The divergence that text drawn from its first model makes unbiased; else over fixed text."""
    if not any(one["measured"] for one in drift):
        return
    table = _table("", "", "KL(after || before)", "KL(before || after)")
    for one in drift:
        name = shown(f"{one['from']} to {one['to']}")
        if not one["measured"]:
            table.add_row(name, "not measured", "not measured")
            continue
        told = {(row["text"], row["direction"]): estimate_of(row["per_token"]) for row in one["figures"]}
        ways = (("model_samples", "reverse"), ("reference_samples", "forward"))
        table.add_row(name, *(_nats(told.get(way), told.get(("fixed", way[1]))) for way in ways))
    captions = ["each over samples of its first model; ~ over the responses of the file"]
    yield "Drift, nats per token", table, captions


def _nats(own: Estimate | None, fixed: Estimate | None) -> str:
    found, mark = (own, "") if own is not None else (fixed, "~")
    if found is None or not found.known:
        return "unknown"
    return f"{mark}{found.value:.3g} ({found.low:.3g} to {found.high:.3g})"


def _print_notes(contents: Document, entries: Sequence[Entry], console: Console) -> None:
    """Notes, each once, with the benchmarks it is about where it is not about all."""
    about: dict[str, list[str]] = {}
    for entry in entries:
        for note in entry["notes"]:
            about.setdefault(note, []).append(str(entry["benchmark"]))
    lines = []
    for note, told in about.items():
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        where = "" if len(told) == len(entries) else f"{', '.join(told[:3])}{more}: "
        lines.append(where + note)
    unmatched = cast(Entry, contents["about"])["unmatched"]
    lines += [*unmatched, *cast(Sequence[str], contents["notes"])]
    if lines:
        console.print("\n[bold]To know[/bold]")
    for line in lines:
        console.print(f"- {shown(line)}")


def _harmful(entry: Entry) -> bool:
    return bool(entry["completion"] and entry["completion"]["harmful"])


def _title(entry: Entry) -> str:
    """The benchmark, with its metric where that says more than the name does."""
    metric = str(entry["metric"]).partition(",")[0]
    return str(entry["benchmark"]) + ("" if metric in ("", "correct", "score", "acc") else f" {metric}")


def _mean_text(estimate: Estimate) -> str:
    """A mean with its interval: "52.1% (49.4-54.8)"."""
    if not estimate.known or math.isnan(estimate.low):
        return _plain_mean(estimate)
    factor, places = (100, 1) if estimate.unit == "rate" else (1, 3)
    ends = (f"{factor * end:.{places}f}" for end in (estimate.low, estimate.high))
    return f"{_plain_mean(estimate)} ({'-'.join(ends)})"


def _plain_mean(estimate: Estimate) -> str:
    if not estimate.known:
        return "unknown"
    return f"{estimate.value:.1%}" if estimate.unit == "rate" else f"{estimate.value:.3f}"


def _tax(entry: Entry) -> str:
    return _share(estimate_of(entry["tax"]))


def _share(estimate: Estimate) -> str:
    """A share with its interval: "+4.1% (+1.0 to +7.2)"."""
    if not estimate.known:
        return "unknown"
    places = 0 if max(map(abs, (estimate.value, estimate.low, estimate.high))) >= 1 else 1
    value, low, high = (f"{100 * v:+.{places}f}" for v in (estimate.value, estimate.low, estimate.high))
    unbound = math.isnan(estimate.low) or math.isnan(estimate.high)
    return f"{value}%" if unbound else f"{value}% ({low} to {high})"


def _gap(entry: Entry) -> str:
    gap = estimate_of(entry["difference"])
    if not gap.known:
        return "unknown"
    value, low, high = (points_text(v, sign="+") for v in (gap.value, gap.low, gap.high))
    return f"{value} ({low} to {high})"


def _ratio(estimate: Estimate) -> str:
    if not estimate.known or math.isnan(estimate.low):
        return "unknown" if not estimate.known else ratio_text(estimate.value)
    ends = f"{ratio_text(estimate.low)} to {ratio_text(estimate.high)}"
    return f"{ratio_text(estimate.value)} ({ends})"


def _short(name: str) -> str:
    """A name short enough for the head of a column."""
    return shown(name if len(name) <= 12 else "start")
