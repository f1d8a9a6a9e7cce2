"""Labels with the design they were collected under, and the file that keeps both.

What labels can be taken for depends on how their exchanges were chosen. There are four designs:

- *planned*: the plan travelled along. Each label knows its stratum, each stratum its size, so that rates of
  the whole run can be estimated from the labels and their error is known.
- *random*: somebody says that the labelled exchanges were drawn from the run with equal chances. aligntax
  cannot check that; it takes their word and repeats it.
- *census*: every exchange of the run that can be labelled has a label. This is checked, not claimed.
- *none*: nobody knows how they were chosen. Such labels can score a detector on the exchanges they are for
  and say how far annotators agree. They say nothing of the run's rates: people pick what strikes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.collect import Collected, Sources, collect
from aligntax.labels.formats import read_answers
from aligntax.labels.lines import json_line, json_lines
from aligntax.labels.plan import Plan
from aligntax.labels.run import JudgedRun
from aligntax.labels.strata import Stratum
from aligntax.records import Label
from aligntax.records.files import atomic

__all__ = ["ALL", "Design", "LabelSet", "census_or_random", "load_labels", "planned", "save_labels"]

DesignKind = Literal["planned", "random", "census", "none"]
ALL = "(all)"
"""Name of the one stratum of a design without strata."""

_KIND, _FORMAT = "labels", 1


@dataclass(frozen=True, kw_only=True)
class Design:
    """How the labelled exchanges were chosen.

    Attributes:
        kind: see the top of this module.
        run_hash: of the run they were chosen from; "" for *none*, as for the next three.
        exchanges_hash: of the run's exchanges, whatever a detector said of them.
        detector: whose verdicts made the strata.
        detector_version: its version. Strata stay valid when the same exchanges are judged anew.
        by: what the strata tell apart, in the order of their names; empty where there is but one.
        strata: their sizes sum to the run's eligible exchanges; empty for *none*.
        of_key: key -> name of the stratum of each labelled exchange.
    """

    kind: DesignKind = "none"
    run_hash: str = ""
    exchanges_hash: str = ""
    detector: str = ""
    detector_version: str = ""
    by: tuple[str, ...] = ()
    strata: tuple[Stratum, ...] = ()
    of_key: Mapping[str, str] = field(default_factory=dict)

    @property
    def population(self) -> int:
        """Exchanges the labels stand for; 0 where that is not known."""
        return sum(stratum.size for stratum in self.strata)

    def header(self) -> dict[str, Any]:
        """As JSON, without the exchanges."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "of_key"}
        return fields | {"strata": [asdict(stratum) for stratum in self.strata]}


@dataclass(frozen=True)
class LabelSet:
    """Labels and their design.

    Attributes:
        labels: at most one for each exchange, annotator and whether it adjudicates.
        design: how their exchanges were chosen.
        notes: what was dropped, one line each.
    """

    labels: tuple[Label, ...]
    design: Design
    notes: tuple[str, ...] = ()


def planned(plan: Plan, labels: Iterable[Label]) -> Design:
    """The design of labels given to a plan's exchanges."""
    return Design(
        kind="planned",
        run_hash=plan.run_hash,
        exchanges_hash=plan.exchanges_hash,
        detector=plan.detector,
        detector_version=plan.detector_version,
        by=plan.by,
        strata=plan.strata,
        of_key={label.id: plan.by_key[label.id].stratum for label in labels},
    )


def census_or_random(run: JudgedRun, labels: Iterable[Label], *, random: bool) -> Design:
    """The design of labels given without a plan.

    Args:
        run: they were given to.
        labels: all for exchanges of the run.
        random: whether somebody says that the exchanges were drawn with equal chances.

    Returns:
        *census* where every exchange has a label, *random* where that is said, else *none*.
    """
    keys = {label.id for label in labels}
    if not random and len(keys) < run.population:
        return Design()
    whole = Stratum(name=ALL, size=run.population, labels=len(keys), spread=0.5)
    return Design(
        kind="census" if len(keys) == run.population else "random",
        run_hash=run.run_hash,
        exchanges_hash=run.exchanges_hash,
        detector=run.detector,
        detector_version=run.detector_version,
        strata=(whole,),
        of_key=dict.fromkeys(keys, ALL),
    )


def save_labels(labels: LabelSet, path: Path) -> None:
    """Writes labels, whole or not at all: a line on their design, then a line for each label."""
    design = labels.design
    chance = {stratum.name: stratum.probability for stratum in design.strata}
    head = {"aligntax": _KIND, "format": _FORMAT, "labels": len(labels.labels), "design": design.header()}
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json_line(head))
        for label in labels.labels:
            row = asdict(label) | {"time": f"{label.time.isoformat()}Z" if label.time else None}
            name = design.of_key.get(label.id)
            file.write(json_line(row | {"stratum": name, "probability": chance.get(name or "")}))


def load_labels(paths: Sequence[Path]) -> LabelSet:
    """Reads labels written by `aligntax label import`, or by hand: lines of {"id": ..., "outcome": ...}.

    Args:
        paths: files with labels given under one design; those without a design are of design *none*.

    Raises:
        UnreadableInput: a file or a line cannot be read, or there is no label at all.
        UsageError: files of different designs, or one annotator contradicts themself without times.
    """
    designs = [_design(path) for path in paths]
    found = collect((one for path in paths for one in read_answers(path)), Sources())
    return LabelSet(tuple(found.labels), _merged(designs, paths, found), tuple(found.notes()))


def _design(path: Path) -> Design:
    """What the first line says, and the stratum of each line."""
    rows = json_lines(path, hint="make it with `aligntax label import`")
    _, head = next(rows, (0, {}))
    if head.get("aligntax") not in (None, _KIND) or head.get("format", _FORMAT) != _FORMAT:
        kind = f"{head.get('aligntax')} of format {head.get('format')}"
        hint = "make labels with `aligntax label import`"
        raise UnreadableInput(f"{path}: a {kind}, not labels of format {_FORMAT}", hint=hint)
    if "aligntax" not in head:
        return Design()
    try:
        said = dict(head["design"])
        strata = tuple(Stratum(**{**row, "pooled": tuple(row["pooled"])}) for row in said.pop("strata"))
        by = tuple(said.pop("by", ()))
        return Design(by=by, strata=strata, of_key={row["id"]: row["stratum"] for _, row in rows}, **said)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableInput(f"{path}: damaged labels ({error})", hint="import them again") from error


def _merged(designs: Sequence[Design], paths: Sequence[Path], found: Collected) -> Design:
    """The one design of several files."""
    of_key = {key: name for design in designs for key, name in design.of_key.items()}
    for path, design in zip(paths[1:], designs[1:], strict=True):
        if _apart(design) != _apart(designs[0]):
            raise UsageError(
                f"{paths[0]} ({designs[0].kind}) and {path} ({design.kind}): labels of different designs "
                "cannot be put together",
                hint="import all the answers in one go, with one --plan",
            )
    first = designs[0]
    if first.kind in ("random", "census"):  # how many were labelled is told by all the files together
        labelled = len({label.id for label in found.labels})
        return replace(first, strata=(replace(first.strata[0], labels=labelled),), of_key=of_key)
    return replace(first, of_key=of_key)


def _apart(design: Design) -> tuple[object, ...]:
    """What tells two designs apart."""
    whole = design.kind in ("random", "census")
    return design.kind, design.run_hash, design.population if whole else design.strata
