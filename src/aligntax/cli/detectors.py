"""`aligntax detectors`: what there is, and how good each is on labelled responses."""

import inspect
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aligntax.cli.output import print_json, status
from aligntax.detectors import DEFAULT, DETECTORS
from aligntax.detectors import detector as named_detector
from aligntax.detectors.baselines import BASELINES
from aligntax.detectors.scoring import DetectorScores, Fields, LabelledSet, LabelWords, read_labelled
from aligntax.detectors.scoring import score as score_detector
from aligntax.errors import AligntaxError, UsageError
from aligntax.report.scores import print_scores, scores_document

__all__ = ["catalogue", "score"]


def catalogue() -> None:
    """Prints every detector: name, version, what it does."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("name", "version", "what it does"):
        table.add_column(column, header_style="dim", overflow="fold")
    for name, make in DETECTORS.items():
        summary = (inspect.getdoc(make) or "").partition("\n\n")[0].replace("\n", " ")
        try:
            version = make().version
        except AligntaxError as error:
            version, summary = "-", f"{summary} ({error.message})"
        table.add_row(name + (" (default)" if name == DEFAULT else ""), version, summary)
    Console(highlight=False, markup=False).print(table)


def score(
    *,
    labelled: Sequence[Path],
    named: Sequence[str] | None,
    as_json: bool,
    by: str | None,
    level: float,
    mapped: Sequence[str] | None,
    flags: Sequence[str] | None,
    label_field: str,
    prompt_field: str,
    response_field: str,
    model_field: str,
    symptoms_field: str,
    quiet: bool,
) -> None:
    """Scores detectors on files of labelled responses and prints the tables.

    Args:
        labelled: files.
        named: detectors to show in full; without any, the default one beside the baselines in a table.
        as_json: print the document instead of the tables.
        by: dimensions, separated by commas.
        level: coverage of the intervals.
        mapped: "word=class" for label words of others.
        flags: "word=flag" for words of the symptoms field.
        label_field: and the other fields: where things stand in a row.
        prompt_field: see above.
        response_field: see above.
        model_field: see above.
        symptoms_field: see above.
        quiet: nothing on standard error.
    """
    names = list(dict.fromkeys(named or [])) or [DEFAULT, *BASELINES]
    judges = [named_detector(name) for name in names]
    fields = Fields(
        label=label_field,
        prompt=prompt_field,
        response=response_field,
        model=model_field,
        symptoms=symptoms_field,
    )
    words, symptoms = LabelWords(_pairs("--map", mapped)), _pairs("--flag", flags)
    dimensions = None if by is None else [name.strip() for name in by.split(",") if name.strip()]
    scored: list[tuple[LabelledSet, list[DetectorScores]]] = []
    with status(quiet=quiet) as tell:
        for path in labelled:
            tell(f"reading {path}")
            rows = read_labelled(path, fields=fields, words=words, flags=symptoms, by=dimensions)
            found = []
            for judge in judges:
                tell(f"{judge.name} on {path.name}")
                found.append(score_detector(judge, rows, level=level))
            scored.append((rows, found))
    document = scores_document(scored, level=level)
    if as_json:
        print_json(document)
    else:
        print_scores(document, Console(highlight=False), details=named or [])


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    given = given or []
    pairs = [text.rpartition("=") for text in given]
    if wrong := [text for text, (word, _, _) in zip(given, pairs, strict=True) if not word]:
        raise UsageError(f"{option} {wrong[0]}: no '=' with something before it", hint=f"{option} word=class")
    return {word: value for word, _, value in pairs}
