"""What the reference said, kept on disk: a second model is measured without running the reference again."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
import xxhash

from aligntax.errors import UnreadableInput
from aligntax.models.causal import Causal
from aligntax.models.halves import Halves

__all__ = ["Kept", "States", "fingerprint"]

_ROWS, _ABOUT = "hidden", "about.json"


def fingerprint(causal: Causal) -> str:
    """Tells a loaded model from any other: its weights, its settings, its dtype and where it runs.

    The weights are hashed as they are in memory, a few gigabytes a second.
    """
    model = causal.model
    hashed = xxhash.xxh3_128(f"{causal.device.type} {torch.__version__}".encode())
    settings = {name: value for name, value in model.config.to_dict().items() if not name.startswith("_")}
    hashed.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, tensor in model.state_dict().items():
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hashed.update(_bytes(tensor))
    return hashed.hexdigest()


def _bytes(tensor: torch.Tensor) -> Any:  # noqa: ANN401
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()


class States:
    """Hidden states of the reference, row by row: read where they are complete, otherwise written.

    Attributes:
        complete: whether all of them are there.
    """

    def __init__(self, rows: torch.Tensor | None, file: IO[bytes] | None) -> None:
        self.complete = rows is not None
        self._rows, self._file, self._at = rows, file, 0
        self.width, self.dtype = 0, ""

    def next(self, count: int) -> torch.Tensor:
        """The next rows, (count, width)."""
        assert self._rows is not None
        self._at += count
        return self._rows[self._at - count : self._at].clone()

    def add(self, rows: torch.Tensor) -> None:
        """Writes the next rows."""
        assert self._file is not None
        self._file.write(_bytes(rows))
        self.width, self.dtype = rows.shape[1], str(rows.dtype).removeprefix("torch.")


@dataclass(slots=True)
class Kept:
    """A directory of passes of references.

    An entry's name is a hash of the checkpoint (its weights as loaded, settings, dtype), of the tokens that
    were read and of what else decides the result; a tokenizer or a text that differs gives other tokens.
    Entries are written whole or not at all, and nothing is ever thrown away: delete the directory to do that.

    Attributes:
        directory: made when something is first kept.
        used: entries that were found.
        made: entries that were not.
    """

    directory: Path
    used: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    _prints: dict[int, str] = field(default_factory=dict)

    @contextmanager
    def states(self, reference: Halves, passages: Sequence[Any]) -> Iterator[States]:
        """Hidden states of the reference over passages, in the order given.

        Raises:
            UnreadableInput: the directory cannot be written.
        """
        tokens = [(passage.tokens, passage.start) for passage in passages]
        entry = self._entry("states", reference, tokens)
        rows = sum(passage.predicted for passage in passages)
        found = _rows(entry, rows)
        if found is not None:
            self.used.append(entry.name)
            yield States(found, None)
            return
        with self._written(entry) as part, (part / _ROWS).open("wb") as file:
            states = States(None, file)
            yield states
            about = {"rows": rows, "width": states.width, "dtype": states.dtype}
            (part / _ABOUT).write_text(json.dumps(about), "utf-8")

    def responses(self, model: Halves, asked: object) -> list[list[int]] | None:
        """Responses that the model gave when it was asked the same; None where there are none."""
        entry = self._entry("samples", model, asked)
        try:
            found: list[list[int]] = json.loads((entry / _ABOUT).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        self.used.append(entry.name)
        return found

    def keep_responses(self, model: Halves, asked: object, responses: Sequence[Sequence[int]]) -> None:
        """Keeps responses for `responses` to find.

        Raises:
            UnreadableInput: the directory cannot be written.
        """
        entry = self._entry("samples", model, asked)
        with self._written(entry) as part:
            (part / _ABOUT).write_text(json.dumps([list(response) for response in responses]), "utf-8")

    def _entry(self, kind: str, model: Halves, what: object) -> Path:
        known = self._prints.get(id(model)) or fingerprint(model.causal)
        self._prints[id(model)] = known
        return self.directory / f"{kind}-{xxhash.xxh3_128_hexdigest(json.dumps([known, what]).encode())}"

    @contextmanager
    def _written(self, entry: Path) -> Iterator[Path]:
        """A directory to fill, which gets the entry's name only when it is full."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=f".{entry.name[:16]}-", dir=self.directory))
        except OSError as error:
            raise _unwritable(self.directory, error) from error
        try:
            yield part
            shutil.rmtree(entry, ignore_errors=True)
            part.rename(entry)
        except OSError as error:
            raise _unwritable(self.directory, error) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self.made.append(entry.name)


def _unwritable(directory: Path, error: OSError) -> UnreadableInput:
    return UnreadableInput(
        f"{directory}: the cache cannot be written: {(error.strerror or str(error)).lower()}",
        hint="another --cache directory, or none",
    )


def _rows(entry: Path, rows: int) -> torch.Tensor | None:
    """The rows of an entry, mapped and not read; None where it is missing or does not add up."""
    try:
        about = json.loads((entry / _ABOUT).read_text("utf-8"))
        dtype, width = getattr(torch, about["dtype"]), int(about["width"])
        if about["rows"] != rows or (entry / _ROWS).stat().st_size != rows * width * dtype.itemsize:
            return None
        return torch.from_file(str(entry / _ROWS), shared=False, size=rows * width, dtype=dtype).view(
            rows, width
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return None
