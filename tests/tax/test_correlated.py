"""Safety against over-refusal over models: the figures others published, and what is worked out by hand."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UnreadableInput, UsageError
from aligntax.tax.correlated import correlate, non_dominated, rank_residuals, selected
from aligntax.tax.model_table import Columns, ModelTable, read_models

LATER = (
    "GPT-4o-2024-08-06",
    "Claude-3.5-sonnet",
    "Gemma-2-9b",
    "Gemma-2-27b",
    "Llama-3.1-8B",
    "Llama-3.1-70B",
    "Llama-3.1-405B",
)
"""Models added to the published table after its first 25."""
FIVE = "model,over_refusal,toxic_rejection\na,10,50\nb,20,60\nc,30,90\nd,40,80\ne,45,95\n"


def table(tmp_path: Path, text: str, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def read(tmp_path: Path, text: str) -> ModelTable:
    return read_models(table(tmp_path, text))


def test_published_figures(shared_data: Path) -> None:
    """.8935 over 32 models and .8784 over the first 25, from the published table, its columns unnamed."""
    whole = read_models(shared_data / "tables" / "orbench_published_table.csv")
    assert len(whole.models) == 32
    found = correlate(whole, replicates=500)
    assert found.spearman.value == pytest.approx(0.8935, abs=5e-5)
    assert found.spearman.low < 0.8935 < found.spearman.high
    first = correlate(selected(whole, without=LATER), replicates=500)
    assert len(first.table.models) == 25
    assert first.spearman.value == pytest.approx(0.8784, abs=5e-5)


def test_acceptance_turned_round_is_rejection(shared_data: Path) -> None:
    """The share of harmful prompts answered gives the same figures as the share refused, and says so."""
    path = shared_data / "tables" / "orbench_published_table.csv"
    refused, answered = read_models(path), read_models(path, columns=Columns(harm="toxic_acceptance_pct"))
    np.testing.assert_allclose(answered.safety, refused.safety, atol=1e-9)
    assert answered.columns["harm"] == "toxic_acceptance_pct"
    assert any("100 % less toxic_acceptance_pct" in note for note in answered.notes)
    assert correlate(answered, replicates=200).spearman.value == pytest.approx(0.8935, abs=5e-5)


@pytest.mark.parametrize(
    ("over", "second", "turned"),
    [
        ("over_refusal_rate", "harmful_refusal_rate", False),
        ("Over-Refusal (%)", "Toxic Rejection (%)", False),
        ("overRefusal", "safety", False),
        ("false_refusal", "attack_success_rate", True),
        ("benign_refusal_pct", "ASR", True),
        ("over_refusal", "harmful_compliance", True),
    ],
)
def test_columns_are_told_from_names(tmp_path: Path, over: str, second: str, turned: bool) -> None:
    """Usual names are understood, and harm is turned round."""
    found = read(tmp_path, f"Model,{over},{second}\na,10,80\nb,20,90\n")
    assert found.columns == {"model": "Model", "over_refusal": over, "harm" if turned else "safety": second}
    assert found.safety.tolist() == pytest.approx([0.2, 0.1] if turned else [0.8, 0.9])


def test_units(tmp_path: Path) -> None:
    """Above 1 is percent, as is a column that says so; the rest are shares; a mixture is said."""
    shares = read(tmp_path, "model,over_refusal,safety\na,0.1,0.5\nb,0.2,1\n")
    assert shares.over_refusal.tolist() == [0.1, 0.2]
    assert not shares.notes
    small = read(tmp_path, "model,over_refusal_pct,safety\na,0.1,50\nb,0.9,90\n")
    assert small.over_refusal.tolist() == pytest.approx([0.001, 0.009])
    signs = read(tmp_path, "model,over_refusal,safety\na,0.5 %,50%\nb,1%,90 %\n")
    assert signs.over_refusal.tolist() == pytest.approx([0.005, 0.01])
    mixed = read(tmp_path, "model,over_refusal,safety\na,40,0.5\nb,50,0.9\n")
    assert mixed.safety.tolist() == [0.5, 0.9]
    assert "over_refusal as percent and safety as shares" in mixed.notes[0]
    told = read_models(table(tmp_path, "model,over_refusal,safety\na,40,0.5\nb,50,0.9\n"), scale="percent")
    assert told.safety.tolist() == pytest.approx([0.005, 0.009])


def test_formats_agree(tmp_path: Path) -> None:
    """CSV, TSV, JSON lines and Parquet of the same table are the same."""
    rows = [line.split(",") for line in FIVE.splitlines()[1:]]
    values = [{"model": m, "over_refusal": float(x), "toxic_rejection": float(y)} for m, x, y in rows]
    parquet = tmp_path / "table.parquet"
    pq.write_table(pa.Table.from_pylist(values), parquet)
    paths = [
        table(tmp_path, FIVE),
        table(tmp_path, FIVE.replace(",", "\t"), "table.tsv"),
        table(tmp_path, "".join(json.dumps(row) + "\n" for row in values), "table.jsonl"),
        parquet,
    ]
    read_ones = [read_models(path) for path in paths]
    for other in read_ones[1:]:
        assert other.models == read_ones[0].models
        assert other.over_refusal.tolist() == read_ones[0].over_refusal.tolist()
        assert other.safety.tolist() == read_ones[0].safety.tolist()


def test_missing_figures_are_left_out_and_named(tmp_path: Path) -> None:
    """A row without one of the two does not count, and is not forgotten."""
    found = read(tmp_path, FIVE + "f,,99\ng,12,n/a\n")
    assert found.models == ("a", "b", "c", "d", "e")
    assert any("left out because a figure is missing: 2 (f, g)" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FIVE + "a,1,2\n", "line 7: 'a' stands in"),
        (FIVE + ",1,2\n", "line 7: no model"),
        (FIVE + "f,many,2\n", "line 7: 'over_refusal' is 'many', not a number"),
        (FIVE + "f,132,2\n", "line 7: 'over_refusal' is 132, not between 0 and 100"),
        (FIVE + "f,-1,2\n", "line 7: 'over_refusal' is -1"),
        ("model,over_refusal,safety\n", "no rows"),
        ("model,over_refusal,safety\na,,5\nb,5,\n", "no row has both"),
    ],
)
def test_unreadable_tables(tmp_path: Path, text: str, words: str) -> None:
    """What is wrong, in which line, and what to do."""
    with pytest.raises(UnreadableInput) as error:
        read(tmp_path, text)
    assert words in error.value.message
    assert error.value.hint


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    """Missing, a directory, or of a kind that is not read."""
    (tmp_path / "table.xlsx").write_bytes(b"PK\x03\x04")
    for path in (tmp_path / "none.csv", tmp_path, tmp_path / "table.xlsx"):
        with pytest.raises(UnreadableInput) as error:
            read_models(path)
        assert str(path) in error.value.message
        assert "CSV" in error.value.hint


@pytest.mark.parametrize(
    ("header", "columns", "words"),
    [
        ("model,x,safety", Columns(), "no column holds the share of harmless prompts refused"),
        ("model,over_refusal,y", Columns(), "no column holds the share of harmful prompts refused"),
        ("maker,over_refusal,safety", Columns(), "no column holds the model"),
        ("model,over_refusal,over_refusal_hard,safety", Columns(), "2 columns may hold over-refusal"),
        ("model,over_refusal,safety", Columns(safety="safe"), "no column 'safe' (--safety)"),
        ("model,over_refusal,safety,harm", Columns(safety="safety", harm="harm"), "the same thing"),
    ],
)
def test_columns_that_cannot_be_told(tmp_path: Path, header: str, columns: Columns, words: str) -> None:
    """A column that is not there, or not to be told from another, is asked for by its option."""
    row = ",".join(["a", *["1"] * header.count(",")])
    with pytest.raises(UsageError) as error:
        read_models(table(tmp_path, f"{header}\n{row}\n"), columns=columns)
    assert words in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model,over_refusal,safety\na,10,50\nb,20,60\nc,30,70\n", "3 rows are too few"),
        (
            "model,over_refusal,safety\n" + "".join(f"{m},10,{50 + i}\n" for i, m in enumerate("abcde")),
            "same",
        ),
    ],
)
def test_no_correlation_without_a_reason(tmp_path: Path, text: str, words: str) -> None:
    """Too few models or a constant column: rho is unknown, and why; the Pareto set is told all the same."""
    found = correlate(read(tmp_path, text), replicates=200)
    assert not found.spearman.known
    assert words in found.spearman.reason
    assert np.isnan(found.p_value)
    assert found.most_influential is None
    assert found.non_dominated.any()


def test_residuals_by_hand() -> None:
    """Ranks 1 2 3 4 against 1 2 4 3: slope .8, so -.3 -.1 -.7 1.1 are left."""
    left = rank_residuals([5, 6, 7, 8], [0.1, 0.2, 0.9, 0.8])
    assert left.tolist() == pytest.approx([-0.3, -0.1, -0.7, 1.1])
    assert np.isnan(rank_residuals([1, 2, 3], [4, 4, 4])).all()


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25))
def test_non_dominated_is_the_definition(points: list[tuple[int, int]]) -> None:
    """The same as asking for every pair whether one is at least as good in both and better in one."""
    x, y = [p[0] for p in points], [p[1] for p in points]
    expected = [
        not any(a <= i and b >= j and (a < i or b > j) for a, b in points) for i, j in zip(x, y, strict=True)
    ]
    assert non_dominated(x, y).tolist() == expected


def test_influence_is_the_correlation_of_the_others(tmp_path: Path) -> None:
    """Leaving a model out by name gives the rho that was told of it."""
    whole = read(tmp_path, FIVE)
    found = correlate(whole, replicates=200)
    for entry in found.influence:
        others = correlate(selected(whole, without=[entry.model]), replicates=200)
        assert entry.rho == pytest.approx(others.spearman.value)
        assert entry.change == pytest.approx(entry.rho - found.spearman.value)
    most = found.most_influential
    assert most is not None
    assert abs(most.change) == max(abs(entry.change) for entry in found.influence)


@pytest.mark.parametrize(
    ("only", "without", "left"),
    [((), ("a",), "bcde"), (("a", "c"), (), "ac"), (("a", "c", "e"), ("c",), "ae")],
)
def test_selected(tmp_path: Path, only: Sequence[str], without: Sequence[str], left: str) -> None:
    """Names to keep, names to leave out, and both."""
    assert selected(read(tmp_path, FIVE), only=only, without=without).models == tuple(left)


def test_a_wrong_name_is_not_passed_over(tmp_path: Path) -> None:
    """A name that is not in the table is an error with the nearest ones; so is leaving nothing."""
    names = "model,over_refusal,safety\nGemma-2-9b,10,50\nQwen,20,60\n"
    with pytest.raises(UsageError, match="Gemma-2 9b") as error:
        selected(read(tmp_path, names), without=["Gemma-2 9b"])
    assert "Gemma-2-9b" in error.value.hint
    with pytest.raises(UsageError, match="no model is left"):
        selected(read(tmp_path, FIVE), without=tuple("abcde"))
