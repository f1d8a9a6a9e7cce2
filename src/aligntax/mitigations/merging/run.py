"""A merge from checkpoint to checkpoint: planned, carried out, recorded."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from aligntax import __version__
from aligntax.mitigations.merging.card import card
from aligntax.mitigations.merging.matching import Part, VocabularyRule, matched
from aligntax.mitigations.merging.merge import Told, merge
from aligntax.mitigations.merging.method import Method
from aligntax.models.checkpoint.adapter import open_weights
from aligntax.models.checkpoint.checkpoint import INDEX, Checkpoint, open_checkpoint
from aligntax.models.checkpoint.numbers import Weights, stored
from aligntax.models.checkpoint.provenance import RECORD, fingerprint, known_files
from aligntax.models.checkpoint.writing import Partial, Shard, laid_out

__all__ = ["Merge", "Output", "planned"]

_BESIDE = ("*.json", "*.model", "*.txt", "*.jinja", "LICENSE*", "LICENCE*")
_NOT_BESIDE = (INDEX, RECORD, "adapter_config.json", "aligntax_fit.json")


@dataclass(frozen=True, slots=True)
class Output:
    """How the merged model is stored.

    Attributes:
        dtype: of its floating tensors; None as in the aligned checkpoint, tensor by tensor.
        shard_size: most bytes of tensors a file; None for the aligned checkpoint's own files.
        vocab: what to do about vocabularies that differ.
        sha256: whether to record each file's SHA-256 too, which takes longer than the merge itself.
    """

    dtype: torch.dtype | None = None
    shard_size: int | None = None
    vocab: VocabularyRule = "same"
    sha256: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge that can be carried out.

    Attributes:
        pre: the pre-alignment model.
        aligned: the aligned models.
        method: how they are mixed.
        output: how the result is stored.
        parts: its tensors.
        shards: its files.
        notes: what was done where the models differ.
    """

    pre: Weights
    aligned: tuple[Weights, ...]
    method: Method
    output: Output
    parts: tuple[Part, ...]
    shards: tuple[Shard, ...]
    notes: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of weights to write."""
        return sum(shard.size for shard in self.shards)

    def carry_out(self, out: Path, told: Told = lambda count: None) -> dict[str, Any]:
        """Writes the merged model.

        Args:
            out: directory it will be; must not be there yet.
            told: called with the bytes of each stretch that has been written.

        Returns:
            The record that stands beside the weights, `aligntax_merge.json`.

        Raises:
            UsageError: something stands under that name.
            UnreadableInput: a number that is not finite.
            UnwritableOutput: the disk is full, or not to be written to; what is whole waits for the next run.
        """
        described = self.described()
        partial = Partial(out, described, list(self.shards))
        merge(self.parts, self.method, self.shards, partial, told, sha256=self.output.sha256)
        files = [asdict(partial.finished[shard.file]) for shard in self.shards]
        read = {name: found for file in files for name, found in file.pop("read").items()}
        fingerprints = []
        for at, weights in enumerate((self.pre, *self.aligned)):
            own = {name: digests for name, digests in read.items() if name in weights.own.entries}
            fingerprints.append(fingerprint(own, at) if own else "")
        record = {**described, "fingerprints": fingerprints, "files": files}
        texts = {
            RECORD: json.dumps(record, indent=1, ensure_ascii=False) + "\n",
            "README.md": card(record),
        }
        if config := self._config():
            texts["config.json"] = config
        partial.finish(texts, self._beside())
        return record

    def described(self) -> dict[str, Any]:
        """What makes this merge this merge, as plain values."""
        settings = asdict(self.method) | {"pre_weight": self.method.pre_weight}  # type: ignore[call-overload]
        return {
            "schema": "aligntax.merge/1",
            "aligntax": __version__,
            "method": settings.pop("name"),
            "settings": settings,
            "dtype": str(self.output.dtype or "as stored").removeprefix("torch."),
            "vocab": self.output.vocab,
            "shard_size": self.output.shard_size,
            "pre": _source(self.pre),
            "aligned": [_source(weights) for weights in self.aligned],
            "notes": list(self.notes),
        }

    def _config(self) -> str:
        """The aligned model's settings, with the type the merged one is stored in."""
        config = dict(self.aligned[0].checkpoint.config)
        if config and self.output.dtype:
            key = "dtype" if "dtype" in config else "torch_dtype"
            config[key] = str(self.output.dtype).removeprefix("torch.")
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n" if config else ""

    def _beside(self) -> Iterator[Path]:
        """Tokenizer, settings, licence: of the aligned model."""
        directory = Path(self.aligned[0].name)
        if not (directory / "tokenizer.json").exists():  # an adapter often has none of its own
            directory = self.aligned[0].checkpoint.directory
        for pattern in _BESIDE:
            yield from (path for path in sorted(directory.glob(pattern)) if path.name not in _NOT_BESIDE)


@contextmanager
def planned(pre: str, aligned: Sequence[str], method: Method, output: Output) -> Iterator[Merge]:
    """Opens the models, lines them up and says what a merge of them would write.

    Args:
        pre: the pre-alignment checkpoint: directory, file or Hub id.
        aligned: aligned checkpoints, or LoRA adapters of the pre-alignment one.
        method: how they are mixed.
        output: how the result is stored.

    Raises:
        UnreadableInput: a checkpoint that cannot be read, or models that do not fit each other.
        UsageError: vocabularies differ and nobody said what to do.
    """
    with ExitStack() as stack:
        base = stack.enter_context(open_checkpoint(pre))
        models = tuple(open_weights(name, base) for name in aligned)
        for weights in models:
            stack.callback(weights.own.close)
        parts, notes = matched(stored(base), models, vocab=output.vocab, dtype=output.dtype)
        first = models[0].checkpoint
        shards = laid_out(
            (
                (part.place.name, part.dtype, part.place.shape, _file_of(first, part.place.name))
                for part in parts
            ),
            output.shard_size,
        )
        yield Merge(stored(base), models, method, output, tuple(parts), tuple(shards), tuple(notes))


def _file_of(checkpoint: Checkpoint, name: str) -> str:
    return checkpoint.entry(name).file.name


def _source(weights: Weights) -> dict[str, Any]:
    return {"name": weights.name, "files": [asdict(known) for known in known_files(weights.own)]}
