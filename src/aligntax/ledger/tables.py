"""The ledger's tables, as they are today; `migrations` tells how a ledger of any earlier day becomes one.

Times are UTC without zone. A figure that cannot be known is null and `reason` says why. Rows are added and
never changed, but for `watches.state`, an approval, and what is said to be withdrawn or closed: a ledger is
a history. What comes from outside is `Words`, so that both databases keep the same.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from aligntax.ledger.column_types import Moment, Words

__all__ = [
    "alerts",
    "annotations",
    "artefacts",
    "documents",
    "labels",
    "marks",
    "measurements",
    "metadata",
    "models",
    "policies",
    "runs",
    "stages",
    "task_items",
    "tasks",
    "verdicts",
    "watches",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_KEY = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what it calls INTEGER


def _of_run(*, key: bool = False) -> Column[str]:
    return Column("run_id", String(32), ForeignKey("runs.id"), nullable=False, primary_key=key)


runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),  # 20261122T211000-7f3a9c: sorts by time, short enough to type
    Column("kind", Words(32), nullable=False),  # bill, comparison, floor, stages, ...
    Column("schema", Words(64), nullable=False),  # of its document, with the version
    Column("title", Words(), nullable=False),
    Column("created", Moment(), nullable=False),  # when it was measured
    Column("recorded", Moment(), nullable=False),  # when it came here
    Column("source", Words(), nullable=False),  # the files or models it is of
    Column("first", Moment()),  # of the traffic it is of
    Column("last", Moment()),
    Column("exchanges", BigInteger),
    Column("detector", Words()),
    Column("detector_version", Words()),
    Column("judge", Words()),
    Column("policy_id", String(64)),
    Column("data_hash", String(64)),
    Column("config_hash", String(64)),
    Column("git_sha", String(64)),
    Column("git_dirty", Boolean),
    Column("seed", BigInteger),
    Column("versions", JSON, nullable=False),  # package -> version
    Column("document_hash", String(64), nullable=False),  # recording the same document twice is said
    Index(None, "created"),
    Index(None, "kind", "created"),
    UniqueConstraint("document_hash"),
)
documents = Table(
    "documents",
    metadata,
    _of_run(key=True),
    Column("body", LargeBinary, nullable=False),  # JSON, compressed; a run stays readable whatever its schema
)
artefacts = Table(
    "artefacts",
    metadata,
    _of_run(key=True),
    Column("name", String(64), primary_key=True),  # outcomes.parquet, exchanges.parquet
    Column("path", Words(), nullable=False),  # below the ledger's directory
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
measurements = Table(
    "measurements",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=True),
    _of_run(),
    Column("component", Words(96), nullable=False),
    Column("use_case", Words(256), nullable=False, default=""),  # "" for all traffic, so that it can be told
    Column("model", Words(256), nullable=False, default=""),
    Column("period", Words(32), nullable=False, default=""),
    Column("slice", JSON, nullable=False),  # whatever else it was narrowed to
    Column("correction", String(16), nullable=False),
    Column("small", Boolean, nullable=False),
    Column("value", Double),
    Column("low", Double),
    Column("high", Double),
    Column("level", Double, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("labelled", BigInteger, nullable=False),
    Column("clusters", BigInteger),
    Column("unit", Words(32), nullable=False),
    Column("method", Words(), nullable=False),
    Column("reason", Words(), nullable=False),
    Index(None, "run_id"),
    Index(None, "component", "use_case", "model", "period"),
)
labels = Table(
    "labels",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=True),
    Column("exchange", Words(), nullable=False),
    Column("run_id", String(32), ForeignKey("runs.id")),
    Column("task_id", String(32), ForeignKey("tasks.id")),
    Column("outcome", String(16), nullable=False),
    Column("annotator", Words(256), nullable=False),
    Column("time", Moment()),
    Column("policy_version", Words(128), nullable=False),
    Column("note", Words(), nullable=False),
    Column("adjudicated", Boolean, nullable=False),
    Column("digest", String(64), nullable=False),  # of all of it: said twice, it is kept once
    UniqueConstraint("digest"),
    Index(None, "run_id"),
    Index(None, "task_id"),
)
policies = Table(
    "policies",
    metadata,
    Column("change", _KEY, primary_key=True, autoincrement=True),  # going back to an earlier text is one more
    Column("id", String(64), nullable=False),  # hash of its text
    Column("text", Words(), nullable=False),
    Column("recorded", Moment(), nullable=False),
    Column("author", Words(256), nullable=False),
    Column("note", Words(), nullable=False),
    Column("previous", String(64)),
    Column("approved_by", Words(256)),
    Column("approved", Moment()),
    Index(None, "id"),
)
verdicts = Table(
    "verdicts",
    metadata,
    Column("id", String(32), primary_key=True),
    _of_run(),
    Column("policy_id", String(64), nullable=False),
    Column("baseline_id", String(32)),
    Column("mode", String(16), nullable=False),  # release or pull_request
    Column("verdict", String(16), nullable=False),  # pass, fail, inconclusive
    Column("recorded", Moment(), nullable=False),
    Column("body", LargeBinary, nullable=False),  # the gate's document
    Index(None, "run_id"),
    Index(None, "recorded"),
)
models = Table(
    "models",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Words(), nullable=False),
    Column("revision", Words(), nullable=False),
    Column("weights_hash", Words(128), nullable=False),
    Column("recorded", Moment(), nullable=False),
    Column("facts", JSON, nullable=False),
)
stages = Table(
    "stages",
    metadata,
    _of_run(key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Words(128), nullable=False),  # base, sft, dpo, ...
    Column("model_id", String(64), ForeignKey("models.id"), nullable=False),
)
marks = Table(
    "marks",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=True),
    Column("at", Moment(), nullable=False),
    Column("kind", String(16), nullable=False),  # deploy, model, prompt, detector, policy, note
    Column("use_case", Words(256), nullable=False),  # "" for all
    Column("text", Words(), nullable=False),
    Column("author", Words(256), nullable=False),
    Column("recorded", Moment(), nullable=False),
    Index(None, "at"),
)
tasks = Table(
    "tasks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", Words(), nullable=False),
    Column("run_id", String(32), ForeignKey("runs.id")),
    Column("plan", JSON, nullable=False),  # head of the label plan: strata, seed, policy version
    Column("policy_version", Words(128), nullable=False),
    Column("created", Moment(), nullable=False),
    Column("author", Words(256), nullable=False),
    Column("annotators", Integer, nullable=False),  # labels each exchange is to get, 1 or 2
    Column("closed", Moment()),
)
task_items = Table(
    "task_items",
    metadata,
    Column("task_id", String(32), ForeignKey("tasks.id"), primary_key=True),
    Column("position", Integer, primary_key=True),  # the order to label in
    Column("exchange", Words(), nullable=False),
    Column("stratum", Words(256), nullable=False),  # not shown to an annotator
    Column("probability", Double, nullable=False),
    Column("use_case", Words(256), nullable=False),
    Column("system", Words(), nullable=False),
    Column("prompt", Words(), nullable=False),
    Column("response", Words(), nullable=False),
)
annotations = Table(
    "annotations",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=True),
    Column("task_id", String(32), ForeignKey("tasks.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("annotator", Words(256), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("note", Words(), nullable=False),
    Column("time", Moment(), nullable=False),
    Column("adjudicated", Boolean, nullable=False),
    Column("token", Words(64), nullable=False),  # of the form it came with: sent twice, it is kept once
    Column("withdrawn", Moment()),
    UniqueConstraint("task_id", "token"),
    Index(None, "task_id", "annotator"),
)
watches = Table(
    "watches",
    metadata,
    Column("name", Words(128), primary_key=True),
    Column("state", JSON, nullable=False),  # offsets into files, sums of the sequences
    Column("updated", Moment(), nullable=False),
)
alerts = Table(
    "alerts",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=True),
    Column("watch", Words(128), nullable=False),
    Column("at", Moment(), nullable=False),
    Column("use_case", Words(256), nullable=False),
    Column("component", Words(96), nullable=False),
    Column("kind", String(16), nullable=False),  # budget, change or recovered
    Column("document", JSON, nullable=False),
    Column("told", JSON, nullable=False),  # who was told, and what came of it
    Index(None, "at"),
)
