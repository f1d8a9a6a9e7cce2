"""Labelling tasks, and what is watched."""

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0002"
down_revision = "0001"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the tables; a label may now come from a task."""
    _tasks()
    _annotations()
    _watches()
    with op.batch_alter_table("labels") as labels:
        labels.add_column(sa.Column("task_id", sa.String(32)))
        labels.create_foreign_key("fk_labels_task_id_tasks", "tasks", ["task_id"], ["id"])
        labels.create_index("ix_labels_task_id", ["task_id"])


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id")),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("policy_version", sa.String(128), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("author", sa.String(256), nullable=False),
        sa.Column("annotators", sa.Integer, nullable=False),
        sa.Column("closed", sa.DateTime),
    )
    op.create_table(
        "task_items",
        sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("stratum", sa.String(256), nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("use_case", sa.String(256), nullable=False),
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("response", sa.Text, nullable=False),
    )


def _annotations() -> None:
    op.create_table(
        "annotations",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("annotator", sa.String(256), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("adjudicated", sa.Boolean, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("withdrawn", sa.DateTime),
        sa.UniqueConstraint("task_id", "token", name="uq_annotations_task_id"),
    )
    op.create_index("ix_annotations_task_id", "annotations", ["task_id", "annotator"])


def _watches() -> None:
    op.create_table(
        "watches",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("updated", sa.DateTime, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("watch", sa.String(128), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("use_case", sa.String(256), nullable=False),
        sa.Column("component", sa.String(96), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("told", sa.JSON, nullable=False),
    )
    op.create_index("ix_alerts_at", "alerts", ["at"])
