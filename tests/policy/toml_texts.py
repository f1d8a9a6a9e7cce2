"""TOML written in every style its grammar knows, with the line of each key kept while it is written."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

__all__ = ["Written", "written"]

Path = tuple[str | int, ...]
_BARE = st.text("abcXYZ019_-", min_size=1, max_size=6)
_ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False), _ANY
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_BARE | _ANY, inner, max_size=3),
    max_leaves=6,
)
TABLES = st.dictionaries(_BARE | _ANY, _VALUES, max_size=4)
"""Tables of the kinds a policy is made of; lists of tables are written as [[...]] or in line."""


@dataclass
class Written:
    """A text, and where in it things stand.

    Attributes:
        text: TOML.
        lines: path -> line, counted from 1.
    """

    text: str = ""
    lines: dict[Path, int] = field(default_factory=dict)

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def add(self, text: str) -> None:
        self.text += text


def written(tables: Mapping[str, Any], draw: Callable[[Sequence[Any]], Any]) -> Written:
    """Writes a table.

    Args:
        tables: to write.
        draw: chooses one of several ways.
    """
    out = Written()
    _table(out, tables, (), draw)
    return out


def _table(out: Written, table: Mapping[str, Any], path: Path, draw: Callable[[Sequence[Any]], Any]) -> None:
    headed = {}
    for key, value in table.items():
        if _is_table(value) and draw([True, False]):
            headed[key] = value
            continue
        _noise(out, draw)
        _pair(out, path, key, value, draw)
        out.add(draw(["\n", " # a = [1]\n", "\r\n"]))
    for key, value in headed.items():
        for number, entry in enumerate(value if isinstance(value, list) else [value]):
            _noise(out, draw)
            here = (*path, key)
            out.lines.setdefault(here, out.line)
            if isinstance(value, list):
                here = (*here, number)
                out.lines[here] = out.line
            name = ".".join(_key(step, draw) for step in here if isinstance(step, str))
            out.add(f"[[ {name} ]]\n" if isinstance(value, list) else f"[{name}]\n")
            _table(out, entry, here, draw)


def _is_table(value: Any) -> bool:
    several = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
    return bool(several) or isinstance(value, dict)


def _pair(out: Written, path: Path, key: str, value: Any, draw: Callable[[Sequence[Any]], Any]) -> None:
    here = (*path, key)
    out.lines[here] = out.line
    out.add(_key(key, draw) + draw(["=", " = ", "\t="]))
    _value(out, here, value, draw)


def _value(out: Written, path: Path, value: Any, draw: Callable[[Sequence[Any]], Any]) -> None:
    if isinstance(value, list):
        out.add("[")
        for number, one in enumerate(value):
            out.add(draw(["", " ", "\n", ' # ] "\n']))
            out.lines[*path, number] = out.line
            _value(out, (*path, number), one, draw)
            out.add(draw([",", "\n ,"]))
        out.add(draw(["]", "\n]"]))
    elif isinstance(value, dict):
        out.add("{ ")
        for number, (key, one) in enumerate(value.items()):
            out.add(", " if number else "")
            _pair(out, path, key, one, draw)
        out.add(" }")
    else:
        out.add(_scalar(value, draw))


def _scalar(value: Any, draw: Callable[[Sequence[Any]], Any]) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    styles = [
        _basic(value),
        '"""' + _basic(value)[1:-1].replace("\\n", "\n") + '"""',
        '"""\n\\\n  ' + _basic(value)[1:] + '""',
    ]
    if all(c.isprintable() and c != "'" for c in value):
        styles += [f"'{value}'", f"'''\n{value}'''"]
    return str(draw(styles[:2] if value[:1].isspace() else styles))


def _key(key: str, draw: Callable[[Sequence[Any]], Any]) -> str:
    bare = key and all(c in "abcXYZ019_-" for c in key)
    literal = all(c.isprintable() and c != "'" for c in key)
    return str(draw([_basic(key), *([key] * 3 if bare else []), *([f"'{key}'"] if literal else [])]))


def _basic(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)[1:-1]
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted) + '"'


def _noise(out: Written, draw: Callable[[Sequence[Any]], Any]) -> None:
    out.add(draw(["", "", "\n", "  ", "# [x] = '\n", "\t\n"]))
