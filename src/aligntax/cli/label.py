"""`aligntax label`: plan which exchanges to label, export them, import labels, see how far people agree."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aligntax.cli.log import field_map, opened, report_reading
from aligntax.cli.output import print_json, stderr
from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.agreement import Agreement, Disagreement, Pair, tasks_of
from aligntax.labels.agreement import agree as measure
from aligntax.labels.collect import Sources, collect
from aligntax.labels.formats import FORMATS, read_answers, write_tasks
from aligntax.labels.labels import Design, LabelSet, census_or_random, load_labels, planned, save_labels
from aligntax.labels.plan import Plan, load_plan, make_plan, save_plan
from aligntax.labels.resolve import settled
from aligntax.labels.run import read_run
from aligntax.labels.strata import Stratum
from aligntax.labels.tasks import Task
from aligntax.labels.texts import COLUMNS, fetch
from aligntax.records import LABEL_OUTCOMES, Estimate, Label
from aligntax.report.tables import figures_table, printable, shown
from aligntax.traffic.formats.tabular import FieldMap
from aligntax.traffic.redaction import Redactor

__all__ = ["Source", "agree", "export", "import_", "note", "plan", "texts_of", "write_labels"]

_ENDINGS = {"csv": ".csv", "jsonl": ".jsonl", "label-studio": ".json"}
_FEWEST_LABELS = 50
_MOST_SHOWN = 20
_MOST_PAIRS = 3
_FEW = 5


@dataclass(frozen=True)
class Source:
    """Where the texts of exchanges come from, and how they are read."""

    logs: Sequence[str]
    log_format: str | None
    fields: FieldMap
    keep_text: bool
    strict: bool
    quiet: bool
    threads: int | None


def plan(*, run: Path, budget: int, seed: int, by: str, out: Path, as_json: bool, quiet: bool) -> None:
    """Chooses, writes the plan, prints its strata."""
    names = [name.strip() for name in by.split(",") if name.strip()]
    made = make_plan(read_run(run), budget=budget, seed=seed, by=names)
    if out.exists() and _something_else(out, made):
        raise UsageError(
            f"{out}: something else is there already, perhaps a plan that people are labelling by",
            hint="--out another name, or remove it",
        )
    save_plan(made, out)
    if as_json:
        print_json(made.header())
    else:
        _print_plan(made, Console(highlight=False))
    if not quiet:
        note(f"wrote {out}; it tells the verdicts, so keep it from the annotators")
        note(f"next: aligntax label export {out} LOG --to csv")


def export(
    *,
    plan: Path,
    logs: Sequence[str] | None,
    to: str,
    out: Path | None,
    log_format: str | None,
    keep_text: bool,
    strict: bool,
    quiet: bool,
    threads: int | None,
    **fields: object,
) -> None:
    """Fetches the texts of a plan's exchanges and writes what annotators fill in."""
    target = _target(out, "to-label", to)
    chosen = load_plan(plan)
    tasks = [Task(key=one.key, policy_version=chosen.policy_version) for one in chosen.chosen]
    wanted = {one.key: one.prompt_key for one in chosen.chosen}
    source = Source(logs or (), log_format, field_map(fields), keep_text, strict, quiet, threads)
    listed = _with_texts(tasks, wanted, source)
    _write(listed, target, to, quiet=quiet)


def import_(
    *,
    files: Sequence[Path],
    out: Path,
    plan: Path | None,
    run: Path | None,
    random_sample: bool,
    annotator: str,
    adjudicators: Sequence[str] | None,
    quiet: bool,
) -> None:
    """Reads what annotators filled in, checks it, writes labels with their design."""
    if plan and (run or random_sample):
        raise UsageError(
            "--plan tells how the exchanges were chosen", hint="leave out --run and --random-sample"
        )
    if random_sample and not run:
        raise UsageError("--random-sample needs the run they were drawn from", hint="--run DIRECTORY")
    by_plan, of_run = load_plan(plan) if plan else None, read_run(run) if run else None
    known = by_plan.by_key if by_plan else of_run.keys if of_run else None
    sources = Sources(known=known, annotator=annotator, adjudicators=adjudicators or ())
    found = collect((one for file in files for one in read_answers(file)), sources)
    design = Design()
    if by_plan:
        design = planned(by_plan, found.labels)
    elif of_run:
        design = census_or_random(of_run, found.labels, random=random_sample)
    write_labels(LabelSet(tuple(found.labels), design, tuple(found.notes())), out, quiet=quiet)


def write_labels(labels: LabelSet, out: Path, *, quiet: bool) -> None:
    """Writes labels with their design, and says how far they go."""
    save_labels(labels, out)
    for line in [*labels.notes, *_coverage(labels)]:  # also when quiet: a drop is never silent
        note(line)
    if not quiet:
        note(f"wrote {out}: {_summary(labels.labels)}")


def agree(
    *,
    labels: Sequence[Path],
    as_json: bool,
    level: float,
    to: str | None,
    out: Path | None,
    logs: Sequence[str] | None,
    log_format: str | None,
    keep_text: bool,
    strict: bool,
    quiet: bool,
    threads: int | None,
    **fields: object,
) -> None:
    """Measures agreement, prints it, and writes the disagreements for an adjudicator when asked."""
    target = _target(out, "to-adjudicate", to or "csv") if to or out else None
    loaded = load_labels(labels)
    for line in loaded.notes:
        note(line)
    agreement = measure(loaded.labels, level=level)
    if as_json:
        print_json(agreement.as_json())
    else:
        _print_agreement(agreement, Console(highlight=False))
    if target and agreement.open:
        tasks = tasks_of(agreement)
        wanted = {task.key: None for task in tasks}
        source = Source(logs or (), log_format, field_map(fields), keep_text, strict, quiet, threads)
        listed = _with_texts(tasks, wanted, source)
        _write(listed, target, to or "csv", quiet=quiet)
    elif target:
        note(f"nothing to adjudicate, so {target} was not written")


def _something_else(path: Path, made: Plan) -> bool:
    """Whether there is anything in this place but the very same plan."""
    try:
        return load_plan(path) != made
    except UnreadableInput:
        return True


def _target(out: Path | None, name: str, to: str) -> Path:
    """Where tasks go; never over a file that somebody may have filled in."""
    if to not in FORMATS:
        raise UsageError(
            f"--to {to}: labels are not written in that form", hint=f"one of: {', '.join(FORMATS)}"
        )
    target = out or Path(name + _ENDINGS[to])
    if target.exists():
        raise UsageError(f"{target}: it is there already, perhaps filled in", hint="--out another name")
    return target


def _with_texts(tasks: Sequence[Task], wanted: Mapping[str, int | None], source: Source) -> list[Task]:
    """The tasks with their texts; those whose text is not in the log are left out."""
    if not source.logs:
        note("no log given: the export holds ids alone, for annotators who can look up the texts")
        return list(tasks)
    texts = texts_of(wanted, source)
    return [replace(task, texts=texts[task.key]) for task in tasks if task.key in texts]


def texts_of(
    wanted: Mapping[str, int | None], source: Source, columns: Sequence[str] = COLUMNS
) -> dict[str, dict[str, str]]:
    """The texts of exchanges by their keys, and on standard error which of them are not in the log."""
    with opened(
        source.logs,
        log_format=source.log_format,
        fields=source.fields,
        threads=source.threads,
        strict=source.strict,
        quiet=source.quiet,
    ) as log:
        batches, reading = log.batches(columns)
        texts = fetch(batches, wanted, None if source.keep_text else Redactor())
        if texts.missing:
            report_reading(reading)
    for line in texts.notes():
        note(line)
    return texts.of_key


def _write(tasks: Sequence[Task], target: Path, to: str, *, quiet: bool) -> None:
    written = write_tasks(tasks, target, to)
    if quiet:
        return
    note(f"wrote {len(tasks):,} exchanges to {target}; fill in `outcome` by docs/labelling-policy.md")
    for config in written[1:]:
        note(f"paste {config} into Label Studio: Settings, Labeling Interface, Code")


def _coverage(labels: LabelSet) -> list[str]:
    """How far the labels go towards what was planned, and what they can be used for."""
    design, keys = labels.design, {label.id for label in labels.labels}
    planned_in_all = sum(stratum.labels for stratum in design.strata)
    _, unresolved = settled(labels.labels)
    notes = list[str]()
    if design.kind == "none":
        notes.append(
            "without --plan or --run nobody knows how the exchanges were chosen: no rate can be corrected"
        )
    if design.kind == "planned" and len(keys) < planned_in_all:
        notes.append(
            f"{planned_in_all - len(keys):,} of {planned_in_all:,} planned exchanges have no label yet"
        )
    if unresolved:
        notes.append(f"{len(unresolved):,} exchanges have labels that disagree; see `aligntax label agree`")
    return notes


def _summary(labels: Sequence[Label]) -> str:
    outcomes = Counter(label.outcome for label in labels)
    said = ", ".join(f"{outcomes[name]:,} {_word(name)}" for name in LABEL_OUTCOMES if outcomes[name])
    exchanges, people = len({label.id for label in labels}), len({label.annotator for label in labels})
    who = "1 annotator" if people == 1 else f"{people} annotators"
    return f"{len(labels):,} labels of {exchanges:,} exchanges by {who} ({said})"


def note(text: str) -> None:
    """A line on standard error."""
    stderr().print(printable(text), markup=False, soft_wrap=True)


def _word(outcome: str) -> str:
    return outcome.replace("_", " ")


def _print_plan(made: Plan, console: Console) -> None:
    chosen, detector = len(made.chosen), f"{made.detector} ({made.detector_version})"
    console.print(f"\n[bold]Label plan[/bold]  {chosen:,} of {made.population:,} exchanges")
    console.print(f"[dim]detector {shown(detector)}; labelling policy {made.policy_version}[/dim]")
    table = figures_table(
        f"Strata by {' and '.join(_word(name) for name in made.by)}", "", "exchanges", "to label", "chance"
    )
    for stratum in made.strata:
        chance = f"{stratum.probability:.1%}"
        table.add_row(shown(stratum.name), f"{stratum.size:,}", f"{stratum.labels:,}", chance)
    console.print(table)
    console.print()
    for line in _plan_notes(made):
        console.print(f"- {shown(line)}")


def _plan_notes(made: Plan) -> list[str]:
    notes = [f"{stratum.name} pools {_cells(stratum)}" for stratum in made.strata if stratum.pooled]
    if made.left_out:
        parts = ", ".join(f"{count:,} {_word(reason)}" for reason, count in sorted(made.left_out.items()))
        notes.append(f"not to be labelled, for they are in no rate: {parts}")
    if len(made.chosen) == made.population:
        notes.append("every exchange is to be labelled")
    elif len(made.chosen) < _FEWEST_LABELS:
        notes.append(f"{_FEWEST_LABELS} labels are the least that corrects a rate, 100 are advised")
    return notes


def _cells(stratum: Stratum) -> str:
    """The cells of a pooled stratum without their verdict, a few by name."""
    names = [cell.split(" / ", 1)[-1] for cell in stratum.pooled]
    more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def _print_agreement(agreement: Agreement, console: Console) -> None:
    people = ", ".join(f"{shown(name)} {count:,}" for name, count in agreement.annotators.items())
    console.print(f"\n[bold]Agreement[/bold]  {agreement.shared:,} exchanges labelled by two or more")
    console.print(f"[dim]labels: {people}[/dim]")
    console.print("[dim]figures are of the labelled exchanges, not of all traffic[/dim]")
    if agreement.shared:
        console.print(_figures(agreement))
    if len(agreement.pairs) <= _MOST_PAIRS:
        for pair in agreement.pairs:
            console.print(_confusion(pair))
    if agreement.open:
        console.print(_disagreements(agreement.open))
    if len(agreement.open) > _MOST_SHOWN:
        console.print(f"[dim]and {len(agreement.open) - _MOST_SHOWN:,} more[/dim]")
    console.print()
    for line in agreement.advice:
        console.print(f"- {shown(line)}")


def _figures(agreement: Agreement) -> Table:
    table = figures_table(
        "How far people agree", "", "value", f"{agreement.alpha.level:.0%} interval", "same", "of"
    )
    for pair in agreement.pairs:
        name = f"Cohen's kappa, {shown(pair.first)} and {shown(pair.second)}"
        table.add_row(name, *_figure(pair.kappa), f"{pair.agreed:,}", f"{int(pair.confusion.sum()):,}")
    same = agreement.shared - agreement.differing
    table.add_row("Krippendorff's alpha", *_figure(agreement.alpha), f"{same:,}", f"{agreement.shared:,}")
    return table


def _figure(estimate: Estimate) -> tuple[str, str]:
    if not estimate.known:
        return "unknown", shown(estimate.reason)
    return f"{estimate.value:.2f}", f"{estimate.low:.2f} to {estimate.high:.2f}"


def _confusion(pair: Pair) -> Table:
    names = [_word(outcome) for outcome in LABEL_OUTCOMES]
    table = figures_table(f"{shown(pair.first)} (rows) against {shown(pair.second)} (columns)", "", *names)
    for at, name in enumerate(names):
        counts = (f"{count:,}" if count else "·" for count in pair.confusion[at].tolist())
        table.add_row(name, *counts)
    return table


def _disagreements(several: Sequence[Disagreement]) -> Table:
    table = figures_table(f"To adjudicate: {len(several):,}", "exchange", "labels", names=(0, 1))
    for one in several[:_MOST_SHOWN]:
        said = ", ".join(f"{label.annotator}: {_word(label.outcome)}" for label in one.labels)
        table.add_row(shown(one.key), shown(said))
    return table
