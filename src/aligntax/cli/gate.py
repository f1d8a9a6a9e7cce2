"""`aligntax gate`: a run held to the policy."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from aligntax.cli.gate_outputs import Outputs
from aligntax.cli.gate_sources import LATEST_PASS, Reading, Sources
from aligntax.cli.output import stderr
from aligntax.gate.figures import Figures
from aligntax.gate.held import hold
from aligntax.gate.result import GateResult
from aligntax.labels import load_labels
from aligntax.policy.read import load_policy
from aligntax.report.gate import gate_document
from aligntax.report.gate_tables import print_gate
from aligntax.tax.labelled import expert_labels

__all__ = ["run"]


def run(
    *,
    measured: Sequence[str],
    policy: Path,
    baseline: str | None,
    mode: str | None,
    floor: Sequence[str] | None,
    labels: Sequence[Path] | None,
    force: bool,
    log_format: str | None,
    detector: str,
    record: bool,
    ledger: str | None,
    as_json: bool,
    out: Path | None,
    junit: Path | None,
    markdown: Path | None,
    sarif: Path | None,
    github: bool,
    strict: bool,
    quiet: bool,
    threads: int | None,
    **rest: object,
) -> None:
    """Opens, holds, prints, writes, keeps; see the options of the command.

    Raises:
        SystemExit: with 1 where the policy is broken, with 3 where that cannot be told.
    """
    loaded = load_policy(policy)
    outputs = Outputs(
        as_json=as_json, out=out, junit=junit, markdown=markdown, sarif=sarif, github=github, quiet=quiet
    )
    outputs.check()
    experts = expert_labels(load_labels(labels), force=force) if labels else None
    reading = Reading(
        log_format=log_format, detector=detector, strict=strict, quiet=quiet, threads=threads, rest=rest
    )
    with (
        tempfile.TemporaryDirectory(prefix="aligntax-gate-") as made,
        Sources(policy=loaded, into=Path(made), labels=experts, ledger_at=ledger, reading=reading) as sources,
    ):
        head, floors = sources.held(measured, floor or ())
        against, why_none = _baseline(sources, baseline or loaded.policy.gate.baseline, head)
        result = hold(
            loaded,
            head,
            baseline=against,
            floors=floors,
            mode=mode,  # type: ignore[arg-type]
            force=force,
            why_no_baseline=why_none,
        )
        contents = gate_document(result)
        outputs.show(contents, lambda: print_gate(contents, Console(highlight=False)))
        if record or ledger:
            _keep(sources, head, result, contents, quiet=quiet)
    if result.exit_code:
        raise SystemExit(result.exit_code)


def _baseline(sources: Sources, named: str, head: Figures) -> tuple[Figures | None, str]:
    """What is compared with; or why there is nothing, in words."""
    if not named:
        return None, ""
    if named != LATEST_PASS:
        return sources.baseline(named), ""
    found = sources.latest_pass(head)
    if found is None:
        return (
            None,
            "no other run of the ledger has passed yet: name a run, a directory or a log with --baseline",
        )
    return found, ""


def _keep(
    sources: Sources, head: Figures, result: GateResult, contents: Mapping[str, object], *, quiet: bool
) -> None:
    """The run, the policy and the verdict, in the ledger."""
    from aligntax.ledger.policies import keep_policy
    from aligntax.ledger.verdicts import keep_verdict

    run_id = sources.kept(head)
    ledger = sources.ledger(create=True)
    policy_id = keep_policy(ledger, result.policy.text)
    baseline = result.baseline.run_id if result.baseline else ""
    keep_verdict(
        ledger, run_id, policy_id, result.verdict, result.mode, contents, baseline_id=baseline or None
    )
    if not quiet:
        stderr().print(f"recorded the verdict on {run_id}", markup=False, soft_wrap=True)
