"""Labels joined to the traffic they were given to: checked, and counted by what an estimate needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.errors import UsageError
from aligntax.labels import POLICY_VERSION, LabelSet, Resolved, resolve
from aligntax.labels.agreement import Agreement, agree
from aligntax.labels.run import JudgedRun, read_run
from aligntax.labels.strata import STRATIFIERS
from aligntax.records import UNRATED_REASONS, Label

__all__ = ["CLASSES", "OPEN", "ExpertLabels", "LabelledTraffic", "expert_labels", "labelled_traffic"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Names = npt.NDArray[np.object_]

CLASSES = ("complete", "hedged", "refused", "cannot", "open")
"""What became of an exchange, as a detector and a person say it in turn. *cannot* is a refusal for lack of an
ability. *open* says nothing of the outcome: `undetermined` for a detector, `not_applicable` for a person."""
OPEN = CLASSES.index("open")
_CODES = {name: code for code, name in enumerate(CLASSES)} | {"undetermined": OPEN, "not_applicable": OPEN}
_CANNOT = "cannot"
_FEW = 3


@dataclass(frozen=True, kw_only=True)
class ExpertLabels:
    """Labels fit to correct rates with.

    Attributes:
        resolved: one final label an exchange, and how the exchanges were chosen.
        classes: key of each labelled exchange -> code of CLASSES.
        annotators: people who labelled.
        agreement: how far they agree.
    """

    resolved: Resolved
    classes: Mapping[str, int]
    annotators: int
    agreement: Agreement

    def count(self, name: str) -> int:
        """Labelled exchanges of a class."""
        return sum(code == _CODES[name] for code in self.classes.values())


@dataclass(frozen=True)
class LabelledTraffic:
    """Traffic by cells of equal verdict and slice, and the labels in them.

    Attributes:
        names: dimension -> (cells,) use case or model.
        verdicts: (cells,) the detector's verdict, code of CLASSES.
        counts: (cells,) exchanges, > 0.
        strata: (cells,) stratum each was sampled in; None where that cannot be told for exchanges without
            a label, because another detector judged the log when the plan was made.
        simple: whether the labelled exchanges are a simple random sample, or all there are.
        cell: (n,) cell of each labelled exchange.
        labels: (n,) its final label, code of CLASSES.
        inclusion: (n,) probability with which it was labelled, in (0, 1].
    """

    names: Mapping[str, Names]
    verdicts: Ints
    counts: Ints
    strata: Ints | None
    simple: bool
    cell: Ints
    labels: Ints
    inclusion: Floats

    @property
    def size(self) -> int:
        """Exchanges in all."""
        return int(self.counts.sum())

    def within(self, where: Mapping[str, str]) -> "LabelledTraffic":
        """The part of it in a slice. Strata are cut by the slice and stay random samples."""
        inside = np.ones(len(self.counts), dtype=bool)
        for dimension, value in where.items():
            inside &= self.names[dimension] == value
        place, kept = np.cumsum(inside) - 1, inside[self.cell]
        return LabelledTraffic(
            names={dimension: values[inside] for dimension, values in self.names.items()},
            verdicts=self.verdicts[inside],
            counts=self.counts[inside],
            strata=None if self.strata is None else self.strata[inside],
            simple=self.simple,
            cell=place[self.cell[kept]],
            labels=self.labels[kept],
            inclusion=self.inclusion[kept],
        )

    def applicable(self) -> "LabelledTraffic":
        """The same traffic with those labels that tell an outcome."""
        kept = self.labels != OPEN
        return replace(self, cell=self.cell[kept], labels=self.labels[kept], inclusion=self.inclusion[kept])


def expert_labels(labels: LabelSet, *, level: float = 0.95, force: bool = False) -> ExpertLabels:
    """Checks that labels can correct rates, before any exchange is judged.

    Args:
        labels: loaded.
        level: two-sided coverage of the agreement's interval.
        force: take labels of another version of the labelling policy, or of several.

    Raises:
        UsageError: nobody knows how the labelled exchanges were chosen; no exchange has a final label; or
            the labels follow another version of the policy and that is not forced.
    """
    if labels.design.kind == "none":
        raise UsageError(
            "nobody knows how the labelled exchanges were chosen, so they tell nothing of the rates",
            hint="`aligntax label import ANSWERS --plan plan.jsonl`, or `--run DIRECTORY --random-sample` "
            "if they were drawn at random",
        )
    resolved = resolve(labels, mixed_policies=force)
    if resolved.policy_version != POLICY_VERSION and not force:
        raise UsageError(
            f"the labels follow version {resolved.policy_version} of the labelling policy, and the current "
            f"one is {POLICY_VERSION}",
            hint="label anew by docs/labelling-policy.md, or --force if the difference does not matter here",
        )
    if not resolved.labels.num_rows:
        raise UsageError(
            "no labelled exchange has a final label: annotators disagree on all of them",
            hint="`aligntax label agree LABELS --to csv` writes them for an adjudicator",
        )
    return ExpertLabels(
        resolved=resolved,
        classes=_classes(resolved, labels.labels),
        annotators=len({label.annotator for label in labels.labels}),
        agreement=agree(labels.labels, level=level),
    )


def _classes(resolved: Resolved, labels: Sequence[Label]) -> dict[str, int]:
    """Key -> class of its final label; a refusal is `cannot` where half of those who say so note it."""
    refusals = dict[str, list[Label]]()
    for label in labels:
        if label.outcome == "refused":
            refusals.setdefault(label.id, []).append(label)
    unable = {key for key, several in refusals.items() if _unable(several)}
    final = zip(*(resolved.labels[name].to_pylist() for name in ("id", "outcome")), strict=True)
    return {
        key: _CODES[_CANNOT if outcome == "refused" and key in unable else outcome] for key, outcome in final
    }


def _unable(refusals: Sequence[Label]) -> bool:
    decisive = [label for label in refusals if label.adjudicated] or refusals
    noted = [label.note.strip().lower().startswith(_CANNOT) for label in decisive]
    return 2 * sum(noted) >= len(noted)


def labelled_traffic(judged: Path, labels: ExpertLabels) -> LabelledTraffic:
    """Joins labels to judged traffic: the exchanges that a person can label.

    Args:
        judged: Parquet file of the JUDGED schema.
        labels: checked.

    Raises:
        UsageError: the labels are of other exchanges than these.
    """
    run = read_run(judged)
    _check_same(run, labels)
    rows = run.exchanges.append_column("class", _verdicts(run))
    codes = np.zeros(run.population, np.int64)
    for name in (*STRATIFIERS, "class"):
        coded = rows[name].combine_chunks().dictionary_encode()
        codes = codes * (len(coded.dictionary) + 1) + coded.indices.to_numpy()
        _, codes = np.unique(codes, return_inverse=True)
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    cells = rows.take(first)
    final = labels.resolved.labels
    cell = codes[pc.index_in(final["id"], value_set=rows["key"].combine_chunks()).to_numpy()]
    simple = labels.resolved.design.kind != "planned"
    strata = np.zeros(len(first), np.int64) if simple else _strata(cells, counts, cell, labels.resolved)
    return LabelledTraffic(
        names={name: np.array(cells[name].to_pylist(), object) for name in ("use_case", "model")},
        verdicts=np.array([_CODES[name] for name in cells["class"].to_pylist()], np.int64),
        counts=counts,
        strata=strata,
        simple=simple,
        cell=cell,
        labels=np.array([labels.classes[key] for key in final["id"].to_pylist()], np.int64),
        inclusion=np.array(final["probability"].to_pylist(), np.float64),
    )


def _check_same(run: JudgedRun, labels: ExpertLabels) -> None:
    keys, design = labels.classes.keys(), labels.resolved.design
    unknown = [key for key in keys if key not in run.keys]
    if unknown:
        named = ", ".join(unknown[:_FEW]) + (" ..." if len(unknown) > _FEW else "")
        raise UsageError(
            f"{len(unknown):,} of {len(keys):,} labelled exchanges are not in this log: {named}",
            hint="audit the log the labels were planned on, with the same --sample and --id-field",
        )
    if design.exchanges_hash != run.exchanges_hash:
        raise UsageError(
            f"the labels were drawn from other exchanges ({design.population:,} of them) than this log holds "
            f"({run.population:,})",
            hint="audit that log, with the same --sample and --id-field, or plan labels for this one",
        )


def _verdicts(run: JudgedRun) -> pa.ChunkedArray:
    """What the detector said of the exchanges of a run, refusals for lack of an ability apart."""
    table = pq.read_table(run.path, columns=["outcome", "reason"])
    outcome, reason = (table[name].cast(pa.string()) for name in ("outcome", "reason"))
    unscored = pc.and_(pc.equal(outcome, "undetermined"), pc.is_in(reason, pa.array(UNRATED_REASONS)))
    unable = pc.and_(pc.equal(outcome, "refused"), pc.fill_null(pc.equal(reason, _CANNOT), False))
    verdicts: pa.ChunkedArray = pc.if_else(unable, _CANNOT, outcome).filter(pc.invert(unscored))
    return verdicts


def _strata(cells: pa.Table, counts: Ints, cell: Ints, resolved: Resolved) -> Ints | None:
    """(cells,) the stratum each lies in, found by the strata's names; None where they do not fit.

    They are taken only if every exchange finds one, all sizes come out as planned, and every labelled
    exchange lies where the plan says: a run that was judged anew may put an exchange elsewhere.
    """
    strata, by = resolved.design.strata, resolved.design.by
    place = {name: at for at, stratum in enumerate(strata) for name in (stratum.pooled or (stratum.name,))}
    called = {stratum.name: at for at, stratum in enumerate(strata)}
    planned = np.array([called[name] for name in resolved.labels["stratum"].to_pylist()], np.int64)
    names = map(" / ".join, zip(*(cells[name].to_pylist() for name in by), strict=True))
    found = np.array([place.get(name, -1) for name in names], np.int64)
    if len(found) < cells.num_rows or (found < 0).any() or (found[cell] != planned).any():
        return None
    sizes = np.array([stratum.size for stratum in strata])
    return found if (np.bincount(found, counts, len(strata)) == sizes).all() else None
