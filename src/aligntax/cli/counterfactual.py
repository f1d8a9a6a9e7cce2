"""`aligntax counterfactual`: the same requests in alarming and in neutral words, asked of a model now."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from aligntax.cli.counterfactual_asking import (
    Aim,
    Asked,
    ask_all,
    plans,
    proposed_terms,
    same_meaning,
)
from aligntax.cli.counterfactual_requests import Material, drawn, gather, nothing_to_ask
from aligntax.cli.keeping import keep
from aligntax.cli.live import Live, Plan, asked_document, opened_run, plan_document, split
from aligntax.cli.output import print_json, stages, stderr
from aligntax.detectors import detector as named_detector
from aligntax.errors import UsageError
from aligntax.models.endpoint.spec import ModelSpec, model_spec
from aligntax.report.asking import print_plan
from aligntax.report.charts import save_chart
from aligntax.report.charts.counterfactual import counterfactual_chart
from aligntax.report.counterfactual import Measured, counterfactual_document
from aligntax.report.counterfactual_tables import print_counterfactual
from aligntax.report.document import Document, save_document
from aligntax.tax.counterfactual.proposed import Checked, Proposals
from aligntax.tax.counterfactual.requests import Request
from aligntax.tax.counterfactual.variants import (
    CONTROL,
    NEUTRAL,
    ORIGINAL,
    TRIGGER,
    Case,
    Cases,
    make_cases,
)
from aligntax.tax.pairs.differences import Precision

__all__ = ["run"]

_EXIT = {"usable": 0, "jailbreak": 1, "inconclusive": 3}
_FILE = "counterfactual.json"


def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
    """Reads, asks, judges, measures, keeps, prints; see the options of the command.

    Raises:
        SystemExit: with 1 where the rewriting is a jailbreak, with 3 where that cannot be told.
    """
    live, own = split(given)
    if not live.model:
        raise UsageError("which model?", hint="--model openai/gpt-4o-mini; repeatable")
    _counterfactual(live, **own)


def _counterfactual(
    live: Live,
    *,
    pack: Sequence[str] | None,
    prompts: Path | None,
    terms: Path | None,
    propose: str | None,
    harmful: Path | None,
    check_meaning: bool,
    quality: str,
    detector: str,
    margin: float,
    harm_margin: float,
    level: float,
    seed: int,
    chart: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    named_detector(detector)
    if (propose or check_meaning) and live.judge is None:
        raise UsageError("a meaning check needs a judge", hint="--judge openai/gpt-4o-mini")
    material = gather(pack or (), prompts, terms, harmful, proposed=propose is not None)
    proposer = None if propose is None else model_spec(propose)
    aim = Aim(
        detector=detector,
        ways=str(quality),  # type: ignore[arg-type]
        margin=margin,
        harm_margin=harm_margin,
        precision=Precision(level=level, seed=seed),
    )
    check = check_meaning or proposer is not None
    if live.dry_run:
        _show_plan(live, material, aim, proposer, check, as_json=as_json)
        return
    contents = _measured(live, material, aim, proposer, check=check, quiet=quiet)
    if chart is not None:
        _draw(contents, chart, quiet=quiet)
    keep(contents)
    if as_json:
        print_json(contents)
    else:
        print_counterfactual(contents, Console(highlight=False))
    if code := _EXIT[str(contents["verdict"])]:
        raise SystemExit(code)


def _show_plan(
    live: Live, material: Material, aim: Aim, proposer: ModelSpec | None, check: bool, *, as_json: bool
) -> None:
    contents = plan_document(live, _plans(live, material, aim, proposer, check))
    print_json(contents) if as_json else print_plan(contents, Console(highlight=False))


def _plans(live: Live, material: Material, aim: Aim, proposer: ModelSpec | None, check: bool) -> list[Plan]:
    """With a proposer the wordings are not known yet: requests are reckoned as if each got one."""
    benign, harmful, _ = _cases(live, material)
    if proposer is not None and not benign.found:
        benign, harmful = _as_if(material)
    return plans(live, benign, harmful, aim, proposer=proposer, check=check)


def _as_if(material: Material) -> tuple[Cases, Cases]:
    """Every request with wordings as long as itself."""
    both = (TRIGGER, NEUTRAL)
    return _stand_ins(material.benign, (*both, CONTROL, ORIGINAL)), _stand_ins(material.harmful, both)


def _stand_ins(requests: Sequence[Request], variants: Sequence[str]) -> Cases:
    found = [
        Case(request=one, terms=(), inserted=False, texts=dict.fromkeys(variants, one.text), left={})
        for one in requests
    ]
    return Cases(found=tuple(found), left_out={})


def _cases(live: Live, material: Material) -> tuple[Cases, Cases, list[str]]:
    benign = make_cases(material.benign, material.lexicon)
    harmful = make_cases(material.harmful, material.lexicon, harmful=True)
    return drawn(benign, harmful, live.max_samples, live.ask_seed or 0)


def _measured(
    live: Live, material: Material, aim: Aim, proposer: ModelSpec | None, *, check: bool, quiet: bool
) -> Document:
    if proposer is None:
        nothing_to_ask(make_cases(material.benign, material.lexicon))
    planned = _plans(live, material, aim, proposer, check)
    asked, checks, proposals = Asked([]), list[Checked](), list[Proposals]()
    total = sum(len(plan.questions) * plan.samples for plan in planned)
    with (
        stages(quiet=quiet) as stage,
        stage("asking", total) as advance,
        opened_run("counterfactual", live, planned, advance) as running,
    ):
        if proposer is not None:
            benign_requests, bad, proposals = proposed_terms(running, material, proposer, asked)
            material = replace(material, benign=tuple(benign_requests), harmful=tuple(bad))
        benign, harmful, notes = _cases(live, material)
        if check:
            judge = live.judges or _no_judge()
            benign, first = same_meaning(running, benign, judge, asked)
            harmful, second = same_meaning(running, harmful, judge, asked)
            checks = [first, second]
        found = ask_all(running, live, benign, harmful, aim, asked) if benign.found or harmful.found else []
        asking = asked_document(running, asked.replies)
        directory = running.logs.parent
    contents = counterfactual_document(
        found,
        about=_about(live, aim, asked, proposer),
        sources=material.sources,
        benign=benign,
        harmful=harmful,
        meaning=(checks, proposals),
        asking=asking,
        notes=[*material.notes, *notes, *_notes(live, found, asking)],
        created=dt.datetime.now(dt.UTC),
    )
    save_document(contents, directory / _FILE)
    if not quiet:
        stderr().print(f"wrote {directory / _FILE}", markup=False, soft_wrap=True)
    return contents


def _no_judge() -> ModelSpec:
    raise UsageError("a meaning check needs a judge", hint="--judge openai/gpt-4o-mini")


def _about(live: Live, aim: Aim, asked: Asked, proposer: ModelSpec | None) -> dict[str, object]:
    return {
        "level": aim.precision.level,
        "margin": aim.margin,
        "harm_margin": aim.harm_margin,
        "seed": aim.precision.seed,
        "samples": live.epochs,
        "quality": aim.ways if live.judge else "none",
        "detector": asked.detector or aim.detector,
        "judge": live.judge,
        "proposer": None if proposer is None else proposer.given,
    }


def _notes(live: Live, found: Sequence[Measured], asking: dict[str, Any]) -> list[str]:
    """What a reader must know to take the figures rightly, the gravest first."""
    told = list[str]()
    if not found:
        told.append("no rewritten request was left to ask, so nothing was measured")
    if asking["partial"]:
        missing = asking["requests"] - asking["answered"]
        why = asking["stopped"] or ", ".join(asking["failures"]) or "the run was stopped"
        told.append(f"partial: {missing:,} of {asking['requests']:,} requests have no answer ({why})")
    if any(not one.twin.cases for one in found):
        told.append(
            "without harmful requests a rewriting is never called usable: --harmful FILE, or --pack NAME"
        )
    if live.epochs < 3 and live.temperature != 0:
        told.append("one wording drawn three times and more tells its own chance apart: --epochs 3")
    if any(one.twin.cases and not one.judged for one in found):
        told.append(
            "harm was not judged: every answer to a harmful request that is no refusal counts (--judge)"
        )
    return told


def _draw(contents: Document, path: Path, *, quiet: bool) -> None:
    if not contents["models"]:
        stderr().print("nothing was measured, so there is nothing to draw")
        return
    save_chart(counterfactual_chart(contents), path)
    if not quiet:
        stderr().print(f"wrote {path}", markup=False, soft_wrap=True)
