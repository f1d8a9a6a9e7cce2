"""The options several commands share, and how a command reaches the module that does it."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from aligntax.cli.keeping import keeping

__all__ = [
    "AsJson",
    "AskSeed",
    "Cache",
    "Chance",
    "Chart",
    "Chat",
    "ClusterField",
    "Connections",
    "CostField",
    "DetectorLeads",
    "DetectorName",
    "Device",
    "DryRun",
    "Epochs",
    "Force",
    "Format",
    "IdField",
    "Inputs",
    "JudgeBand",
    "JudgeCache",
    "JudgeLimit",
    "JudgeLog",
    "JudgeModel",
    "Judged",
    "KeepText",
    "LedgerAt",
    "Level",
    "MaxCost",
    "MaxSamples",
    "MaxTokens",
    "ModelField",
    "Models",
    "Numbers",
    "Period",
    "Prices",
    "PromptField",
    "Quiet",
    "Record",
    "ResponseField",
    "Retries",
    "RunDirectory",
    "Strict",
    "SystemField",
    "Temperature",
    "Threads",
    "TimeField",
    "Timeout",
    "TopP",
    "UseCaseField",
    "call",
    "field",
]


def call(command: str, options: dict[str, Any], function: str = "run") -> None:
    """Calls a function of the command's module, imported only now, with the options of the command.

    Args:
        command: name of the module in `aligntax.cli`.
        options: of the command; those of its option groups are a mapping under "rest". Those of `Recording`
            are for `keep`, whatever the command.
        function: of the module.
    """
    rest = dict(options.pop("rest", {}))
    record, ledger = (rest.pop("record"), rest.pop("ledger")) if "record" in rest else (False, None)
    run = getattr(import_module(f"aligntax.cli.{command}"), function)
    with keeping(record=record, ledger=ledger, settings={"command": command, **options, **rest}):
        run(**options, **rest)


class Period(StrEnum):
    """What time is cut into."""

    day = "day"
    week = "week"
    month = "month"


class Numbers(StrEnum):
    """What weights are in memory."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"
    float64 = "float64"


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
DetectorLeads = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="Tells outcomes, also where the files do; else the cascade does where the files do not.",
    ),
]
Level = Annotated[float, typer.Option("--level", min=0.5, max=0.999, help="Coverage of the intervals.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of the tables.", show_default=False)]
Chart = Annotated[Path | None, typer.Option("--chart", help="Draw it: .svg, .png, .html or .json.")]
Chance = Annotated[
    list[str] | None,
    typer.Option("--chance", metavar="NAME=SCORE", help="What a guess scores on a benchmark; repeatable."),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Go across shots, templates, versions, detectors, and say so.", show_default=False
    ),
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, ...")]
Chat = Annotated[bool, typer.Option("--chat", help="Wrap prompts in the chat template.", show_default=False)]


def _asking(name: str, what: str, **settings: object) -> object:
    return typer.Option(name, help=what, rich_help_panel="Asking", **settings)  # type: ignore[arg-type]


Models = Annotated[
    list[str] | None,
    _asking(
        "--model",
        "Model to ask: openai/gpt-4o-mini, NAME@http://localhost:8000/v1, a directory; repeatable.",
        metavar="MODEL",
    ),
]
Judged = Annotated[
    str | None, _asking("--judge", "Model that judges the answers, named as for --model.", metavar="MODEL")
]
Epochs = Annotated[int, _asking("--epochs", "Answers drawn for each question.", min=1)]
Temperature = Annotated[float | None, _asking("--temperature", "Of sampling; the provider's own.", min=0.0)]
TopP = Annotated[float | None, _asking("--top-p", "Of sampling; the provider's own.", min=0.0, max=1.0)]
MaxTokens = Annotated[int, _asking("--max-tokens", "Of an answer, at most.", min=1)]
MaxCost = Annotated[
    float | None, _asking("--max-cost", "US dollars; nothing is sent that could go beyond.", min=0.0)
]
MaxSamples = Annotated[int | None, _asking("--max-samples", "Questions asked, at most; drawn.", min=1)]
DryRun = Annotated[
    bool, _asking("--dry-run", "Say what it would ask and cost; ask nothing.", show_default=False)
]
RunDirectory = Annotated[
    Path | None,
    _asking("--out", "Directory of the run; without it a stopped run of it is taken up."),
]
Cache = Annotated[
    Path | None, _asking("--cache", "File of answers to share between runs; refusals are asked for again.")
]
Connections = Annotated[int, _asking("--connections", "Requests under way at a time.", min=1)]
Retries = Annotated[int, _asking("--retries", "Tries after the first, with growing pauses.", min=0)]
Timeout = Annotated[int, _asking("--timeout", "Seconds before one try is given up.", min=1)]
Prices = Annotated[Path | None, _asking("--prices", "Price table (TOML); see `aligntax prices`.")]
AskSeed = Annotated[
    int | None, _asking("--ask-seed", "Of the order of questions, and for providers that take one.")
]
Strict = Annotated[bool, typer.Option("--strict", help="A record that cannot be read is an error.")]
Record = Annotated[
    bool,
    typer.Option(
        "--record",
        envvar="ALIGNTAX_RECORD",
        help="Keep the run in the ledger.",
        show_default=False,
        show_envvar=False,
    ),
]
LedgerAt = Annotated[
    str | None,
    typer.Option(
        "--ledger", metavar="PLACE", help="Ledger: a directory, a .db file or a PostgreSQL URL; the nearest."
    ),
]
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
