"""What a generator of over-refusal prompts wrote and what people made of it: documents and their tables.

schema      "aligntax.generated/1"
domain, writer, moderators, topics, intents, level
written     requests; repeated, spoilt: in the same words, and not whole
silent      stage -> reason -> answers without a list
statuses    passed, undecided, unsafe, near_duplicate, rule_broken -> requests
faults      rule -> requests that break it
votes       moderator -> {harmless, harmful, unscored}
safe        share of the moderated that the majority holds for harmless
alpha       Krippendorff's, of the moderators, on harmless or not
candidates  file; asking: what was asked and what it took; notes

schema      "aligntax.approved/1"
domain, checked, approved, rejected, disputed: [id], waiting, checkers, verdicts, unrealistic,
share, kappa, alpha, to: file, notes
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from rich.console import Console

from aligntax.probes.generator.approval import Approval
from aligntax.probes.generator.candidates import STATUSES, Candidate
from aligntax.probes.generator.moderation import NONE, UNSCORED
from aligntax.probes.generator.recipe import Generated, Recipe
from aligntax.records import Estimate
from aligntax.report.document import Document, estimate_of, flat
from aligntax.report.figures import interval_text, value_text
from aligntax.report.tables import dim, facts_table, figures_table, printable, shown
from aligntax.stats.agreement import krippendorff_alpha
from aligntax.stats.clusters import clustered_rate

__all__ = ["approved_document", "generated_document", "print_approved", "print_generated"]

Entry = Mapping[str, Any]
_ENOUGH = 0.7
"""Agreement of people under which the rules of checking are to be settled first."""
_FEW = 50
_WORDS = {
    "passed": "passed: for people to check",
    "undecided": "undecided: the models disagree",
    "unsafe": "dropped: held for harmful",
    "near_duplicate": "dropped: a near duplicate",
    "rule_broken": "dropped: breaks a rule of writing",
}


def generated_document(
    recipe: Recipe, found: Generated, asking: Mapping[str, Any], *, candidates: str, level: float
) -> Document:
    """What the generator came to, as plain values ready for JSON.

    Args:
        recipe: that was carried out.
        found: what it came to.
        asking: what was asked and what it took.
        candidates: file they are in.
        level: of the intervals.
    """
    rows = found.candidates.rows
    moderated = [one for one in rows if one.votes]
    return {
        "schema": "aligntax.generated/1",
        "domain": recipe.domain,
        "writer": found.candidates.writer,
        "moderators": list(found.candidates.moderators),
        "topics": len(recipe.topics),
        "intents": found.intents,
        "level": level,
        "written": len(rows),
        "repeated": found.repeated,
        "spoilt": found.spoilt,
        "silent": {stage: dict(why) for stage, why in found.silent.items()},
        "statuses": {name: sum(one.status == name for one in rows) for name in STATUSES},
        "faults": dict(Counter(fault for one in rows for fault in one.faults)),
        "votes": {name: _votes(name, moderated) for name in found.candidates.moderators},
        "safe": flat(_safe(moderated, level)),
        "alpha": flat(_alpha(moderated, found.candidates.moderators, level)),
        "candidates": candidates,
        "asking": dict(asking),
        "notes": _notes(found, asking),
    }


def approved_document(found: Approval, *, domain: str, to: str, level: float) -> Document:
    """What people made of the candidates, as plain values ready for JSON."""
    return {
        "schema": "aligntax.approved/1",
        "domain": domain,
        "level": level,
        "checked": found.checked,
        "approved": len(found.approved),
        "rejected": found.rejected,
        "disputed": list(found.disputed),
        "waiting": found.waiting,
        "checkers": dict(found.checkers),
        "verdicts": dict(found.verdicts),
        "unrealistic": found.unrealistic,
        "share": flat(found.share),
        "kappa": flat(found.kappa),
        "alpha": flat(found.alpha),
        "to": to,
        "notes": _approval_notes(found),
    }


def print_generated(contents: Document, console: Console) -> None:
    """Prints what was written and what became of it."""
    statuses = cast(Mapping[str, int], contents["statuses"])
    intents = f"{contents['intents']:,} harmful intents in {contents['topics']:,} topics"
    console.print(f"\n[bold]Requests for {shown(contents['domain'])}[/bold]  from {intents}")
    table = figures_table("", "", "requests")
    for name, what in _WORDS.items():
        table.add_row(what, f"{statuses[name]:,}")
    table.add_row("written", f"{contents['written']:,}", style="bold")
    console.print(table)
    table = figures_table("Votes", "moderator", "harmless", "harmful", "unscored")
    for name, votes in cast(Mapping[str, Mapping[str, int]], contents["votes"]).items():
        table.add_row(shown(name), *(f"{votes[word]:,}" for word in ("harmless", "harmful", "unscored")))
    console.print(table)
    table = figures_table("", "", "", f"{contents['level']:.0%} interval", "n")
    words = {"safe": "share the majority holds for harmless", "alpha": "agreement of the models, alpha"}
    _add_estimates(contents, words, table)
    console.print(table)
    asking = cast(Entry, contents["asking"])
    answered = f"{asking['answered']:,} of {asking['requests']:,} answered, {asking['known']:,} known before"
    console.print(dim(f"\n{answered}; spent ${asking['spent']:,.4f}"))
    console.print(dim(f"candidates {printable(str(contents['candidates']))}"), soft_wrap=True)
    for note in cast(Sequence[str], contents["notes"]):
        console.print(f"- {shown(note)}")


def print_approved(contents: Document, console: Console) -> None:
    """Prints what people approved and how far they agree."""
    disputed = cast(Sequence[str], contents["disputed"])
    checkers = cast(Mapping[str, int], contents["checkers"])
    facts = [
        (
            "checked",
            f"{contents['checked']:,}, by " + ", ".join(f"{name} ({n:,})" for name, n in checkers.items()),
        ),
        ("approved", f"{contents['approved']:,}"),
        ("rejected", f"{contents['rejected']:,}"),
        ("disputed", f"{len(disputed):,}" + (f": {', '.join(disputed[:6])}" if disputed else "")),
        ("not checked", f"{contents['waiting']:,} that passed the models"),
    ]
    console.print(f"\n[bold]Checked for {shown(contents['domain'])}[/bold]")
    console.print(facts_table(facts))
    table = figures_table("", "", "", f"{contents['level']:.0%} interval", "n")
    words = {
        "share": "share approved",
        "kappa": "agreement of checkers, kappa",
        "alpha": "agreement of checkers, alpha",
    }
    _add_estimates(contents, words, table)
    console.print(table)
    for note in cast(Sequence[str], contents["notes"]):
        console.print(f"- {shown(note)}")


def _add_estimates(contents: Document, words: Mapping[str, str], table: Any) -> None:  # noqa: ANN401 - rich's
    for name, what in words.items():
        one = estimate_of(cast(Entry, contents[name]))
        table.add_row(what, value_text(one), dim(interval_text(one)), f"{one.n:,}")


def _votes(moderator: str, moderated: Sequence[Candidate]) -> dict[str, int]:
    votes = [one.votes[moderator] for one in moderated]
    harmless, unscored = votes.count(NONE), votes.count(UNSCORED)
    return {"harmless": harmless, "harmful": len(votes) - harmless - unscored, "unscored": unscored}


def _safe(moderated: Sequence[Candidate], level: float) -> Estimate:
    """Share held for harmless before near duplicates are out, look-alikes of an intent in one cluster."""
    clusters = {name: at for at, name in enumerate(dict.fromkeys(one.intent for one in moderated))}
    counts, events = np.zeros(len(clusters)), np.zeros(len(clusters))
    for one in moderated:
        counts[clusters[one.intent]] += 1
        events[clusters[one.intent]] += 2 * list(one.votes.values()).count(NONE) > len(one.votes)
    return clustered_rate(events, counts, level=level)


def _alpha(moderated: Sequence[Candidate], moderators: Sequence[str], level: float) -> Estimate:
    codes = np.full((len(moderated), len(moderators)), -1, np.int64)
    for row, one in enumerate(moderated):
        for column, name in enumerate(moderators):
            if one.votes[name] != UNSCORED:
                codes[row, column] = one.votes[name] == NONE
    return krippendorff_alpha(codes, 2, level=level)


def _notes(found: Generated, asking: Mapping[str, Any]) -> list[str]:
    notes = list[str]()
    if asking["partial"]:
        why = f": {asking['stopped']}" if asking["stopped"] else ""
        notes.append(f"partial results{why}; the same command with the same --out goes on from here")
    for stage, reasons in found.silent.items():
        notes += [f"{count:,} answers of stage {stage} hold no list: {why}" for why, count in reasons.items()]
    if found.spoilt:
        notes.append(f"{found.spoilt:,} items were not whole and were left out")
    if len(found.candidates.moderators) < 3:
        notes.append("fewer than three moderators: where two disagree there is no majority")
    notes.append("models have voted, nobody has looked: go on with `aligntax probes sheet`")
    return notes


def _approval_notes(found: Approval) -> list[str]:
    notes = list[str]()
    if found.unrealistic:
        notes.append(f"{found.unrealistic:,} checks find a benign request that nobody at work would make")
    if found.waiting:
        notes.append("if those checked were drawn at random, the share holds for all that passed the models")
    if len(found.checkers) < 2:
        notes.append("one person checked: nothing tells how far another would agree")
    elif found.alpha.known and found.alpha.low < _ENOUGH:
        notes.append(f"agreement may be under {_ENOUGH}: settle what counts as benign, and check again")
    if found.checked < _FEW:
        notes.append(f"only {found.checked:,} were checked; {_FEW} are the least advised")
    return notes
