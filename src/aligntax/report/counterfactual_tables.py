"""What alarming words cost, in the terminal: the verdict first, then effects, terms, quality, the twin."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax.records import Estimate
from aligntax.report.compared_words import points_text, ratio_text
from aligntax.report.document import Document, estimate_of
from aligntax.report.tables import figures_table, printable, shown

__all__ = ["finding_words", "print_counterfactual"]

Entry = Mapping[str, Any]
Part = tuple[str, Table, Sequence[str]]

_MOST_TERMS = 20
_UNTESTED = 6
"""Terms up to which those in too few requests to be tested are listed as well."""
_MOST_DISCARDED = 10
_VARIANTS = {
    "trigger": "alarming words",
    "original": "as it was, asked again",
    "control": "another word changed",
    "neutral": "neutral words",
}
_CONTRASTS = {
    "net": "net of churn",
    "gross": "alarming less neutral",
    "churn": "another word changed",
}
_REASONS = {
    "no term": "holds no term",
    "form": "a form of the term that cannot be made",
    "code": "the term stands in code",
    "address": "the term stands in an address",
    "path": "the term stands in a path",
    "quotation": "the term stands in a quotation",
    "name": "the term stands in a name",
}
_STYLES = {"usable": "green", "jailbreak": "red", "inconclusive": "yellow"}


def print_counterfactual(contents: Document, console: Console) -> None:
    """Prints the document.

    Args:
        contents: of `counterfactual_document`.
        console: rich's; on a file or a pipe it prints without colour.
    """
    models = cast(Sequence[Entry], contents["models"])
    for one in models:
        _print_model(one, contents, console, several=len(models) > 1)
    _print_discarded(cast(Entry | None, contents["meaning"]), console)
    notes = cast(Sequence[str], contents["notes"])
    if notes:
        console.print("\n[bold]To know[/bold]")
    for note in notes:
        console.print(f"- {shown(note)}")
    _print_asking(cast(Entry, contents["asking"]), console)


def _print_model(one: Entry, contents: Document, console: Console, *, several: bool) -> None:
    about = cast(Entry, contents["about"])
    style = _STYLES[one["verdict"]]
    console.print(f"\n[bold]{shown(one['model'])}[/bold]", soft_wrap=True)
    console.print(f"[{style}]{one['verdict']}[/{style}]: {shown(_why(one))}")
    console.print(shown(finding_words(one["effects"]["refused"]["net"], one["found"]["refused"])))
    for title, table, captions in _tables(one, about):
        console.print(f"\n[bold]{shown(title)}[/bold]")
        console.print(table)
        for caption in captions:
            console.print(Text(printable(caption), style="dim"))


def _why(one: Entry) -> str:
    """What the verdict rests on."""
    reason = str(one["twin"]["reason"])
    if one["twin"]["verdict"] == "usable" and one["verdict"] == "inconclusive":
        return f"{reason}, but nobody can tell what it does to refusals"
    return reason


def finding_words(net: Entry, found: str) -> str:
    """The net effect on refusals in one plain sentence."""
    gap = estimate_of(net["difference"])
    if not gap.known:
        return f"what the words do to refusals cannot be told: {gap.reason}"
    size = f"{_points(gap)} points"
    if found in ("more", "less"):
        return f"the alarming words make for {found} refusals: {size}, net of churn"
    if found == "none":
        margin = net["equivalence"]["margin"]
        return f"no effect on refusals beyond {100 * margin:g} points: {size}"
    return f"whether the words make for refusals cannot be told: {size}, net of churn"


def _tables(one: Entry, about: Entry) -> Iterator[Part]:
    yield _rates(one, about)
    yield _effects(one, about)
    if one["terms"]:
        yield _terms(one, about)
    if one["slices"]:
        yield _slices(one)
    if one["quality"]:
        yield from _quality(one["quality"])
    if one["twin"]["cases"]:
        yield _twin(one["twin"], about)


def _rates(one: Entry, about: Entry) -> Part:
    table = figures_table("", "", "refused", "refused or hedged")
    for variant, words in _VARIANTS.items():
        rates = [estimate_of(one["rates"][measure][variant]) for measure in ("refused", "completion_tax")]
        table.add_row(words, *map(_rate, rates))
    flips = estimate_of(one["flips"])
    captions = [f"{one['cases']:,} requests, {about['samples']} of each wording drawn"]
    if flips.known:
        captions.append(f"the same wording came out otherwise when drawn again: {_rate(flips)}")
    counts = {name: number for name, number in one["counts"].items() if number}
    if counts:
        captions.append(f"beside these: {_counts(counts)}")
    return "Outcomes by wording", table, captions


def _effects(one: Entry, about: Entry) -> Part:
    table = figures_table("", "", "refused, points", "p", "refused or hedged, points")
    for which, words in _CONTRASTS.items():
        refused, both = (one["effects"][measure][which] for measure in ("refused", "completion_tax"))
        table.add_row(words, _gap(refused), _p(refused["p"]), _gap(both))
    net = one["effects"]["refused"]["net"]
    captions = [f"{about['level']:.0%} intervals; {net['test']} for the net effect, {_pairs(net)} requests"]
    if one["recorded"]:
        gap = estimate_of(one["recorded"]["difference"])
        captions.append(
            f"asked again, refusals of the log came back {_points(gap)} points: not counted as effect"
        )
    if one["several"]:
        captions.append(
            f"{one['saturated']:,} of {one['several']:,} refused requests of several terms stay refused "
            "whichever one is taken out (saturated)"
        )
    return "Effect of the alarming words", table, captions


def _terms(one: Entry, about: Entry) -> Part:
    table = figures_table("", "term", "neutral", "n", "net, points", "p adj.", "", names=(0, 1, 5))
    tested = [term for term in one["terms"] if term["net"]["adjusted"] is not None]
    rest = sorted((term for term in one["terms"] if term not in tested), key=lambda term: -term["cases"])
    listed = [*tested[:_MOST_TERMS], *(rest[: _UNTESTED - len(tested)] if len(tested) < _UNTESTED else [])]
    for term in listed:
        neutral = term["neutral"][0] + (" ..." if len(term["neutral"]) > 1 else "")
        words = "" if term["found"] == "cannot tell" else term["found"]
        net = term["net"]
        table.add_row(
            shown(term["term"]),
            shown(neutral),
            f"{term['cases']:,}",
            _gap(net),
            "" if net["adjusted"] is None else _p(net["adjusted"]),
            words,
        )
    more = len(one["terms"]) - len(listed)
    captions = [f"and {more:,} more in --json"] if more > 0 else []
    rate = 1 - about["level"]
    captions.append(f"more: makes for refusals, at a false discovery rate of {rate:.0%} over all terms")
    if rest:
        captions.append(f"too few requests to test by themselves: {len(rest):,} terms")
    return "Terms", table, captions


def _slices(one: Entry) -> Part:
    table = figures_table("", "", "n", "net, points")
    for part in one["slices"]:
        table.add_row(shown(part["name"]), _pairs(part["net"]), _gap(part["net"]))
    return "Parts of the requests", table, []


def _quality(found: Entry) -> Iterator[Part]:
    chosen = found["selection"]
    table = figures_table("", "", "alarming", "neutral", "neutral better by")
    for name, words in (("points", "points covered"), ("exact", "reference given")):
        if gap := found[name]:
            first, second = estimate_of(gap["first"]), estimate_of(gap["second"])
            table.add_row(words, _rate(first), _rate(second), _gap(gap))
    captions = [
        f"among the {chosen['both']:,} of {chosen['pairs']:,} pairs that were answered in both wordings; "
        f"{chosen['neutral_only']:,} were answered in neutral words alone, {chosen['trigger_only']:,} in "
        f"alarming ones alone, {chosen['neither']:,} in neither"
        + (f", {chosen['unknown']:,} are unknown" if chosen["unknown"] else "")
    ]
    unscored = sum(found["points_unscored"].values())
    if unscored:
        reasons = _counts(found["points_unscored"])
        captions.append(f"answers the judge left without points: {unscored:,} ({reasons})")
    if found["points"] or found["exact"]:
        yield "Quality, by reference", table, captions
        captions = captions[:1]
    if pairwise := found["pairwise"]:
        yield _pairwise(pairwise, captions)


def _pairwise(found: Entry, selection: Sequence[str]) -> Part:
    table = figures_table("", "", "neutral words win")
    table.add_row("as judged, both orders", _rate(estimate_of(found["win_rate"])))
    table.add_row("at equal length", _rate(estimate_of(found["at_equal_length"])))
    length = estimate_of(found["length"])
    captions = [
        *selection,
        f"{found['wins']:,} won, {found['losses']:,} lost, {found['ties']:,} tied of {found['pairs']:,}; "
        f"the two orders disagreed in {found['disagreed']:,}",
    ]
    if length.known:
        captions.append(f"answers in neutral words are {ratio_text(length.value)} as long")
    if found["unscored"]:
        captions.append(f"without a verdict: {_counts(found['unscored'])}")
    return "Quality, by pairwise judge", table, captions


def _twin(twin: Entry, about: Entry) -> Part:
    what = "harmful" if twin["judged"] else "not refused"
    table = figures_table("", "", f"own words, {what}", "neutral words", "rise, points")
    rise = twin["rise"]
    table.add_row(
        f"{twin['cases']:,} harmful requests",
        *(_rate(estimate_of(rise[side])) for side in ("first", "second")),
        _gap(rise),
    )
    bound = estimate_of(twin["bound"]) if twin["bound"] else None
    captions = []
    if bound is not None and bound.known:
        captions.append(
            f"at most {points_text(bound.high, sign='+')} points ({about['level']:.0%}, one-sided); "
            f"the margin is {100 * about['harm_margin']:g}"
        )
    if twin["needed"]:
        captions.append(f"about {twin['needed']:,} harmful requests would decide")
    if twin["risen"]:
        captions.append(f"answered in neutral words more often: {', '.join(twin['risen'][:8])}")
    if twin["ungraded"]:
        captions.append(f"answers the judge left without a grade: {twin['ungraded']:,}, taken at their worst")
    return "Safety twin: the same rewriting on harmful requests", table, captions


def _print_discarded(meaning: Entry | None, console: Console) -> None:
    if meaning is None:
        return
    rate = "" if meaning["discard_rate"] is None else f" ({meaning['discard_rate']:.0%} discarded)"
    console.print("\n[bold]Meaning check[/bold]")
    console.print(
        f"{meaning['proposed']:,} wordings proposed; {meaning['kept']:,} of {meaning['checked']:,} rewritten "
        f"requests kept{rate}"
    )
    rows = Counter((row["term"], row["neutral"], row["reason"]) for row in meaning["discarded"])
    table = figures_table("", "term", "neutral", "why not", "requests", names=(0, 1, 2))
    for row, times in rows.most_common(_MOST_DISCARDED):
        table.add_row(*(shown(word) for word in row), f"{times:,}")
    if rows:
        console.print(table)
    if len(rows) > _MOST_DISCARDED:
        console.print(Text(f"and {len(rows) - _MOST_DISCARDED:,} more; each pair in --json", style="dim"))


def _print_asking(asking: Entry, console: Console) -> None:
    counted = f"{asking['answered']:,} of {asking['requests']:,} requests answered"
    spent = asking["spent"] + asking.get("spent_before", 0.0)
    console.print(Text(f"\n{counted}, ${spent:,.2f} spent", style="dim"))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())


def _pairs(gap: Entry) -> str:
    return f"{gap['difference']['n']:,}"


def _gap(gap: Entry) -> str:
    estimate = estimate_of(gap["difference"])
    return _points(estimate) if estimate.known else "unknown"


def _points(estimate: Estimate) -> str:
    value, low, high = (points_text(v, sign="+") for v in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def _rate(estimate: Estimate) -> str:
    """A rate with its interval: "52.1% (49.4-54.8)"."""
    if not estimate.known:
        return "unknown"
    low, high = (f"{100 * end:.1f}" for end in (estimate.low, estimate.high))
    return f"{estimate.value:.1%} ({low}-{high})"


def _p(value: float | None) -> str:
    if value is None:
        return "unknown"
    return "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 1 else "1"
