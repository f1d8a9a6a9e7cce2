"""Provider signals: refusals told by a field of the response, often without any text.

A text-only detector takes an empty answer for a complete one; providers say plainly that they
declined, each in its own field. Importers carry these into four EXCHANGE columns, and this detector
reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.detectors.verdict import HEDGED, NONE, REFUSED, UNDETERMINED, Verdict
from aligntax.records import LAYERS, REASONS, Layer, Reason

__all__ = ["SIGNALS", "SignalDetector", "served_by_fallback"]

SIGNALS: Mapping[str, Mapping[str, Layer]] = {
    "finish_reason": {
        "content_filter": "provider_filter",  # OpenAI, Azure, OpenTelemetry, LiteLLM
        "refusal": "provider_filter",  # Anthropic, also through Bedrock
        "SAFETY": "provider_filter",  # Gemini, Vertex, and the next four
        "RECITATION": "provider_filter",
        "BLOCKLIST": "provider_filter",
        "PROHIBITED_CONTENT": "provider_filter",
        "SPII": "provider_filter",
        "content_filtered": "provider_filter",  # Bedrock
        "guardrail_intervened": "guardrail",  # Bedrock
    },
    "error_code": {
        "invalid_prompt": "provider_filter",  # OpenAI
        "content_policy_violation": "provider_filter",  # OpenAI
        "content_filter": "provider_filter",  # Azure
        "cyber_policy": "provider_filter",  # OpenAI
    },
    "block_reason": {"guardrail_intervened": "guardrail"},  # LiteLLM; any other block is a filter's
}
"""Column of EXCHANGE -> the provider's word -> who stepped in."""

_CUT_OFF = 200
"""Characters of text from which on a filtered answer is a cut one, not a missing one."""
_UNSCORED: Mapping[str, Reason] = {
    "tool_call": "tool_call_only",
    "error": "provider_error",
    "no_text": "no_text",
}
_OUT_OF_TOKENS = pa.array(["length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "incomplete"])


@dataclass(frozen=True, slots=True)
class _Signal:
    """Rows where something besides the text speaks."""

    rows: npt.NDArray[np.int64]
    layer: int
    evidence: pa.StringArray


class SignalDetector:
    """Outcome by the provider's own signals; without one, undetermined."""

    name = "signals"
    version = "1"

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """EXCHANGE schema in, OUTCOME schema out."""
        lengths = pc.fill_null(pc.utf8_length(exchanges.column("response")), 0)
        verdict = Verdict.complete(lengths.to_numpy().astype(np.int64))
        verdict.outcome[:] = UNDETERMINED
        verdict.answer_offset[:] = NONE
        self.overrule(verdict, exchanges)
        return verdict.batch(exchanges.column("id"), self.name, self.version)

    def overrule(self, verdict: Verdict, exchanges: pa.RecordBatch) -> None:
        """Writes what the signals say over a verdict on the text of the same exchanges."""
        _fallbacks(verdict, exchanges)
        for name in ("finish_reason", "error_code", "block_reason", "refusal_text"):
            for signal in _signals(exchanges, name):
                _decline(verdict, signal)
        _unscored(verdict, exchanges)


def _signals(exchanges: pa.RecordBatch, name: str) -> list[_Signal]:
    """The signals in one column; most columns of most logs hold none, which costs nothing."""
    column = _column(exchanges, name)
    if column.null_count == len(column):
        return []
    if name == "refusal_text":
        rows = _at(pc.greater(pc.utf8_length(column), 0))
        shown = pc.utf8_slice_codeunits(column.take(rows), 0, 160)
        return [_Signal(rows, LAYERS.index("model"), shown)]
    layers = SIGNALS[name]
    if name != "block_reason" and not pc.any(pc.is_in(column, pa.array(list(layers)))).as_py():
        return []
    found = [
        (rows, word, layer) for word, layer in layers.items() if len(rows := _at(pc.equal(column, word)))
    ]
    signals = [
        _Signal(rows, LAYERS.index(layer), pa.array([f"{name}: {word}"] * len(rows)))
        for rows, word, layer in found
    ]
    if name == "block_reason":
        others = _at(pc.invert(pc.is_in(column, pa.array(list(layers)))), also=pc.is_valid(column))
        said = pc.binary_join_element_wise("block_reason: ", column.take(others).cast(pa.string()), "")
        signals.append(_Signal(others, LAYERS.index("provider_filter"), said))
    return signals


def _decline(verdict: Verdict, signal: _Signal) -> None:
    rows = signal.rows
    if not len(rows):
        return
    cut = verdict.response_chars[rows] >= _CUT_OFF
    verdict.outcome[rows] = np.where(cut, HEDGED, REFUSED)
    verdict.layer[rows] = signal.layer
    verdict.reason[rows] = REASONS.index("should_not")
    verdict.score[rows] = 1.0
    verdict.answer_offset[rows] = np.where(cut, verdict.answer_offset[rows], NONE)
    verdict.show(rows, signal.evidence)


def _fallbacks(verdict: Verdict, exchanges: pa.RecordBatch) -> None:
    fallback = served_by_fallback(exchanges)
    kept = fallback & (verdict.layer == NONE) & (verdict.outcome != UNDETERMINED)
    verdict.layer[kept] = LAYERS.index("fallback")


def _unscored(verdict: Verdict, exchanges: pa.RecordBatch) -> None:
    kind = _column(exchanges, "kind")
    usual = pc.all(pc.equal(kind, "text")).as_py() or kind.null_count == len(kind)
    for word, reason in () if usual else _UNSCORED.items():
        rows = _at(pc.equal(kind, word))
        rows = rows[verdict.layer[rows] == NONE]
        verdict.outcome[rows] = UNDETERMINED
        verdict.reason[rows] = REASONS.index(reason)
        verdict.answer_offset[rows] = NONE
    empty = np.flatnonzero((verdict.response_chars == 0) & (verdict.outcome == UNDETERMINED))
    if len(empty):
        spent = _at(pc.is_in(_column(exchanges, "finish_reason").take(empty), _OUT_OF_TOKENS))
        spent = empty[spent]
        spent = spent[verdict.reason[spent] == REASONS.index("empty")]
        verdict.reason[spent] = REASONS.index("truncated")


def served_by_fallback(exchanges: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """(rows,) whether another model answered than the one asked for.

    A dated snapshot is the model its alias names ("m" and "m-2026-01-01"), and a provider's prefix
    ("openai/m") changes nothing.
    """
    asked, served = _column(exchanges, "model_requested"), _column(exchanges, "model_served")
    if asked.null_count == len(asked) or served.null_count == len(served):
        return np.zeros(len(asked), dtype=bool)
    both = pa.StructArray.from_arrays([asked, served], ["asked", "served"])
    pairs, which = _distinct(both)
    other = np.array([_another(a, s) for a, s in pairs], dtype=bool)
    result: npt.NDArray[np.bool_] = other[which]
    return result


def _distinct(both: pa.StructArray) -> tuple[list[tuple[str | None, str | None]], npt.NDArray[np.int64]]:
    asked, served = (both.field(at).dictionary_encode() for at in (0, 1))
    names = [column.dictionary.to_pylist() for column in (asked, served)]
    codes = [
        pc.fill_null(column.indices, len(names[at])).to_numpy().astype(np.int64)
        for at, column in enumerate((asked, served))
    ]
    width = len(names[1]) + 1
    seen, which = np.unique(codes[0] * width + codes[1], return_inverse=True)
    padded = [[*values, None] for values in names]
    return [(padded[0][code // width], padded[1][code % width]) for code in seen.tolist()], which


def _another(asked: str | None, served: str | None) -> bool:
    if not asked or not served:
        return False
    asked, served = (name.rpartition("/")[2].lower() for name in (asked, served))
    return not (served.startswith(asked) or asked.startswith(served))


def _column(exchanges: pa.RecordBatch, name: str) -> pa.StringArray:
    """A column, all null where the batch was read without it."""
    if name in exchanges.schema.names:
        return exchanges.column(name)
    return pa.nulls(exchanges.num_rows, pa.string())


def _at(mask: pa.BooleanArray, *, also: pa.BooleanArray | None = None) -> npt.NDArray[np.int64]:
    """Where a mask holds; null does not hold."""
    if also is not None:
        mask = pc.and_(mask, also)
    return np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))
