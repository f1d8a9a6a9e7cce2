"""What pages are made from, worked out by hand."""

import datetime as dt
import math
from pathlib import Path

import pytest

from aligntax.dashboard.charts.plot import Chart, Scale
from aligntax.dashboard.charts.standalone import standalone_svg
from aligntax.dashboard.reading.diffs import changed_lines
from aligntax.dashboard.reading.history import history
from aligntax.dashboard.reading.standing import Standing
from aligntax.ledger.opened import open_ledger
from aligntax.ledger.runs import Origin, record_run
from aligntax.records import Estimate, Measurement, unknown
from aligntax.report.visible import visible


def rate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high, level=0.95, n=100, unit="rate", method="Wilson score")


@pytest.mark.parametrize(
    ("direction", "figure", "lies"),
    [
        ("at_most", rate(0.1, 0.05, 0.19), "interval within"),
        ("at_most", rate(0.1, 0.05, 0.2), "interval within"),
        ("at_most", rate(0.2, 0.15, 0.25), "interval across"),
        ("at_most", rate(0.3, 0.21, 0.4), "interval beyond"),
        ("at_least", rate(0.3, 0.21, 0.4), "interval within"),
        ("at_least", rate(0.1, 0.05, 0.19), "interval beyond"),
        ("at_most", unknown("no text", unit="rate"), "not measured"),
        ("at_most", rate(0.1, math.nan, math.nan), "no interval"),
    ],
)
def test_where_a_figure_lies(direction: str, figure: Estimate, lies: str) -> None:
    """Without a gate nothing passes or fails; where the interval lies is said."""
    standing = Standing(
        use_case="medical",
        component="refused",
        direction=direction,
        limit=0.2,
        window="28d",
        figure=figure,
        verdict="",
    )
    assert standing.lies == lies


@pytest.mark.parametrize(
    ("values", "zero", "low", "high", "labels"),
    [
        ([0.12, 0.31], True, 0.0, 0.4, ["0%", "10%", "20%", "30%", "40%"]),
        ([0.002, 0.004], True, 0.0, 0.004, ["0.0%", "0.1%", "0.2%", "0.3%", "0.4%"]),
        ([math.nan], True, 0.0, 1.0, None),
        ([0.5, 0.5], False, None, None, None),
    ],
)
def test_scales_are_round_and_hold_everything(
    values: list[float], zero: bool, low: float | None, high: float | None, labels: list[str] | None
) -> None:
    scale = Scale.over(values, unit="rate", zero=zero)
    assert all(0 <= scale.at(value) <= 100 for value in values if math.isfinite(value))
    if low is not None:
        assert scale.low == pytest.approx(low)
        assert scale.high == pytest.approx(high)
    if labels:
        assert [label for _, label in scale.ticks] == labels
    assert scale.high > scale.low


def test_cells_are_no_formulas_and_unknown_is_null() -> None:
    from markupsafe import Markup

    rows = [{"name": "=1+1", "value": math.nan}, {"name": "-x", "value": -0.5}]
    columns = {"name": "name", "value": "value"}
    chart = Chart(
        name="c",
        title="<b>",
        description="]]>",
        inner=Markup(""),
        height=10,
        columns=columns,
        rows=rows,
        legend={},
    )
    assert chart.csv == "name,value\n'=1+1,\n'-x,-0.5\n"
    assert '"value": null' in chart.json
    assert "<b>" not in standalone_svg(chart)


def test_what_a_policy_changed() -> None:
    lines = changed_lines("a\nb\nc\n", "a\nB\nc\nd\n")
    assert [(line.kind, line.text) for line in lines if line.kind != "gap"] == [
        ("kept", "a"),
        ("removed", "b"),
        ("added", "B"),
        ("kept", "c"),
        ("added", "d"),
    ]
    assert changed_lines("a", "a") == []


def test_runs_of_a_day_and_of_a_week_are_two_figures(tmp_path: Path) -> None:
    """The span most runs are of is shown; stretches end where detector or correction change."""
    ledger = open_ledger(tmp_path)
    begin = dt.datetime(2026, 10, 1)
    for at in range(6):
        last = begin + dt.timedelta(days=at)
        figures = [Measurement(component="refused", estimate=rate(0.1 + at / 100, 0.05, 0.2))]
        if at >= 4:
            figures.append(
                Measurement(component="refused", estimate=rate(0.3, 0.2, 0.4), correction="powered")
            )
        origin = Origin(
            first=last - dt.timedelta(days=1), last=last, detector="cascade", detector_version=str(at >= 2)
        )
        contents = {"schema": "aligntax.bill/1", "at": at}
        record_run(ledger, contents, figures, title="", origin=origin, created=last)
    week = Origin(first=begin - dt.timedelta(days=7), last=begin, detector="cascade", detector_version="True")
    figure = Measurement(component="refused", estimate=rate(0.15, 0.1, 0.2))
    record_run(
        ledger, {"schema": "aligntax.bill/1", "at": -1}, [figure], title="", origin=week, created=begin
    )
    found = history(ledger, "refused")
    assert (found.span, found.spans) == ("day", {"day": 6, "week": 1})
    assert [len(some) for some in found.alike] == [2, 2, 2]
    assert [point.figure.correction for point in found.points] == ["raw"] * 4 + ["powered"] * 2
    assert [len(some) for some in history(ledger, "refused", raw=True).alike] == [2, 4]
    assert len(history(ledger, "refused", span="any").points) == 7
    since = history(ledger, "refused", first=dt.date(2026, 10, 3), last=dt.date(2026, 10, 4))
    assert [point.at.day for point in since.points] == [3, 4]
    ledger.close()


def test_unseen_characters_are_made_visible() -> None:
    assert visible("a\u202eb\x00c\x1b") == "a\ufffdb\ufffdc\ufffd"
    assert visible("line\nnext\ttab") == "line\nnext\ttab"
    assert visible(7) == 7
