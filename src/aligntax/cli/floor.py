"""`aligntax floor`: asks, has the answers judged, holds them to the floor."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from aligntax.cli.floor_grading import Graded, Grading, grade
from aligntax.cli.keeping import keep
from aligntax.cli.live import JUDGED, Live, Plan, asked_document, opened_run, plan_document, split
from aligntax.cli.output import print_json, stages, stderr
from aligntax.errors import UsageError
from aligntax.models.endpoint.spec import ModelSpec, model_spec
from aligntax.probes.harmful import HarmfulPrompts, in_random_order, prompt_digest, read_harmful
from aligntax.records.asked import Question
from aligntax.report.asking import print_plan
from aligntax.report.charts import save_chart
from aligntax.report.charts.floor import floor_chart
from aligntax.report.document import Document, save_document
from aligntax.report.floor import floor_document
from aligntax.report.floor_asked import Other, Run
from aligntax.report.floor_tables import print_floor
from aligntax.tax.floor.against import check_common, hold_against
from aligntax.tax.floor.earlier import FILE, Earlier, is_earlier, read_earlier
from aligntax.tax.floor.labels import judge_error, overruled, read_labels
from aligntax.tax.floor.measured import Settings, by_prompt, check_hazards, measure_floor

__all__ = ["run"]

_EXIT = {"pass": 0, "fail": 1, "inconclusive": 3}
_EXPECTED = 90
"""Tokens of a grade, likely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What there is to do.

    Attributes:
        harmful: the prompts of all sets.
        questions: those that are asked, in their order.
        models: the one that is measured, then one it is held against, if it is a model.
        earlier: the run it is held against; None for none.
    """

    harmful: HarmfulPrompts
    questions: Sequence[Question]
    models: Sequence[ModelSpec]
    earlier: Earlier | None


def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
    """Asks, judges, measures, keeps, prints; see the options of the command.

    Raises:
        SystemExit: with 1 where the floor is broken, with 3 where that cannot be told.
    """
    live, own = split(given)
    if len(live.model or ()) != 1:
        raise UsageError("the floor of one model", hint="one --model; another to compare with: --against")
    _floor(live, **own)


def _floor(
    live: Live,
    *,
    sets: Sequence[str] | None,
    against: str | None,
    ceiling: float,
    hazard: Sequence[str] | None,
    each_hazard: bool,
    margin: float,
    harm_from: float,
    labels: Path | None,
    force: bool,
    detector: str,
    level: float,
    chart: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    settings = Settings(
        ceiling=ceiling, hazards=_ceilings(hazard or ()), each_hazard=each_hazard, margin=margin, level=level
    )
    if not 0 < harm_from <= 1:
        raise UsageError(f"--harm-from {harm_from:g}: every answer would be harmful", hint="0.5, up to 1")
    told = None if labels is None else (str(labels), read_labels(labels))
    grading = Grading(detector=detector, judge=live.judges, harm_from=harm_from)
    asked = _to_ask(live, sets or (), against)
    check_hazards(asked.questions, settings)
    forced = _comparable(asked, grading, force=force)
    plans = _plans(live, asked)
    if live.dry_run:
        contents: Document = plan_document(live, plans)
        print_json(contents) if as_json else print_plan(contents, Console(highlight=False))
        return
    contents = _measured(live, asked, plans, grading, settings, against, told, forced, quiet=quiet)
    if chart is not None:
        _draw(contents, chart, quiet=quiet)
    keep(contents)
    if as_json:
        print_json(contents)
    else:
        print_floor(contents, Console(highlight=False))
    if code := _EXIT[contents["verdict"]["verdict"]]:  # type: ignore[index]
        raise SystemExit(code)


def _draw(contents: Document, path: Path, *, quiet: bool) -> None:
    if contents["rate"]["value"] is None:  # type: ignore[index]
        stderr().print("no answer came, so there is nothing to draw")
        return
    save_chart(floor_chart(contents), path)
    if not quiet:
        stderr().print(f"wrote {path}", markup=False)


def _to_ask(live: Live, sets: Sequence[str], against: str | None) -> _Asked:
    harmful = read_harmful(sets)
    earlier = read_earlier(against) if against is not None and is_earlier(against) else None
    models = live.models
    if against is not None and earlier is None:
        models.append(model_spec(against))
        if models[0] == models[1]:
            raise UsageError("a model against itself", hint="--against another model, or an earlier run")
    questions = in_random_order(harmful.questions, live.ask_seed or 0)[: live.max_samples]
    return _Asked(harmful=harmful, questions=questions, models=models, earlier=earlier)


def _plans(live: Live, asked: _Asked) -> list[Plan]:
    count = f"{len(asked.questions):,} prompts"
    plans = [Plan(count, model, asked.questions, live.epochs, live.sampling) for model in asked.models]
    if live.judges is not None:
        # what the judge reads is not known yet: the rubric, the prompt, and an answer as long as is likely
        drawn = live.epochs * len(asked.models)
        stand_ins = [
            Question(id=one.id, prompt=one.prompt + " " * 4 * plans[0].expected, system=" " * 4200)
            for one in asked.questions
        ]
        plans.append(Plan("grades of the answers", live.judges, stand_ins, drawn, JUDGED, _EXPECTED))
    return plans


def _measured(
    live: Live,
    asked: _Asked,
    plans: Sequence[Plan],
    grading: Grading,
    settings: Settings,
    against: str | None,
    told: tuple[str, Mapping[tuple[str, int], bool]] | None,
    forced: Sequence[str],
    *,
    quiet: bool,
) -> Document:
    total = len(asked.questions) * live.epochs * len(asked.models) * (1 if live.judge is None else 2)
    with (
        stages(quiet=quiet) as stage,
        stage(f"asking {len(asked.questions):,} prompts", total) as advance,
        opened_run("floor", live, plans, advance) as running,
    ):
        found = grade(running, asked.questions, asked.models, grading, live.epochs)
        asking = asked_document(running, [reply for one in found for reply in one.replies])
        directory = running.logs.parent
    contents = _document(live, asked, found, asking, grading, settings, against, told, forced)
    save_document(contents, directory / FILE)
    if not quiet:
        stderr().print(f"wrote {directory / FILE}", markup=False)
    return contents


def _document(
    live: Live,
    asked: _Asked,
    found: Sequence[Graded],
    asking: Mapping[str, object],
    grading: Grading,
    settings: Settings,
    against: str | None,
    told: tuple[str, Mapping[tuple[str, int], bool]] | None,
    forced: Sequence[str],
) -> Document:
    digests = {one.id: prompt_digest(one) for one in asked.questions}
    answers = found[0].answers if told is None else overruled(found[0].answers, told[1])
    own = by_prompt(asked.questions, answers, digests)
    floor = measure_floor(own, settings, judged=grading.judge is not None)
    other = None
    if asked.earlier is not None:
        compared = hold_against(own, asked.earlier.prompts, settings)
        earlier = asked.earlier
        other = Other(
            name=f"{earlier.model}, {against}",
            kind="run",
            created=earlier.created,
            samples=earlier.samples,
            found=compared,
        )
    elif against is not None:
        theirs = by_prompt(asked.questions, found[1].answers, digests)
        compared = hold_against(own, theirs, settings)
        other = Other(name=against, kind="model", created="", samples=live.epochs, found=compared)
    notes = list(asked.harmful.notes)
    if len(asked.questions) < len(asked.harmful.questions):
        drawn = f"{len(asked.questions):,} of {len(asked.harmful.questions):,}"
        notes.append(f"a random sample of {drawn} prompts was asked")
    error = None if told is None else judge_error(found[0].answers, told[1], settings.level)
    told_error = None if told is None or error is None else (told[0], error)
    made = Run(
        model=live.model[0],
        graded_by=grading.by,
        judged=grading.judge is not None,
        harm_from=grading.harm_from,
        samples=live.epochs,
        sets=asked.harmful.sources,
        asking=asking,
        graded=answers,
        labels=told_error,
        forced=forced,
        notes=notes,
    )
    return floor_document(made, floor, settings, other, created=dt.datetime.now(dt.UTC))


def _comparable(asked: _Asked, grading: Grading, *, force: bool) -> list[str]:
    """What differs from the earlier run, where that is forced.

    Raises:
        UsageError: nothing is common to both, or it was graded in another way, and that is not forced.
    """
    if asked.earlier is None:
        return []
    check_common({one.id: prompt_digest(one) for one in asked.questions}, asked.earlier.prompts)
    if asked.earlier.graded_by == grading.by:
        return []
    told = f"graded by {grading.by} here, by {asked.earlier.graded_by} there"
    if not force:
        raise UsageError(told, hint="grade both in the same way, or say --force")
    return [told]


def _ceilings(given: Sequence[str]) -> dict[str, float]:
    found = dict[str, float]()
    for one in given:
        name, equals, value = one.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise UsageError(f"--hazard {one}: no hazard and its ceiling", hint="--hazard privacy=0.01")
    return found
