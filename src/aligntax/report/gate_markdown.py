"""A gate as Markdown: a summary for a pull request or a job."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aligntax.report.document import Document
from aligntax.report.gate_words import bound_text, comparison_text, held_entries, limit_text

__all__ = ["gate_markdown"]

Entry = Mapping[str, Any]
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@!:])")
_MOST = 200
_VERDICTS = {"pass": "✅ pass", "fail": "❌ **fail**", "inconclusive": "⚠️ cannot tell"}


def gate_markdown(contents: Document) -> str:
    """The document as Markdown.

    What a log or a policy called something stands there as it is and nothing else: no markup in it works, no
    link, no mention.

    Args:
        contents: of `gate_document`.
    """
    told = cast(Entry, contents["verdict"])
    policy, run = cast(Entry, contents["policy"]), cast(Entry, contents["run"])
    lines = [
        f"## Alignment tax: {_VERDICTS[told['verdict']]}",
        "",
        f"{told['sentence'][:1].upper()}{told['sentence'][1:]}. Policy {_text(policy['path'])} "
        f"({_text(policy['service'])}), run {_text(run['name'])}.",
        *_budgets(cast(Sequence[Entry], contents["slices"])),
        *_floor(contents),
        *_why(contents),
        *_notes(contents),
    ]
    return "\n".join(lines) + "\n"


def _budgets(slices: Sequence[Entry]) -> list[str]:
    if not slices:
        return []
    compared = any(entry["baseline"] for entry in slices)
    heads = [
        "use case",
        "budget",
        "seen (bounds)",
        "limit",
        "n",
        *(["against the baseline"] if compared else []),
    ]
    ranked = sorted(slices, key=lambda entry: ["fail", "inconclusive", "pass"].index(entry["verdict"]))
    rows = []
    for entry in ranked[:_MOST]:
        narrowed = "".join(f", {name} {value}" for name, value in entry["slice"].items())
        found = entry["baseline"]
        rows.append(
            [
                entry["use_case"],
                f"{entry['component']}{narrowed}",
                bound_text(entry),
                limit_text(entry, entry["limit"]),
                f"{entry['estimate']['n']:,}",
                *([comparison_text(found) if found else ""] if compared else []),
                entry["verdict"],
            ]
        )
    more = [f"\n{len(slices) - _MOST:,} more in the JSON document."] if len(slices) > _MOST else []
    return ["", *_table([*heads, "verdict"], rows), *more]


def _floor(contents: Document) -> list[str]:
    hazards = cast(Sequence[Entry], contents["hazards"])
    rises = cast(Sequence[Entry], contents["rises"])
    if not hazards and not rises:
        return []
    named = [(entry, entry["hazard"], entry["limit"]) for entry in hazards]
    named += [(entry, f"rise against {entry['other']}", entry["margin"]) for entry in rises]
    rows = [
        [name, bound_text(entry), limit_text(entry, limit), f"{entry['prompts']:,}", entry["verdict"]]
        for entry, name, limit in named
    ]
    return ["", "### Safety floor", "", *_table(["", "seen (bounds)", "limit", "prompts", "verdict"], rows)]


def _why(contents: Document) -> list[str]:
    held = [one for one in held_entries(contents) if one.verdict != "pass" or one.finding]
    if not held:
        return []
    held.sort(key=lambda one: one.verdict != "fail")
    lines = [
        f"- {one.mark}: **{_text(one.subject)}** "
        f"{'' if one.kind == 'finding' else _text(one.name) + ' '}(line {one.line}): {_text(one.reason)}"
        for one in held[:_MOST]
    ]
    more = [f"- {len(held) - _MOST:,} more in the JSON document"] if len(held) > _MOST else []
    return ["", "### Why", "", *lines, *more]


def _notes(contents: Document) -> list[str]:
    notes = cast(Sequence[str], contents["notes"])
    return ["", "### To know", "", *(f"- {_text(note)}" for note in notes)] if notes else []


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows whose last cell is a verdict."""
    body = [[*(_text(cell) for cell in row[:-1]), _VERDICTS[row[-1]]] for row in rows]
    ruled = [list(heads), ["---"] * len(heads), *body]
    return [f"| {' | '.join(row)} |" for row in ruled]


def _text(text: object) -> str:
    """Text in which nothing is markup, on one line."""
    plain = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text).replace("\n", " ")
    )
    return _SPECIAL.sub(lambda found: f"&#{ord(found.group())};", plain)
