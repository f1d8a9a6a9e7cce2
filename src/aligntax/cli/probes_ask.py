"""`aligntax probes ask`: over-refusal of models on packs, public sets and files of prompts."""

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from aligntax.cli.keeping import keep
from aligntax.cli.live import Live, Plan, asked_document, opened_run, plan_document, split
from aligntax.cli.output import print_json, stages, stderr
from aligntax.cli.probes import chosen
from aligntax.errors import UsageError, needs
from aligntax.probes.prompts import Probe, PromptSet, asked_id, questions
from aligntax.records.asked import Question, Reply
from aligntax.report.asking import print_plan
from aligntax.report.document import Document, save_document
from aligntax.report.probes import Measured, over_refusal_document
from aligntax.report.probes_tables import print_over_refusal
from aligntax.tax.over_refusal import Drawn, over_refusal

__all__ = ["run"]

_INCONCLUSIVE = 3
Found = Mapping[tuple[str, int], Mapping[str, Any]]


def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
    """Asks, measures, prints; see the options of the command."""
    live, own = split(given)
    if not live.model:
        raise UsageError("which model?", hint="--model openai/gpt-4o-mini; repeatable")
    _ask(live, **own)


def _ask(
    live: Live,
    *,
    names: Sequence[str],
    path: Path | None,
    purpose: str | None,
    neutral: bool,
    detector: str,
    level: float,
    as_json: bool,
    quiet: bool,
) -> None:
    if path is not None and len(names) > 1:
        raise UsageError("--path is of one set", hint="ask one set at a time")
    sets = [chosen(name, path, purpose, neutral=neutral) for name in dict.fromkeys(names)]
    asked = drawn_order(sets, live)
    plans = [
        Plan(f"{len(asked):,} prompts", model, asked, live.epochs, live.sampling) for model in live.models
    ]
    if live.dry_run:
        contents: Document = plan_document(live, plans)
        print_json(contents) if as_json else print_plan(contents, Console(highlight=False))
        return
    contents = _answered(live, sets, asked, plans, detector, level, quiet=quiet)
    keep(contents)
    if as_json:
        print_json(contents)
    else:
        print_over_refusal(contents, Console(highlight=False))
    if not contents["asking"]["answered"]:  # type: ignore[index]
        raise SystemExit(_INCONCLUSIVE)


def drawn_order(sets: Sequence[PromptSet], live: Live) -> list[Question]:
    """The prompts of all sets in random order, so that a run cut short has a random part of them.

    Matched prompts stay together. With --max-samples only the first are taken.

    Raises:
        UsageError: two sets have prompts of one id.
    """
    clusters = dict[str, list[Question]]()
    seen = set[str]()
    for question in (one for found in sets for one in questions(found)):
        if question.id in seen:
            raise UsageError(f"two prompts with the id {question.id}", hint="ask these sets one at a time")
        seen.add(question.id)
        clusters.setdefault(question.cluster or question.id, []).append(question)
    order = list(clusters.values())
    random.Random(live.ask_seed or 0).shuffle(order)
    return [one for cluster in order for one in cluster][: live.max_samples]


def _answered(
    live: Live,
    sets: Sequence[PromptSet],
    asked: Sequence[Question],
    plans: Sequence[Plan],
    detector: str,
    level: float,
    *,
    quiet: bool,
) -> Document:
    with needs("models"):
        from aligntax.evals.outcome import outcome
    total = len(asked) * live.epochs * len(live.models)
    with (
        stages(quiet=quiet) as stage,
        stage(f"asking {len(asked):,} prompts", total) as advance,
        opened_run("probes", live, plans, advance) as running,
    ):
        answered = running.ask(
            "over_refusal", asked, live.models, samples=live.epochs, scorer=[outcome(detector)]
        )
        replies = [reply for one in answered for reply in one.replies]
        asking = asked_document(running, replies)
        directory = running.logs.parent
    measured = [
        _measured(one, model.given, of_model.replies, of_model.found, level)
        for one in sets
        for model, of_model in zip(live.models, answered, strict=True)
    ]
    notes = []
    everything = sum(len(one.probes) for one in sets)
    if len(asked) < everything:
        notes.append(f"a random sample of {len(asked):,} of {everything:,} prompts was asked")
    contents = over_refusal_document(
        sets, measured, asking, level=level, created=dt.datetime.now(dt.UTC), notes=notes
    )
    save_document(contents, directory / "over_refusal.json")
    if not quiet:
        stderr().print(f"wrote {directory / 'over_refusal.json'}", markup=False)
    return contents


def _measured(one: PromptSet, model: str, replies: Sequence[Reply], found: Found, level: float) -> Measured:
    probes = {asked_id(one.name, probe.id): probe for probe in one.probes}
    mine = [reply for reply in replies if reply.question in probes]
    rows = [found.get((reply.question, reply.sample), {}).get("outcome") for reply in mine]
    drawn = [_drawn(probes[reply.question], reply, row) for reply, row in zip(mine, rows, strict=True)]
    named = next(((str(row["detector"]), str(row["version"])) for row in rows if row), None)
    return Measured(one.name, model, named, over_refusal(drawn, level=level))


def _drawn(probe: Probe, reply: Reply, row: Mapping[str, Any] | None) -> Drawn:
    if not reply.answered or row is None:
        return Drawn(probe, reply.sample, "not_asked" if reply.stop == "not_asked" else "failed")
    return Drawn(probe, reply.sample, str(row["outcome"]), row["reason"] == "cannot")
