"""What an export came to, and files that are whole or not there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aligntax.errors import UnwritableOutput
from aligntax.records.files import atomic

__all__ = ["Written", "save_text"]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What an export came to.

    Attributes:
        figures: how many were exported.
        what: figures, or what else they are.
        files: that were written.
        kept: what else on this machine keeps them; "" for nothing.
        sent: where they went from this machine; "" for nowhere.
        left_out: what was left out and why, a line each.
    """

    figures: int
    what: str = "figures"
    files: Sequence[Path] = ()
    kept: str = ""
    sent: str = ""
    left_out: Sequence[str] = field(default=())


def save_text(texts: Mapping[Path, str]) -> list[Path]:
    """Writes files, each whole or not at all.

    Args:
        texts: path -> what stands in it.

    Returns:
        The paths.

    Raises:
        UnwritableOutput: one cannot be written.
    """
    for path, text in texts.items():
        try:
            with atomic(path) as part:
                part.write_text(text, "utf-8", errors="backslashreplace")
        except OSError as error:
            raise UnwritableOutput(f"{path}: cannot be written: {error.strerror}", hint="--out") from error
    return list(texts)
