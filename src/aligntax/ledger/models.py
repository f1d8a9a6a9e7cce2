"""Models, and the stages of training a run measured."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from aligntax.ledger.inserting import insert_new
from aligntax.ledger.keys import content_hash, now
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tables import models as _models
from aligntax.ledger.tables import stages as _stages

__all__ = [
    "KeptModel",
    "KeptStage",
    "StageModel",
    "insert_model",
    "insert_stages",
    "keep_model",
    "keep_stages",
    "models",
    "stages_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptModel:
    """A model, told from others by name, revision and weights.

    Attributes:
        id: its key.
        name: as it was given.
        revision: commit or version; "" where it is not known.
        weights_hash: of its weights; "" where it is not known.
        recorded: when it was first seen, UTC without zone.
        facts: whatever else is known.
    """

    id: str
    name: str
    revision: str
    weights_hash: str
    recorded: dt.datetime
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStage:
    """A stage of training.

    Attributes:
        position: in the order of training, from 0.
        name: base, sft, dpo, ...
        model: what came out of it.
    """

    position: int
    name: str
    model: KeptModel


@dataclass(frozen=True, slots=True, kw_only=True)
class StageModel:
    """A stage as a document tells it: its name, and the model that came out of it.

    Attributes:
        name: base, sft, dpo, ...
        model: its name.
        revision: commit or version; "" where it is not known.
        weights_hash: of its weights; "" where it is not known.
        facts: whatever else is known.
    """

    name: str
    model: str
    revision: str = ""
    weights_hash: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def keep_model(
    ledger: Ledger,
    name: str,
    revision: str = "",
    weights_hash: str = "",
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Keeps a model, unless it is there; its id."""
    with ledger.writing() as connection:
        return insert_model(connection, name, revision, weights_hash, facts)


def insert_model(
    connection: Connection,
    name: str,
    revision: str = "",
    weights_hash: str = "",
    facts: Mapping[str, Any] | None = None,
) -> str:
    """The same inside a transaction."""
    identity = {"name": name, "revision": revision, "weights_hash": weights_hash}
    key = content_hash(identity)
    row = identity | {"id": key, "recorded": now(), "facts": dict(facts or {})}
    insert_new(connection, _models, row)
    return key


def keep_stages(ledger: Ledger, run_id: str, stages: Sequence[tuple[str, str]]) -> None:
    """Keeps the stages of a run: name and model id of each, in the order of training."""
    with ledger.writing() as connection:
        _insert(connection, run_id, stages)


def insert_stages(connection: Connection, run_id: str, stages: Sequence[StageModel]) -> None:
    """Keeps the stages of a run with their models, inside a transaction."""
    models = [insert_model(connection, s.model, s.revision, s.weights_hash, s.facts) for s in stages]
    _insert(connection, run_id, [(s.name, model) for s, model in zip(stages, models, strict=True)])


def _insert(connection: Connection, run_id: str, stages: Sequence[tuple[str, str]]) -> None:
    for at, (name, model_id) in enumerate(stages):
        insert_new(
            connection, _stages, {"run_id": run_id, "position": at, "name": name, "model_id": model_id}
        )


def models(ledger: Ledger) -> list[KeptModel]:
    """All models, in the order they were first seen."""
    query = select(_models).order_by(_models.c.recorded, _models.c.id)
    with ledger.reading() as connection:
        return [KeptModel(**row._mapping) for row in connection.execute(query)]


def stages_of(ledger: Ledger, run_id: str) -> list[KeptStage]:
    """The stages a run measured, in the order of training."""
    table = _stages
    query = (
        select(_models, table.c.position, table.c.name.label("stage"))
        .join(table, table.c.model_id == _models.c.id)
        .where(table.c.run_id == run_id)
        .order_by(table.c.position)
    )
    with ledger.reading() as connection:
        return [_stage(dict(row._mapping)) for row in connection.execute(query)]


def _stage(row: dict[str, Any]) -> KeptStage:
    position, name = row.pop("position"), row.pop("stage")
    return KeptStage(position=position, name=name, model=KeptModel(**row))
