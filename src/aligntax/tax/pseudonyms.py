"""Users, sessions and templates under another name: a pseudonym to join by, and a group to sum in."""

import zlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.stats import GROUPS
from aligntax.traffic.redaction import Redactor

__all__ = ["Pseudonyms"]

_REMEMBERED = 100_000
"""Clusters whose pseudonym is kept at hand; beyond that they are worked out anew."""


class Pseudonyms:
    """Gives clusters their pseudonym and their group.

    The pseudonym is a keyed HMAC, cut to 32 bits: the same within a run, another in the next. The group
    is the same in every run, and too coarse to tell who it was.

    Args:
        redactor: holds the key.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._forget()

    def __call__(self, clusters: pa.StringArray) -> tuple[pa.UInt64Array, pa.Int16Array]:
        """Pseudonym and group of each cluster; null stays null."""
        rows = len(clusters)
        if clusters.null_count == rows:
            return pa.nulls(rows, pa.uint64()), pa.nulls(rows, pa.int16())
        if len(self._known) > _REMEMBERED:
            self._forget()
        place = pc.index_in(clusters, value_set=self._known, skip_nulls=True)
        if place.null_count > clusters.null_count:
            self._learn(clusters.filter(pc.and_(pc.is_null(place), pc.is_valid(clusters))).unique())
            place = pc.index_in(clusters, value_set=self._known, skip_nulls=True)
        return pa.array(self._pseudonym).take(place), pa.array(self._group).take(place)

    def _forget(self) -> None:
        self._known = pa.array([], pa.string())
        self._pseudonym: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._group: npt.NDArray[np.int16] = np.empty(0, np.int16)

    def _learn(self, clusters: pa.StringArray) -> None:
        names = clusters.to_pylist()
        digests = [int(self._redactor.pseudonym("user", name).rpartition("-")[2], 16) for name in names]
        groups = [zlib.crc32(name.encode("utf-8", "surrogatepass")) % GROUPS for name in names]
        self._known = pa.concat_arrays([self._known, clusters])
        self._pseudonym = np.concatenate([self._pseudonym, np.array(digests, np.uint64)])
        self._group = np.concatenate([self._group, np.array(groups, np.int16)])
