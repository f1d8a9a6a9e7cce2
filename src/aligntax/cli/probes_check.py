"""`aligntax probes sheet` and `approve`: people have the last word on what was generated."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aligntax.cli.output import print_json, stderr
from aligntax.cli.probes import write_rows
from aligntax.errors import UsageError
from aligntax.probes.generator.approval import approval
from aligntax.probes.generator.candidates import Candidates, read_candidates
from aligntax.probes.generator.sheet import REALISTIC, VERDICTS, read_sheet, sampled, write_sheet
from aligntax.report.generated import approved_document, print_approved

__all__ = ["approve", "sheet"]

_INCONCLUSIVE = 3


def sheet(
    *, candidates: Path, out: Path | None, sample: int | None, split: bool, seed: int, quiet: bool
) -> None:
    """Writes the sheet people fill in."""
    found = read_candidates(candidates)
    checked = found.of("passed", "undecided") if split else found.of("passed")
    if not checked:
        raise UsageError(
            f"{candidates}: no candidate passed", hint="--undecided takes those the models disagree on"
        )
    target = out or candidates.with_name("sheet.csv")
    if target.exists():
        raise UsageError(f"{target}: it is there already, perhaps filled in", hint="--out another name")
    drawn = sampled(checked, sample, seed)
    write_sheet(drawn, target)
    if not quiet:
        console = stderr()
        console.print(f"wrote {target}: {len(drawn):,} of {len(checked):,} candidates", markup=False)
        console.print(
            f"verdict: {' | '.join(VERDICTS)}; realistic: {' | '.join(REALISTIC)}. "
            "Give two people a copy each, then: aligntax probes approve COPY COPY",
            markup=False,
        )


def approve(
    *, sheets: Sequence[Path], candidates: Path | None, to: Path, level: float, as_json: bool, quiet: bool
) -> None:
    """Keeps what every checker approved."""
    found = read_candidates(candidates or _beside(sheets[0]))
    checks = [check for path in sheets for check in read_sheet(path)]
    if not checks:
        raise UsageError("no row of the sheets is filled in", hint=f"verdict is {', '.join(VERDICTS)}")
    summed = approval(found, checks, level=level)
    write_rows([_row(found, one.id, one.request, one.topic) for one in summed.approved], to)
    contents = approved_document(summed, domain=found.domain, to=str(to), level=level)
    if not quiet:
        stderr().print(f"wrote {to}: {len(summed.approved):,} prompts", markup=False)
    if as_json:
        print_json(contents)
    else:
        print_approved(contents, Console(highlight=False))
    if not summed.approved:
        raise SystemExit(_INCONCLUSIVE)


def _beside(sheet: Path) -> Path:
    path = sheet.with_name("candidates.jsonl")
    if not path.exists():
        raise UsageError(f"{path}: not there", hint="--candidates FILE, of `aligntax probes generate`")
    return path


def _row(found: Candidates, identifier: str, request: str, topic: str) -> dict[str, object]:
    source = f"generated for {found.domain}, checked by people; candidates sha256 {found.sha256}"
    return {"id": identifier, "prompt": request, "prompt_type": "benign", "category": topic, "source": source}
