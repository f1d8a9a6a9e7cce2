"""What single exchanges add to a component: what is compared prompt by prompt."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.records import FLAGS, UNRATED_REASONS

__all__ = ["by_prompt", "comparable"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_OUTCOMES = ("completion_tax", "refused", "hedged", "cannot", "complete")
_LAYERS = ("provider_filter", "guardrail", "model")
_COMPARABLE = {
    *_OUTCOMES,
    "undetermined",
    "delay.share",
    "fallback",
    *(f"symptom.{flag}" for flag in FLAGS),
    *(f"missing.{flag}" for flag in FLAGS),
    *(f"layer.{layer}" for layer in _LAYERS),
}


_COLUMNS = (
    "use_case",
    "model",
    "outcome",
    "reason",
    "layer",
    "answer_offset",
    "cluster",
    "prompt_key",
    "fallback",
    "model_requested",
    *FLAGS,
)


def comparable(component: str) -> bool:
    """Whether a component is a share of exchanges, so that it can be compared prompt by prompt."""
    return component in _COMPARABLE


def by_prompt(
    path: Path, component: str, use_case: str, where: Mapping[str, str]
) -> tuple[npt.NDArray[np.uint64], Floats, npt.NDArray[np.object_] | None]:
    """Every prompt of a slice once, with its share of events.

    Args:
        path: Parquet file of the JUDGED schema.
        component: one that is `comparable`.
        use_case: the use case.
        where: model it is narrowed to.

    Returns:
        (prompts,) keys, ascending; (prompts,) shares in [0, 1]; (prompts,) cluster of the first exchange of
        each, None without clusters.
    """
    at = path.stat()
    rows = _by_use_case(path, at.st_mtime_ns, at.st_size).get(use_case)
    if rows is None:
        return np.empty(0, np.uint64), np.empty(0), None
    if "model" in where:
        rows = rows.filter(pc.fill_null(pc.equal(rows["model"], where["model"]), False))
    events, among = _events(rows, component)
    keys = rows["prompt_key"].to_numpy()[among]
    prompts, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    sums = np.bincount(codes, weights=events[among].astype(np.float64), minlength=len(prompts))
    shares: Floats = sums / np.maximum(1, np.bincount(codes, minlength=len(prompts)))
    clusters = rows["cluster"]
    if clusters.null_count == len(clusters):
        return prompts, shares, None
    told = clusters.take(pa.array(np.flatnonzero(among)[first])).to_pylist()
    return prompts, shares, np.array(told, dtype=object)


@lru_cache(maxsize=4)
def _by_use_case(path: Path, changed: int, size: int) -> dict[str, pa.Table]:
    """The exchanges that have a prompt's key, by use case; a gate asks for every one of them in turn.

    When the file was changed and its size tell it from another one of that path.
    """
    rows = pq.read_table(path, columns=list(_COLUMNS))
    rows = rows.filter(pc.and_(pc.is_valid(rows["use_case"]), pc.is_valid(rows["prompt_key"])))
    coded = rows["use_case"].cast(pa.string()).combine_chunks().dictionary_encode()
    codes = coded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(coded.dictionary) + 1))
    placed = rows.take(pa.array(order))
    return {
        name: placed.slice(ends[at], ends[at + 1] - ends[at])
        for at, name in enumerate(coded.dictionary.to_pylist())
    }


def _events(rows: pa.Table, component: str) -> tuple[Mask, Mask]:
    """(rows,) where the event is, and among which."""
    outcome, reason = rows["outcome"].cast(pa.string()), rows["reason"].cast(pa.string())
    complete, hedged, refused = (_true(pc.equal(outcome, name)) for name in ("complete", "hedged", "refused"))
    determined, cannot = complete | hedged | refused, refused & _true(pc.equal(reason, "cannot"))
    told = {
        "completion_tax": (refused & ~cannot) | hedged,
        "refused": refused,
        "hedged": hedged,
        "cannot": cannot,
        "complete": complete,
    }
    if component in told:
        return told[component], determined
    if component == "undetermined":
        applicable = ~_true(pc.is_in(reason, pa.array(UNRATED_REASONS)))
        return ~determined, applicable
    return _symptom(rows, component, complete | hedged, refused | hedged, determined)


def _symptom(
    rows: pa.Table, component: str, answered: Mask, stopped: Mask, determined: Mask
) -> tuple[Mask, Mask]:
    kind, _, name = component.partition(".")
    if kind == "symptom":
        return _true(rows[name]), determined
    if kind == "missing":
        return ~_true(rows[name]), answered
    if kind == "layer":
        return stopped & _true(pc.equal(rows["layer"].cast(pa.string()), name)), determined
    if component == "fallback":
        known = pc.and_(pc.is_valid(rows["model_requested"]), pc.is_valid(rows["model"]))
        return _true(rows["fallback"]), _true(known)
    return _true(pc.greater(rows["answer_offset"], 0)), _true(pc.is_valid(rows["answer_offset"]))


def _true(column: pa.ChunkedArray) -> Mask:
    return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=bool)
