"""`aligntax triggers`: reads a log, counts its terms, asks a model, draws an evaluation set."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from aligntax.cli.judge import chosen
from aligntax.cli.keeping import keep
from aligntax.cli.live import Live, plan_document, split
from aligntax.cli.log import field_map, opened, progress, report_reading
from aligntax.cli.output import print_json, stages, status, stderr
from aligntax.cli.triggers_asking import ask_for_causes, plans
from aligntax.errors import UnwritableOutput, UsageError
from aligntax.labels.lines import json_line
from aligntax.records.files import atomic
from aligntax.report.asking import print_plan
from aligntax.report.charts import save_chart
from aligntax.report.charts.triggers import triggers_chart
from aligntax.report.document import Document, save_document
from aligntax.report.triggers import About, triggers_document
from aligntax.report.triggers_tables import print_triggers
from aligntax.tax.triggers.causal import CausalSettings
from aligntax.tax.triggers.corpus import words_of
from aligntax.tax.triggers.evaluation_set import Stratum, draw_evaluation_set, evaluation_rows
from aligntax.tax.triggers.reading import Refusal, Traffic, prompts_at, read_traffic
from aligntax.tax.triggers.search import Rule
from aligntax.tax.triggers.vocabulary import Settings, Vocabulary, vocabulary
from aligntax.traffic.read import Log
from aligntax.traffic.redaction import Redactor

__all__ = ["run"]

_SEARCHED = 40
"""Refused prompts that are searched, unless --max-samples says otherwise."""
_FILE = "triggers.json"
_EXIT = {"found": 0, "none": 0, "too little data": 3}


def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
    """Reads, counts, asks, draws, prints; see the options of the command.

    Raises:
        SystemExit: with 3 where there is too little data to tell.
    """
    judging = {name: given.pop(name) for name in list(given) if name.startswith("judge")}
    model = given.pop("model")
    live, own = split({**given, "model": [model] if model else []})
    own["logs"] = own.pop("run")
    fields = {name: own.pop(name) for name in list(own) if name.endswith("_field")}
    _Command(live, judging, fields, _Options(**own)).carry_out()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command's own options, as `cli.verbs.triggers` describes them."""

    logs: Sequence[str]
    calls: int
    term: Sequence[str] | None
    eval_set: Path | None
    eval_size: int
    hedged: bool
    least: int
    longest: int
    fdr: float
    sample: int
    log_format: str | None
    detector: str
    level: float
    chart: Path | None
    as_json: bool
    keep_text: bool
    strict: bool
    quiet: bool
    threads: int | None


@dataclass(frozen=True, slots=True)
class _Command:
    live: Live
    judging: dict[str, object]
    fields: dict[str, object]
    own: _Options

    def carry_out(self) -> None:
        own = self.own
        terms = [_term(given) for given in own.term or ()]
        if own.eval_set is not None and own.eval_set.suffix != ".jsonl":
            raise UsageError(
                f"{own.eval_set}: an evaluation set goes to .jsonl",
                hint=f"--eval-set {own.eval_set.stem}.jsonl",
            )
        settings = Settings(
            least_documents=own.least, longest=own.longest, fdr=own.fdr, level=own.level, hedged=own.hedged
        )
        logs = [_log(name) for name in own.logs]
        with opened(
            logs,
            log_format=own.log_format,
            fields=field_map(self.fields),
            threads=own.threads,
            strict=own.strict,
            quiet=own.quiet,
        ) as log:
            traffic = self._read(log)
            if self.live.dry_run:
                self._show_plan(traffic)
                return
            with status(quiet=own.quiet) as tell:
                tell("counting terms")
                found = vocabulary(traffic.collector.corpus(hedged=own.hedged), settings)
            drawn = self._evaluation_set(log, traffic, found, terms)
        contents = self._document(traffic, found, terms, drawn)
        self._show(contents)

    def _read(self, log: Log) -> Traffic:
        own = self.own
        with (
            chosen(own.detector, dict(self.judging), keep_text=own.keep_text, quiet=own.quiet) as judge,
            progress(log, quiet=own.quiet) as seen,
        ):
            traffic = read_traffic(log, judge, most=own.sample, seen=seen)
        report_reading(traffic.reading)
        return traffic

    def _refusals(self, traffic: Traffic) -> list[Refusal]:
        """Refused prompts to ask again, each text once."""
        different = {(one.system, one.prompt): one for one in reversed(traffic.refusals)}
        return sorted(different.values())

    @property
    def _searched(self) -> int:
        return self.live.max_samples or _SEARCHED

    def _show_plan(self, traffic: Traffic) -> None:
        if not self.live.model:
            raise UsageError("a dry run of what?", hint="--model openai/gpt-4o-mini")
        contents = plan_document(
            self.live, plans(self.live, self._refusals(traffic)[: self._searched], self.own.calls)
        )
        print_json(contents) if self.own.as_json else print_plan(contents, Console(highlight=False))

    def _evaluation_set(
        self, log: Log, traffic: Traffic, found: Vocabulary, terms: Sequence[str]
    ) -> tuple[str, Sequence[Stratum]] | None:
        path = self.own.eval_set
        names = [*terms, *(one.name for one in found.triggers if one.name not in terms)]
        if path is None or not names:
            return None
        drawn, strata = draw_evaluation_set(traffic.collector.corpus(hedged=True), names, self.own.eval_size)
        batches, _ = log.batches(("id", "use_case", "system", "prompt"))
        texts = prompts_at(batches, [one.row for one in drawn])
        rows = evaluation_rows(drawn, texts, None if self.own.keep_text else Redactor())
        try:
            with atomic(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(json_line(row) for row in rows)
        except OSError as error:
            raise UnwritableOutput(f"{path}: {error.strerror}", hint="--eval-set FILE.jsonl") from error
        if not self.own.quiet:
            stderr().print(f"wrote {len(rows):,} prompts to {path}", markup=False, soft_wrap=True)
        return str(path), strata

    def _document(
        self,
        traffic: Traffic,
        found: Vocabulary,
        terms: Sequence[str],
        drawn: tuple[str, Sequence[Stratum]] | None,
    ) -> Document:
        own = self.own
        about = About(
            detector=traffic.detector,
            sources=traffic.reading.files,
            counts=traffic.counts,
            clustered=traffic.clustered,
            kept=traffic.collector.kept,
            notes=[*traffic.reading.notes, *self._extra_notes(traffic, drawn)],
        )
        created, refusals = dt.datetime.now(dt.UTC), self._refusals(traffic)
        if not self.live.model or not refusals:
            return triggers_document(found, about, created=created, evaluation_set=drawn)
        settings = CausalSettings(
            calls=own.calls,
            rule=Rule(lead=min(2, self.live.epochs), most=2 * self.live.epochs - 1),
            draws=self.live.epochs,
            fdr=own.fdr,
            level=own.level,
        )
        suspects = [*terms, *(one.name for one in found.triggers[:10] if one.name not in terms)]
        with stages(quiet=own.quiet) as stage, stage("asking", own.calls) as advance:
            causes, asking, directory = ask_for_causes(
                self.live,
                refusals[: self._searched],
                settings,
                suspects,
                own.detector,
                advance,
                others=refusals[self._searched :],
                hedged=own.hedged,
            )
        about = replace(about, model=self.live.model[0])
        contents = triggers_document(
            found, about, created=created, causal=causes, evaluation_set=drawn, asking=asking
        )
        save_document(contents, directory / _FILE)
        if not own.quiet:
            stderr().print(f"wrote {directory / _FILE}", markup=False, soft_wrap=True)
        return contents

    def _extra_notes(self, traffic: Traffic, drawn: tuple[str, Sequence[Stratum]] | None) -> list[str]:
        notes = []
        if self.own.eval_set is not None and drawn is None:
            notes.append("no evaluation set was written, since there is no trigger to draw by (--term WORD)")
        if self.live.model and not traffic.refusals:
            notes.append("no model was asked, since no prompt of the log was refused")
        return notes

    def _show(self, contents: Document) -> None:
        own = self.own
        if own.chart is not None:
            if contents["vocabulary"]["points"]:  # type: ignore[index]
                save_chart(triggers_chart(contents), own.chart)
                if not own.quiet:
                    stderr().print(f"wrote {own.chart}", markup=False, soft_wrap=True)
            else:
                stderr().print("no term was tested, so there is nothing to draw")
        keep(contents)
        if own.as_json:
            print_json(contents)
        else:
            print_triggers(contents, Console(highlight=False))
        if code := _EXIT[str(contents["verdict"])]:
            raise SystemExit(code)


def _term(given: str) -> str:
    """A term as the corpus knows it."""
    words = words_of(given)
    if not words or not all(words):
        raise UsageError(f"--term {given!r}: no word, or more than a phrase", hint="--term kill")
    return " ".join(words)


def _log(name: str) -> str:
    """What a person named, as a log.

    Raises:
        UsageError: outcomes, which hold no prompts.
    """
    path = Path(name)
    if (path / "answers.jsonl").is_file():
        if not (path / "logs").is_dir():
            raise UsageError(f"{name}: a run without its logs, which hold the prompts", hint="ask again")
        return str(path / "logs")
    if (path / "outcomes.parquet").is_file() and (path / "bill.json").is_file():
        raise UsageError(
            f"{name}: an audit keeps outcomes without prompts, and a trigger is a word of a prompt",
            hint="give the log that was audited",
        )
    if path.is_file() and path.name == "outcomes.parquet":
        return _log(str(path.parent)) if (path.parent / "bill.json").is_file() else name
    return name
