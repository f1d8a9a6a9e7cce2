"""The exchanges behind a number, and one of them with its evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from aligntax.dashboard.labelling.blinding import blind
from aligntax.dashboard.parameters import From, Key, Name, Opened, RunKey, To
from aligntax.dashboard.reading.behind import kept_outcomes
from aligntax.dashboard.reading.catalogue import newest, slices_of
from aligntax.dashboard.reading.current_policy import policy_in_force
from aligntax.dashboard.reading.exchanges import Wanted, exchange_page, one_exchange
from aligntax.dashboard.reading.held_as import names_held_as
from aligntax.dashboard.reading.texts import redacted, shown_texts
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, artefact, find_run, runs
from aligntax.records import FLAGS, LAYERS, OUTCOMES, Flag, Layer, OutcomeName

__all__ = ["Sought", "kept_file", "listed_row", "may_see_texts", "router", "wanted_of"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_EXCHANGES_FILE = "exchanges.parquet"
_LOOKED_THROUGH = 60
"""Newest runs among which one that keeps its exchanges is looked for."""
_NAMED = ("use_case", "held_as", "model")

Outcome = Literal["", "tax", "declined", "cannot", OutcomeName]
Stepped = Literal["", Layer]
Symptom = Literal["", Flag]


@dataclass(frozen=True)
class Sought:
    """Which exchanges are asked for, as it stands in the query."""

    run: Annotated[
        Key, Query(description="key of the run; the newest that keeps its exchanges by default")
    ] = ""
    use_case: Name = ""
    held_as: Annotated[Name, Query(description="a use case of the policy in force")] = ""
    model: Name = ""
    outcome: Annotated[Outcome, Query(description="tax for refused or hedged")] = ""
    layer: Stepped = ""
    symptom: Symptom = ""
    first: From = None
    last: To = None

    @property
    def wanted(self) -> Wanted:
        """The same for the file."""
        return Wanted(
            use_case=self.use_case,
            model=self.model,
            outcome=self.outcome,
            layer=self.layer,
            symptom=self.symptom,
            first=self.first,
            last=self.last,
        )

    @property
    def query(self) -> dict[str, object]:
        """The same as names and values of a query, without the run."""
        named = {name: getattr(self, name) for name in (*_NAMED, "outcome", "layer", "symptom")}
        return named | {"from": self.first, "to": self.last}


def kept_file(ledger: Ledger, key: str) -> tuple[Run | None, FilePath | None]:
    """The run that is asked for, or the newest that keeps its exchanges; and its file, if it has one."""
    if key:
        run = find_run(ledger, key)
        return run, kept_outcomes(ledger, run.id)
    for run in runs(ledger, kind="bill", limit=_LOOKED_THROUGH):
        if path := kept_outcomes(ledger, run.id):
            return run, path
    return newest(ledger, "bill"), None


def may_see_texts(request: Request) -> bool:
    """Whether the visitor may see personal data: where the server shows it, to labellers and up."""
    user = request.state.user
    return bool(request.app.state.show_text and user and user.may("labeller"))


def wanted_of(ledger: Ledger, path: FilePath, sought: Sought) -> Wanted:
    """What is asked for, by the names of the file."""
    if not sought.held_as:
        return sought.wanted
    _, policy = policy_in_force(ledger)
    if policy is None:
        raise HTTPException(404, "There is no policy whose use cases could be meant.")
    return replace(sought.wanted, names=names_held_as(path, policy, sought.held_as))


@router.get("/exchanges", dependencies=[blind])
def exchange_list(
    request: Request,
    ledger: Opened,
    sought: Annotated[Sought, Depends()],
    after: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """Exchanges of a run, a page at a time."""
    run, path = kept_file(ledger, sought.run)
    page = exchange_page(path, wanted_of(ledger, path, sought), after=after) if path else None
    rows = [listed_row(row, allowed=may_see_texts(request)) for row in page.rows] if page else []
    use_cases, models = slices_of(ledger, run.id) if run else ([], [])
    return render(
        request,
        "exchanges.html",
        title="Exchanges",
        run=run,
        sought=sought,
        page=page,
        rows=rows,
        after=after,
        use_cases=use_cases,
        held_as=_held_as(ledger) if sought.held_as else (),
        models=models,
        outcomes=("tax", *OUTCOMES, "declined", "cannot"),
        layers=LAYERS,
        symptoms=FLAGS,
    )


def _held_as(ledger: Ledger) -> list[str]:
    _, policy = policy_in_force(ledger)
    return [case.name for case in policy.use_case] if policy else []


@router.get("/exchanges/{key}/{row}", dependencies=[blind])
def exchange_detail(
    request: Request, ledger: Opened, key: RunKey, row: Annotated[int, Path(ge=0, le=10**15)]
) -> HTMLResponse:
    """All that is kept of an exchange, with its evidence highlighted."""
    run, path = kept_file(ledger, key)
    kept = one_exchange(path, row) if path else None
    if run is None or kept is None:
        raise HTTPException(404, "This run keeps no such exchange.")
    allowed = may_see_texts(request)
    return render(
        request,
        "exchange.html",
        title="Exchange",
        run=run,
        kept=listed_row(kept, allowed=allowed),
        facts=_facts(kept),
        texts=shown_texts(kept, artefact(ledger, run.id, _EXCHANGES_FILE), as_they_are=allowed),
        allowed=allowed,
    )


def listed_row(row: Mapping[str, Any], *, allowed: bool) -> dict[str, Any]:
    """A row as it may be shown: ids and evidence can hold personal data too."""
    flags = [flag for flag in FLAGS if row.get(flag)]
    return dict(row) | {
        "id": row["id"] if allowed else redacted(row["id"]),
        "evidence": row["evidence"] if allowed else redacted(row["evidence"]),
        "flags": flags,
    }


_FACTS = {
    "use_case": "use case",
    "model": "model",
    "model_requested": "model asked for",
    "time": "time (UTC)",
    "score": "score against complete",
    "hedge_density": "hedging words in 1,000 characters",
    "answer_offset": "characters before the answer",
    "response_chars": "characters of the answer",
    "caveat_chars": "of them in caveats",
    "tokens_in": "tokens asked",
    "tokens_out": "tokens answered",
    "cost": "cost, US dollars",
    "detector": "detector",
    "version": "its version",
}


def _facts(kept: Mapping[str, Any]) -> list[tuple[str, object]]:
    return [(words, kept[name]) for name, words in _FACTS.items() if kept.get(name) is not None]
