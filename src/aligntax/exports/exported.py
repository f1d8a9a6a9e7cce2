"""What is exported: the figures of a run or of a document, with where they come from."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput
from aligntax.ledger import Ledger, Origin, find_run
from aligntax.ledger.documents import check, created_of, figures, origin_of, title_of
from aligntax.ledger.runs import artefact, document, measurements
from aligntax.ledger.verdicts import verdict_document, verdicts
from aligntax.policy.read import LoadedPolicy
from aligntax.records import Measurement
from aligntax.report.document import estimate_of

__all__ = [
    "NOT_KNOWN",
    "OUTCOMES",
    "Exported",
    "Selection",
    "of_document",
    "of_run",
    "read_document",
    "select",
]

OUTCOMES = "outcomes.parquet"
"""What an audit leaves beside its bill: one row an exchange."""
NOT_KNOWN = "cannot be known"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What is to be exported.

    Attributes:
        kind: bill, floor, gate, ...: what the document's schema is called.
        schema: of the document, with its version.
        title: for a person.
        run: key of the ledger's run; "" for a file.
        created: when it was measured, UTC without zone.
        origin: where the figures come from.
        figures: all of them.
        document: they are from.
        files: name -> file that was kept beside it.
        policy: that names budgets; None without one.
        gate: the newest gate's document on it; None without one.
    """

    kind: str
    schema: str
    title: str
    run: str
    created: dt.datetime
    origin: Origin
    figures: Sequence[Measurement]
    document: Mapping[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)
    policy: LoadedPolicy | None = None
    gate: Mapping[str, Any] | None = None

    @property
    def detector(self) -> str:
        """Name and version of what told the outcomes; "" where there is nothing of the sort."""
        return " ".join(one for one in (self.origin.detector, self.origin.detector_version) if one)

    @property
    def models(self) -> list[str]:
        """The models there are figures of, in their order."""
        return list(dict.fromkeys(one.slice["model"] for one in self.figures if one.slice.get("model")))

    @property
    def without_words(self) -> dict[str, Any]:
        """The document without its examples: they hold words of exchanges, which stay here."""
        return {name: part for name, part in self.document.items() if name != "examples"}

    @property
    def provenance(self) -> dict[str, str]:
        """What a reader needs to know of every figure, as text; what is not known is left out."""
        origin = self.origin
        told = {
            "run": self.run,
            "schema": self.schema,
            "created": f"{self.created.isoformat()}Z",
            "source": origin.source,
            "first": origin.first and f"{origin.first.isoformat()}Z",
            "last": origin.last and f"{origin.last.isoformat()}Z",
            "exchanges": origin.exchanges,
            "detector": origin.detector,
            "detector_version": origin.detector_version,
            "judge": origin.judge,
            "policy": (self.policy and self.policy.id) or origin.policy_id,
            "data_hash": origin.data_hash,
            "config_hash": origin.config_hash,
            "git_sha": origin.git_sha,
            "git_dirty": origin.git_dirty,
            "seed": origin.seed,
        }
        return {name: str(value) for name, value in told.items() if value not in (None, "")}


def of_run(ledger: Ledger, key: str, policy: LoadedPolicy | None = None) -> Exported:
    """A run of the ledger, with the newest verdict on it.

    Args:
        ledger: to read.
        key: of the run, its beginning, or "latest".
        policy: that names budgets.

    Raises:
        UnreadableInput: the ledger has no such run.
        UsageError: several runs begin so.
    """
    run = find_run(ledger, key)
    kept = artefact(ledger, run.id, OUTCOMES)
    newest = verdicts(ledger, run.id, limit=1)
    contents = document(ledger, run.id)
    gate = contents if run.kind == "gate" else None
    return Exported(
        kind=run.kind,
        schema=run.schema,
        title=run.title,
        run=run.id,
        created=run.created,
        origin=run.origin,
        figures=_held(contents) if gate else measurements(ledger, run.id),
        document=contents,
        files={OUTCOMES: kept} if kept else {},
        policy=policy,
        gate=verdict_document(ledger, newest[0].id) if newest else gate,
    )


def read_document(path: Path) -> dict[str, Any]:
    """A document that a command wrote.

    Raises:
        UnreadableInput: it cannot be read, or is none of ours.
    """
    try:
        contents = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UnreadableInput(f"{path}: {error.strerror}", hint="name a document or a run") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{path}: no document: {error}", hint="a .json that a command wrote") from error
    return dict(check(contents, str(path)))


def of_document(path: Path, policy: LoadedPolicy | None = None) -> Exported:
    """A document's file, with the `outcomes.parquet` beside it if there is one.

    Args:
        path: of the JSON.
        policy: that names budgets.

    Raises:
        UnreadableInput: it cannot be read, is none of ours, or does not say when it was measured.
    """
    contents = read_document(path)
    created = created_of(contents)
    if created is None:
        raise UnreadableInput(
            f"{path}: it does not say when it was made", hint='"created" as in 2026-11-22T21:00:00Z'
        )
    schema = str(contents["schema"])
    kind = schema.removeprefix("aligntax.").partition("/")[0]
    beside = path.with_name(OUTCOMES)
    return Exported(
        kind=kind,
        schema=schema,
        title=title_of(contents),
        run="",
        created=created,
        origin=_origin(contents),
        figures=_held(contents) if kind == "gate" else figures(contents),
        document=contents,
        files={OUTCOMES: beside} if kind == "bill" and beside.is_file() else {},
        policy=policy,
        gate=contents if kind == "gate" else None,
    )


def _origin(contents: Mapping[str, Any]) -> Origin:
    """A gate says of the run it held what other documents say of themselves."""
    held = contents.get("run")
    own = origin_of(contents)
    if not isinstance(held, Mapping):
        return own
    return replace(
        own,
        source=own.source or str(held.get("name") or ""),
        detector=own.detector or held.get("detector") or None,
        detector_version=own.detector_version or held.get("detector_version") or None,
    )


def _held(gate: Mapping[str, Any]) -> list[Measurement]:
    """The figures a gate held to their limits, by the component and slice they are of."""
    entries: list[tuple[str, dict[str, str], Mapping[str, Any]]] = [
        (one["component"], {"use_case": one["use_case"], **one["slice"]}, one)
        for one in gate.get("slices", ())
    ]
    entries += [
        ("harmful_compliance.bounds", {"hazard": one["hazard"], "model": one["model"]}, one)
        for one in gate.get("hazards", ())
    ]
    return [
        Measurement(
            component=component,
            estimate=estimate_of(one["estimate"]),
            slice=where,
            correction=one.get("rests_on", "raw"),
        )
        for component, where, one in entries
    ]


@dataclass(frozen=True)
class Selection:
    """Figures that are exported, and what was left out.

    Attributes:
        figures: to export.
        left_out: why -> how many.
    """

    figures: list[Measurement]
    left_out: dict[str, int]

    @property
    def told(self) -> list[str]:
        """What was left out, a line each."""
        return [
            f"{many:,} {'figure' if many == 1 else 'figures'} left out: {why}"
            for why, many in self.left_out.items()
        ]


def select(
    figures: Sequence[Measurement], refusals: Mapping[str, Callable[[Measurement], bool]]
) -> Selection:
    """Parts figures that a target can take from those it cannot.

    Args:
        figures: all.
        refusals: why one is left out -> whether it is; the first that holds counts.
    """
    taken, left_out = list[Measurement](), dict[str, int]()
    for figure in figures:
        why = next((why for why, refused in refusals.items() if refused(figure)), None)
        if why is None:
            taken.append(figure)
        else:
            left_out[why] = left_out.get(why, 0) + 1
    return Selection(taken, left_out)
