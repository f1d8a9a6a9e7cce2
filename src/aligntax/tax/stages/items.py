"""The items of one benchmark through all stages, lined up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.answers.pairing import Pairs, pair
from aligntax.answers.table import with_lengths
from aligntax.records import ANSWER, Answers, LengthUnit
from aligntax.tax.pairs.differences import Clusters

__all__ = ["Items", "line_up"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Answers of every stage, row by row the same items.

    Attributes:
        tables: one a stage, (items,) of the ANSWER schema; null but for `item` where a stage lacks one.
        there: (stages, items) whether a stage has the item, with the prompt the start has.
        clusters: (items,) which items depend on each other; see `Clusters`.
        counts: of each stage, the items it has.
        changed: of each stage, items left out for asking something else than the start does.
        length_unit: of `length` in all tables.
        notes: what a reader must know of the matching.
    """

    tables: Sequence[pa.Table]
    there: Mask
    clusters: Clusters
    counts: Sequence[int]
    changed: Sequence[int]
    length_unit: LengthUnit
    notes: Sequence[str]

    @property
    def common(self) -> Mask:
        """(items,) those that every stage has."""
        found: Mask = np.all(self.there, axis=0)
        return found


def line_up(stages: Sequence[tuple[str, Answers]]) -> Items:
    """Pairs every stage with the start, and what is left of it with the stage before.

    Args:
        stages: name and answers to one benchmark, each with a table, the start first.
    """
    tables, unit = _one_unit([answers for _, answers in stages])
    answers = [
        replace(one, table=table, length_unit=unit) for (_, one), table in zip(stages, tables, strict=True)
    ]
    keys = _Keys([name for name, _ in stages])
    keys.begin(answers[0])
    for at in range(1, len(answers)):
        keys.add(at, pair(answers[0], answers[at]), 0)
        if at > 1:
            keys.add(at, pair(answers[at - 1], answers[at]), at - 1)
        keys.alone(at, answers[at])
    return keys.items(tables, unit)


@dataclass(slots=True)
class _Keys:
    """What every stage calls an item -> the number of the item.

    Attributes:
        names: of the stages.
        called: of each stage so far, its name for an item -> the item.
        clusters: of each item.
        changed: see `Items`; so are the other attributes.
    """

    names: Sequence[str]
    called: list[dict[str, int]] = field(default_factory=list)
    clusters: list[Any] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def begin(self, start: Answers) -> None:
        """Numbers the items of the start."""
        self.called.append({})
        self.changed.append(0)
        self.alone(0, start)

    def add(self, at: int, pairs: Pairs, before: int) -> None:
        """Gives the items of a stage the numbers that those of another one have, where neither is taken."""
        if len(self.called) == at:
            self.called.append({})
            self.changed.append(pairs.changed_prompts)
            self.notes += [_told(note, self.names[before], self.names[at]) for note in pairs.notes]
        taken, numbers = set(self.called[at].values()), self.called[before]
        theirs = pairs.second.column("item").to_pylist()
        for ours, name, cluster in zip(
            pairs.item.to_pylist(), theirs, pairs.cluster.to_pylist(), strict=True
        ):
            number = numbers[ours]
            if name not in self.called[at] and number not in taken:
                self.called[at][name] = number
                if self.clusters[number] is None:
                    self.clusters[number] = cluster

    def alone(self, at: int, answers: Answers) -> None:
        """New numbers for what no other stage has so far."""
        assert answers.table is not None
        columns = (answers.table.column(name).to_pylist() for name in ("item", "cluster"))
        for name, cluster in zip(*columns, strict=True):
            if name not in self.called[at]:
                self.called[at][name] = len(self.clusters)
                self.clusters.append(cluster)

    def items(self, tables: Sequence[pa.Table], unit: LengthUnit) -> Items:
        """All stages in the order of the numbers."""
        count, rows = len(self.clusters), []
        for called, table in zip(self.called, tables, strict=True):
            row = np.full(count, -1, dtype=np.int64)
            row[[called[name] for name in table.column("item").to_pylist()]] = np.arange(len(table))
            rows.append(row)
        there = np.stack(rows) >= 0
        known = [cluster for cluster in self.clusters if cluster is not None]
        clusters = np.array(self.clusters, dtype=object) if len(set(known)) < len(known) else None
        return Items(
            tables=[_taken(table, row) for table, row in zip(tables, rows, strict=True)],
            there=there,
            clusters=clusters,
            counts=[len(table) for table in tables],
            changed=self.changed,
            length_unit=unit,
            notes=list(dict.fromkeys(self.notes)),
        )


def _one_unit(answers: Sequence[Answers]) -> tuple[list[pa.Table], LengthUnit]:
    """The tables, with lengths in characters where the stages do not count the same."""
    tables = [one.table for one in answers if one.table is not None]
    if len({one.length_unit for one in answers}) == 1:
        return tables, answers[0].length_unit
    return [with_lengths(table, anew=True) for table in tables], "characters"


def _taken(table: pa.Table, rows: npt.NDArray[np.int64]) -> pa.Table:
    """The rows of a table, null where there is none."""
    at = pa.array(rows, mask=rows < 0)
    return pa.table([column.take(at) for column in table.columns], schema=_NULLABLE)


_NULLABLE = pa.schema([field.with_nullable(True) for field in ANSWER])


def _told(note: str, first: str, second: str) -> str:
    """A note on two sides, with the names of the stages."""
    named = {"the two sides": f"{first} and {second}", "the first side": first, "the second side": second}
    for side, name in named.items():
        note = note.replace(side, name)
    return note
