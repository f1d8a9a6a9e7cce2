"""The targets of `aligntax export`, each with what it is made from."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aligntax.errors import UnwritableOutput, UsageError
from aligntax.exports.counted import count_runs
from aligntax.exports.exported import Exported, of_document, of_run
from aligntax.exports.prometheus import expose_ledger, write_metrics
from aligntax.exports.written import Written, save_text
from aligntax.ledger import Ledger, find_run, open_ledger
from aligntax.policy.read import LoadedPolicy
from aligntax.policy.window import parse_window

__all__ = ["TARGETS", "Asked", "Target"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command was asked for; see its options."""

    subject: str | None
    out: Path
    policy: LoadedPolicy | None
    ledger: str | None
    every: str
    endpoint: str
    project: str
    timeout: float
    exchanges: bool
    max_samples: int
    model: str
    dataset: str
    component: str
    organization: str
    source_url: str

    @contextmanager
    def opened(self) -> Iterator[Ledger]:
        """The ledger, which has to be there."""
        opened = open_ledger(self.ledger, create=False)
        try:
            yield opened
        finally:
            opened.close()

    @property
    def file(self) -> Path | None:
        """The document that was named; None for a run."""
        if self.subject is None:
            return None
        path = Path(self.subject)
        if path.is_dir():
            path /= "bill.json"
        return path if path.suffix == ".json" or path.is_file() else None

    def exported(self) -> Exported:
        """The run or document that was named.

        Raises:
            UsageError: none was.
        """
        if self.subject is None:
            raise UsageError(
                "what is to be exported?", hint="a run's key, latest, or a file such as bill.json"
            )
        if (path := self.file) is not None:
            return of_document(path, self.policy)
        with self.opened() as ledger:
            return of_run(ledger, self.subject, self.policy)

    def loaded(self) -> LoadedPolicy:
        """The policy that was read."""
        assert self.policy is not None
        return self.policy

    def length(self) -> dt.timedelta:
        """Time between audits.

        Raises:
            UsageError: it is none.
        """
        return dt.timedelta(0) if self.every == "0" else parse_window(self.every)


@dataclass(frozen=True)
class Target:
    """Where figures can go.

    Attributes:
        out: what is written where no --out says otherwise.
        write: does it.
        needs_policy: whether it is made from a policy.
        printable: whether it is one text.
    """

    out: str
    write: Callable[[Asked], Written]
    needs_policy: bool = False
    printable: bool = False


def _metrics(to: Literal["text", "openmetrics"]) -> Callable[[Asked], Written]:
    def write(asked: Asked) -> Written:
        if asked.subject is None:
            with asked.opened() as ledger:
                text, many, left_out = expose_ledger(ledger, to=to, policy=asked.policy)
            return Written(figures=many, files=save_text({asked.out: text}), left_out=left_out)
        if asked.file is not None:
            return write_metrics(asked.exported(), asked.out, to=to)
        with asked.opened() as ledger:
            run = find_run(ledger, asked.subject)
            counted = count_runs(ledger, until=run.recorded)
            return write_metrics(of_run(ledger, run.id, asked.policy), asked.out, counted, to=to)

    return write


def _rules(asked: Asked) -> Written:
    from aligntax.exports.prometheus_rules import write_rules

    return write_rules(asked.loaded(), asked.out, every=asked.length())


def _openslo(asked: Asked) -> Written:
    from aligntax.exports.openslo import write_openslo

    return write_openslo(asked.loaded(), asked.out, every=asked.length())


def _sloth(asked: Asked) -> Written:
    from aligntax.exports.sloth import write_sloth

    return write_sloth(asked.loaded(), asked.out)


def _otlp(asked: Asked) -> Written:
    if asked.endpoint:
        from aligntax.exports.opentelemetry_send import send_otlp

        return send_otlp(asked.exported(), asked.endpoint, exchanges=asked.exchanges, timeout=asked.timeout)
    from aligntax.exports.opentelemetry import write_otlp

    return write_otlp(asked.exported(), asked.out, exchanges=asked.exchanges)


def _mlflow(asked: Asked) -> Written:
    from aligntax.exports.mlflow import log_mlflow

    return log_mlflow(asked.exported(), asked.out, uri=asked.endpoint, experiment=asked.project)


def _wandb(asked: Asked) -> Written:
    from aligntax.exports.wandb import log_wandb

    return log_wandb(asked.exported(), asked.out, endpoint=asked.endpoint, project=asked.project)


def _inspect(asked: Asked) -> Written:
    from aligntax.exports.inspect_log import write_inspect

    return write_inspect(asked.exported(), asked.out, max_samples=asked.max_samples)


def _parquet(asked: Asked) -> Written:
    from aligntax.exports.tables import write_parquet

    return write_parquet(asked.exported(), asked.out)


def _json_lines(asked: Asked) -> Written:
    from aligntax.exports.tables import write_json_lines

    return write_json_lines(asked.exported(), asked.out)


def _model_card(asked: Asked) -> Written:
    from aligntax.exports.model_card import write_model_card

    return write_model_card(
        asked.exported(),
        asked.out,
        model=asked.model,
        benchmark=asked.dataset,
        component=asked.component,
        source=asked.source_url,
    )


def _every_eval_ever(asked: Asked) -> Written:
    from aligntax.exports.every_eval_ever import write_records

    return write_records(asked.exported(), asked.out, model=asked.model, organization=asked.organization)


def _tables(to: Literal["parquet", "jsonl", "csv"]) -> Callable[[Asked], Written]:
    def write(asked: Asked) -> Written:
        from aligntax.ledger.exporting import export_tables

        if asked.file is not None:
            raise UsageError(
                f"{asked.subject} is no run of the ledger", hint="--to parquet or jsonl for a file"
            )
        try:
            with asked.opened() as ledger:
                run = None if asked.subject is None else find_run(ledger, asked.subject).id
                rows = export_tables(ledger, asked.out, to, run_id=run)
        except OSError as error:
            raise UnwritableOutput(
                f"{asked.out}: cannot be written: {error.strerror}", hint="--out"
            ) from error
        told = [f"{many:,} {name}" for name, many in rows.items() if many]
        return Written(figures=sum(rows.values()), what="rows", files=[asked.out], left_out=told)

    return write


TARGETS: Mapping[str, Target] = {
    "prometheus": Target("alignment_tax.prom", _metrics("text"), printable=True),
    "openmetrics": Target("alignment_tax.openmetrics", _metrics("openmetrics"), printable=True),
    "prometheus-rules": Target("alignment_tax.rules.yaml", _rules, needs_policy=True, printable=True),
    "openslo": Target("openslo.yaml", _openslo, needs_policy=True, printable=True),
    "sloth": Target("sloth.yaml", _sloth, needs_policy=True, printable=True),
    "otlp": Target("otlp.jsonl", _otlp, printable=True),
    "mlflow": Target("mlflow", _mlflow),
    "wandb": Target("wandb", _wandb),
    "inspect": Target("audit.eval", _inspect),
    "parquet": Target("figures.parquet", _parquet),
    "jsonl": Target("figures.jsonl", _json_lines, printable=True),
    "model-card": Target("model-card", _model_card),
    "every-eval-ever": Target("every-eval-ever", _every_eval_ever),
    "ledger-parquet": Target("ledger-export", _tables("parquet")),
    "ledger-jsonl": Target("ledger-export", _tables("jsonl")),
    "ledger-csv": Target("ledger-export", _tables("csv")),
}
"""Name on the command line -> target."""
