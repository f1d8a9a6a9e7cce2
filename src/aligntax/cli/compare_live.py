"""`aligntax compare --model A --model B`: two models asked now, on prompts or on a log's own requests."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from aligntax.cli.answers import by_benchmark, detector_when_needed
from aligntax.cli.compare_judged import judge_plan, judged
from aligntax.cli.compare_requests import Requests, drawn_from_log, read_requests, write_samples
from aligntax.cli.compare_shown import MARGIN, show
from aligntax.cli.compare_ways import Way, both_ways, refuse_ways
from aligntax.cli.live import Live, Plan, asked_document, opened_run, plan_document, split
from aligntax.cli.output import print_json, stages, stderr
from aligntax.detectors import DEFAULT
from aligntax.errors import UsageError, needs
from aligntax.records.asked import Reply
from aligntax.report.asking import print_plan
from aligntax.report.compared import comparison
from aligntax.report.compared_live import gate_entry, replay_entry, side_entry
from aligntax.report.document import Document, save_document
from aligntax.tax.pairs.asked import Side
from aligntax.tax.pairs.compared import Compared, Settings, compare
from aligntax.tax.pairs.completion import BENIGN_RATES, HARMFUL_RATES
from aligntax.tax.pairs.differences import Precision
from aligntax.tax.pairs.gate import Gated, gated, verdict
from aligntax.tax.pairs.matching import Match, match, refuse
from aligntax.tax.pairs.preferred import Preferred
from aligntax.tax.pairs.sides import sides
from aligntax.tax.replay.logged import against_log
from aligntax.tax.replay.measured import compare_replayed, weighted_between
from aligntax.traffic.redaction import Redactor

__all__ = ["ask"]

_FAILED, _INCONCLUSIVE = 1, 3
_NAMES = ("a.jsonl", "b.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What is shown of it, and how."""

    margins: Mapping[str, float]
    force: bool
    flips: int
    chart: Path | None
    as_json: bool
    quiet: bool


def ask(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
    """Asks both models, compares, keeps, prints; see the options of the command."""
    live, own = split(given | {"model": given["model"] or ()})
    ways = both_ways(live, own.pop("system"), own.pop("second_system"), own.pop("second_temperature"))
    margins = by_benchmark("--margin", own.pop("margin"), least=0.0)
    if unknown := [name for name in margins if name not in ("", "quality")]:
        raise UsageError(f"--margin {unknown[0]}: nothing is called so here", hint="SIZE, or quality=SIZE")
    keep_text, detector = own.pop("keep_text"), own.pop("detector")
    chosen = Settings(
        margin=margins.get("", MARGIN),
        margins=margins,
        precision=Precision(level=own.pop("level"), seed=own.pop("seed")),
        detector=detector_when_needed(detector or DEFAULT),
        redactor=None if keep_text else Redactor(),
    )
    force = own.pop("force")
    forced = refuse_ways(ways, force=force)
    how = {name: own.pop(name) for name in ("flips", "chart", "as_json", "quiet")}
    shown = _Shown(margins=margins, force=force, **how)
    requests = _requests(live, own, chosen, ways, shown, keep_text=keep_text)
    plans = _plans(live, ways, requests)
    if live.dry_run:
        contents: Document = plan_document(live, plans)
        print_json(contents) if shown.as_json else print_plan(contents, Console(highlight=False))
        return
    _asked(live, ways, requests, plans, chosen, shown, forced, detector or DEFAULT)


def _requests(
    live: Live,
    own: dict[str, Any],
    chosen: Settings,
    ways: Sequence[Way],
    shown: _Shown,
    *,
    keep_text: bool,
) -> Requests:
    """What is asked: the prompts of files and packs, or requests drawn from a log."""
    prompts, log, purpose = own.pop("prompts"), own.pop("log"), own.pop("purpose")
    if bool(prompts) == bool(log):
        raise UsageError(
            "which prompts?" if not prompts else "--prompts and --log: which of them?",
            hint="--prompts FILE, --prompts pack:medical, or --log LOG",
        )
    if prompts:
        return read_requests(prompts, purpose, live.max_samples, seed=live.ask_seed or 0)
    if purpose is not None or any(way.system for way in ways):
        name = "--purpose" if purpose is not None else "--system"
        raise UsageError(f"{name}: a log has its own", hint=f"leave out {name}")
    size = min(own.pop("sample"), live.max_samples or 10**9)
    redactor = None if keep_text else chosen.redactor
    return drawn_from_log(log, size, own, chosen, redactor, live.out, dry_run=live.dry_run, quiet=shown.quiet)


def _plans(live: Live, ways: Sequence[Way], requests: Requests) -> list[Plan]:
    what = f"{len(requests.questions):,} prompts"
    plans = [
        Plan(f"{what}, {mark}", way.model, way.put(requests.questions), live.epochs, way.sampling)
        for mark, way in zip("AB", ways, strict=True)
    ]
    if live.judges is not None:
        plans.append(judge_plan(live.judges, requests.questions, live.epochs))
    return plans


def _asked(
    live: Live,
    ways: tuple[Way, Way],
    requests: Requests,
    plans: Sequence[Plan],
    chosen: Settings,
    shown: _Shown,
    forced: Sequence[str],
    detector: str,
) -> None:
    total = sum(len(plan.questions) * plan.samples for plan in plans)
    if requests.directory is not None:
        live = replace(live, out=requests.directory)
    with (
        stages(quiet=shown.quiet) as stage,
        stage(f"asking {len(requests.questions):,} prompts", total) as advance,
        opened_run("compare", live, plans, advance) as running,
    ):
        directory = running.logs.parent
        requests.keep(directory)
        replies = _replies(running, live, ways, requests, detector)
        both = [
            Side(
                model=way.model.given,
                asked_for=way.asked_for,
                questions={one.id: one for one in way.put(requests.questions)},
                replies=mine,
                draws=live.epochs,
                settings=way.settings,
                system=way.system,
                take_any=shown.force,
            )
            for way, mine in zip(ways, replies, strict=True)
        ]
        files = [write_samples(side, directory / name) for side, name in zip(both, _NAMES, strict=True)]
        _refuse_others(both, files)
        matches, unmatched = _matches(files, both)
        refused = refuse(matches, force=shown.force)
        found, votes, extra, verdicts = _measured(running, live, matches, requests, chosen, ways)
        contents: dict[str, object] = {
            **comparison(
                found,
                chosen,
                created=dt.datetime.now(dt.UTC),
                forced=list(dict.fromkeys([*forced, *refused])),
                unmatched=[*requests.notes, *unmatched],
                quality=votes,
            ),
            "asking": asked_document(running, [*replies[0], *replies[1], *verdicts]),
            "sides": {
                name: side_entry(side, str(file))
                for name, side, file in zip(("first", "second"), both, files, strict=True)
            },
            "sets": list(requests.sources),
            **extra,
        }
    gates = _gates(found, votes, shown.margins) if shown.margins else []
    contents["gate"] = gate_entry(gates)
    _finish(contents, directory, shown)
    _leave(gates, nothing=not found)


def _replies(
    running: Any,  # noqa: ANN401 - a Run
    live: Live,
    ways: tuple[Way, Way],
    requests: Requests,
    detector: str,
) -> list[Sequence[Reply]]:
    """Both models' replies; side by side where they are asked the same in the same way."""
    with needs("models"):
        from aligntax.evals.outcome import outcome
    first, second = ways
    scorer = [outcome(detector)]
    if (first.sampling, first.system) == (second.sampling, second.system):
        models = [first.model, second.model]
        answered = running.ask(
            "compare",
            first.put(requests.questions),
            models,
            samples=live.epochs,
            scorer=scorer,
            sampling=first.sampling,
        )
        return [one.replies for one in answered]
    return [
        running.ask(
            "compare",
            way.put(requests.questions),
            [way.model],
            samples=live.epochs,
            scorer=scorer,
            sampling=way.sampling,
        )[0].replies
        for way in ways
    ]


def _refuse_others(both: Sequence[Side], files: Sequence[Path]) -> None:
    """A side of which another model gave every answer is no side of this comparison."""
    for mark, side, file in zip("AB", both, files, strict=True):
        counts = side.counts
        if counts["answered"] and counts["by_another_model"] == counts["answered"] and not side.take_any:
            names = ", ".join(side.served)
            raise UsageError(
                f"not to be compared: every answer of {mark} was given by {names}, not by {side.model}",
                hint=f"--model {names}, or --force to take them as its own; the answers are kept in {file}",
            )


def _matches(files: Sequence[Path], both: Sequence[Side]) -> tuple[list[Match], list[str]]:
    """The sample files, as `aligntax compare FILE_A FILE_B` reads them."""
    silent = [
        f"{mark} gave no answer at all"
        for mark, side in zip("AB", both, strict=True)
        if not any(one.answered for one in side.replies)
    ]
    if silent:
        return [], silent
    ((first, second),) = sides(str(files[0]), str(files[1]))
    return match(first, second)


def _measured(
    running: Any,  # noqa: ANN401 - a Run
    live: Live,
    matches: Sequence[Match],
    requests: Requests,
    chosen: Settings,
    ways: tuple[Way, Way],
) -> tuple[list[Compared], list[Preferred | None], dict[str, object], Sequence[Reply]]:
    """Every comparison, what the judge makes of it, what there is besides of a replay, its replies."""
    if requests.drawn is None or not matches:
        votes, verdicts = judged(running, live, matches, chosen, {})
        return compare(matches, chosen), votes, {}, verdicts
    drawn, level = requests.drawn, chosen.precision.level
    replayed = compare_replayed(matches[0], drawn, chosen)
    between = {matches[0].first.benchmark: weighted_between(replayed, drawn, chosen)}
    votes, verdicts = judged(running, live, matches, chosen, between)
    logged = [against_log(replayed, drawn, at, way.asked_for, chosen) for at, way in enumerate(ways)]
    entry = replay_entry(drawn, replayed.use_cases, logged, level=level)
    return [replayed.compared], votes, {"replay": entry}, verdicts


def _gates(
    found: Sequence[Compared], votes: Sequence[Preferred | None], margins: Mapping[str, float]
) -> list[Gated]:
    """What was asked to be held: the leading rate of every set, and quality."""
    gates = list[Gated]()
    for one, vote in zip(found, votes, strict=True):
        if "" in margins:
            harmful = one.completion is not None and one.completion.harmful
            rate = "complied" if harmful else "completion_tax"
            direction = (HARMFUL_RATES if harmful else BENIGN_RATES)[rate]
            difference = one.completion.rates[rate] if one.completion else None
            gates.append(gated(f"{one.first.benchmark}: {rate}", difference, direction, margins[""]))
        if "quality" in margins and not (one.completion and one.completion.harmful):
            lead = vote.lead if vote else None
            gates.append(gated(f"{one.first.benchmark}: quality", lead, 1, margins["quality"]))
    if not found:
        gates.append(gated("nothing was compared", None, -1, margins.get("", MARGIN)))
    return gates


def _finish(contents: Document, directory: Path, shown: _Shown) -> None:
    save_document(contents, directory / "comparison.json")
    if not shown.quiet:
        names = ", ".join(("comparison.json", *_NAMES))
        stderr().print(f"wrote {names} in {directory}", markup=False, soft_wrap=True)
    show(contents, chart=shown.chart, as_json=shown.as_json, flips=shown.flips, quiet=shown.quiet)


def _leave(gates: Sequence[Gated], *, nothing: bool) -> None:
    told = verdict(gates) if gates else "inconclusive" if nothing else "pass"
    if told != "pass":
        raise SystemExit(_FAILED if told == "fail" else _INCONCLUSIVE)
