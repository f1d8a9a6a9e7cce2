"""How a watch stands, as a document and on a terminal."""

import datetime as dt
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aligntax.ledger.opened import open_ledger
from aligntax.policy.model import Policy
from aligntax.report.watch import watch_document
from aligntax.report.watch_tables import alert_lines, plain_lines, watch_view
from watch_logs import line, watch_of, write

HOSTILE = "a\x1b[31m\u202e[bold]x"
CREATED = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


def _policy() -> Policy:
    rates = [
        ("refused", "at_most", 0.05),
        ("complete", "at_least", 0.5),
        ("missing.disclaimer", "at_most", 0.9),
    ]
    cases = [
        {
            "name": name,
            "match": {"use_case": [pattern]},
            "counts": {"disclaimer": "required"},
            "budget": [
                {"component": component, "direction": direction, "limit": limit}
                for component, direction, limit in rates[:budgets]
            ],
        }
        for name, pattern, budgets in (
            ("medical", "a", 3),
            (HOSTILE, "b", 1),
            ("idle", "c", 1),
            ("free", "d", 0),
        )
    ]
    return Policy.model_validate({"version": 1, "service": "desk", "use_case": cases})


@pytest.fixture
def document(tmp_path: Path) -> Iterator[Mapping[str, Any]]:
    """Of a round with a breach, a broken line and exchanges of no use case."""
    lines = [
        line(n, refused=n % 4 == 0, use_case="abbd"[n % 4] if n % 50 else "z", user=f"u{n % 200}")
        for n in range(2000)
    ]
    write(tmp_path / "a.jsonl", *lines, "{broken")
    ledger = open_ledger(tmp_path / "ledger")
    watch, reader = watch_of(ledger, _policy())
    done = watch.round([str(tmp_path / "a.jsonl"), str(tmp_path / "later.jsonl")])
    yield watch_document(watch, done, created=CREATED)
    reader.close()
    ledger.close()


def test_the_document_says_all_there_is(document: Mapping[str, Any]) -> None:
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema"] == "aligntax.watch/1"
    assert document["totals"] == {
        "records": 2001,
        "exchanges": 2000,
        "skipped": 1,
        "unassigned": 40,
        "untimed": 0,
        "late": 0,
        "new": 2000,
    }
    states = {(one["use_case"], one["component"]): one["state"] for one in document["slices"]}
    assert states["medical", "refused"] == "beyond"
    assert states["idle", "refused"] == "no data"
    idle = next(one for one in document["slices"] if one["use_case"] == "idle")
    assert idle["rate"]["value"] is None
    assert idle["rate"]["reason"] == "no observations"
    medical = document["slices"][0]
    assert medical["rate"]["low"] <= medical["rate"]["value"] <= medical["rate"]["high"]
    assert medical["rate"]["level"] == pytest.approx(1 - medical["alpha"])
    assert document["about"]["tests"] == len(document["slices"]) + len(document["changes"]) == 11
    assert sum(one["alpha"] for one in (*document["slices"], *document["changes"])) <= 0.05
    assert any("40 exchanges are of no use case" in note for note in document["notes"])
    assert any("later.jsonl" in note for note in document["notes"])
    assert document["problems"][0].endswith("at column 2")


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_and_lets_nothing_through(document: Mapping[str, Any], width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=False, highlight=False)
    console.print(watch_view(document, width=width))
    alert_lines(document, console)
    shown = out.getvalue()
    table = shown.partition("change:")[0]
    assert max(map(len, table.splitlines())) <= width
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[bold]x" in shown.replace("\n", "").replace(" ", "") or width == 80
    for words in ("beyond", "no data", "medical", "≤ 5", "≥ 50"):
        assert words in shown


def test_plain_lines_say_a_budget_each(document: Mapping[str, Any]) -> None:
    first, *rest = plain_lines(document)
    assert first == "2026-11-01 12:00 2,000 exchanges came, 2,000 in all"
    assert len(rest) == len(document["slices"])
    assert rest[0].startswith("  medical refused: ")
    assert rest[0].endswith("at most 5 %: beyond, alert open")
    assert rest[-1] == "  idle refused: no data, at most 5 %"
