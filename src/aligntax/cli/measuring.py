"""Logs measured, held to a policy, and kept in a ledger: audit, policy and gate in one go."""

import datetime as dt
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aligntax.cli.gate_sources import Reading, Sources
from aligntax.cli.log import field_map, opened, progress, report_reading
from aligntax.detectors import detector
from aligntax.gate.held import hold
from aligntax.ledger.opened import Ledger
from aligntax.ledger.policies import keep_policy
from aligntax.ledger.record import record
from aligntax.ledger.verdicts import keep_verdict
from aligntax.policy.prices import price_table
from aligntax.policy.propose import propose
from aligntax.policy.propose_text import proposed_text
from aligntax.policy.read import LoadedPolicy, load_policy, read_policy
from aligntax.policy.recognise import recogniser
from aligntax.report.bill import bill_document
from aligntax.report.gate import gate_document
from aligntax.tax.audit import Audit, Settings, audit
from aligntax.tax.prices import load_prices

__all__ = ["measure_logs"]

_DETECTOR = "cascade"
_BESIDE = "aligntax.toml"


def measure_logs(
    ledger: Ledger, logs: Sequence[str], policy: Path | None, *, keep_text: bool, quiet: bool
) -> str:
    """Audits logs, holds them to a policy, and keeps run, exchanges, policy and verdict.

    Args:
        ledger: to keep it in.
        logs: files, globs, directories.
        policy: to hold them to; aligntax.toml beside the first log by default, else one is proposed.
        keep_text: whether texts of exchanges are kept as they are.
        quiet: whether there is no progress bar.

    Returns:
        Key of the run.
    """
    with tempfile.TemporaryDirectory(prefix="aligntax-") as made:
        outcomes, named = Path(made) / "outcomes.parquet", _policy(policy, logs)
        result = _audited(logs, outcomes, named, keep_text=keep_text, quiet=quiet)
        contents = bill_document(result, created=dt.datetime.now(dt.UTC))
        run = record(ledger, contents, files={outcomes.name: outcomes}, policy_id=named.id if named else None)
        _held(ledger, run.id, named or _proposed(logs, result), Path(made))
    return run.id


def _audited(
    logs: Sequence[str], outcomes: Path, policy: LoadedPolicy | None, *, keep_text: bool, quiet: bool
) -> Audit:
    """Under the use cases and prices of the policy, where there is one."""
    with (
        opened(logs, log_format=None, fields=field_map({}), threads=None, strict=False, quiet=quiet) as log,
        progress(log, quiet=quiet) as seen,
    ):
        settings = Settings(keep_text=keep_text)
        result = audit(
            log,
            detector(_DETECTOR),
            outcomes,
            prices=price_table(policy) if policy else load_prices(None),
            settings=settings,
            recognise=recogniser(policy.policy) if policy else None,
            seen=seen,
        )
    report_reading(result.reading)
    return result


def _policy(path: Path | None, logs: Sequence[str]) -> LoadedPolicy | None:
    """The policy that is named, or the one beside the first log; None where there is neither."""
    beside = Path(logs[0]).parent / _BESIDE
    return load_policy(path or beside) if path is not None or beside.is_file() else None


def _proposed(logs: Sequence[str], result: Audit) -> LoadedPolicy:
    """A policy that what was measured meets."""
    today = dt.datetime.now(dt.UTC).date()
    service = Path(logs[0]).stem or "service"
    return read_policy(proposed_text(propose(result), service=service, sources=" ".join(logs), written=today))


def _held(ledger: Ledger, run_id: str, loaded: LoadedPolicy, into: Path) -> None:
    """The run held to the policy, and the verdict kept."""
    reading = Reading(log_format=None, detector=_DETECTOR, strict=False, quiet=True, threads=None, rest={})
    sources = Sources(policy=loaded, into=into, labels=None, ledger_at=None, reading=reading, _ledger=ledger)
    head, floors = sources.held([run_id], ())
    result = hold(loaded, head, baseline=None, floors=floors)
    policy_id = keep_policy(ledger, loaded.text, author="aligntax serve")
    keep_verdict(ledger, run_id, policy_id, result.verdict, result.mode, gate_document(result))
