"""On which line of a TOML file each key stands, which `tomllib` does not tell.

Only texts that `tomllib` accepts are scanned, so the scanner follows the grammar and checks nothing of it.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping

__all__ = ["Path", "key_lines", "line_of"]

Path = tuple[str | int, ...]
"""Keys and places in lists from the top, places counted from 0: ("use_case", 1, "budget", 0, "limit")."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"'[^']*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\r\n]*")


def key_lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every key, table, list entry and inline table.

    Args:
        text: TOML that `tomllib.loads` accepts.
    """
    return _Scanner(text).lines()


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of what a path names; of the nearest thing around it where it is not in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # array of tables -> how many there are so far

    def lines(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> Path:
        """A [table] or [[array of tables]]; the path of what follows it."""
        several = self._text.startswith("[[", self._at)
        line = self._line()
        self._at += 2 if several else 1
        path: Path = ()
        names = self._names()
        for name in names[:-1]:
            path = self._inside((*path, name), line)
        path = (*path, names[-1])
        self._lines.setdefault(path, line)
        if several:
            number = self._tables[path] = self._tables.get(path, -1) + 1
            path = (*path, number)
        else:
            path = self._inside(path, line)
        self._lines[path] = line
        self._at += 2 if several else 1
        return path

    def _inside(self, path: Path, line: int) -> Path:
        """The path itself, or its latest table where it is an array of tables."""
        self._lines.setdefault(path, line)
        return (*path, self._tables[path]) if path in self._tables else path

    def _pair(self, table: Path) -> None:
        line, path = self._line(), table
        for name in self._names():
            path = (*path, name)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _names(self) -> list[str]:
        """The parts of a key, dotted or not."""
        names = [self._name()]
        while self._text.startswith(".", self._at):
            self._at += 1
            names.append(self._name())
        return names

    def _name(self) -> str:
        self._skip(_SPACE)
        quote = self._text[self._at]
        taken = self._take({'"': _BASIC, "'": _LITERAL}.get(quote, _BARE))
        self._skip(_SPACE)
        return str(tomllib.loads(f"name = {taken}")["name"]) if quote in "\"'" else taken

    def _value(self, path: Path) -> None:
        rest = self._text[self._at : self._at + 3]
        if rest == '"""':
            self._take(_LONG_BASIC)
        elif rest == "'''":
            self._take(_LONG_LITERAL)
        elif rest[0] == '"':
            self._take(_BASIC)
        elif rest[0] == "'":
            self._take(_LITERAL)
        elif rest[0] == "[":
            self._list(path)
        elif rest[0] == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _list(self, path: Path) -> None:
        number = 0
        self._at += 1
        self._skip(_BLANK)
        while self._text[self._at] != "]":
            self._lines[*path, number] = self._line()
            self._value((*path, number))
            self._over_comma()
            number += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        while self._text[self._at] != "}":
            self._pair(path)
            self._over_comma()
        self._at += 1

    def _over_comma(self) -> None:
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found is not None  # tomllib took the text
        self._at = found.end()
        return found.group()
