"""The options several commands share, and how a command reaches the module that does it."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ClusterField",
    "CostField",
    "DetectorName",
    "Format",
    "IdField",
    "Inputs",
    "JudgeBand",
    "JudgeCache",
    "JudgeLimit",
    "JudgeLog",
    "JudgeModel",
    "KeepText",
    "ModelField",
    "Period",
    "PromptField",
    "Quiet",
    "ResponseField",
    "Strict",
    "SystemField",
    "Threads",
    "TimeField",
    "UseCaseField",
    "call",
    "field",
]


def call(command: str, options: dict[str, object], function: str = "run") -> None:
    """Calls a function of the command's module, imported only now, with the options of the command."""
    getattr(import_module(f"aligntax.cli.{command}"), function)(**options)


class Period(StrEnum):
    """What time is cut into."""

    day = "day"
    week = "week"
    month = "month"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="LOG...", help="Files, globs, directories, or - for standard input; plain, .gz or .zst."
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", help="Log format; told from the file when not given. See `formats`.")
]
DetectorName = Annotated[str, typer.Option("--detector", help="See `aligntax detectors list`.")]
Strict = Annotated[bool, typer.Option("--strict", help="A record that cannot be read is an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no notes on standard error.")]
KeepText = Annotated[
    bool, typer.Option("--keep-text", help="Keep raw, unredacted text in the outputs.", show_default=False)
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads that read; all cores.")]


def _judging(name: str, what: str, **settings: object) -> object:
    return typer.Option(name, help=what, rich_help_panel="Judge", **settings)  # type: ignore[arg-type]


JudgeModel = Annotated[
    str | None,
    _judging(
        "--judge", "Model asked about what the cascade leaves open: openai/gpt-4o-mini, ...", metavar="MODEL"
    ),
]
JudgeLimit = Annotated[int, _judging("--judge-limit", "Most exchanges the judge is asked about.", min=0)]
JudgeBand = Annotated[
    str | None,
    _judging(
        "--judge-band",
        "Scores at which it is asked about decided exchanges too: 0.3-0.7.",
        metavar="LOW-HIGH",
    ),
]
JudgeLog = Annotated[
    Path | None, _judging("--judge-log", "File that every judgement is added to, as JSON lines.")
]
JudgeCache = Annotated[
    bool,
    _judging(
        "--judge-cache",
        "Keep the judge's answers, which quote responses, in Inspect's cache.",
        show_default=False,
    ),
]


def field(name: str, what: str) -> object:
    """An option `--NAME-field` that tells which field of a record holds what."""
    return typer.Option(f"--{name}-field", metavar="PATH", help=what, rich_help_panel="Fields")


PromptField = Annotated[str | None, field("prompt", "Field with the user's words, a name or a dotted path.")]
ResponseField = Annotated[str | None, field("response", "Field with the model's words.")]
SystemField = Annotated[str | None, field("system", "Field with the system prompt.")]
UseCaseField = Annotated[str | None, field("use-case", "Field that tells use cases apart.")]
ModelField = Annotated[str | None, field("model", "Field with the model that answered.")]
TimeField = Annotated[str | None, field("time", "Field with the time of the request.")]
ClusterField = Annotated[str | None, field("cluster", "Field with the user, session or template.")]
IdField = Annotated[str | None, field("id", "Field with the exchange's id.")]
CostField = Annotated[str | None, field("cost", "Field with the cost in US dollars.")]
