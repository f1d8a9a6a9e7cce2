"""The same items answered by two models, side by side."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.answers.table import with_lengths
from aligntax.errors import UsageError
from aligntax.records import Answers, LengthUnit

__all__ = ["MatchedBy", "Pairs", "pair"]

MatchedBy = Literal["item", "prompt", "prompt less an addition", "parts of the item"]
Ints = npt.NDArray[np.int64]

_LEAST_ADDED = 8
"""Characters around every prompt that are taken for an addition; fewer may be chance."""
_PROBES = 20
"""Prompts looked for inside those of the other side."""
_TELLING = 20
"""Characters by whose occurrence in another prompt one is recognised in it, even if the end is cut off."""
_PARTS = re.compile(r"[^/_:#|-]+|[/_:#|-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Two models' answers to the same items, row by row.

    Attributes:
        item: (pairs,) as the first side calls it.
        cluster: (pairs,) what makes pairs depend on each other; null where a pair stands alone.
        prompt: (pairs,) as the first side has it, else as the second; null where neither file keeps it.
        first: (pairs,) of the ANSWER schema.
        second: (pairs,) of the ANSWER schema, row for row the same items.
        only_first: items the second side lacks.
        only_second: items the first side lacks.
        changed_prompts: items left out because the two sides ask something else under the same name.
        repeated: pairs whose prompt is that of an earlier pair.
        clustered: whether any two pairs share a cluster, so that pairs are not independent.
        matched_by: what the two sides had in common.
        added: what the prompts of one side have around those of the other, with "…" for the prompt;
            "" where they are the same.
        length_unit: what `length` counts on both sides.
        notes: what a reader must know of the matching, in sentences.
    """

    item: pa.Array
    cluster: pa.Array
    prompt: pa.Array
    first: pa.Table
    second: pa.Table
    only_first: int
    only_second: int
    changed_prompts: int
    repeated: int
    clustered: bool
    matched_by: MatchedBy
    added: str
    length_unit: LengthUnit
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, slots=True)
class _Matching:
    """Rows that belong together.

    Attributes:
        by: what they have in common.
        first: (pairs,) row numbers of the first side.
        second: (pairs,) row numbers of the second.
        changed: rows of the same name left out for their prompts.
        added: around every prompt of the side that adds.
        adds: who adds, "" if nobody.
    """

    by: MatchedBy
    first: Ints
    second: Ints
    changed: int = 0
    added: tuple[str, str] = ("", "")
    adds: Literal["", "first", "second"] = ""

    def __len__(self) -> int:
        return len(self.first)


def pair(first: Answers, second: Answers) -> Pairs:
    """Pairs answers by item, or by prompt where the names of the items do not lead to the same prompts.

    Items of the same name with another prompt are left out and counted; a prompt nobody kept counts as
    the same. Where most would be left out, or no name meets, whatever matches most of these is taken:

    - the prompts, a repeated one in the order of its occurrence;
    - the prompts less what one side adds to each of them (the prefix of a mitigation, say);
    - the parts of the names that are not the same in all names of a side ("none/7" and "prefix/7" are
      "7"), if one prompt of each pair is also found inside the other.

    Args:
        first: with a table.
        second: with a table.

    Returns:
        Empty where nothing meets.

    Raises:
        UsageError: of one side only a summary is known.
    """
    ours, theirs, unit = _table(first), _table(second), first.length_unit
    if first.length_unit != second.length_unit:
        ours, theirs, unit = with_lengths(ours, anew=True), with_lengths(theirs, anew=True), "characters"
    found = _matched(ours, theirs)
    left, right = ours.take(pa.array(found.first)), theirs.take(pa.array(found.second))
    prompts = pc.coalesce(_column(left, "prompt"), _column(right, "prompt"))
    cluster = _clusters(pc.coalesce(_column(left, "cluster"), _column(right, "cluster")), prompts, found.by)
    notes = list(_notes(found))
    if first.length_unit != second.length_unit:
        notes.append("one side counts tokens, the other characters: lengths are characters of the responses")
    return Pairs(
        item=_column(left, "item"),
        cluster=cluster,
        prompt=prompts,
        first=left,
        second=right,
        only_first=len(ours) - len(found) - found.changed,
        only_second=len(theirs) - len(found) - found.changed,
        changed_prompts=found.changed,
        repeated=_further(prompts),
        clustered=_further(cluster) > 0,
        matched_by=found.by,
        added=_shown(found.added) if found.adds else "",
        length_unit=unit,
        notes=tuple(notes),
    )


def _table(answers: Answers) -> pa.Table:
    if answers.table is None:
        raise UsageError(
            f"{answers.source}: of {answers.benchmark} only the mean score is known, not the single answers",
            hint="lm-evaluation-harness writes them with --log_samples; summaries can be compared unpaired",
        )
    return answers.table


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _matched(ours: pa.Table, theirs: pa.Table) -> _Matching:
    by_item = _by_item(ours, theirs)
    if len(by_item) and len(by_item) >= by_item.changed:
        return by_item
    asked, others = _prompts(ours), _prompts(theirs)
    by_prompt = _by_key("prompt", _numbered(asked), _numbered(others))
    found = max((by_prompt, *_by_addition(asked, others), _by_parts(ours, theirs, asked, others)), key=len)
    return found if len(found) > len(by_item) else by_item


def _by_item(ours: pa.Table, theirs: pa.Table) -> _Matching:
    found = pc.index_in(_column(ours, "item"), value_set=_column(theirs, "item"))
    rows = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    others = found.drop_null().to_numpy().astype(np.int64)
    asked, theirs_asked = (
        pc.utf8_trim_whitespace(_column(table, "prompt")).take(pa.array(at))
        for table, at in ((ours, rows), (theirs, others))
    )
    same = pc.fill_null(pc.equal(asked, theirs_asked), True).to_numpy(zero_copy_only=False)
    return _Matching("item", rows[same], others[same], changed=int((~same).sum()))


def _prompts(table: pa.Table) -> list[str | None]:
    found: list[str | None] = pc.utf8_trim_whitespace(_column(table, "prompt")).to_pylist()
    return found


def _numbered(prompts: Sequence[str | None]) -> Iterator[tuple[str, int] | None]:
    """Each prompt with the number of times it has come before."""
    before: Counter[str] = Counter()
    for prompt in prompts:
        yield None if prompt is None else (prompt, before[prompt])
        if prompt is not None:
            before[prompt] += 1


def _by_key(
    by: MatchedBy,
    ours: Iterator[tuple[str, int] | None],
    theirs: Iterator[tuple[str, int] | None],
) -> _Matching:
    places = {key: at for at, key in enumerate(theirs) if key is not None}
    found = [(at, places[key]) for at, key in enumerate(ours) if key is not None and key in places]
    rows = np.array(found, np.int64).reshape(-1, 2)
    return _Matching(by, rows[:, 0], rows[:, 1])


def _by_addition(ours: Sequence[str | None], theirs: Sequence[str | None]) -> Iterator[_Matching]:
    """Matchings less what the second side adds to the prompts of the first, and the other way round."""
    by: MatchedBy = "prompt less an addition"
    for added in _additions(ours, theirs):
        found = _by_key(by, _numbered(ours), _numbered([_less(text, *added) for text in theirs]))
        yield _Matching(by, found.first, found.second, added=added, adds="second")
    for added in _additions(theirs, ours):
        found = _by_key(by, _numbered([_less(text, *added) for text in ours]), _numbered(theirs))
        yield _Matching(by, found.first, found.second, added=added, adds="first")


def _by_parts(
    ours: pa.Table, theirs: pa.Table, asked: Sequence[str | None], others: Sequence[str | None]
) -> _Matching:
    by: MatchedBy = "parts of the item"
    found = _by_key(
        by, _varying(_column(ours, "item").to_pylist()), _varying(_column(theirs, "item").to_pylist())
    )
    dressed: dict[Literal["first", "second"], Counter[str]] = {"first": Counter(), "second": Counter()}
    kept = []
    for at, (row, other) in enumerate(zip(found.first, found.second, strict=True)):
        first, second = asked[row], others[other]
        side, before = _inside(first, second)
        if before is not None:
            kept.append(at)
            dressed[side][before] += 1
    adds: Literal["first", "second"] = max(dressed, key=lambda side: dressed[side].total())
    most = dressed[adds].most_common(1)
    added, rows = (most[0][0] if most else "", ""), np.array(kept, np.int64)
    return _Matching(
        by, found.first[rows], found.second[rows], len(found) - len(rows), added, adds if added[0] else ""
    )


def _inside(first: str | None, second: str | None) -> tuple[Literal["first", "second"], str | None]:
    """Which of two prompts holds the other, its end perhaps cut off, and what stands before it there."""
    if first is None or second is None:
        return "second", None
    for side, bare, dressed in (("second", first, second), ("first", second, first)):
        at = dressed.find(bare[:_TELLING])
        if at >= 0 and bare and bare.startswith(dressed[at : at + len(bare)]):
            return ("second" if side == "second" else "first"), dressed[:at]
    return "second", None


def _varying(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each name without the parts at its beginning and end that all names share."""
    parts = [_PARTS.findall(name) for name in names]
    shortest = min(map(len, parts), default=1) - 1
    begins = next((k for k in range(shortest) if len({p[k] for p in parts}) > 1), shortest)
    left = shortest - begins
    ends = next((k for k in range(left) if len({p[-1 - k] for p in parts}) > 1), left)
    return ((("".join(p[begins : len(p) - ends])).strip("/_:#|-"), 0) for p in parts)


def _additions(bare: Sequence[str | None], dressed: Sequence[str | None]) -> list[tuple[str, str]]:
    """What stands most often before and after some of the prompts on the other side: one, or none."""
    probes = sorted({text for text in bare if text}, key=len, reverse=True)[:_PROBES]
    around: Counter[tuple[str, str]] = Counter()
    for text in dressed:
        for probe in probes:
            if text and len(probe) + _LEAST_ADDED <= len(text) and probe in text:
                before, _, after = text.partition(probe)
                around[before, after] += 1
    most = around.most_common(1)
    return [most[0][0]] if most and (most[0][1] > 1 or len(probes) == 1) else []


def _less(text: str | None, before: str, after: str) -> str | None:
    inside = text is not None and len(text) > len(before) + len(after)
    if text is None or not inside or not text.startswith(before) or not text.endswith(after):
        return None
    return text[len(before) : len(text) - len(after)].strip()


def _clusters(cluster: pa.Array, prompts: pa.Array, by: MatchedBy) -> pa.Array:
    """Clusters, with prompts that come again as one where they were matched by prompt."""
    if by == "item":
        return cluster
    counts = Counter(prompts.to_pylist())
    again = pa.array([counts[prompt] > 1 for prompt in prompts.to_pylist()], pa.bool_())
    return pc.if_else(pc.and_(pc.is_null(cluster), again), prompts, cluster)


def _further(values: pa.Array) -> int:
    """How many repeat an earlier one; a null repeats nothing."""
    known = values.drop_null()
    return len(known) - len(known.unique())


def _notes(found: _Matching) -> Iterator[str]:
    if not len(found):
        yield "the two sides have no item and no prompt in common"
    if found.changed:
        yield f"{found.changed:,} items left out: the two sides ask something else under the same name"
    if found.by != "item":
        yield f"matched by {found.by}, since the names of the items do not lead to the same prompts"
    if found.adds:
        yield f"the {found.adds} side adds to the prompts: {_shown(found.added)!r}"


def _shown(added: tuple[str, str]) -> str:
    """What stands around a prompt, with "…" in its place."""
    return "…".join(added)
