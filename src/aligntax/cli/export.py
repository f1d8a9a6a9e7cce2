"""`aligntax export`: figures handed to another system; what was left out is said."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from aligntax.cli.export_targets import TARGETS, Asked
from aligntax.cli.output import status, stderr
from aligntax.errors import UsageError
from aligntax.exports.written import Written
from aligntax.policy.read import load_policy

__all__ = ["run"]

_TABLES = ("parquet", "jsonl", "csv")


def run(
    *,
    subject: str | None,
    to: str,
    out: Path | None,
    policy: Path | None,
    quiet: bool,
    **rest: Any,  # noqa: ANN401
) -> None:
    """Writes or sends it, says what it came to; see the options of the command."""
    name = _meant(str(to), subject)
    target = TARGETS[name]
    if target.needs_policy and policy is None:
        policy = Path("aligntax.toml")
    loaded = None if policy is None else load_policy(policy)
    printed = out == Path("-")
    if printed and not target.printable:
        raise UsageError(f"--to {name} cannot be printed", hint="--out PATH")
    asked = Asked(subject=subject, policy=loaded, out=out or Path(target.out), **rest)
    with status(quiet=quiet) as tell:
        tell(f"exporting to {name}")
        written = _printed(asked, name) if printed else target.write(asked)
    if not quiet:
        _say(written, name)


def _meant(to: str, subject: str | None) -> str:
    """Tables without a run are the ledger's; CSV there is of those alone."""
    return f"ledger-{to}" if to in _TABLES and (subject is None or to == "csv") else to


def _printed(asked: Asked, name: str) -> Written:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "printed"
        written = TARGETS[name].write(replace(asked, out=path))
        sys.stdout.write(path.read_text("utf-8"))
    return replace(written, files=())


def _say(written: Written, name: str) -> None:
    console = stderr()
    places = [f"wrote {path}" for path in written.files]
    places += [f"kept in {written.kept}"] if written.kept else []
    places += [f"sent to {written.sent}"] if written.sent else []
    for place in places:
        console.print(place, markup=False, soft_wrap=True)
    console.print(f"{name}: {written.figures:,} {written.what}", markup=False)
    for line in written.left_out:
        console.print(f"  {line}", markup=False, soft_wrap=True)
