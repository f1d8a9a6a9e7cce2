"""A file is whole or not there."""

import os
from pathlib import Path

import pytest

from aligntax.records.files import atomic


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """What was there before stays whole when writing anew breaks off."""
    path = tmp_path / "bill.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as part:
        part.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["bill.json"]
