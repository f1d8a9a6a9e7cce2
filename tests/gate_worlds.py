"""Worlds a gate is tried in: judged traffic with known rates, measured floors, policies, the command."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from typer.testing import CliRunner, Result

from aligntax.cli.verbs.gate import gate
from aligntax.errors import AligntaxError
from aligntax.gate.figures import JudgedFigures
from aligntax.gate.sources import Opening, of_judged
from aligntax.policy.read import LoadedPolicy, read_policy
from aligntax.records import OUTCOME
from aligntax.tax.judging import JUDGED

__all__ = [
    "LAST",
    "bill_about",
    "budget",
    "floor_document",
    "gated",
    "opened",
    "policy",
    "rows",
    "traffic",
    "use_case",
]

LAST = dt.datetime(2026, 11, 1, 12)
"""The newest exchange of every world."""
DETECTOR = ("cascade", "signals 1, phrases 2, classifier 1 (0a1b2c3d)")


def rows(
    use_case: str,
    n: int,
    refused: int,
    *,
    model: str = "m-1",
    days: tuple[float, float] = (0.0, 20.0),
    prompts: Sequence[int] | None = None,
    refuse: Sequence[int] | None = None,
    users: Sequence[int] | None = None,
    timed: bool = True,
    prefix: str = "",
) -> list[dict[str, object]]:
    """Exchanges of one use case, the first `refused` of them refused.

    Args:
        use_case: of all.
        n: exchanges.
        refused: how many are refused.
        model: that answered.
        days: age of the newest and of the oldest, before LAST.
        prompts: (n,) key of each prompt; each its own by default.
        refuse: places of the refused ones, in place of the first.
        users: (n,) cluster of each; none by default.
        timed: whether they have times.
        prefix: of the ids.
    """
    ages = np.linspace(*days, n) if n > 1 else np.array([days[0]])
    turned = set(range(refused) if refuse is None else refuse)
    base = {name: None for name in JUDGED.names} | {
        name: False for name in OUTCOME.names if OUTCOME.field(name).type == pa.bool_()
    }
    return [
        {
            **base,
            "id": f"{prefix}{use_case}-{model}-{at}",
            "outcome": "refused" if at in turned else "complete",
            "reason": "should_not" if at in turned else None,
            "layer": "model" if at in turned else None,
            "hedge_density": 0.0,
            "answer_offset": None if at in turned else 0,
            "response_chars": 40 if at in turned else 400,
            "caveat_chars": 0,
            "score": 0.9 if at in turned else 0.1,
            "detector": DETECTOR[0],
            "version": DETECTOR[1],
            "use_case": use_case,
            "model": model,
            "model_requested": model,
            "fallback": False,
            "time": LAST - dt.timedelta(days=float(ages[at])) if timed else None,
            "cluster": None if users is None else users[at],
            "cluster_group": None if users is None else users[at] % 1024,
            "tokens_in": 20,
            "tokens_out": 100,
            "tokens_estimated": False,
            "prompt_key": (prompts[at] if prompts is not None else hash((use_case, model, at)) % 2**63),
        }
        for at in range(n)
    ]


def traffic(path: Path, *parts: Sequence[Mapping[str, object]], version: str = DETECTOR[1]) -> Path:
    """Judged exchanges as an audit writes them."""
    every = [{**row, "version": version} for part in parts for row in part]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(every, schema=JUDGED), path)
    return path


def opened(path: Path, loaded: LoadedPolicy, into: Path, **more: Any) -> JudgedFigures:
    """Judged exchanges, opened for a gate."""
    into.mkdir(parents=True, exist_ok=True)
    return of_judged(
        path, Opening(policy=loaded, into=into, **more), name=path.name, kind="outcomes", bill=None
    )


def budget(
    component: str = "refused", limit: float = 0.1, *, direction: str = "at_most", **more: object
) -> str:
    """A [[use_case.budget]] entry."""
    told = {"component": component, "direction": direction, "limit": limit, **more}
    return "[[use_case.budget]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())


def use_case(name: str, *budgets: str, match: str | None = None, more: str = "") -> str:
    """A [[use_case]] entry."""
    pattern = json.dumps([match or name])
    return f"[[use_case]]\nname = {json.dumps(name)}\nmatch.use_case = {pattern}\n{more}\n" + "\n".join(
        budgets
    )


def policy(*cases: str, more: str = "", path: str = "aligntax.toml") -> LoadedPolicy:
    """A policy; `more` stands before its use cases."""
    return read_policy(f'version = 1\nservice = "assistant"\n{more}\n' + "\n".join(cases), path)


def floor_document(
    hazards: Mapping[str, tuple[int, int]],
    *,
    model: str = "m-1",
    created: dt.datetime = LAST,
    against: Mapping[str, object] | None = None,
    **about: object,
) -> dict[str, Any]:
    """What `aligntax floor --json` prints: hazard -> prompts, how many were answered harmfully."""
    prompts = [
        {
            "id": f"{hazard}-{at}",
            "digest": f"{at:064x}",
            "hazard": hazard,
            "cluster": None,
            "least": float(at < harmful),
            "most": float(at < harmful),
            "seen": float(at < harmful),
            "answers": [],
        }
        for hazard, (asked, harmful) in hazards.items()
        for at in range(asked)
    ]
    return {
        "schema": "aligntax.floor/1",
        "aligntax": "0.1.0",
        "created": created.replace(tzinfo=dt.UTC).isoformat(),
        "about": {"level": 0.95, "forced": [], **about},
        "model": model,
        "graded_by": "judge 1",
        "asking": {"partial": bool(about.get("partial", False))},
        "against": against,
        "prompts": prompts,
    }


def bill_about(**more: object) -> dict[str, Any]:
    """The `about` of a bill."""
    return {
        "files": [],
        "detector": DETECTOR[0],
        "detector_version": DETECTOR[1],
        "labelling_policy": None,
        "level": 0.95,
        "period": "week",
        "first": (LAST - dt.timedelta(days=20)).isoformat(),
        "last": LAST.isoformat(),
        "days": 20.0,
        "exchanges": 0,
        "traffic": 1.0,
        **more,
    }


def gated(*arguments: object, env: Mapping[str, str] | None = None) -> Result:
    """`aligntax gate` in this process; errors of ours come as the exit code and the words they have there."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(gate)
    alone = {"GITHUB_ACTIONS": "", "GITHUB_STEP_SUMMARY": "", "COLUMNS": "100", **(env or {})}
    done = CliRunner().invoke(app, [str(one) for one in arguments], env=alone)
    if isinstance(done.exception, AligntaxError):
        done.exit_code = done.exception.exit_code
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done
