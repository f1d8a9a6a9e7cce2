"""`aligntax merge`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import Quiet, call

__all__ = ["merge"]


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
    seed: Annotated[int | None, typer.Option(help="dare: of the draws.")] = None,
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
    verify: Annotated[bool, typer.Option(help="Check sources whose SHA-256 is recorded.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record, or the plan, as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Mixes the weights before and after alignment: capability comes back, no training needed."""
    call("merge", locals())
