"""What `aligntax compare` puts before two models: prompts of files and packs, or requests of a log."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aligntax.answers.read import read_answers
from aligntax.cli.log import field_map, opened, progress, report_reading
from aligntax.cli.run_directory import RUNS
from aligntax.errors import UnwritableOutput, UsageError
from aligntax.probes.packs import load_pack
from aligntax.probes.prompts import PURPOSES, digest, questions
from aligntax.records.asked import Question
from aligntax.records.files import atomic
from aligntax.tax.pairs.asked import Side, prompt_questions, sample_rows
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.prompts import Prompt, read_prompts
from aligntax.tax.replay.drawn import Drawn, draw_requests, load_drawn, save_drawn
from aligntax.traffic.redaction import Redactor

__all__ = ["Requests", "drawn_from_log", "read_requests", "write_samples"]

_PACK = "pack:"
_SAMPLE = "replay.jsonl"
_LINES = (".jsonl", ".ndjson", ".txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """What is asked.

    Attributes:
        questions: each once, in the order in which some are taken where not all are.
        sources: where they come from.
        notes: what a reader must know.
        drawn: the sample, where they are of a log.
        directory: of a run that has this sample and was stopped; None for none.
    """

    questions: Sequence[Question]
    sources: Sequence[Mapping[str, object]] = ()
    notes: Sequence[str] = ()
    drawn: Drawn | None = None
    directory: Path | None = None

    def keep(self, directory: Path) -> None:
        """Writes the sample of a log into the directory of its run."""
        if self.drawn is not None and not (directory / _SAMPLE).exists():
            save_drawn(self.drawn, directory / _SAMPLE)


def read_requests(given: Sequence[str], purpose: str | None, most: int | None, *, seed: int) -> Requests:
    """Prompts of files and packs, in random order, matched ones together.

    Args:
        given: what a person typed: files, or pack:NAME.
        purpose: of prompts that do not tell theirs.
        most: prompts to ask; None for all.
        seed: of the order.

    Raises:
        UsageError: an id that comes twice, or no such pack.
        UnreadableInput: a file that cannot be read.
    """
    if purpose is not None and purpose not in PURPOSES:
        raise UsageError(f"--purpose {purpose}: no such prompts", hint="benign or harmful")
    clusters, notes, sources = dict[str, list[Question]](), list[str](), list[Mapping[str, object]]()
    for one in dict.fromkeys(given):
        found, source, told = _set(one, purpose)
        sources.append(source)
        notes += told
        for question in found:
            clusters.setdefault(question.cluster or question.id, []).append(question)
    order = list(clusters.values())
    random.Random(seed).shuffle(order)
    every = [question for cluster in order for question in cluster]
    _once(every)
    if most is not None and most < len(every):
        notes.append(f"a random sample of {most:,} of {len(every):,} prompts was asked")
    return Requests(questions=every[:most], sources=sources, notes=notes)


def drawn_from_log(
    logs: Sequence[str],
    size: int,
    options: dict[str, Any],
    chosen: Settings,
    redactor: Redactor | None,
    directory: Path | None,
    *,
    dry_run: bool,
    quiet: bool,
) -> Requests:
    """Requests of a log; those of the same run, where one was stopped.

    Args:
        logs: files of the log.
        size: requests wanted.
        options: of the command: format and fields of the log.
        chosen: the seed of the draw, and the detector that tells what the log recorded.
        redactor: takes personal data out of what is asked and kept; None to leave it in.
        directory: of the run, where a person named one.
        dry_run: whether nothing is asked, so that no earlier run matters.
        quiet: whether to show no progress.
    """
    detector, seed = chosen.detector(), chosen.precision.seed
    identity = {
        "log": [_of_file(name) for name in logs],
        "sample": size,
        "seed": seed,
        "redacted": redactor is not None,
        "detector": f"{detector.name} {detector.version}",
    }
    there = None if dry_run else _earlier(directory, identity)
    if there is not None:
        drawn = load_drawn(there / _SAMPLE, identity)
        return Requests(questions=drawn.questions, drawn=drawn, directory=there)
    log_format = options.pop("log_format")
    with (
        opened(
            logs,
            log_format=log_format,
            fields=field_map(options),
            threads=None,
            strict=False,
            quiet=quiet,
        ) as log,
        progress(log, quiet=quiet) as seen,
    ):
        drawn, reading = draw_requests(
            log, detector, size, seed=seed, redactor=redactor, identity=identity, seen=seen
        )
    report_reading(reading)
    return Requests(questions=drawn.questions, drawn=drawn)


def write_samples(side: Side, path: Path) -> Path:
    """Writes one model's answers as a sample file.

    Raises:
        UnwritableOutput: that cannot be done.
    """
    try:
        with atomic(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
            for row in sample_rows(side):
                file.write(json.dumps(row, ensure_ascii=True, allow_nan=False) + "\n")
    except OSError as error:
        raise UnwritableOutput(
            f"{path}: cannot be written: {error.strerror}", hint="name another directory with --out"
        ) from error
    return path


def _set(given: str, purpose: str | None) -> tuple[list[Question], Mapping[str, object], list[str]]:
    """The prompts a person named, where they come from, and what must be known of them."""
    if given.startswith(_PACK):
        pack = load_pack(given.removeprefix(_PACK)).prompts()
        source = {
            "name": pack.name,
            "source": pack.source,
            "sha256": pack.sha256,
            "licence": pack.licence,
        }
        return questions(pack), source, list(pack.notes)
    path = Path(given)
    prompts = _prompts(given, path)
    name = path.name.partition(".")[0] or given
    found, notes = prompt_questions(name, prompts, prompt_type=purpose)
    sha256 = digest(path.read_bytes()) if path.is_file() else ""
    return found, {"name": name, "source": given, "sha256": sha256, "licence": "unclear"}, notes


def _prompts(given: str, path: Path) -> list[Prompt]:
    """Lines of prompts; of anything else, the prompts of its answers."""
    if path.suffix.lower() in _LINES or (path.is_file() and not path.suffix):
        return read_prompts(path)
    found = list[Prompt]()
    for answers in read_answers(given):
        if answers.table is None:
            continue
        columns = (answers.table.column(name).to_pylist() for name in ("item", "prompt"))
        for number, (item, prompt) in enumerate(zip(*columns, strict=True), 1):
            if prompt:
                place = f"{given}, answer {number}"
                found.append(Prompt(prompt, None, answers.prompt_type or "", item, place))
    if not found:
        raise UsageError(f"{given}: no prompts in it", hint='lines of {"id": "...", "prompt": "..."}')
    return found


def _once(asked: Sequence[Question]) -> None:
    seen = set[str]()
    for one in asked:
        if one.id in seen:
            raise UsageError(
                f"two prompts with the id {one.id}", hint="give the files names of their own, or ask one"
            )
        seen.add(one.id)


def _of_file(name: str) -> list[object]:
    """What tells whether a log is still the same."""
    path = Path(name)
    if not path.exists():
        return [name]
    told = path.stat()
    return [str(path.resolve()), told.st_size, told.st_mtime_ns]


def _earlier(directory: Path | None, identity: Mapping[str, Any]) -> Path | None:
    """The directory of a run of this very sample, or of the one a person named."""
    if directory is not None:
        return directory if (directory / _SAMPLE).exists() else None
    for sample in sorted(RUNS.glob(f"compare-*/{_SAMPLE}"), reverse=True):
        try:
            finished = json.loads((sample.parent / "run.json").read_text("utf-8"))["finished"]
            with sample.open(encoding="utf-8") as file:
                told = json.loads(file.readline())["identity"]
        except (OSError, ValueError, KeyError):
            continue
        if not finished and told == json.loads(json.dumps(identity)):
            return sample.parent
    return None
