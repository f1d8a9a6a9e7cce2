"""`aligntax probes`: its commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Asking, Recording, Sending, with_options
from aligntax.cli.options import AsJson, DetectorName, Level, MaxTokens, Models, Quiet, call

__all__ = ["app"]

app = typer.Typer(
    name="probes",
    help="Over-refusal sets: packs, public sets, and a generator for your own domain.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="A pack or public set (see `list`), or a file of prompts.")]
SetFile = Annotated[
    Path | None, typer.Option("--path", help="The public set's file on this disk; else the Hub is asked.")
]
Purposes = Annotated[
    str | None, typer.Option("--purpose", help="Of a file's prompts that do not tell: benign or harmful.")
]
Similar = Annotated[
    float,
    typer.Option("--similar", min=0.05, max=1.0, help="Similarity of near duplicates, shingles shared."),
]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Lists the packs and the public sets known by name, with size and licence."""
    call("probes", locals(), "list_")


@app.command("show")
def show(
    name: Name,
    path: SetFile = None,
    purpose: Purposes = None,
    datasheet: Annotated[bool, typer.Option("--datasheet", help="Print the pack's datasheet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shows what is known of a set, its licence and hash, and a few of its prompts."""
    call("probes", locals(), "show")


@app.command("export")
def export(
    name: Name,
    to: Annotated[
        Path, typer.Option("--to", help="File to write: JSON lines of id, prompt, prompt_type, ...")
    ],
    path: SetFile = None,
    purpose: Purposes = None,
    only: Annotated[str | None, typer.Option("--only", help="benign or harmful.")] = None,
    neutral: Annotated[bool, typer.Option("--neutral", help="Also a pack's neutral wordings.")] = False,
    quiet: Quiet = False,
) -> None:
    """Writes a set as JSON lines that every command reads."""
    call("probes", locals(), "export")


@app.command("ask")
@with_options(Asking, Recording)
def ask(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Packs, public sets, or files of prompts.")
    ],
    model: Models = None,
    path: SetFile = None,
    purpose: Purposes = None,
    neutral: Annotated[
        bool,
        typer.Option("--neutral/--no-neutral", help="Ask a pack's matched requests in neutral words too."),
    ] = True,
    detector: DetectorName = "cascade",
    level: Level = 0.95,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **rest: object,
) -> None:
    """Asks models: over-refusal by set, topic and matched triple, refusal of the harmful rows, Youden's J.

    Exit code 3 where nothing was answered.
    """
    call("probes_ask", locals())


@app.command("generate")
@with_options(Sending)
def generate(
    domain: Annotated[str, typer.Argument(help="Whose requests: 'hospital pharmacy', 'tax advice', ...")],
    topics: Annotated[Path, typer.Option(help="Topics of the domain, one a line.")],
    writer: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="Model that writes, named as for --model.", rich_help_panel="Asking"
        ),
    ],
    moderator: Annotated[
        list[str],
        typer.Option(metavar="MODEL", help="Model that moderates; three or more.", rich_help_panel="Asking"),
    ],
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Harmful intents for each topic.")] = 5,
    rewrites: Annotated[int, typer.Option(min=1, max=20, help="Harmless rewrites of each intent.")] = 5,
    against: Annotated[
        list[str] | None, typer.Option(help="Set or file to stay clear of, besides the packs; repeatable.")
    ] = None,
    similar: Similar = 0.5,
    level: Level = 0.95,
    max_tokens: MaxTokens = 1024,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **rest: object,
) -> None:
    """Writes borderline but harmless requests of your domain, moderates them, drops near duplicates.

    What passes goes to people: see `sheet` and `approve`.
    """
    call("probes_generate", locals())


@app.command("sheet")
def sheet(
    candidates: Annotated[Path, typer.Argument(help="candidates.jsonl of `aligntax probes generate`.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV to write; sheet.csv beside it.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Candidates to check, drawn at random; all when not given.")
    ] = None,
    split: Annotated[
        bool, typer.Option("--undecided", help="Also those on which the models disagree.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and of the order.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Writes the candidates that passed as a sheet for people to check."""
    call("probes_check", locals(), "sheet")


@app.command("approve")
def approve(
    sheets: Annotated[
        list[Path], typer.Argument(metavar="SHEET...", help="Sheets filled in, one a checker.")
    ],
    candidates: Annotated[
        Path | None, typer.Option(help="candidates.jsonl; the one beside the first sheet when not given.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="File for the approved prompts.")] = Path("approved.jsonl"),
    level: Level = 0.95,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Keeps what every checker approved; tells the share approved and how far checkers agree."""
    call("probes_check", locals(), "approve")
