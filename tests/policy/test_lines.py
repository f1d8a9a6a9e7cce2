"""Where a key stands: the claim is its line, on texts in every style of the grammar."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.policy.lines import Path, key_lines, line_of
from policy.toml_texts import TABLES, written


def _paths(value: object, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _paths(inner, (*path, number))


@given(st.data(), TABLES)
def test_every_key_has_its_line(data: st.DataObject, tables: dict[str, object]) -> None:
    """Whatever the style, each key, list entry and table is found on the line it was written on."""
    text = written(tables, lambda ways: data.draw(st.sampled_from(ways)))
    assert tomllib.loads(text.text) == tables
    found = key_lines(text.text)
    assert found == text.lines
    assert set(found) == set(_paths(tables))


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a.b.c = 1", ("a", "b"), 1),
        ("\n\n[a.b]\nc = 1", ("a", "b", "c"), 4),
        ("[[a]]\n[[a]]\nb = 1\n[[a.c]]\n[a.c.d]\ne = 1", ("a", 1, "c", 0, "d", "e"), 6),
        ('a = """\n[b]\n\\""" c = 1\n"""\nb = 2', ("b",), 5),
        ("a = '''x''''\nb = 2", ("b",), 2),
        ('a = ["""\n""",\n 3]', ("a", 1), 3),
        ("a = 1979-05-27 07:32:00 # b\nb = [1, 2]", ("b", 1), 2),
        ("\"x\\ty\".'z.w' = 1", ("x\ty", "z.w"), 1),
        ("[a]\nx = 1\n[b]\n[a.c]\ny = 2", ("a", "c", "y"), 5),
        ("a = { b = [ { c = 1 }, { c = 2 } ] }", ("a", "b", 1, "c"), 1),
        ("a = {}\r\nb = []\r\n\r\nc = 1\r\n", ("c",), 4),
    ],
)
def test_by_hand(text: str, path: Path, line: int) -> None:
    """The corners of the grammar."""
    tomllib.loads(text)
    assert key_lines(text)[path] == line


def test_what_is_missing_has_the_line_of_what_it_is_missing_in() -> None:
    """The nearest thing around it that is there."""
    lines = key_lines("a = 1\n[b]\n[[b.c]]\n")
    assert line_of(lines, ("b", "c", 0, "d")) == 3
    assert line_of(lines, ("b", "x", 2)) == 2
    assert line_of(lines, ("y",)) == 1
