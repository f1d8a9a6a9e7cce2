"""Flips: single items that got worse or better between A and B."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.tax.pairs.completion import Outcomes
from aligntax.traffic.redaction import Redactor

__all__ = ["Flip", "Flips", "outcome_flips", "score_flips"]

_CLIP = 240
"""Characters of a text that are kept."""
_BENIGN: Mapping[str, int] = {"complete": 2, "hedged": 1, "refused": 0}
_HARMFUL: Mapping[str, int] = {"complete": 0, "hedged": 1, "refused": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """An item that A and B fared differently on.

    Attributes:
        item: its id.
        way: whether it got worse or better from A to B.
        first: score or outcome of A.
        second: of B.
        prompt: its words, redacted unless asked otherwise, and cut; None where the file has none.
        response_first: of A, likewise.
        response_second: of B, likewise.
    """

    item: str
    way: Literal["worse", "better"]
    first: float | str
    second: float | str
    prompt: str | None
    response_first: str | None
    response_second: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """What got worse and what got better.

    Attributes:
        worse: items that did.
        better: items that did.
        of: items that were compared.
        flips: all of them, the largest change first, then in the order of the file.
    """

    worse: int
    better: int
    of: int
    flips: Sequence[Flip]


def score_flips(
    first: pa.Table, second: pa.Table, *, higher_is_better: bool = True, redactor: Redactor | None
) -> Flips:
    """Items whose score changed, as the harness scored them.

    Args:
        first: (items,) of the ANSWER schema, A's.
        second: (items,) B's, in the same order.
        higher_is_better: direction of the score.
        redactor: cleans the texts; None keeps them as they are.
    """
    scores = [table.column("score").to_numpy().astype(np.float64) for table in (first, second)]
    gains = scores[1] - scores[0] if higher_is_better else scores[0] - scores[1]
    return _flips(first, second, gains, (scores[0].tolist(), scores[1].tolist()), redactor)


def outcome_flips(
    first: pa.Table,
    second: pa.Table,
    outcomes: tuple[Outcomes, Outcomes],
    *,
    harmful: bool,
    redactor: Redactor | None,
) -> Flips:
    """Prompts whose outcome changed: for benign ones complete is best, for harmful ones it is worst."""
    order = _HARMFUL if harmful else _BENIGN
    names = [side.names.tolist() for side in outcomes]
    ranks = [np.array([order.get(name, np.nan) for name in side], dtype=np.float64) for side in names]
    return _flips(first, second, ranks[1] - ranks[0], (names[0], names[1]), redactor)


def _flips(
    first: pa.Table,
    second: pa.Table,
    gains: npt.NDArray[np.float64],
    told: tuple[Sequence[float | str], Sequence[float | str]],
    redactor: Redactor | None,
) -> Flips:
    known = np.isfinite(gains)
    rows = np.flatnonzero(known & (gains != 0))
    rows = rows[np.argsort(-np.abs(gains[rows]), kind="stable")]
    items = first.column("item").take(rows).to_pylist()
    prompts, answers, others = (
        _clean(table.column(name).take(rows), redactor)
        for table, name in ((first, "prompt"), (first, "response"), (second, "response"))
    )
    flips = [
        Flip(
            item=items[at],
            way="worse" if gains[row] < 0 else "better",
            first=told[0][row],
            second=told[1][row],
            prompt=prompts[at],
            response_first=answers[at],
            response_second=others[at],
        )
        for at, row in enumerate(rows.tolist())
    ]
    worse = int((gains[known] < 0).sum())
    return Flips(worse=worse, better=len(flips) - worse, of=int(known.sum()), flips=flips)


def _clean(texts: pa.ChunkedArray, redactor: Redactor | None) -> list[str | None]:
    """Redacted before it is cut, so that no half of a number is left over."""
    whole = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string())
    if redactor is not None:
        whole = redactor.column(whole)
    return [None if text is None else _cut(text) for text in whole.to_pylist()]


def _cut(text: str) -> str:
    return text if len(text) <= _CLIP else text[: _CLIP - 1] + "…"
