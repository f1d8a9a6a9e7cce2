"""Reading runs: tables, items, both; what is put together; and what is refused, with its place."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.frontier.budgets import unequal_budgets
from aligntax.frontier.collected import collect
from aligntax.frontier.normalised import chance_levels, normalised_tax
from aligntax.frontier.runs import Configuration, Runs
from aligntax.frontier.splits import read_runs

HEADER = "method,configuration,harm,harm_n,over_refusal,over_refusal_n,capability.x,capability_n.x"
TABLE = f"""{HEADER}
reference,,,,,,0.7,200
a,0.20,0.10,100,0.05,80,0.65,200
a,0.1,0.05,100,0.08,80,0.60,200
b,8,0.10,100,0.05,80,0.65,200
b,16,0.05,100,0.08,80,0.60,200
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text(TABLE, "utf-8")
    return path


def item(method: str, axis: str, name: object, value: object, **more: object) -> dict[str, object]:
    return {"method": method, "axis": axis, "item": name, "value": value} | more


def itemised(
    *, methods: tuple[str, ...] = ("a", "b"), count: int = 4, **more: object
) -> list[dict[str, object]]:
    rows = [item("reference", "capability", at, 1, benchmark="x", **more) for at in range(count)]
    for method in methods:
        for axis in ("harm", "over_refusal"):
            rows += [item(method, axis, at, at % 2, **more) for at in range(count)]
        rows += [item(method, "capability", at, at > 0, benchmark="x", **more) for at in range(count)]
    return rows


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def read(*paths: Path) -> Runs:
    return read_runs(paths)[0]


def test_a_table(table: Path) -> None:
    """Knobs rise as numbers do, and 0.20 is 0.2."""
    runs = read(table)
    assert [str(c) for c in runs.configurations] == ["a 0.1", "a 0.2", "b 8", "b 16"]
    cell = runs.cells[Configuration("a", "0.2"), "capability.x"]
    assert (cell.rates.tolist(), cell.n, cell.values) == ([0.65], 200, None)
    assert not runs.paired
    assert runs.benchmarks == ("x",)


def test_the_same_table_in_other_forms(table: Path, tmp_path: Path) -> None:
    """JSON lines, nested too, and Parquet say what CSV says."""
    rows = [dict(zip(HEADER.split(","), line.split(","), strict=True)) for line in TABLE.splitlines()[1:]]
    filled = [{k: v for k, v in row.items() if v} for row in rows]
    nested = []
    for row in filled:
        inside = {f: {"x": row.pop(f"{f}.x")} for f in ("capability", "capability_n")}
        nested.append(row | inside)
        row |= {f"{f}.x": inside[f]["x"] for f in inside}
    parquet = tmp_path / "runs.parquet"
    pq.write_table(pa.Table.from_pylist([dict.fromkeys(HEADER.split(",")) | row for row in filled]), parquet)
    for path in (written(tmp_path / "runs.jsonl", filled), written(tmp_path / "n.jsonl", nested), parquet):
        other = read(path)
        assert other.configurations == read(table).configurations
        for key, cell in read(table).cells.items():
            assert other.cells[key].rates.tolist() == cell.rates.tolist()


def test_items_are_aligned(tmp_path: Path) -> None:
    """Whatever the order of rows; what somebody lacks is left out, and several values are averaged."""
    rows = itemised()
    rows = [*rows[::-1], item("a", "harm", "extra", 1), item("b", "harm", 1, 0)]
    runs = read(written(tmp_path / "items.jsonl", rows))
    a, b = (runs.cells[Configuration(name, ""), "harm"] for name in "ab")
    assert a.values is not None
    assert b.values is not None
    assert a.values.tolist() == [[0, 1, 0, 1]]
    assert b.values.tolist() == [[0, 0.5, 0, 1]]
    assert runs.paired
    assert any("1 of 5 items were not answered by every run" in note for note in runs.notes)
    assert any("1 items of a run have several values" in note for note in runs.notes)


def test_a_directory_with_both(table: Path, tmp_path: Path) -> None:
    """Items of one benchmark beside rates of the rest: each axis as well as it is known."""
    rows = [
        item(m, "capability", at, 1, benchmark="y", configuration=c)
        for m, c in (("reference", None), ("a", 0.1), ("a", 0.2), ("b", 8), ("b", 16))
        for at in range(5)
    ]
    written(tmp_path / "y.jsonl", rows)
    runs = read(tmp_path)
    assert runs.benchmarks == ("x", "y")
    assert runs.cells[Configuration("b", "16"), "capability.y"].values is not None
    assert runs.cells[Configuration("b", "16"), "capability.x"].values is None
    assert not runs.paired


def test_seeds_become_rows(tmp_path: Path) -> None:
    rows = itemised(seed=1)[4:] + itemised(seed=2)[4:] + itemised()[:4]
    runs = read(written(tmp_path / "items.jsonl", rows))
    cell = runs.cells[Configuration("a", ""), "harm"]
    assert cell.seeds == ("1", "2")
    assert cell.values is not None
    assert cell.values.shape == (2, 4)
    assert runs.fewest_seeds == 2


def test_splits_choose_and_measure(tmp_path: Path) -> None:
    """Split dev chooses unless another is named; an item may not be in both."""
    rows = itemised(split="dev") + [
        row | {"item": f"t{row['item']}"} for row in itemised(split="test", count=6)
    ]
    path = written(tmp_path / "items.jsonl", rows)
    cell = Configuration("a", ""), "harm"
    for select, sizes in ((None, (6, 4)), ("test", (4, 6))):
        runs, chooser = read_runs([path], select=select)
        assert chooser is not None
        assert (runs.cells[cell].n, chooser.cells[cell].n) == sizes
    with pytest.raises(UsageError, match="no split is called 'train'; there are dev, test"):
        read_runs([path], select="train")
    written(path, rows + itemised(split="test"))
    with pytest.raises(UsageError, match="4 items, such as '0', are in split dev and in another"):
        read_runs([path])
    with pytest.raises(UsageError, match="rows name no splits"):
        read_runs([written(path, itemised())], select="dev")


def test_budgets(table: Path) -> None:
    """Equal numbers pass; a configuration more, or a third more hours, does not, unless forced."""
    assert unequal_budgets(read(table), force=False) == []
    table.write_text(TABLE + "b,32,0.05,100,0.08,80,0.60,200\n", "utf-8")
    with pytest.raises(UsageError, match="unequal configurations: a 2, b 3"):
        unequal_budgets(read(table), force=False)
    assert unequal_budgets(read(table), force=True) == ["unequal configurations: a 2, b 3"]


@pytest.mark.parametrize(
    ("column", "given", "refused"),
    [
        ("gpu_hours", (1, 1, 1, 1.1), False),
        ("gpu_hours", (1, 1, 1, 2), True),
        ("cost", (0, 0, 0, 5), True),
        ("trials", (10, 10, 10, 11), True),
        ("trials", (10, 10, 12, 8), False),
    ],
)
def test_totals(table: Path, column: str, given: tuple[float, ...], refused: bool) -> None:
    """Hours and money within a tenth, trials exactly, in total over a method's configurations."""
    lines = TABLE.splitlines()
    told = [f"{line},{value}" for line, value in zip(lines[2:], given, strict=True)]
    table.write_text("\n".join([f"{lines[0]},{column}", f"{lines[1]},", *told]) + "\n", "utf-8")
    assert bool(unequal_budgets(read(table), force=True)) == refused


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("0.10,100,0.05,80,0.65,200\na", "nan,100,0.05,80,0.65,200\na", "line 3: harm is nan"),
        ("a,0.20,0.10", "a,0.20,", "method a, configuration 0.2 has no harm"),
        ("a,0.20,0.10", "a,0.20,10", "line 3: harm is 10, not between 0 and 1"),
        ("a,0.20,0.10", "a,0.20,low", "line 3: harm is 'low', not a number"),
        ("a,0.20,0.10,100", "a,0.20,0.10,", "line 3: no harm_n"),
        ("a,0.20,0.10,100", "a,0.20,0.10,9.5", "line 3: harm_n is 9.5, not a number of items"),
        ("0.65,200\na", ",\na", "method a, configuration 0.2 has no capability.x"),
        ("a,0.1,", "a,0.2,", "line 4: harm of this method, configuration and seed was read before"),
        ("reference", "base", "the reference, method 'reference', has no rows, methods are base, a, b"),
        ("0.7,200", ",", "line 2: neither rates nor the outcome of an item"),
        ("a,0.20", ",0.20", "line 3: no method"),
        (TABLE.partition("\n")[2], "reference,,,,,,0.7,200\n", "no method besides the reference"),
        (TABLE, "", "the file is empty"),
        (TABLE, "method,accuracy\na,0.4\n", "neither rates nor the outcome of an item; there are method"),
    ],
)
def test_bad_tables(table: Path, before: str, after: str, message: str) -> None:
    assert before in TABLE
    table.write_text(TABLE.replace(before, after, 1), "utf-8")
    with pytest.raises(AligntaxError) as caught:
        read(table)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (item("a", "safety", 1, 1), "no axis is called 'safety'"),
        (item("a", "capability", 1, 1), "capability without a benchmark"),
        ({"method": "a", "axis": "harm", "value": 1}, "the outcome of an item has no item"),
        (item("a", "harm", 1, 1.5), "value is 1.5, not between 0 and 1"),
        (item("a", "harm", 1, float("nan")), "value is nan"),
        ({"method": "a", "harm": 0.1, "harm_n": 5}, "harm of this method, configuration and seed was read"),
        (item("a", "harm", 1, 1, cost=-1), "cost is -1, negative"),
    ],
)
def test_bad_items(tmp_path: Path, row: dict[str, object], message: str) -> None:
    path = written(tmp_path / "items.jsonl", [*itemised(), row])
    with pytest.raises(UnreadableInput, match=r"items\.jsonl, line 29: ") as caught:
        read(path)
    assert message in str(caught.value)


def test_items_that_nobody_shares(tmp_path: Path) -> None:
    rows = [row | {"item": f"{row['method']}{row['item']}"} for row in itemised()]
    with pytest.raises(UsageError, match="harm: no item was answered by every run"):
        read(written(tmp_path / "items.jsonl", rows))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs in this directory"):
        collect([tmp_path])
    with pytest.raises(UnreadableInput, match="no such file"):
        collect([tmp_path / "none.csv"])
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UnreadableInput, match="not a file of runs"):
        collect([tmp_path / "a.txt"])


def test_normalised_tax_by_hand() -> None:
    """From .70 to .55 with chance .25 is a third; a gain is below 0, less than chance above 1."""
    capability, reference = np.array([[[0.55], [0.79], [0.16]]]), np.array([[0.70]])
    tax = normalised_tax(capability, reference, np.array([0.25]), benchmarks=["x"])
    assert tax[0, :, 0] == pytest.approx([1 / 3, -0.2, 1.2])
    assert np.isnan(
        normalised_tax(
            np.repeat(capability, 2, 0), np.array([[0.7], [0.2]]), np.array([0.25]), benchmarks=["x"]
        )[1]
    ).all()
    with pytest.raises(UsageError, match="x: the reference scores 0.2, no better than chance"):
        normalised_tax(capability, np.array([[0.2]]), np.array([0.25]), benchmarks=["x"])


def test_chance() -> None:
    levels, guessed = chance_levels(["x", "y"], {"y": 0.25})
    assert (levels.tolist(), guessed) == ([0.0, 0.25], ["x"])
    for given, message in (({"z": 0.1}, "no such benchmark"), ({"x": 1.0}, "not a share below 1")):
        with pytest.raises(UsageError, match=message):
            chance_levels(["x", "y"], given)
