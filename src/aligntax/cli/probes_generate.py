"""`aligntax probes generate`: over-refusal prompts for a team's own domain, up to where people take over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from aligntax.cli.live import JUDGED, Live, Plan, asked_document, opened_run, plan_document, split
from aligntax.cli.output import Stage, print_json, stages, stderr
from aligntax.cli.probes import chosen
from aligntax.errors import UsageError
from aligntax.models.endpoint.spec import ModelSpec, Sampling, model_spec
from aligntax.probes.generator.candidates import write_candidates
from aligntax.probes.generator.recipe import Generated, Recipe, expected_questions, generate
from aligntax.probes.generator.topics import read_topics
from aligntax.probes.packs import PACKS, load_pack
from aligntax.probes.prompts import asked_id
from aligntax.records.asked import Question, Reply
from aligntax.report.asking import print_plan
from aligntax.report.document import Document, save_document
from aligntax.report.generated import generated_document, print_generated

__all__ = ["run"]

_TEMPERATURES = {"intents": 1.0, "rewrites": 0.7}
"""Of the recipe's two stages of writing."""
_EXPECTED = {"intents": 250, "rewrites": 300, "moderation": 120}
"""Tokens of an answer, likely."""
_INCONCLUSIVE = 3


def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
    """Writes, moderates, keeps, prints; see the options of the command."""
    live, own = split(given)
    _generate(live, **own)


def _generate(
    live: Live,
    *,
    domain: str,
    topics: Path,
    writer: str,
    moderator: Sequence[str],
    seeds: int,
    rewrites: int,
    against: Sequence[str] | None,
    similar: float,
    level: float,
    as_json: bool,
    quiet: bool,
) -> None:
    recipe = Recipe(
        domain=domain, topics=read_topics(topics), intents=seeds, rewrites=rewrites, similar=similar
    )
    if len(set(moderator)) < len(moderator):
        raise UsageError("a moderator is named twice", hint="a model has one vote")
    moderators = [model_spec(given) for given in moderator]
    plans = _plans(live, recipe, model_spec(writer), moderators)
    if live.dry_run:
        planned: Document = plan_document(live, plans)
        print_json(planned) if as_json else print_plan(planned, Console(highlight=False))
        return
    others = _others(against or ())
    with stages(quiet=quiet) as stage:
        contents = _carried_out(live, recipe, plans, moderators, others, level, stage)
    if not quiet:
        stderr().print(f"wrote {contents['candidates']}", markup=False)
        stderr().print(f"next: aligntax probes sheet {contents['candidates']}", markup=False)
    if as_json:
        print_json(contents)
    else:
        print_generated(contents, Console(highlight=False))
    if not contents["statuses"]["passed"]:  # type: ignore[index]
        raise SystemExit(_INCONCLUSIVE)


def _plans(live: Live, recipe: Recipe, writer: ModelSpec, moderators: Sequence[ModelSpec]) -> list[Plan]:
    intents, rewrites, moderation = expected_questions(recipe)
    written = [
        Plan(what, writer, asked, 1, _writing(live, what), _EXPECTED[what])
        for what, asked in (("intents", intents), ("rewrites", rewrites))
    ]
    votes = [Plan("moderation", one, moderation, 1, JUDGED, _EXPECTED["moderation"]) for one in moderators]
    return [*written, *votes]


def _writing(live: Live, stage: str) -> Sampling:
    return replace(live.sampling, temperature=_TEMPERATURES[stage])


def _others(names: Sequence[str]) -> dict[str, str]:
    """Prompts to stay clear of: those of the packs, and of what a person names."""
    sets = [load_pack(name).prompts() for name in PACKS]
    sets += [chosen(name, None, "benign", neutral=False) for name in names]
    return {asked_id(one.name, probe.id): probe.prompt for one in sets for probe in one.probes}


def _carried_out(
    live: Live,
    recipe: Recipe,
    plans: Sequence[Plan],
    moderators: Sequence[ModelSpec],
    others: Mapping[str, str],
    level: float,
    stage: Stage,
) -> Document:
    writer, replies = plans[0].model, list[Reply]()
    total = sum(len(plan.questions) for plan in plans)
    with (
        stage("writing and moderating", total) as advance,
        opened_run("probes-generate", live, plans, advance) as running,
    ):

        def write(what: str, asked: Sequence[Question]) -> Sequence[Reply]:
            (answered,) = running.ask(what, asked, [writer], sampling=_writing(live, what))
            replies.extend(answered.replies)
            return list(answered.replies)

        def moderate(asked: Sequence[Question]) -> dict[str, Sequence[Reply]]:
            votes = running.ask("moderation", asked, moderators, sampling=JUDGED)
            replies.extend(reply for one in votes for reply in one.replies)
            return {model.given: one.replies for model, one in zip(moderators, votes, strict=True)}

        found: Generated = generate(
            recipe,
            write,
            moderate,
            writer=writer.given,
            moderators=[model.given for model in moderators],
            against=others,
        )
        asking, directory = asked_document(running, replies), running.logs.parent
    path = directory / "candidates.jsonl"
    write_candidates(found.candidates, path)
    contents = generated_document(recipe, found, asking, candidates=str(path), level=level)
    save_document(contents, directory / "generated.json")
    return contents
