"""Which use case of a policy each exchange is of: the first whose conditions all hold.

A pattern is read by RE2, at the speed of the data and in time that grows with the text alone, whoever wrote
the text. What RE2 lacks (look-around, back-references) goes through Python's `re`, row by row.
"""

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.extension_points import Recogniser
from aligntax.policy.model import Match, Policy

__all__ = ["OTHER", "PolicyRecogniser", "folded", "recogniser", "slow_patterns"]

OTHER = "other"
"""What exchanges of no use case are called, unless the policy keeps the log's own names."""

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Test = Callable[[pa.StringArray], Mask]


class _Columns:
    """A batch whose columns of few distinct values are sorted by value once, whoever asks."""

    def __init__(self, exchanges: pa.RecordBatch) -> None:
        self._exchanges = exchanges
        self._coded = dict[str, tuple[pa.StringArray, Rows]]()

    def texts(self, name: str, rows: Rows) -> pa.StringArray:
        """A column at these rows."""
        column = self._exchanges.column(name)
        return column if len(rows) == len(column) else column.take(pa.array(rows))

    def coded(self, name: str) -> tuple[pa.StringArray, Rows]:
        """The distinct values of a column, null among them, and the number of the one in each row."""
        if name not in self._coded:
            column = self._exchanges.column(name).dictionary_encode(null_encoding="encode")
            self._coded[name] = column.dictionary.cast(pa.string()), column.indices.to_numpy()
        return self._coded[name]


@dataclass(frozen=True)
class _Condition:
    """Columns, in one of which a test must hold.

    Attributes:
        columns: their names.
        test: of texts.
        few: whether the columns hold few distinct values, each of which is tested once.
    """

    columns: tuple[str, ...]
    test: Test
    few: bool = True

    def holds(self, columns: _Columns, rows: Rows) -> Mask:
        """(rows,) where it holds among these rows."""
        found = np.zeros(len(rows), dtype=bool)
        for name in self.columns:
            found |= self._holds(columns, name, rows)
        return found

    def _holds(self, columns: _Columns, name: str, rows: Rows) -> Mask:
        if not self.few:
            return self.test(columns.texts(name, rows))
        values, codes = columns.coded(name)
        found: Mask = self.test(values)[codes[rows]]
        return found


class PolicyRecogniser:
    """Tells use cases by a policy.

    Args:
        policy: its use cases, in their order.
    """

    def __init__(self, policy: Policy) -> None:
        self.names = tuple(case.name for case in policy.use_case)
        self._cases = [_conditions(case.match) for case in policy.use_case]
        self._keep = policy.everything_else == "keep"
        wanted = [name for case in self._cases for one in case for name in one.columns]
        self.columns = tuple(dict.fromkeys([*wanted, *(["use_case"] if self._keep else [])]))

    def __call__(self, exchanges: pa.RecordBatch) -> pa.StringArray:
        """A batch with at least `columns` in, the use case of each row out."""
        number = self._numbers(exchanges)
        names = pa.array([*self.names, OTHER], pa.string())
        told = names.take(pa.array(number))
        if self._keep:
            own = exchanges.column("use_case")
            told = pc.if_else(pa.array(number == len(self.names)), own, told)
        return told

    def renames(self, names: Set[str]) -> bool:
        """Whether judged exchanges, which have no texts, go by other use cases under the policy.

        Where all names are the policy's they are taken as they are: an audit under the policy made them.
        Where the policy looks at texts, they stay what the log calls them.

        Args:
            names: of their use cases.
        """
        needs_text = set(self.columns) - {"use_case", "model_requested", "model_served"}
        return not (needs_text or names <= {*self.names, OTHER})

    def renamed(
        self, use_case: pa.StringArray, model_requested: pa.StringArray, model: pa.StringArray
    ) -> pa.StringArray:
        """(rows,) use cases under the policy of judged exchanges that it renames."""
        columns = [use_case, model_requested, model]
        batch = pa.RecordBatch.from_arrays(columns, names=["use_case", "model_requested", "model_served"])
        found = self(batch)
        own = pc.and_(pc.equal(found, OTHER), pc.is_in(use_case, pa.array(sorted(self.names))))
        return pc.if_else(own, use_case, found)

    def _numbers(self, exchanges: pa.RecordBatch) -> Rows:
        """(rows,) number of the use case of each row; one more than there are for none."""
        number = np.full(exchanges.num_rows, len(self._cases), np.int64)
        columns, left = _Columns(exchanges), np.arange(exchanges.num_rows)
        for at, conditions in enumerate(self._cases):
            rows = left
            for condition in conditions:
                if not len(rows):
                    break
                rows = rows[condition.holds(columns, rows)]
            if len(rows):
                number[rows] = at
                left = left[number[left] == len(self._cases)]
        return number


def recogniser(policy: Policy) -> Recogniser:
    """What tells the use case of each exchange by the policy."""
    return PolicyRecogniser(policy)


def slow_patterns(policy: Policy) -> list[str]:
    """The patterns that RE2 cannot read."""
    patterns = [one for case in policy.use_case for one in (*case.match.system, *case.match.prompt)]
    return [one for one in dict.fromkeys(patterns) if not _reads(one)]


def _conditions(match: Match) -> list[_Condition]:
    """The conditions of a use case, the quickest first."""
    made = []
    if match.use_case:
        made.append(_Condition(("use_case",), _glob(match.use_case)))
    if match.model:
        made.append(_Condition(("model_requested", "model_served"), _glob(match.model)))
    if match.system:
        made.append(_Condition(("system",), _found(match.system)))
    if match.prompt:
        made.append(_Condition(("prompt",), _found(match.prompt), few=False))
    return made


def folded(name: str) -> str:
    """A name as it is compared: without the case, and without space around it."""
    return name.strip().lower()


def _glob(names: Sequence[str]) -> Test:
    """Names with * and ?, whatever the case; what the log does not tell is the empty name."""
    signs = {"*": ".*", "?": "."}
    parts = ("".join(signs.get(c, re.escape(c)) for c in folded(name)) for name in names)
    pattern = re.compile("|".join(parts), re.DOTALL)

    def test(values: pa.StringArray) -> Mask:
        return np.array([pattern.fullmatch(folded(v or "")) is not None for v in values.to_pylist()], bool)

    return test


def _found(patterns: Sequence[str]) -> Test:
    """Whether one of the patterns is found in a text; nothing is found in no text."""
    quick = [pattern for pattern in patterns if _reads(pattern)]
    joined = "|".join(f"(?:{pattern})" for pattern in quick)
    together = [joined] if len(quick) > 1 and _reads(joined) else quick
    slow = [_python(pattern) for pattern in patterns if pattern not in quick]

    def test(texts: pa.StringArray) -> Mask:
        found = np.zeros(len(texts), dtype=bool)
        for pattern in together:
            hit = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
            found |= hit.to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(~found) if slow else ():
            text = texts[int(row)].as_py()
            found[row] = text is not None and any(pattern.search(text) for pattern in slow)
        return found

    return test


def _reads(pattern: str) -> bool:
    """Whether RE2 reads the pattern."""
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        return False
    return True


def _python(pattern: str) -> re.Pattern[str]:
    r"""As RE2 would read it: `\w`, `\d`, `\s` and `\b` are about ASCII."""
    try:
        return re.compile(pattern, re.ASCII)
    except (re.error, ValueError):  # it asks for Unicode itself
        return re.compile(pattern)
