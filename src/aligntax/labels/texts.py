"""The words of chosen exchanges, fetched from the log: an audit does not keep them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aligntax.errors import UnreadableInput
from aligntax.labels.keys import KeyCounter, base_id
from aligntax.traffic.redaction import Redactor

__all__ = ["COLUMNS", "Texts", "fetch"]

COLUMNS = (
    "id",
    "use_case",
    "prompt",
    "response",
    "finish_reason",
    "refusal_text",
    "block_reason",
    "error_code",
    "cluster",
    "prompt_key",
)
"""EXCHANGE columns to read the log with."""


@dataclass
class Texts:
    """What was found.

    Attributes:
        of_key: key -> use_case, prompt, response and finish_reason, each "" where the log has none; and
            system, where the log was read with that column.
        different: keys whose exchange in this log has another prompt than the one that was audited.
        missing: keys that are not in the log at all.
    """

    of_key: dict[str, dict[str, str]] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """What a person must know, one line each."""
        notes = list[str]()
        if self.missing:
            notes.append(
                f"{len(self.missing):,} chosen exchanges are not in the log and are left out, first "
                f"{self.missing[0]}; an audit changes ids that hold personal data"
            )
        if self.different:
            notes.append(
                f"{len(self.different):,} chosen exchanges have another prompt in this log and are left out, "
                f"first {self.different[0]}"
            )
        return notes


def fetch(
    batches: Iterator[pa.RecordBatch], wanted: Mapping[str, int | None], redactor: Redactor | None
) -> Texts:
    """Fetches the texts of chosen exchanges, reading no further than the last of them.

    Args:
        batches: the log that was audited, in its order, with COLUMNS, and system where it is to be shown.
        wanted: key -> hash of the prompt that was audited; None where that is not known.
        redactor: cleans every text; None to keep them as they are.

    Raises:
        UnreadableInput: none of them is in the log, or all have another prompt there.
    """
    found, left = Texts(), set(wanted)
    for key, row in _rows(batches, wanted):
        left.discard(key)
        if wanted[key] not in (None, row["prompt_key"]):
            found.different.append(key)
        else:
            found.of_key[key] = _shown(row, redactor)
        if not left:
            break
    found.missing = sorted(left)
    if not found.of_key:
        _refuse(found)
    return found


def _rows(
    batches: Iterator[pa.RecordBatch], wanted: Mapping[str, int | None]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Keys and rows of the wanted exchanges, in the order of the log."""
    candidates = pa.array(sorted({base_id(key) for key in wanted} | set(wanted)), pa.string())
    counter = KeyCounter()
    for batch in batches:
        for row in batch.filter(pc.is_in(batch.column("id"), candidates)).to_pylist():
            if (key := counter(row["id"])) in wanted:
                yield key, row


def _shown(row: Mapping[str, Any], redactor: Redactor | None) -> dict[str, str]:
    said: Sequence[str | None] = (row["response"], row["refusal_text"])
    ended = (row["finish_reason"], row["block_reason"], row["error_code"])
    texts = {
        "use_case": row["use_case"] or "",
        "prompt": row["prompt"] or "",
        "response": "\n\n".join(dict.fromkeys(text for text in said if text)),
        "finish_reason": "; ".join(dict.fromkeys(word for word in ended if word)),
    }
    if "system" in row:
        texts["system"] = row["system"] or ""
    if redactor is None:
        return texts
    names = [row["cluster"]] if row["cluster"] else []
    return {name: redactor.text(text, names=names) for name, text in texts.items()}


def _refuse(found: Texts) -> None:
    if found.different:
        raise UnreadableInput(
            f"all {len(found.different):,} chosen exchanges have another prompt in this log than was audited",
            hint="give the log the audit read; where it is that one, audit it again with this version",
        )
    raise UnreadableInput(
        f"none of the {len(found.missing):,} chosen exchanges is in the log, such as {found.missing[0]}",
        hint="give the log the audit read, by the same path and with the same --id-field",
    )
