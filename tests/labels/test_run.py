"""What labels read of an audit."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aligntax.errors import UnreadableInput
from aligntax.labels.run import read_run
from aligntax.records import UNRATED_REASONS
from labels.known_run import exchanges, judged, write_run

ROWS = exchanges({("complete", "legal"): 5, ("refused", "legal"): 3, ("undetermined", "tax"): 2})


def test_what_is_in_no_rate_needs_no_label(tmp_path: Path) -> None:
    """Tool calls, errors and lost texts are not eligible; other undetermined exchanges are."""
    reasons = [*UNRATED_REASONS, "asks_back", None]
    rows = [{"id": str(at), "outcome": "undetermined", "reason": r} for at, r in enumerate(reasons)]
    run = judged([*rows, {"id": "z", "outcome": "complete"}], tmp_path)
    assert run.keys == {"3", "4", "z"}
    assert run.left_out == dict.fromkeys(UNRATED_REASONS, 1)


def test_the_directory_stands_for_the_file(tmp_path: Path) -> None:
    judged(ROWS, tmp_path)
    assert read_run(tmp_path).keys == read_run(tmp_path / "outcomes.parquet").keys


def test_hashes_tell_what_changed(tmp_path: Path) -> None:
    """A new verdict changes the run but not the exchanges; another order changes neither exchange."""
    first = judged(ROWS, tmp_path)
    other = judged([*ROWS[:-1], ROWS[-1] | {"outcome": "hedged"}], tmp_path)
    turned = judged(ROWS[::-1], tmp_path)
    more = judged([*ROWS, {"id": "new", "outcome": "hedged"}], tmp_path)
    assert judged(ROWS, tmp_path).run_hash == first.run_hash != other.run_hash
    assert first.exchanges_hash == other.exchanges_hash == turned.exchanges_hash != more.exchanges_hash


def test_a_file_that_is_no_run(tmp_path: Path) -> None:
    """Each mistake is named with its file and remedy."""
    (tmp_path / "text.parquet").write_text("id,outcome\n")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "other.parquet")
    write_run([], tmp_path / "empty.parquet")
    write_run([ROWS[0], ROWS[1] | {"version": "2"}], tmp_path / "mixed.parquet")
    write_run([ROWS[-1] | {"reason": "no_text"}], tmp_path / "wordless.parquet")
    complaints = {
        "missing": "no such file or directory\nhint: make it with `aligntax audit LOG --out DIRECTORY`",
        "text.parquet": "not a Parquet file",
        "other.parquet": "it has no column 'outcome', so it is not what `aligntax audit` writes",
        "empty.parquet": "it holds no exchange",
        "mixed.parquet": "it mixes 2 detector versions",
        "wordless.parquet": "none of its 1 exchanges is answered in words",
    }
    for name, complaint in complaints.items():
        with pytest.raises(UnreadableInput) as caught:
            read_run(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: {complaint}")
