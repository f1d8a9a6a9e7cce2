"""`aligntax merge`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import Quiet, call

__all__ = ["merge"]

_FIT, _CURVE = "Proxy samples", "Sweep and search"


def merge(
    pre: Annotated[
        str, typer.Argument(metavar="PRE", help="Checkpoint before alignment: directory or Hub id.")
    ],
    aligned: Annotated[
        list[str], typer.Argument(metavar="ALIGNED...", help="Aligned checkpoints, or LoRA adapters of PRE.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Directory for the merged model.")] = None,
    method: Annotated[
        str, typer.Option(help="linear, adaptive, lines, slerp, task_arithmetic, ties, dare or ema.")
    ] = "linear",
    pre_weight: Annotated[
        float | None, typer.Option(help="Share of the pre-alignment model, in [0, 1]; 0.2 by default.")
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(metavar="SHARES", help="adaptive: that share by stretch of blocks: 0.3,0.2,0.1."),
    ] = None,
    density: Annotated[float | None, typer.Option(help="ties, dare: share of changes kept.")] = None,
    decay: Annotated[float | None, typer.Option(help="ema: how long the average remembers.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of what is drawn: by dare, proxy samples, trials.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32, bfloat16 or float16; as the aligned model is stored.")
    ] = None,
    shard_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Most bytes a file: 5GB; as the aligned model's files.")
    ] = None,
    vocab: Annotated[
        str,
        typer.Option(help="Where vocabularies differ: same (refuse), intersect (by token) or ids (by row)."),
    ] = "same",
    sha256: Annotated[
        bool, typer.Option("--sha256", help="Record SHA-256 too; takes longer than the merge.")
    ] = False,
    verify: Annotated[bool, typer.Option(help="Check sources whose hash is recorded.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record, or the plan, as JSON.")] = False,
    quiet: Quiet = False,
    groups: Annotated[
        int, typer.Option(min=1, help="Stretches of blocks for adaptive.", rich_help_panel=_FIT)
    ] = 3,
    proxy: Annotated[
        Path | None,
        typer.Option(
            help="Well-rewarded answers of the aligned model, JSON lines with prompt and response: adaptive "
            "is fitted to them, a sweep scored on them.",
            rich_help_panel=_FIT,
        ),
    ] = None,
    proxy_prompts: Annotated[
        Path | None,
        typer.Option(help="Draw them from the aligned model for these prompts.", rich_help_panel=_FIT),
    ] = None,
    proxy_samples: Annotated[int, typer.Option(min=1, help="How many to draw.", rich_help_panel=_FIT)] = 256,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of an answer drawn, at most.", rich_help_panel=_FIT)
    ] = 128,
    chat: Annotated[
        bool, typer.Option("--chat", help="Wrap prompts in the chat template.", rich_help_panel=_FIT)
    ] = False,
    save_proxy: Annotated[
        Path | None, typer.Option(help="Keep what was drawn, as JSON lines.", rich_help_panel=_FIT)
    ] = None,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="The curve over pre_weight; merges are kept only with --out.",
            rich_help_panel=_CURVE,
        ),
    ] = False,
    grid: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS", help="Its points: 0,0.1,0.2,1; 0 to 1 by 0.1.", rich_help_panel=_CURVE
        ),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            help="Text of what is to be won back: JSON lines, or blank lines between documents.",
            rich_help_panel=_CURVE,
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Run with the directory of each merge at its end, or for {}; prints one JSON object: harm, "
            "harm_n, over_refusal, over_refusal_n, capability.NAME, capability_n.NAME.",
            rich_help_panel=_CURVE,
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds the command may take.", rich_help_panel=_CURVE),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Look for shares of adaptive in so many measurements; their mean is --pre-weight if given.",
            rich_help_panel=_CURVE,
        ),
    ] = None,
    max_harm: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Harm that is not to be gone beyond.", rich_help_panel=_CURVE),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines that measurements are added to and found in; `aligntax frontier` reads them.",
            rich_help_panel=_CURVE,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep measured merges under --out.", rich_help_panel=_CURVE)
    ] = False,
    chart: Annotated[
        Path | None,
        typer.Option(help="Write a chart: .svg, .png, .html or .json.", rich_help_panel=_CURVE),
    ] = None,
    level: Annotated[
        float,
        typer.Option(min=0.5, max=0.999, help="Coverage of the intervals.", rich_help_panel=_CURVE),
    ] = 0.95,
    batch: Annotated[int, typer.Option(min=1, help="Texts at a time.", rich_help_panel=_CURVE)] = 8,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...", rich_help_panel=_CURVE)] = "cpu",
) -> None:
    """Mixes the weights before and after alignment: capability comes back, no training needed."""
    call("merge", locals())
