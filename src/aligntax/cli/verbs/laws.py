"""`aligntax laws` and its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Recording, with_options
from aligntax.cli.options import AsJson, Chart, Level, Quiet, call

__all__ = ["laws"]

_COLUMNS = "Columns"
_QUESTIONS = "Questions"


class On(StrEnum):
    """What a question is put to."""

    capability = "capability"
    alignment = "alignment"


def _column(what: str) -> object:
    return typer.Option(metavar="COLUMN", help=what, rich_help_panel=_COLUMNS)


@with_options(Recording)
def laws(
    table: Annotated[
        Path, typer.Argument(help="One row a checkpoint: .csv, .tsv, .jsonl or .parquet.", metavar="TABLE")
    ],
    tax: Annotated[str | None, _column("The tax, in any unit; positive is a loss.")] = None,
    kl_capability: Annotated[str | None, _column("KL on capability text, nats.")] = None,
    kl_alignment: Annotated[str | None, _column("KL on the alignment prompts, nats.")] = None,
    steps: Annotated[str | None, _column("Training steps.")] = None,
    tokens: Annotated[str | None, _column("Training tokens.")] = None,
    n: Annotated[str | None, _column("n of best-of-n; empty for other rows.")] = None,
    reward: Annotated[str | None, _column("Gold reward, for Gao's laws.")] = None,
    method: Annotated[str | None, _column("How it was trained.")] = None,
    run: Annotated[str | None, _column("Training run; its checkpoints are not independent.")] = None,
    seed: Annotated[str | None, _column("Seed; tells runs of one name apart.")] = None,
    reward_start: Annotated[
        float | None, typer.Option(help="Reward of the policy all started from, taken off every reward.")
    ] = None,
    at_kl: Annotated[
        float | None, typer.Option(help="What tax to expect at this KL?", rich_help_panel=_QUESTIONS)
    ] = None,
    at_steps: Annotated[
        float | None, typer.Option(help="And after so many steps?", rich_help_panel=_QUESTIONS)
    ] = None,
    at_tokens: Annotated[
        float | None, typer.Option(help="And after so many tokens?", rich_help_panel=_QUESTIONS)
    ] = None,
    tax_budget: Annotated[
        float | None,
        typer.Option(help="What KL keeps a new checkpoint's tax within this?", rich_help_panel=_QUESTIONS),
    ] = None,
    on: Annotated[
        On | None,
        typer.Option(help="Which KL is meant; the better predictor.", rich_help_panel=_QUESTIONS),
    ] = None,
    law: Annotated[
        str | None, typer.Option(help="Law to ask, whether it holds or not.", rich_help_panel=_QUESTIONS)
    ] = None,
    extrapolate: Annotated[
        bool, typer.Option("--extrapolate", help="Ask beyond what was observed; the answer is marked.")
    ] = False,
    level: Level = 0.95,
    chart: Chart = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **rest: object,
) -> None:
    """Which law the tax of checkpoints follows: of which KL, of steps, of tokens; what to expect at a budget.

    Columns are found by the names of their options, or named by them.
    """
    call("laws", locals())
