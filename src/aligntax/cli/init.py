"""`aligntax init`: a policy proposed from a log."""

import datetime as dt
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aligntax.cli.log import field_map, opened, progress, report_reading
from aligntax.cli.output import stderr
from aligntax.detectors import detector as named_detector
from aligntax.errors import UnwritableOutput, UsageError
from aligntax.policy.propose import Proposal, propose
from aligntax.policy.propose_text import proposed_text
from aligntax.policy.read import read_policy
from aligntax.records.files import atomic
from aligntax.report.policy import policy_document, print_policy
from aligntax.tax.audit import Settings, audit
from aligntax.tax.prices import load_prices
from aligntax.traffic.read import Log

__all__ = ["run"]

_LARGE = 200_000_000
_SAMPLE = 20_000


def run(
    *,
    logs: Sequence[str],
    out: Path,
    service: str,
    log_format: str | None,
    detector: str,
    sample: int | None,
    prices: Path | None,
    force: bool,
    strict: bool,
    quiet: bool,
    threads: int | None,
    **fields: object,
) -> None:
    """Reads the log, judges it, writes the policy, prints it; see the options of the command."""
    if out.exists() and not force:
        raise UsageError(f"{out}: it is there already", hint="--force overwrites it, --out names another")
    table, judge = load_prices(prices), named_detector(detector)
    with (
        tempfile.TemporaryDirectory(prefix="aligntax-") as scratch,
        opened(
            logs, log_format=log_format, fields=field_map(fields), threads=threads, strict=strict, quiet=quiet
        ) as log,
    ):
        with progress(log, quiet=quiet) as seen:
            result = audit(
                log,
                judge,
                Path(scratch) / "outcomes.parquet",
                prices=table,
                settings=Settings(sample=sample or _sample(log)),
                seen=seen,
            )
        report_reading(result.reading)
        proposal = propose(result)
    today = dt.datetime.now(dt.UTC).date()
    text = proposed_text(proposal, service=service, sources=" ".join(logs), written=today)
    _write(text, out)
    print_policy(policy_document(read_policy(text, out)), Console(highlight=False))
    if not quiet:
        _say(proposal, logs[0], out)


def _sample(log: Log) -> int | None:
    return _SAMPLE if log.bytes > _LARGE else None


def _write(text: str, out: Path) -> None:
    try:
        with atomic(out) as part:
            part.write_text(text, "utf-8")
    except OSError as error:
        raise UnwritableOutput(f"{out}: cannot be written: {error.strerror}", hint="--out FILE") from error


def _say(proposal: Proposal, log: str, out: Path) -> None:
    told = [] if proposal.named else ["the log tells no use cases: there is one for everything"]
    for note in (*proposal.audit.notes, *told):
        stderr().print(f"note: {note}", markup=False, soft_wrap=True)
    stderr().print(
        f"\nwrote {out}: a proposal from {proposal.exchanges:,} exchanges, not a target. "
        f"Go through its limits, then: aligntax gate {log} --policy {out}",
        markup=False,
        soft_wrap=True,
    )
