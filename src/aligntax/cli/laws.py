"""`aligntax laws`: the laws that the tax of a table of checkpoints follows, and questions to them."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from aligntax.cli.keeping import keep
from aligntax.cli.output import print_json, status
from aligntax.errors import UsageError
from aligntax.report.charts import save_chart
from aligntax.report.charts.laws import laws_chart
from aligntax.report.document import Document
from aligntax.report.laws import TITLES, laws_document
from aligntax.report.tables import figures_table, printable, shown
from aligntax.tax.laws import LAWS
from aligntax.tax.laws.asking import Budget, Expected, expected_tax, largest_within
from aligntax.tax.laws.checkpoints import read_checkpoints
from aligntax.tax.laws.fit import KLS, Laws, fit_laws

__all__ = ["run"]

Entry = Mapping[str, Any]

_WIDTH = 80
_UNITS = {"steps": "steps", "tokens": "tokens"}


def run(
    *,
    table: Path,
    reward_start: float | None,
    at_kl: float | None,
    at_steps: float | None,
    at_tokens: float | None,
    tax_budget: float | None,
    on: str | None,
    law: str | None,
    extrapolate: bool,
    level: float,
    chart: Path | None,
    as_json: bool,
    quiet: bool,
    **columns: str | None,
) -> None:
    """Reads the table, fits, asks, prints; see the options of the command. `run` is among the columns."""
    if law is not None and law not in LAWS:
        raise UsageError(f"no law {law!r}", hint=f"--law {', '.join(LAWS)}")
    checkpoints = read_checkpoints(table, columns)
    with status(quiet=quiet) as tell:
        laws = fit_laws(
            checkpoints, level=level, reward_start=reward_start, tell=lambda name: tell(f"fitting {name}")
        )
    kls = KLS if on is None else (f"kl_{on}",)
    questions = ((kls, at_kl), (("steps",), at_steps), (("tokens",), at_tokens))
    asked: list[Expected | Budget] = [
        expected_tax(laws, at, among=among, named=law, extrapolate=extrapolate)
        for among, at in questions
        if at is not None
    ]
    if tax_budget is not None:
        asked.append(largest_within(laws, tax_budget, among=kls, named=law))
    document = laws_document(laws, table=str(table), asked=asked)
    if chart is not None:
        save_chart(laws_chart(document), chart)
    keep(document)
    if as_json:
        print_json(document)
    else:
        _print(document, laws)


def _print(document: Document, laws: Laws) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:  # a pipe has no width of its own
        console = Console(highlight=False, width=_WIDTH)
    about = cast(Entry, document["about"])
    runs = f" of {about['runs']:,} runs" if about["runs"] else ", runs not known"
    named = shown(f"{about['table']}, {about['rows']:,} checkpoints{runs}")
    console.print(f"[bold]Laws of the tax[/bold]  {named}", soft_wrap=True)
    for setting in cast(Sequence[Entry], document["settings"]):
        _print_setting(setting, about["level"], console)
    if which := cast(Entry | None, document["which_kl"]):
        _print_which(which, console)
    _print_asked(cast(Sequence[Entry], document["asked"]), about["level"], console)
    console.print()
    for note in (*cast(Sequence[str], document["unfitted"]), *cast(Sequence[str], document["notes"])):
        _say(console, f"- {note}", "dim")


def _print_setting(setting: Entry, level: float, console: Console) -> None:
    unit = _UNITS.get(setting["on"], "nats")
    rows = "" if setting["rows"] == "all" else f", {setting['rows']}"
    title = f"{setting['response'].capitalize()} by {TITLES[setting['on']]}{rows}"
    span = f"{setting['n']:,} checkpoints, {setting['low']:.3g} to {setting['high']:.3g} {unit}"
    between = "  " if len(title) + 2 + len(span) <= console.width else "\n"
    console.print(f"\n[bold]{title}[/bold]{between}[dim]{span}[/dim]")
    new = "new runs" if setting["runs"] else "new ones"
    table = figures_table(
        "", "", "law", "R²", f"{level:.0%} interval", new, f"{level:.0%} interval", "AICc", names=(0, 1)
    )
    least = min((law["aicc"] for law in setting["laws"] if law["aicc"] is not None), default=None)
    for law in setting["laws"]:
        aicc = "" if law["aicc"] is None or least is None else f"{law['aicc'] - least:+.1f}"
        mark = ">" if law["law"] == setting["used"] else ""
        shares = (*_share(law["r_squared"]), *_share(law["left_out"]))
        table.add_row(mark, law["form"].partition(",")[0], *shares, aicc)
    console.print(table)
    _say(console, f"{setting['verdict'].capitalize()}: {setting['why']}.", "bold")
    _print_used(next(law for law in setting["laws"] if law["law"] == setting["used"]), unit, level, console)


def _print_used(law: Entry, unit: str, level: float, console: Console) -> None:
    table = figures_table("", "", "", "value", f"{level:.0%} interval", names=(0, 1))
    for entry in law["parameters"]:
        bound = " (at the end of its range: cannot tell)" if entry["at_bound"] else ""
        table.add_row(entry["name"], entry["what"] + bound, *_number(entry["estimate"]))
    reasons = dict[str, list[str]]()
    for entry in law["derived"]:
        if entry["estimate"]["value"] is None:
            reasons.setdefault(entry["estimate"]["reason"], []).append(entry["name"])
            continue
        beyond = "beyond what was observed" if entry["beyond"] else ""
        table.add_row(entry["name"], beyond, *_number(entry["estimate"]))
    console.print(table)
    for reason, names in reasons.items():
        _say(console, f"{', '.join(names)}: {reason}.")
    _print_held_out(law, unit, level, console)


def _print_held_out(law: Entry, unit: str, level: float, console: Console) -> None:
    if held := law["held_out"]:
        miss = held["miss"]
        off = "" if miss["value"] is None else f", off by {_signed(miss)} on average"
        _say(
            console,
            f"Held out: fitted up to {held['below']:.3g} {unit}, {held['inside']:,} of the "
            f"{held['predicted']:,} checkpoints above lie inside their {level:.0%} prediction "
            f"intervals{off}.",
        )
    across = law["left_out_methods"]
    if across and across["value"] is not None:
        value, interval = _share(across)
        _say(console, f"Methods not seen: R² {value} ({interval}).")


def _print_which(which: Entry, console: Console) -> None:
    console.print()
    _say(console, "Which KL?", "bold")
    _say(console, which["text"])
    if which["saved"]["value"] is None or which["decides"] == "neither":
        return
    value, high, low = (f"{-which['saved'][name]:+.0%}" for name in ("value", "low", "high"))
    _say(
        console,
        f"Over the same {which['n']:,} checkpoints, taking KL on capability text in place of KL on alignment "
        f"prompts changes the squared error on what was not seen by {value} ({low} to {high}).",
    )


def _print_asked(asked: Sequence[Entry], level: float, console: Console) -> None:
    for answer in asked:
        console.print()
        text = _budget(answer, level) if answer["kind"] == "budget" else _expected(answer, level)
        _say(console, text, "bold")
        if answer["law"] and answer["standing"] != "holds":
            _say(console, f"The law asked is not shown to hold ({answer['standing']}).")


def _expected(answer: Entry, level: float) -> str:
    where = f"{answer['at']:g} ({TITLES[answer['on']]})"
    prediction = answer["prediction"]
    if prediction["value"] is None:
        return f"At {where}: cannot tell. Reason: {prediction['reason']}."
    value, interval = _number(prediction)
    _, mean = _number(answer["mean"])
    span = f"{answer['low']:.3g} to {answer['high']:.3g}"
    at = f"EXTRAPOLATED, observed was {span} only. At" if answer["extrapolated"] else "At"
    return (
        f"{at} {where} expect a tax of {value}: {interval} for a new checkpoint ({level:.0%} prediction "
        f"interval), {mean} on average. By {LAWS[answer['law']].form}."
    )


def _budget(answer: Entry, level: float) -> str:
    prediction, on = answer["prediction"], TITLES[answer["on"]]
    asked = f"A tax of at most {answer['budget']:g}"
    if answer["largest"] is None:
        return f"{asked}, by {on}: cannot be promised. Reason: {prediction['reason']}."
    value, interval = _number(prediction)
    more = "the largest observed, so more may do" if answer["whole_range"] else "and no more"
    return (
        f"{asked}: {on} up to {answer['largest']:.4g}, {more}. There a new checkpoint has {value} "
        f"({interval}), above the budget with a chance of about {(1 - level) / 2:.2g}. "
        f"By {LAWS[answer['law']].form}."
    )


def _share(estimate: Entry) -> tuple[str, str]:
    if estimate["value"] is None:
        return "unknown", estimate["reason"]
    value, low, high = (_two(estimate[name]) for name in ("value", "low", "high"))
    return value, f"{low} to {high}"


def _two(share: float | None) -> str:
    return "?" if share is None else "< -9" if share < -9 else f"{share:.2f}"


def _number(estimate: Entry) -> tuple[str, str]:
    if estimate["value"] is None:
        return "unknown", estimate["reason"]
    value, low, high = (f"{estimate[name]:.3g}" for name in ("value", "low", "high"))
    return value, f"{low} to {high}"


def _signed(estimate: Entry) -> str:
    return f"{estimate['value']:+.2g} ({estimate['low']:+.2g} to {estimate['high']:+.2g})"


def _say(console: Console, text: str, style: str = "none") -> None:
    console.print(textwrap.fill(printable(text), min(console.width, 100)), style=style, markup=False)
