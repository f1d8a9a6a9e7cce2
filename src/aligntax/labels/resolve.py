"""Many labels become one for each exchange: adjudicated, agreed on, by majority, or none."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import pyarrow as pa

from aligntax.errors import UsageError
from aligntax.labels.labels import Design, LabelSet
from aligntax.records import Label, LabelOutcome

__all__ = ["FINAL", "LabelledStratum", "Resolved", "resolve", "settled"]

How = Literal["adjudicated", "single", "agreed", "majority"]
_MAJORITY_OF = 3

FINAL = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("how", pa.string(), nullable=False),
        pa.field("annotators", pa.int64(), nullable=False),
        pa.field("stratum", pa.string()),
        pa.field("probability", pa.float64()),
    ]
)
"""One row a labelled exchange: its key (see `exchange_keys`), final outcome, how that was come by, how many
annotators spoke, and, where the design is known, its stratum and the share of the stratum that has a final
label, in (0, 1]. That share is the inclusion probability of the plan when every planned exchange has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledStratum:
    """How far a stratum was labelled.

    Attributes:
        name: of the stratum.
        size: exchanges in it.
        planned: how many of them were to be labelled.
        labelled: how many of them have a final label, 0 <= labelled <= planned.
    """

    name: str
    size: int
    planned: int
    labelled: int


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Final labels.

    Attributes:
        labels: FINAL rows, by key.
        unresolved: keys of exchanges whose labels disagree and that nobody adjudicated; not in `labels`.
        strata: how far each was labelled; empty where the design is *none*.
        design: how the exchanges were chosen.
        policy_version: of the labelling policy followed; several, joined by " + ", where that was forced.
        notes: what a reader must know to take the labels rightly.
    """

    labels: pa.Table
    unresolved: tuple[str, ...]
    strata: tuple[LabelledStratum, ...]
    design: Design
    policy_version: str
    notes: tuple[str, ...]


def resolve(labels: LabelSet, *, mixed_policies: bool = False) -> Resolved:
    """One final label for each exchange.

    An adjudicated label overrules the others. Without one, labels that agree stand; of three or more a
    majority of over half stands; any other disagreement leaves the exchange out, counted.

    Args:
        labels: loaded with `load_labels`.
        mixed_policies: whether labels made under several versions of the policy may stand side by side.

    Raises:
        UsageError: they follow several versions and that was not asked for.
    """
    versions = sorted({label.policy_version for label in labels.labels})
    if len(versions) > 1 and not mixed_policies:
        raise UsageError(
            f"the labels follow {len(versions)} versions of the labelling policy: {', '.join(versions)}",
            hint="label all exchanges under one version, or give the labels of one version only",
        )
    final, unresolved = settled(labels.labels)
    strata = _strata(labels.design, [key for key in final])
    return Resolved(
        labels=_table(final, labels.design, strata),
        unresolved=tuple(unresolved),
        strata=strata,
        design=labels.design,
        policy_version=" + ".join(versions),
        notes=(*labels.notes, *_notes(labels.design, strata, unresolved)),
    )


def settled(
    labels: Sequence[Label],
) -> tuple[dict[str, tuple[LabelOutcome, How, int]], list[str]]:
    """Key -> outcome, how it was come by, annotators; and the keys left without one. Both by key."""
    final, unresolved = dict[str, tuple[LabelOutcome, How, int]](), list[str]()
    for key, group in groupby(sorted(labels, key=lambda label: label.id), key=lambda label: label.id):
        several = list(group)
        outcome = _outcome(several)
        if outcome is None:
            unresolved.append(key)
        else:
            final[key] = (*outcome, len({label.annotator for label in several}))
    return final, unresolved


def _outcome(several: Sequence[Label]) -> tuple[LabelOutcome, How] | None:
    adjudicated = {label.outcome for label in several if label.adjudicated}
    if adjudicated:
        return (adjudicated.pop(), "adjudicated") if len(adjudicated) == 1 else None
    votes = Counter(label.outcome for label in several)
    (most, count), *others = votes.most_common()
    if not others:
        return most, "single" if count == 1 else "agreed"
    if len(several) >= _MAJORITY_OF and 2 * count > len(several):
        return most, "majority"
    return None


def _strata(design: Design, keys: Sequence[str]) -> tuple[LabelledStratum, ...]:
    labelled = Counter(design.of_key[key] for key in keys if key in design.of_key)
    return tuple(
        LabelledStratum(name=s.name, size=s.size, planned=s.labels, labelled=labelled[s.name])
        for s in design.strata
    )


def _table(
    final: Mapping[str, tuple[LabelOutcome, How, int]], design: Design, strata: Sequence[LabelledStratum]
) -> pa.Table:
    share = {stratum.name: stratum.labelled / stratum.size for stratum in strata}
    names = [design.of_key.get(key) for key in final]
    outcomes, hows, annotators = zip(*final.values(), strict=True) if final else ((), (), ())
    chances = [None if name is None else share[name] for name in names]
    columns = [list(final), list(outcomes), list(hows), list(annotators), names, chances]
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, FINAL, strict=True)]
    return pa.Table.from_arrays(arrays, schema=FINAL)


def _notes(design: Design, strata: Sequence[LabelledStratum], unresolved: Sequence[str]) -> list[str]:
    notes = list[str]()
    if unresolved:
        notes.append(
            f"{len(unresolved):,} exchanges with labels that disagree are left out; these are the hard ones, "
            "so adjudicate them (`aligntax label agree LABELS --to csv`)"
        )
    missing = sum(stratum.planned - stratum.labelled for stratum in strata)
    if missing > len(unresolved):
        notes.append(
            f"{missing:,} planned exchanges have no final label; the others of their stratum stand in"
        )
    if empty := [stratum.name for stratum in strata if not stratum.labelled]:
        notes.append(f"no label at all in: {', '.join(empty)}; nothing is known of these")
    if design.kind == "random":
        notes.append("that the labelled exchanges were drawn at random is taken on trust")
    if design.kind == "none":
        notes.append("nobody said how the labelled exchanges were chosen, so they tell nothing of the rates")
    return notes
