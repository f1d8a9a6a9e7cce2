"""The exchanges behind a number: which ones, in which order, and what of them may be seen."""

import datetime as dt
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aligntax.dashboard.reading.exchanges import Wanted, exchange_page, one_exchange
from aligntax.dashboard.reading.pairs import pairs_of
from aligntax.dashboard.reading.texts import shown_texts
from aligntax.dashboard.security import Access, TokenHolder, User
from aligntax.errors import UnreadableInput, UsageError
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import artefact, runs
from aligntax.records import FLAGS
from dashboard.dashboard_server import running


@pytest.fixture(scope="module")
def outcomes(full_ledger: Ledger) -> Path:
    found = artefact(full_ledger, runs(full_ledger, kind="bill", limit=1)[0].id, "outcomes.parquet")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def uneven(outcomes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with equal times, and with times missing."""
    table = pq.read_table(outcomes)
    times = table.column("time").to_pylist()
    changed = [None if at % 7 == 0 else times[at - at % 5] for at in range(len(times))]
    place = table.schema.get_field_index("time")
    path = tmp_path_factory.mktemp("uneven") / "outcomes.parquet"
    pq.write_table(
        table.set_column(place, "time", pa.array(changed, pa.timestamp("us"))), path, row_group_size=100
    )
    return path


WANTED = (
    Wanted(),
    Wanted(outcome="refused"),
    Wanted(outcome="tax", use_case="medical"),
    Wanted(symptom="apology", model="north-2"),
    Wanted(layer="guardrail"),
    Wanted(layer="(none)", outcome="complete"),
    Wanted(first=dt.date(2026, 10, 10), last=dt.date(2026, 10, 20)),
    Wanted(last=dt.date.max, first=dt.date.min),
    Wanted(use_case="nothing of that name"),
)


def fits(row: dict, wanted: Wanted) -> bool:
    """The same by hand."""
    taxed = row["outcome"] in ("refused", "hedged") and row["reason"] != "cannot"
    day = row["time"].date() if row["time"] else None
    return (
        (not wanted.use_case or (row["use_case"] or "(none)") == wanted.use_case)
        and (not wanted.model or row["model"] == wanted.model)
        and (not wanted.layer or (row["layer"] or "(none)") == wanted.layer)
        and (not wanted.outcome or (taxed if wanted.outcome == "tax" else row["outcome"] == wanted.outcome))
        and (not wanted.symptom or row[wanted.symptom])
        and (wanted.first is None or (day is not None and day >= wanted.first))
        and (wanted.last is None or (day is not None and day <= wanted.last))
    )


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_pages_hold_each_exchange_once_newest_first(uneven: Path, wanted: Wanted) -> None:
    rows = pq.read_table(uneven).to_pylist()
    expected = [at for at, row in enumerate(rows) if fits(row, wanted)]
    expected.sort(
        key=lambda at: (rows[at]["time"] is None, -(rows[at]["time"] or dt.datetime.max).timestamp(), at)
    )
    seen, after = [], ""
    while True:
        page = exchange_page(uneven, wanted, after=after, limit=37)
        assert page.total == len(expected)
        seen += [row["row"] for row in page.rows]
        after = page.following
        if not after:
            break
    assert seen == expected


def test_a_cursor_that_is_none(outcomes: Path) -> None:
    for cursor in ("x", "1", "1.x", "999999999999999999.1", "'; DROP TABLE x"):
        with pytest.raises(UsageError, match="no place in the list"):
            exchange_page(outcomes, Wanted(), after=cursor)


def test_a_file_that_is_not_whole(tmp_path: Path) -> None:
    broken = tmp_path / "outcomes.parquet"
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(UnreadableInput, match="cannot be read"):
        exchange_page(broken, Wanted())


def test_every_flag_can_be_asked_for(outcomes: Path) -> None:
    for flag in FLAGS:
        page = exchange_page(outcomes, Wanted(symptom=flag), limit=5)
        assert all(row[flag] for row in page.rows)
    assert one_exchange(outcomes, 10**9) is None


KEPT = {
    "id": "x",
    "prompt": "I am at someone@example.com",
    "response": "Write to someone@example.com. I can't help with that.",
    "evidence": "I can't help with that.",
    "evidence_start": 30,
    "evidence_end": 53,
}


def test_evidence_is_highlighted_where_it_stands() -> None:
    prompt, response = shown_texts(KEPT, None, as_they_are=True)
    assert [part.text for part in response.parts if part.evidence] == ["I can't help with that."]
    assert "".join(part.text for part in response.parts) == KEPT["response"]
    assert prompt.parts[0].text == KEPT["prompt"]


def test_redaction_moves_the_evidence_and_it_is_found_again() -> None:
    prompt, response = shown_texts(KEPT, None, as_they_are=False)
    assert "someone@example.com" not in prompt.parts[0].text
    whole = "".join(part.text for part in response.parts)
    assert "someone@example.com" not in whole
    assert re.search(r"\[email:[0-9a-f]{6}\]", whole)
    assert [part.text for part in response.parts if part.evidence] == ["I can't help with that."]


def test_texts_of_a_file_of_exchanges(tmp_path: Path) -> None:
    """Where the outcomes hold none, a file of exchanges beside them may."""
    beside = tmp_path / "exchanges.parquet"
    pq.write_table(
        pa.table({"id": ["w", "x"], "prompt": ["no", "yes"], "response": ["no", KEPT["response"]]}), beside
    )
    bare = {name: value for name, value in KEPT.items() if name not in ("prompt", "response")}
    assert shown_texts(bare, None, as_they_are=True) == []
    prompt, response = shown_texts(bare, beside, as_they_are=True)
    assert prompt.parts[0].text == "yes"
    assert any(part.evidence for part in response.parts)


@pytest.mark.parametrize(
    ("show_text", "role", "seen"),
    [(False, "approver", False), (True, "viewer", False), (True, "labeller", True), (True, "approver", True)],
)
def test_who_sees_personal_data(
    full_ledger: Ledger, tmp_path: Path, outcomes: Path, show_text: bool, role: str, seen: bool
) -> None:
    """Only where the server shows texts and the role allows it; on the page and in the API."""
    from aligntax.ledger.opened import open_ledger
    from aligntax.ledger.runs import Origin, record_run

    table = pq.read_table(outcomes).slice(0, 3)
    for name in ("id", "evidence", "prompt", "response"):
        secret = pa.array([f"{name} someone@example.com"] * 3)
        table = table.set_column(table.schema.get_field_index(name), name, secret)
    pq.write_table(table, tmp_path / "outcomes.parquet")
    ledger = open_ledger(tmp_path / "ledger")
    files = {"outcomes.parquet": tmp_path / "outcomes.parquet"}
    run = record_run(ledger, {"schema": "aligntax.bill/1"}, [], title="", origin=Origin(), files=files)
    token = "t" * 20
    holder = TokenHolder(User("somebody", role), sha256(token.encode()).hexdigest())  # type: ignore[arg-type]
    with running(ledger, Access(holders=(holder,)), show_text=show_text) as where:
        for path in ("/exchanges", f"/exchanges/{run.id}/1", "/api/exchanges"):
            answer = httpx.get(where + path, headers={"Authorization": f"Bearer {token}"}, timeout=30)
            assert answer.status_code == 200
            assert ("someone@example.com" in answer.text) == seen, path
    ledger.close()


def write(path: Path, rows: list[tuple[int | None, str, str]]) -> Path:
    keys, outcome, reason = zip(*rows, strict=True)
    columns = {
        "prompt_key": pa.array(keys, pa.uint64()),
        "outcome": pa.array(outcome),
        "reason": pa.array(reason),
        "use_case": pa.array(["medical"] * len(rows)),
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_flips_by_hand(tmp_path: Path) -> None:
    """Paired by prompt, as it was first asked; the undetermined and the unmatched are left out."""
    first = write(
        tmp_path / "first.parquet",
        [
            (1, "complete", ""),
            (2, "refused", "should_not"),
            (3, "complete", ""),
            (3, "refused", "should_not"),
            (4, "undetermined", "empty"),
            (5, "hedged", ""),
            (None, "refused", ""),
            (7, "refused", "cannot"),
        ],
    )
    second = write(
        tmp_path / "second.parquet",
        [
            (7, "complete", ""),
            (5, "refused", "should_not"),
            (4, "refused", "should_not"),
            (3, "hedged", ""),
            (2, "complete", ""),
            (1, "refused", "should_not"),
            (None, "complete", ""),
            (9, "refused", "should_not"),
        ],
    )
    found = pairs_of(first, second, 8)
    assert (found.prompts, found.worse, found.better, found.one_in) == (5, 2, 1, 1)
    assert found.difference.value == pytest.approx(0.2)
    worse = [(flip["row_first"], flip["row_second"]) for flip in found.flips if flip["worse"]]
    assert sorted(worse) == [(0, 5), (2, 3)]


def test_of_many_prompts_the_same_ones_are_taken_of_both(tmp_path: Path) -> None:
    rows = [(key * 2_654_435_761 % 2**64, "refused" if key % 3 else "complete", "") for key in range(5000)]
    path = write(tmp_path / "many.parquet", rows)
    found = pairs_of(path, path, 500_000)
    assert found.one_in == 8
    assert 0 < found.prompts < 5000
    assert found.worse == found.better == 0
