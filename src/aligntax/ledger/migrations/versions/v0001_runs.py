"""Runs, their documents and figures, labels, policies, verdicts, models, stages and marks."""

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    _runs()
    _beside_runs()
    _labels()
    _policies()
    _models()
    _marks()


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("schema", sa.String(64), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("recorded", sa.DateTime, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("first", sa.DateTime),
        sa.Column("last", sa.DateTime),
        sa.Column("exchanges", sa.BigInteger),
        sa.Column("detector", sa.Text),
        sa.Column("detector_version", sa.Text),
        sa.Column("judge", sa.Text),
        sa.Column("policy_id", sa.String(64)),
        sa.Column("data_hash", sa.String(64)),
        sa.Column("config_hash", sa.String(64)),
        sa.Column("git_sha", sa.String(64)),
        sa.Column("git_dirty", sa.Boolean),
        sa.Column("seed", sa.BigInteger),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("document_hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("document_hash", name="uq_runs_document_hash"),
    )
    op.create_index("ix_runs_created", "runs", ["created"])
    op.create_index("ix_runs_kind", "runs", ["kind", "created"])


def _of_run(*, key: bool = False) -> "sa.Column[str]":
    return sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id"), nullable=False, primary_key=key)


def _beside_runs() -> None:
    op.create_table("documents", _of_run(key=True), sa.Column("body", sa.LargeBinary, nullable=False))
    op.create_table(
        "artefacts",
        _of_run(key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "measurements",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        _of_run(),
        sa.Column("component", sa.String(96), nullable=False),
        sa.Column("use_case", sa.String(256), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("period", sa.String(32), nullable=False),
        sa.Column("slice", sa.JSON, nullable=False),
        sa.Column("correction", sa.String(16), nullable=False),
        sa.Column("small", sa.Boolean, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("low", sa.Double),
        sa.Column("high", sa.Double),
        sa.Column("level", sa.Double, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("labelled", sa.BigInteger, nullable=False),
        sa.Column("clusters", sa.BigInteger),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_measurements_run_id", "measurements", ["run_id"])
    op.create_index("ix_measurements_component", "measurements", ["component", "use_case", "model", "period"])
    op.create_table(
        "verdicts",
        sa.Column("id", sa.String(32), primary_key=True),
        _of_run(),
        sa.Column("policy_id", sa.String(64), nullable=False),
        sa.Column("baseline_id", sa.String(32)),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("recorded", sa.DateTime, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_verdicts_run_id", "verdicts", ["run_id"])
    op.create_index("ix_verdicts_recorded", "verdicts", ["recorded"])


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id")),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("annotator", sa.String(256), nullable=False),
        sa.Column("time", sa.DateTime),
        sa.Column("policy_version", sa.String(128), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("adjudicated", sa.Boolean, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.UniqueConstraint("digest", name="uq_labels_digest"),
    )
    op.create_index("ix_labels_run_id", "labels", ["run_id"])


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("change", _KEY, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("recorded", sa.DateTime, nullable=False),
        sa.Column("author", sa.String(256), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64)),
        sa.Column("approved_by", sa.String(256)),
        sa.Column("approved", sa.DateTime),
    )
    op.create_index("ix_policies_id", "policies", ["id"])


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("weights_hash", sa.String(128), nullable=False),
        sa.Column("recorded", sa.DateTime, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    op.create_table(
        "stages",
        _of_run(key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("model_id", sa.String(64), sa.ForeignKey("models.id"), nullable=False),
    )


def _marks() -> None:
    op.create_table(
        "marks",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("use_case", sa.String(256), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("author", sa.String(256), nullable=False),
        sa.Column("recorded", sa.DateTime, nullable=False),
    )
    op.create_index("ix_marks_at", "marks", ["at"])
