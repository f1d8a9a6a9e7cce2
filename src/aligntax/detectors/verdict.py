"""Verdicts as arrays, while detectors still overrule each other, and as an OUTCOME batch at the end."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.records import FLAGS, LAYERS, OUTCOME, OUTCOMES, REASONS

__all__ = ["COMPLETE", "HEDGED", "NONE", "REFUSED", "UNDETERMINED", "Verdict"]

COMPLETE, HEDGED, REFUSED, UNDETERMINED = range(4)
"""Codes of the outcomes, in the order of OUTCOMES."""
NONE = -1
"""Code of a layer, reason or offset that there is none."""


@dataclass(slots=True)
class Verdict:
    """Outcomes of a batch, column by column; every array has one entry a row.

    Attributes:
        outcome: codes of OUTCOMES.
        layer: codes of LAYERS, or NONE.
        reason: codes of REASONS, or NONE.
        flags: (rows, flags) in the order of FLAGS.
        hedge_density: hedging words per 1,000 characters.
        answer_offset: characters before the answer, NONE without one.
        response_chars: characters.
        caveat_chars: characters in caveat sentences.
        score: in [0, 1].
        evidence: the words that decided; None where nothing did.
        evidence_start: in characters, NONE without evidence in the response.
        evidence_end: exclusive.
        english: whether the response was read as English, which is all the classifier knows.
    """

    outcome: npt.NDArray[np.int8]
    layer: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int8]
    flags: npt.NDArray[np.bool_]
    hedge_density: npt.NDArray[np.float32]
    answer_offset: npt.NDArray[np.int32]
    response_chars: npt.NDArray[np.int32]
    caveat_chars: npt.NDArray[np.int32]
    score: npt.NDArray[np.float32]
    evidence: pa.StringArray
    evidence_start: npt.NDArray[np.int32]
    evidence_end: npt.NDArray[np.int32]
    english: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.outcome)

    @classmethod
    def complete(cls, chars: npt.NDArray[np.int64]) -> "Verdict":
        """Every text complete, nothing to remark.

        Args:
            chars: (rows,) length of each text in characters.
        """
        rows = len(chars)
        return cls(
            outcome=np.full(rows, COMPLETE, np.int8),
            layer=np.full(rows, NONE, np.int8),
            reason=np.full(rows, NONE, np.int8),
            flags=np.zeros((rows, len(FLAGS)), dtype=bool),
            hedge_density=np.zeros(rows, np.float32),
            answer_offset=np.zeros(rows, np.int32),
            response_chars=chars.astype(np.int32),
            caveat_chars=np.zeros(rows, np.int32),
            score=np.zeros(rows, np.float32),
            evidence=pa.nulls(rows, pa.string()),
            evidence_start=np.full(rows, NONE, np.int32),
            evidence_end=np.full(rows, NONE, np.int32),
            english=np.ones(rows, dtype=bool),
        )

    def take(self, rows: npt.NDArray[np.int64]) -> "Verdict":
        """The verdicts of some rows."""
        arrays = {name: getattr(self, name)[rows] for name in self.__slots__ if name != "evidence"}
        return Verdict(evidence=self.evidence.take(pa.array(rows)), **arrays)

    def show(
        self,
        rows: npt.NDArray[np.int64],
        text: pa.StringArray,
        start: npt.NDArray[np.int32] | None = None,
        end: npt.NDArray[np.int32] | None = None,
    ) -> None:
        """Sets the evidence of some rows; without places for words that stand outside the response."""
        chosen = np.zeros(len(self), dtype=bool)
        chosen[rows] = True
        self.evidence = pc.replace_with_mask(self.evidence, pa.array(chosen), text)
        self.evidence_start[rows] = NONE if start is None else start
        self.evidence_end[rows] = NONE if end is None else end

    def batch(self, ids: pa.StringArray, detector: str, version: str) -> pa.RecordBatch:
        """The OUTCOME batch of a detector."""
        rows = len(self)
        columns: dict[str, pa.Array] = {
            "id": ids,
            "outcome": _coded(self.outcome, OUTCOMES),
            "layer": _coded(self.layer, LAYERS),
            "reason": _coded(self.reason, REASONS),
            **{flag: pa.array(self.flags[:, at]) for at, flag in enumerate(FLAGS)},
            "hedge_density": pa.array(self.hedge_density),
            "answer_offset": _optional(self.answer_offset),
            "response_chars": pa.array(self.response_chars),
            "caveat_chars": pa.array(self.caveat_chars),
            "score": pa.array(self.score),
            "evidence": self.evidence,
            "evidence_start": _optional(self.evidence_start),
            "evidence_end": _optional(self.evidence_end),
            "detector": _constant(detector, rows),
            "version": _constant(version, rows),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in OUTCOME.names], schema=OUTCOME)


def _coded(codes: npt.NDArray[np.int8], names: tuple[str, ...]) -> pa.DictionaryArray:
    indices = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))


def _constant(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), pa.array([text]))


def _optional(values: npt.NDArray[np.int32]) -> pa.Array:
    return pa.array(values, mask=values < 0)
