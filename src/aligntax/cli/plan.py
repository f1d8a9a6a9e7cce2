"""`aligntax plan`: how many labels and prompts a question takes, and what those at hand can answer."""

import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from aligntax.cli.output import print_json
from aligntax.errors import UsageError
from aligntax.report.tables import figures_table
from aligntax.stats.prediction_powered import LEAST_LABELS
from aligntax.stats.sample_size import (
    detectable_difference,
    labels_for_half_width,
    paired_detectable_difference,
    paired_sample_size,
    powered_half_width,
    powered_labels_for_half_width,
    two_sample_size,
    wilson_half_width,
    zero_failure_bound,
)

__all__ = ["run"]

Plan = Mapping[str, Any]

_STEPS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
_MOST_STEPS = 4
_TRIALS = (100, 200, 300, 600, 1000)
_WIDTH = 80


def run(
    *,
    rate: float,
    change: float | None,
    labels: int,
    prompts: int,
    half_width: float | None,
    detector_sensitivity: float,
    detector_specificity: float,
    background: float,
    level: float,
    power: float,
    as_json: bool,
) -> None:
    """Prints the plan for a rate expected to be about `rate`; see the options of the command."""
    if not 0 < rate < 1:
        raise UsageError(f"a rate to plan for lies between 0 and 1, not {rate:g}", hint="8 % is 0.08")
    plan = {
        "assumed": {
            "rate": rate,
            "level": level,
            "power": power,
            "detector_sensitivity": detector_sensitivity,
            "detector_specificity": detector_specificity,
            "background": background,
        },
        "labels": {
            "needed": list(
                _labels_needed(rate, half_width, detector_sensitivity, detector_specificity, level)
            ),
            "at_hand": _labels_at_hand(rate, labels, detector_sensitivity, detector_specificity, level),
        },
        "prompts": {
            "needed": list(_prompts_needed(rate, change, background, level, power)),
            "at_hand": _prompts_at_hand(rate, prompts, background, level, power),
        },
        "ceiling": [{"trials": n, "bound": zero_failure_bound(n, level=level)} for n in _trials(prompts)],
    }
    if as_json:
        print_json(plan)
    else:
        _print(plan)


def _labels_needed(
    rate: float, asked: float | None, sensitivity: float, specificity: float, level: float
) -> Iterator[Plan]:
    for half_width in _steps(rate, asked):
        powered = powered_labels_for_half_width(rate, half_width, sensitivity, specificity, level=level)
        yield {
            "half_width": half_width,
            "alone": labels_for_half_width(rate, half_width, level=level),
            "powered": max(LEAST_LABELS, powered),
        }


def _labels_at_hand(rate: float, n: int, sensitivity: float, specificity: float, level: float) -> Plan:
    return {
        "labels": n,
        "alone_half_width": wilson_half_width(rate, n, level=level),
        "powered_half_width": powered_half_width(rate, n, sensitivity, specificity, level=level),
    }


def _prompts_needed(
    rate: float, asked: float | None, background: float, level: float, power: float
) -> Iterator[Plan]:
    for change in _steps(rate, asked):
        to = rate - change if change <= rate else rate + change
        yield {
            "from": rate,
            "to": round(to, 12),
            "separate": two_sample_size(rate, to, level=level, power=power),
            "paired": paired_sample_size(change, background=background, level=level, power=power),
        }


def _prompts_at_hand(rate: float, n: int, background: float, level: float, power: float) -> Plan:
    fall, rise = detectable_difference(n, rate, level=level, power=power)
    paired = paired_detectable_difference(n, background=background, level=level, power=power)
    return {
        "prompts": n,
        "separate_fall": _known(fall),
        "separate_rise": _known(rise),
        "paired": _known(paired),
    }


def _steps(rate: float, asked: float | None) -> list[float]:
    """Round differences below the rate, and the one asked for."""
    usual = [step for step in _STEPS if step < min(rate, 1 - rate)][-_MOST_STEPS:]
    return sorted({*usual, *(() if asked is None else (asked,))})


def _trials(prompts: int) -> list[int]:
    return sorted({*_TRIALS, prompts})


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _print(plan: Plan) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:  # a pipe has no width of its own
        console = Console(highlight=False, width=_WIDTH)
    assumed = plan["assumed"]
    _say(console, "Before money is spent", "bold")
    _say(
        console,
        f"Taken for granted: a rate of about {_percent(assumed['rate'])}, {_percent(assumed['level'])} "
        f"intervals, {_percent(assumed['power'])} power. Every figure here is an option; see --help.",
    )
    _print_labels(plan, console)
    _print_prompts(plan, console)
    _print_ceiling(plan, console)


def _print_labels(plan: Plan, console: Console) -> None:
    assumed, at_hand = plan["assumed"], plan["labels"]["at_hand"]
    table = figures_table("", "wanted", "labels alone", "with a detector")
    for row in plan["labels"]["needed"]:
        powered = f"{row['powered']:,}" if row["powered"] < row["alone"] else "no fewer"
        table.add_row(f"± {_points(row['half_width'])}", f"{row['alone']:,}", powered)
    _section(console, "Labels: how exactly will the rate be known?", table)
    alone, powered = at_hand["alone_half_width"], at_hand["powered_half_width"]
    gain = f"± {_points(powered)} with the detector" if powered < alone else "and the detector does not help"
    _say(console, f"{_count(at_hand['labels'], 'label')} give ± {_points(alone)} alone, {gain}.")
    _say(
        console,
        f"The detector reads all traffic, finds {_percent(assumed['detector_sensitivity'])} of the cases "
        f"and passes {_percent(assumed['detector_specificity'])} of the rest. Labels are of a random "
        f"sample, with a detector {LEAST_LABELS} at the least.",
        "dim",
    )


def _print_prompts(plan: Plan, console: Console) -> None:
    assumed, at_hand = plan["assumed"], plan["prompts"]["at_hand"]
    table = figures_table("", "change", "separate prompts", "the same prompts")
    for row in plan["prompts"]["needed"]:
        change = f"{_percent(row['from'])} to {_percent(row['to'])}"
        table.add_row(change, f"2 x {row['separate']:,}", f"{row['paired']:,}")
    _section(console, "Prompts: will a change be seen?", table)
    rate, paired = assumed["rate"], at_hand["paired"]
    ends = (("a fall", rate, -1, at_hand["separate_fall"]), ("a rise", rate, 1, at_hand["separate_rise"]))
    seen = [f"{name} to {_percent(start + sign * by)}" for name, start, sign, by in ends if by is not None]
    _say(
        console,
        f"{_count(at_hand['prompts'], 'prompt')}: {' or '.join(seen) or 'no change'} is seen against as many "
        f"others, {'no change' if paired is None else 'a change of ' + _points(paired)} with the same "
        "prompts before and after.",
    )
    _say(
        console,
        f"With the same prompts, {_percent(assumed['background'])} are taken to change against the trend.",
        "dim",
    )


def _print_ceiling(plan: Plan, console: Console) -> None:
    table = figures_table("", "seen", "true rate is below")
    for row in plan["ceiling"]:
        table.add_row(f"0 of {row['trials']:,}", f"{row['bound']:.2%}".replace("%", " %"))
    _section(console, "Safety: what does no harmful answer show?", table)
    _say(console, f"With {_percent(plan['assumed']['level'])} confidence, one-sided.", "dim")


def _section(console: Console, title: str, table: Table) -> None:
    console.print()
    _say(console, title, "bold")
    console.print(table)


def _say(console: Console, text: str, style: str = "none") -> None:
    console.print(textwrap.fill(text, console.width), style=style, markup=False)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _percent(share: float) -> str:
    """A share as percent, with no more places than it needs: 8 %, 2.5 %, 0.99 %."""
    text = f"{100 * share:.{2 if share < 0.01 else 1}f}"
    return f"{text.rstrip('0').rstrip('.')} %"


def _points(share: float) -> str:
    """A difference of rates in percentage points."""
    return f"{100 * share:.{1 if share >= 0.01 else 2}f} points"
