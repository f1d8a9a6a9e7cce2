"""An Inspect log, read back by Inspect."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from inspect_ai.log import read_eval_log

from aligntax.errors import UnreadableInput, UsageError
from aligntax.exports.exported import OUTCOMES, Exported
from aligntax.exports.inspect_log import write_inspect
from exports_world import exported, figure, same


@pytest.mark.parametrize("suffix", [".eval", ".json"])
def test_inspect_reads_every_exchange_with_its_outcome(bill: Exported, tmp_path: Path, suffix: str) -> None:
    write_inspect(bill, tmp_path / f"audit{suffix}")
    log = read_eval_log(str(tmp_path / f"audit{suffix}"))
    assert log.status == "success"
    assert log.samples is not None
    rows = pq.read_table(bill.files[OUTCOMES]).to_pylist()
    assert len(log.samples) == len(rows) == 616
    for sample, row in zip(log.samples, rows, strict=True):
        assert sample.scores is not None
        assert sample.scores["outcome"].value == row["outcome"]
        assert sample.scores["outcome"].explanation == row["evidence"]
        assert sample.output.completion == (row["response"] or "")
        assert sample.metadata["use_case"] == row["use_case"]
    assert len({sample.id for sample in log.samples}) == 616
    assert [path.name for path in tmp_path.iterdir()] == [f"audit{suffix}"]


def test_its_metrics_are_the_figures_with_their_intervals(bill: Exported, tmp_path: Path) -> None:
    write_inspect(bill, tmp_path / "audit.eval")
    log = read_eval_log(str(tmp_path / "audit.eval"), header_only=True)
    assert log.results is not None
    scores = {one.name: one.metrics for one in log.results.scores}
    for one in bill.figures:
        if one.slice in ({}, {"use_case": "medical"}) and one.estimate.known:
            metrics = scores["outcome (use_case=medical)" if one.slice else "outcome"]
            estimate = one.estimate
            for side, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high)):
                assert same(float(metrics[one.component + side].value), value)
            told = metrics[one.component].metadata or {}
            assert (told["n"], told["method"]) == (estimate.n, estimate.method)
    assert log.eval.metadata is not None
    assert log.eval.metadata["detector_version"] == bill.origin.detector_version


def test_samples_are_drawn_and_the_figures_stay_those_of_all(bill: Exported, tmp_path: Path) -> None:
    written = write_inspect(bill, tmp_path / "few.json", max_samples=50)
    log = read_eval_log(str(tmp_path / "few.json"))
    assert log.samples is not None
    assert log.results is not None
    assert len(log.samples) == 50
    assert log.eval.metadata is not None
    assert log.eval.metadata["exchanges_in_all"] == 616
    assert "566 exchanges left out: 50 of 616 are drawn" in written.left_out
    seen = Counter(one.scores["outcome"].value for one in log.samples if one.scores)
    assert 0 < seen["refused"] < 25


def test_an_audit_without_texts_says_so(bill: Exported, tmp_path: Path) -> None:
    rows = pq.read_table(bill.files[OUTCOMES])
    bare = rows.drop_columns(["prompt", "response"]).slice(0, 5)
    twice = pa.concat_tables([bare, bare])  # a log may use an id twice
    pq.write_table(twice, tmp_path / OUTCOMES)
    write_inspect(replace(bill, files={OUTCOMES: tmp_path / OUTCOMES}), tmp_path / "audit.json")
    log = read_eval_log(str(tmp_path / "audit.json"))
    assert log.samples is not None
    assert {one.input for one in log.samples} == {"(the audit kept no text)"}
    assert len({one.id for one in log.samples}) == 10
    assert "(2)" in str(log.samples[-1].id)


def test_what_has_no_outcomes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no outcomes"):
        write_inspect(exported([figure("refused", 1, 9)]), tmp_path / "audit.eval")


def test_a_name_inspect_would_not_read_is_refused(bill: Exported, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.eval or \.json"):
        write_inspect(bill, tmp_path / "audit.log")


def test_a_file_of_something_else_is_refused(bill: Exported, tmp_path: Path) -> None:
    (tmp_path / OUTCOMES).write_text(json.dumps({"a": 1}), "utf-8")
    with pytest.raises(UnreadableInput, match="not the outcomes of an audit"):
        write_inspect(replace(bill, files={OUTCOMES: tmp_path / OUTCOMES}), tmp_path / "audit.eval")
    assert [path.name for path in tmp_path.iterdir()] == [OUTCOMES]
