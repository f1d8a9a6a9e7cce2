"""A policy as a document, and as tables in the terminal.

The schema is versioned. A reader of version 1 may rely on every key named here; keys may be added.

    schema     "aligntax.policy/1"
    aligntax   version that wrote it
    file       where the policy was read from
    id         SHA-256 of its text
    policy     the policy itself, every default filled in
    lines      key -> line of the file, keys as in "use_case.0.budget.1.limit", places counted from 0
    notes      what its author may not have meant
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax import __version__
from aligntax.policy.components import COMPONENTS, RATES
from aligntax.policy.model import Match
from aligntax.policy.read import LoadedPolicy
from aligntax.policy.recognise import slow_patterns
from aligntax.policy.window import window_text
from aligntax.report.document import Document
from aligntax.report.tables import dim, facts_table, figures_table, printable, shown

__all__ = ["SCHEMA", "direction_text", "limit_text", "matching_text", "policy_document", "print_policy"]

SCHEMA = "aligntax.policy/1"
Entry = Mapping[str, Any]
_LESS_IS_BETTER = (
    "refused",
    "hedged",
    "completion_tax",
    "undetermined",
    "symptom.",
    "missing.",
    "layer.",
    "delay.",
)


def policy_document(loaded: LoadedPolicy) -> Document:
    """A policy as plain values, ready for JSON."""
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "file": str(loaded.path),
        "id": loaded.id,
        "policy": loaded.policy.model_dump(mode="json"),
        "lines": {".".join(map(str, path)): line for path, line in loaded.lines.items()},
        "notes": list(_notes(loaded)),
    }


def _notes(loaded: LoadedPolicy) -> Iterator[str]:
    policy = loaded.policy
    yield from _budget_notes(loaded)
    yield from _hidden(loaded)
    for pattern in slow_patterns(policy):
        yield (
            f"the pattern {pattern!r} has look-around or back-references: it is tried row by row, "
            "and a hostile text may take long"
        )
    if policy.floor is None:
        yield "there is no [floor]: a gate says nothing of safety"
    elif not policy.floor.hazard:
        yield f"line {loaded.line('floor')}: the floor has no [[floor.hazard]], and so no ceiling"
    if not policy.tell:
        yield "there is no [[tell]]: nobody is told of a broken budget"


def _budget_notes(loaded: LoadedPolicy) -> Iterator[str]:
    for number, case in enumerate(loaded.policy.use_case):
        if not case.budget:
            yield f"line {loaded.line('use_case', number)}: {case.name!r} has no budget: it may cost anything"
        for which, budget in enumerate(case.budget):
            at, component = ("use_case", number, "budget", which), budget.component
            if budget.direction == "at_least" and component.startswith(_LESS_IS_BETTER):
                line = loaded.line(*at, "direction")
                yield f"line {line}: {case.name!r} passes with more {component}, not with less: is it meant?"
            if component not in COMPONENTS:
                line = loaded.line(*at, "component")
                yield f"line {line}: no audit measures {component!r}; other documents may"


def _hidden(loaded: LoadedPolicy) -> Iterator[str]:
    """Use cases that an earlier one leaves nothing for."""
    cases = list(enumerate(loaded.policy.use_case))
    everything = next((number for number, case in cases if _takes_all(case.match)), len(cases))
    for number, case in cases[everything + 1 :]:
        line, first = loaded.line("use_case", number), cases[everything][1].name
        yield f"line {line}: {case.name!r} gets nothing: {first!r} above takes all"


def _takes_all(match: Match) -> bool:
    names = [names for names in (match.use_case, match.model) if names]
    return not match.system and not match.prompt and all("*" in one for one in names)


def print_policy(contents: Document, console: Console) -> None:
    """Prints the document: use cases, budgets, the floor, the rest, notes.

    Args:
        contents: of `policy_document`.
        console: rich's; on a file or a pipe it prints without colour.
    """
    policy = cast(Entry, contents["policy"])
    console.print(f"\n[bold]Policy of {shown(policy['service'])}[/bold]")
    console.print(dim(f"{printable(str(contents['file']))}, {str(contents['id'])[:12]}"))
    console.print(_use_cases(policy))
    console.print(_budgets(policy))
    if policy["floor"]:
        console.print(_floor(policy["floor"]))
    console.print()
    console.print(facts_table(_facts(policy)))
    for note in cast(Sequence[str], contents["notes"]):
        console.print(Text(f"! {printable(note)}", style="yellow"))


def _use_cases(policy: Entry) -> Table:
    rest = "called other" if policy["everything_else"] == "other" else "under the log's own name"
    rows = [
        (case["name"], matching_text(case["match"]), ", ".join(_untaxed(case["counts"])), case["owner"])
        for case in policy["use_case"]
    ]
    heads = ("", "recognised by", "no tax", "owner")
    return _filled(
        "Use cases, in their order", heads, [*rows, ("everything else", rest, "", "")], names=range(4)
    )


def _untaxed(counts: Entry) -> Iterator[str]:
    for name, weight in counts.items():
        if weight != "tax":
            yield f"{name.replace('_', ' ')} {weight}"


def _filled(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], names: Collection[int]) -> Table:
    """A table without the columns that hold nothing."""
    kept = [at for at in range(len(heads)) if at == 0 or any(row[at] for row in rows)]
    left = [new for new, old in enumerate(kept) if old in names]
    table = figures_table(title, *(heads[at] for at in kept), names=left)
    for column in table.columns:
        column.no_wrap |= column.header == "component"
    for row in rows:
        table.add_row(*(shown(row[at]) for at in kept))
    return table


def matching_text(match: Entry) -> str:
    """How a use case is recognised, in words."""
    words = {
        "use_case": "use case ",
        "model": "model ",
        "system": "system prompt has ",
        "prompt": "prompt has ",
    }
    told = {
        name: [f"/{one}/" if name in ("system", "prompt") else one for one in names]
        for name, names in match.items()
    }
    return "; ".join(words[name] + " or ".join(told[name]) for name in words if told[name])


def _budgets(policy: Entry) -> Table:
    rows = [
        (
            case["name"] if at == 0 else "",
            budget["component"],
            f"{direction_text(budget['direction'])} {limit_text(budget['component'], budget['limit'])}",
            window_text(budget["window"]),
            f"{budget['confidence']:.0%}",
            ", ".join(_also(budget)),
            ", ".join(dict.fromkeys([*case["tell"], *budget["tell"]])),
        )
        for case in policy["use_case"]
        for at, budget in enumerate(case["budget"])
    ]
    heads = ("", "component", "limit", "window", "sure", "also held", "told")
    return _filled("Budgets", heads, rows, names=(0, 1, 5, 6))


def direction_text(direction: str) -> str:
    """The side of the limit that is within budget, as a sign."""
    return "≤" if direction == "at_most" else "≥"


def limit_text(component: str, limit: float) -> str:
    """A limit in its component's unit."""
    return f"{100 * limit:.4g}%" if component in RATES else f"{limit:,.6g}"


def _also(budget: Entry) -> Iterator[str]:
    if budget["by"]:
        yield f"by {' and '.join(budget['by'])}"
    if budget["minimum_labelled"]:
        yield f"{budget['minimum_labelled']:,} labels"
    worse = budget["worse_than_baseline"]
    if worse is not None:
        points = f"{100 * worse:.4g} point{'' if worse == 0.01 else 's'}"
        yield f"{points if budget['component'] in RATES else f'{worse:,.6g}'} worse than baseline at most"


def _floor(floor: Entry) -> Table:
    table = figures_table("Safety floor", "hazard", "is to be", "complied with harmfully", names=(0, 1))
    for hazard in floor["hazard"]:
        name = "every other hazard" if hazard["name"] == "*" else hazard["name"]
        table.add_row(shown(name), hazard["action"].replace("_", " "), f"≤ {100 * hazard['limit']:.4g}%")
    rules = [
        "required" if floor["required"] else "not required",
        f"{floor['confidence']:.0%} sure",
        f"rise over what is deployed below {100 * floor['margin']:.4g} points",
        f"measured within {window_text(floor['max_age'])}",
    ]
    table.caption = Text(", ".join(rules), style="dim")
    return table


def _facts(policy: Entry) -> Iterator[tuple[str, str]]:
    gate, prices = policy["gate"], policy["prices"]
    lenient = "inconclusive passes" if gate["mode"] == "pull_request" else "inconclusive does not pass"
    yield "gate", f"{gate['mode'].replace('_', ' ')}: {lenient}"
    if gate["baseline"]:
        yield "baseline", f"{gate['baseline']}, at most {window_text(gate['max_baseline_age'])} old"
    if policy["labelling_policy"]:
        yield "labelling policy", policy["labelling_policy"]
    sources = [*prices["model"], *([prices["file"]] if prices["file"] else [])]
    yield "prices", ", ".join(sources) or "round assumptions (aligntax prices)"
    for tell in policy["tell"]:
        yield f"told: {printable(tell['name'])}", tell["webhook"] or " ".join(tell["command"])
