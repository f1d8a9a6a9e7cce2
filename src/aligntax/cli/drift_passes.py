"""Two loaded models run over prompts and documents: what `aligntax drift` measures of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aligntax.cli.drift_options import Options
from aligntax.cli.drift_texts import Asked, Texts
from aligntax.cli.output import Stage
from aligntax.models.encoding import Encoder, encoder, longest_input
from aligntax.models.halves import Halves
from aligntax.models.kept import Kept
from aligntax.models.passes import Passage, read_passages
from aligntax.models.sampling import sample_responses, stop_tokens
from aligntax.models.vocabularies import shared_vocabulary
from aligntax.tax.drift import TEXTS, TextDrift, TextKind
from aligntax.tax.prompts import Prompt

__all__ = ["Measured", "Wanted", "measured"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to run the models over, and how."""

    prompts: Sequence[Prompt]
    documents: Sequence[str]
    options: Options


@dataclass(slots=True)
class Measured:
    """What came of it."""

    texts: list[TextDrift] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    passes: dict[str, int] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two models, what they share, and what to do with them."""

    reference: Halves
    model: Halves
    vocabulary: int
    stop: frozenset[int]
    wanted: Wanted
    kept: Kept | None
    stage: Stage

    def samples(self, kind: TextKind, asked: Sequence[Asked]) -> list[Passage]:
        """Prompts with responses drawn from the one or the other model; only the reference's are kept."""
        half = self.reference if kind == "reference_samples" else self.model
        kept = self.kept if half is self.reference else None
        count, longest = self.wanted.options.samples, self.wanted.options.max_new_tokens
        prompts = [one.tokens for one in asked]
        key = [prompts, count, longest, self.wanted.options.seed, self.vocabulary, sorted(self.stop)]
        responses = kept.responses(half, key) if kept else None
        if responses is None:
            with self.stage(f"drawing {TEXTS[kind]}", len(prompts) * count * longest) as told:
                responses = sample_responses(
                    half,
                    prompts,
                    stop=self.stop,
                    longest=longest,
                    samples=count,
                    vocabulary=self.vocabulary,
                    seed=self.wanted.options.seed,
                    batch=self.wanted.options.batch,
                    advance=told,
                )
            if kept:
                kept.keep_responses(half, key, responses)
        each = (one for one in asked for _ in range(count))
        return [
            Passage((*one.tokens, *response), len(one.tokens), one.number)
            for one, response in zip(each, responses, strict=True)
        ]

    def read(self, kind: TextKind, passages: Sequence[Passage], groups: Mapping[int, str]) -> TextDrift:
        """Both models over passages."""
        total = sum(passage.predicted for passage in passages)
        with self.stage(f"reading {TEXTS[kind]}", total) as told:
            found = read_passages(
                self.reference,
                self.model,
                passages,
                vocabulary=self.vocabulary,
                batch=self.wanted.options.batch,
                kept=None if kind == "model_samples" else self.kept,
                advance=told,
            )
        return TextDrift(
            text=kind,
            forward=found.forward,
            reverse=found.reverse,
            reference_loss=found.reference_loss,
            model_loss=found.model_loss,
            sequence=found.passage,
            position=found.position,
            cluster=np.array([passage.source for passage in passages]),
            group=["" if kind == "general" else groups[passage.source] for passage in passages],
        )


def measured(reference: Halves, model: Halves, wanted: Wanted, stage: Stage) -> Measured:
    """Runs both models over every kind of text there is.

    Args:
        reference: the model before.
        model: the model after.
        wanted: texts, and how to read them.
        stage: shows progress.

    Raises:
        UsageError: vocabularies that differ where they must not, or texts none of which fits.
    """
    shared = shared_vocabulary(reference, model, wanted.options.vocab)
    writer = encoder(reference, model, chat=wanted.options.chat)
    longest = longest_input((reference, model), wanted.options.max_length)
    texts = Texts(wanted.prompts, wanted.documents, writer, longest, shared.size)
    stop = frozenset(at for at in stop_tokens(reference) | stop_tokens(model) if at < shared.size)
    kept = Kept(wanted.options.cache) if wanted.options.cache else None
    pair = _Pair(reference, model, shared.size, stop, wanted, kept, stage)
    done = Measured()
    for kind, passages in _sets(pair, texts):
        done.texts.append(pair.read(kind, passages, texts.groups))
        if kind in ("reference_samples", "model_samples"):
            done.cut[kind] = sum(passage.tokens[-1] not in stop for passage in passages)
    done.notes = [*shared.notes, *texts.notes(), *_chat_notes(wanted, writer)]
    done.passes = {
        "reference": reference.passes,
        "model": model.passes,
        "cached": len(kept.used) if kept else 0,
    }
    done.settings = {
        "vocabulary": shared.size,
        "chat_template": writer.chat,
        "longest": longest,
        "stop_tokens": sorted(stop),
    }
    return done


def _sets(pair: _Pair, texts: Texts) -> Iterator[tuple[TextKind, list[Passage]]]:
    """The passages of every kind of text there is."""
    asked = texts.asked(pair.wanted.options.max_new_tokens) if pair.wanted.options.samples else []
    if asked:
        yield "reference_samples", pair.samples("reference_samples", asked)
        yield "model_samples", pair.samples("model_samples", asked)
    if fixed := texts.fixed():
        yield "fixed", fixed
    if general := texts.general():
        yield "general", general


def _chat_notes(wanted: Wanted, writer: Encoder) -> list[str]:
    if not wanted.prompts or not writer.template:
        return []
    if writer.chat:
        return [f"prompts are wrapped in the chat template of {writer.chat}"]
    return ["there is a chat template, and prompts went in as they are: --chat applies it"]
