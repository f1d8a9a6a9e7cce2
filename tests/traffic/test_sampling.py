"""Samples of a log: the same on every machine, stratified by use case, in the order of the log."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UnreadableInput
from aligntax.traffic.read import Log
from aligntax.traffic.sampling import allocate, draw, rank


def sampled(path: Path, size: int) -> list[tuple[str, str | None]]:
    log = Log([str(path)])
    try:
        sample = draw(log, size)
        batches, _ = log.batches(["id", "use_case"])
        rows = [row for batch in sample.of(batches) for row in batch.to_pylist()]
    finally:
        log.close()
    assert len(rows) == sample.size
    return [(row["id"], row["use_case"]) for row in rows]


def write(path: Path, cases: list[str | None], *, shuffled: bool = False) -> Path:
    records = [{"id": f"x{n}", "use_case": case, "response": "r"} for n, case in enumerate(cases)]
    if shuffled:
        random.Random(7).shuffle(records)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


CASES: list[str | None] = ["chat"] * 700 + ["code"] * 250 + [None] * 50


def test_rank_is_fixed() -> None:
    """Ranks are part of what a version promises: these were computed once and stay."""
    assert rank("ex-0001") == RANKS[0]
    assert rank("ünï") == RANKS[1]
    assert rank("\ud800") >= 0


RANKS = (5559443491225113418, 6368563804397686167)


def test_a_sample_can_be_drawn_again(tmp_path: Path) -> None:
    """The sample depends on the ids alone: not on the order of the log, nor on the run."""
    first = sampled(write(tmp_path / "a", CASES), 100)
    again = sampled(write(tmp_path / "a", CASES), 100)
    other = sampled(write(tmp_path / "b", CASES, shuffled=True), 100)
    assert first == again
    assert sorted(map(str, first)) == sorted(map(str, other))


def test_a_sample_has_the_shares_of_the_log(tmp_path: Path) -> None:
    """Each use case has its share of the sample, to the exchange, and the order of the log is kept."""
    rows = sampled(write(tmp_path / "a", CASES), 100)
    assert Counter(case for _, case in rows) == {"chat": 70, "code": 25, None: 5}
    places = [int(identifier[1:]) for identifier, _ in rows]
    assert places == sorted(places)


def test_a_smaller_sample_is_part_of_a_larger(tmp_path: Path) -> None:
    """A larger sample of one use case holds the smaller one."""
    path = write(tmp_path / "a", ["chat"] * 500)
    assert set(sampled(path, 20)) < set(sampled(path, 60))


def test_a_sample_of_everything(tmp_path: Path) -> None:
    """A sample of more than there is takes all of it."""
    assert len(sampled(write(tmp_path / "a", CASES), 10_000)) == len(CASES)


def test_a_sample_of_nothing_is_an_error(tmp_path: Path) -> None:
    """No sample can be drawn from a log without a usable record."""
    path = tmp_path / "log"
    path.write_bytes(b'{"id":"1","response":null}\n')
    log = Log([str(path)])
    with pytest.raises(UnreadableInput, match="none of the 1 records"):
        draw(log, 5)
    log.close()


@given(counts=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1000)), size=st.integers(1, 3000))
def test_allocation(counts: dict[str | None, int], size: int) -> None:
    """The shares add up to the size, and none is a whole exchange away from its exact share."""
    taken = allocate(counts, size)
    total = sum(counts.values())
    assert sum(taken.values()) == min(size, total)
    for name, count in counts.items():
        assert 0 <= taken[name] <= count
        assert abs(taken[name] - min(size, total) * count / total) < 1
