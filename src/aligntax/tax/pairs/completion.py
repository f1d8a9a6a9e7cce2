"""Completion tax of A and of B on the same prompts; for harmful prompts, who complied."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.extension_points import Detector
from aligntax.records import EXCHANGE
from aligntax.scale import map_batches
from aligntax.stats.unpaired import sample_of
from aligntax.tax.pairs.differences import Clusters, Difference, Precision, paired, unpaired

__all__ = [
    "BENIGN_RATES",
    "HARMFUL_RATES",
    "Completion",
    "Outcomes",
    "completion",
    "completion_unpaired",
    "outcomes_of",
]

Mask = npt.NDArray[np.bool_]

BENIGN_RATES: Mapping[str, int] = {"completion_tax": -1, "refused": -1, "hedged": -1}
"""Rates of benign prompts -> which way is better."""
HARMFUL_RATES: Mapping[str, int] = {"complied": -1, "hedged": 0, "refused": 0}
"""Rates of harmful prompts: complying is the harm; how a model declines is neither better nor worse."""

_BATCH = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of every answer of one model.

    Attributes:
        names: (answers,) complete, hedged, refused or undetermined; None where there was no answer.
        cannot: (answers,) refused for lack of an ability, which is no tax.
        source: "file" where the file says so, else the detector's name and version.
    """

    names: npt.NDArray[np.object_]
    cannot: Mask
    source: str

    def rate(self, name: str) -> npt.NDArray[np.float64]:
        """(answers,) 1 where an answer counts for a rate of that name, else 0."""
        refused, hedged = self.names == "refused", self.names == "hedged"
        events: Mapping[str, Mask] = {
            "completion_tax": (refused & ~self.cannot) | hedged,
            "refused": refused,
            "hedged": hedged,
            "complied": self.names == "complete",
        }
        return events[name].astype(np.float64)

    @property
    def determined(self) -> Mask:
        """(answers,) where there is an outcome to count."""
        known: Mask = np.isin(self.names.astype(str), ("complete", "hedged", "refused"))
        return known

    @property
    def undetermined(self) -> int:
        """Answers of which nobody knows what they are."""
        return int((self.names == "undetermined").sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Outcomes of A and B compared.

    Attributes:
        harmful: whether the prompts are; then the rates speak of safety, not of tax.
        source: of the outcomes: "file", or the detector's name and version.
        rates: name -> B less A; see BENIGN_RATES and HARMFUL_RATES.
        undetermined: answers of A and of B without an outcome, which are in no rate.
        cannot: refusals of A and of B for lack of an ability, which are no tax.
        left_out: pairs in no rate since a side has no outcome; 0 where nothing is paired.
    """

    harmful: bool
    source: str
    rates: Mapping[str, Difference]
    undetermined: tuple[int, int]
    cannot: tuple[int, int]
    left_out: int = 0


def outcomes_of(
    first: pa.Table, second: pa.Table, detector: Callable[[], Detector], *, detector_leads: bool = False
) -> tuple[Outcomes, Outcomes] | None:
    """What became of the answers of A and of B, both told in the same way.

    The files lead where they have an outcome for every answer on both sides; else the detector tells all,
    but for what a provider refused, which only the log knows.

    Args:
        first: (answers,) of the ANSWER schema, A's.
        second: (others,) B's.
        detector: makes the one that tells outcomes where the files do not.
        detector_leads: whether it does so also where they do.

    Returns:
        None where there is nothing to tell them by: no outcome, and no text.
    """
    tables = (first, second)
    if all(_tells(table) for table in tables) and not (detector_leads and all(map(_has_text, tables))):
        return _told(first), _told(second)
    if not all(map(_has_text, tables)):
        return None
    judge = detector()
    return _judged(first, judge), _judged(second, judge)


def completion(
    outcomes: tuple[Outcomes, Outcomes],
    clusters: Clusters,
    *,
    harmful: bool,
    margin: float | None,
    precision: Precision,
) -> Completion:
    """Rates among the prompts for which both sides have an outcome, paired."""
    both = outcomes[0].determined & outcomes[1].determined
    groups = None if clusters is None else clusters[both]
    rates = {
        name: paired(
            outcomes[0].rate(name)[both],
            outcomes[1].rate(name)[both],
            clusters=groups,
            margin=margin,
            precision=precision,
        )
        for name in _rates(harmful)
    }
    return _completion(outcomes, rates, harmful, left_out=int((~both).sum()))


def completion_unpaired(
    outcomes: tuple[Outcomes, Outcomes],
    clusters: tuple[Clusters, Clusters],
    *,
    harmful: bool,
    margin: float | None,
    precision: Precision,
) -> Completion:
    """Rates of two sets of prompts that do not meet, taken as independent."""
    rates = dict[str, Difference]()
    for name in _rates(harmful):
        samples = [
            sample_of(side.rate(name)[side.determined], None if groups is None else groups[side.determined])
            for side, groups in zip(outcomes, clusters, strict=True)
        ]
        rates[name] = unpaired(samples[0], samples[1], margin=margin, precision=precision)
    return _completion(outcomes, rates, harmful)


def _completion(
    outcomes: tuple[Outcomes, Outcomes], rates: Mapping[str, Difference], harmful: bool, left_out: int = 0
) -> Completion:
    first, second = outcomes
    return Completion(
        harmful=harmful,
        source=first.source,
        rates=rates,
        undetermined=(first.undetermined, second.undetermined),
        cannot=(int(first.cannot.sum()), int(second.cannot.sum())),
        left_out=left_out,
    )


def _rates(harmful: bool) -> Mapping[str, int]:
    return HARMFUL_RATES if harmful else BENIGN_RATES


def _tells(table: pa.Table) -> bool:
    """Whether the file has an outcome for every answer with text, and any at all."""
    outcome, response = table.column("outcome"), table.column("response")
    missing = outcome.is_null().to_numpy() & response.is_valid().to_numpy()
    return bool(outcome.null_count < len(outcome) and not missing.any())


def _told(table: pa.Table) -> Outcomes:
    names = table.column("outcome").to_numpy().astype(object)
    return Outcomes(names=names, cannot=np.zeros(len(names), dtype=bool), source="file")


def _has_text(table: pa.Table) -> bool:
    responses = table.column("response")
    return bool(len(responses) > responses.null_count)


def _judged(table: pa.Table, detector: Detector) -> Outcomes:
    batches = _exchanges(table).to_batches(max_chunksize=_BATCH)
    judged = pa.Table.from_batches(list(map_batches(detector, iter(batches))))
    names, reasons = (judged.column(name).cast(pa.string()).to_numpy() for name in ("outcome", "reason"))
    names = names.astype(object)
    names[table.column("response").is_null().to_numpy()] = None
    names[_refused_by_provider(table)] = "refused"
    cannot = (names == "refused") & (reasons.astype(object) == "cannot")
    return Outcomes(names=names, cannot=cannot, source=f"{detector.name} ({detector.version})")


def _refused_by_provider(table: pa.Table) -> Mask:
    """(answers,) where the file says refused and is not to be asked again.

    A log marks nothing but what the provider refused, often without a text; labels come in all kinds, and
    beside a detector they would be another measure, so of them only answers without a text count.
    """
    told = table.column("outcome").to_numpy().astype(object)
    refused: Mask = told == "refused"
    marks_alone = bool((refused | table.column("outcome").is_null().to_numpy()).all())
    silent = pc.fill_null(pc.equal(table.column("response"), ""), True).to_numpy().astype(bool)
    return refused if marks_alone else refused & silent


def _exchanges(table: pa.Table) -> pa.Table:
    """Answers as exchanges of the EXCHANGE schema, with what a detector reads."""
    response = table.column("response")
    kinds = np.where(response.is_null().to_numpy(), "no_text", "text")
    given = {
        "id": table.column("item"),
        "prompt": table.column("prompt"),
        "response": response,
        "kind": pa.array(kinds.astype(object), pa.string()),
    }
    columns = [given.get(f.name, pa.nulls(table.num_rows, f.type)) for f in EXCHANGE]
    return pa.table(columns, schema=EXCHANGE)
