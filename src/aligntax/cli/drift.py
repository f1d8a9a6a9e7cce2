"""`aligntax drift`: two checkpoints over the same texts, and their weights side by side."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from aligntax.cli.log import stderr
from aligntax.errors import UsageError, needs
from aligntax.report.charts import save_chart
from aligntax.report.charts.drift import drift_chart
from aligntax.report.drift import drift_document, print_drift
from aligntax.tax.best_of_n import best_of_n as best_of_n_bounds
from aligntax.tax.drift import TEXTS, TextDrift, TextKind
from aligntax.tax.prompts import Prompt, read_documents, read_prompts

with needs("weights"):
    import torch

    from aligntax.cli.drift_texts import Asked, Texts
    from aligntax.models.causal import load_causal
    from aligntax.models.distance import Distances, weight_distances
    from aligntax.models.encoding import Encoder, encoder, longest_input
    from aligntax.models.halves import Halves, halves
    from aligntax.models.kept import Kept
    from aligntax.models.passes import Passage, read_passages
    from aligntax.models.sampling import sample_responses, stop_tokens
    from aligntax.models.vocabularies import VocabularyRule, shared_vocabulary

__all__ = ["run"]


def run(
    *,
    reference: str,
    model: str,
    prompts: Path | None,
    text: Path | None,
    samples: int,
    max_new_tokens: int,
    max_length: int,
    seed: int,
    limit: int | None,
    chat: bool,
    group: str,
    vocab: str,
    weights: bool,
    rank: int,
    best_of_n: Sequence[int] | None,
    cache: Path | None,
    device: str,
    dtype: str,
    batch: int,
    level: float,
    as_json: bool,
    chart: Path | None,
    quiet: bool,
) -> None:
    """Measures, prints, draws; see the options of the command."""
    if not (prompts or text or weights):
        raise UsageError("nothing to measure", hint="--prompts FILE, --text FILE or --weights")
    bounds = [best_of_n_bounds(n) for n in best_of_n or []]
    asked = read_prompts(prompts, group=group)[:limit] if prompts else []
    documents = read_documents(text) if text else []
    settings: dict[str, object] = {
        "prompts": prompts and str(prompts),
        "text": text and str(text),
        "samples": samples,
        "max_new_tokens": max_new_tokens,
        "max_length": max_length,
        "seed": seed,
        "group": group,
        "device": device,
        "dtype": str(dtype),
        "vocabulary_rule": str(vocab),
    }
    wanted = _Wanted(
        prompts=asked,
        documents=documents,
        samples=samples,
        max_new_tokens=max_new_tokens,
        max_length=max_length,
        seed=seed,
        batch=batch,
        chat=chat,
        rule="intersect" if vocab == "intersect" else "exact",
        cache=cache,
    )
    with _progress(quiet) as stage:
        measured = _Measured()
        if asked or documents:
            measured = _measure(*_loaded(reference, model, device, str(dtype), stage), wanted, stage)
        distances = None
        if weights:
            with stage("weights") as tell:
                distances = weight_distances(reference, model, rank=rank, advance=tell)
    document = drift_document(
        measured.texts,
        reference=reference,
        model=model,
        settings={**settings, **measured.settings},
        cut=measured.cut,
        weights=_weights(distances) if distances else None,
        bounds=bounds,
        passes=measured.passes,
        notes=[*measured.notes, *(distances.notes if distances else ())],
        level=level,
    )
    if as_json:
        json.dump(document, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
        sys.stdout.write("\n")
    else:
        print_drift(document, Console(highlight=False))
    if chart:  # after what may have taken hours is printed
        save_chart(drift_chart(document), chart)


Tell = Callable[[int, int], None]
Stage = Callable[[str], contextlib.AbstractContextManager[Tell]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What to run the models over, and how."""

    prompts: Sequence[Prompt]
    documents: Sequence[str]
    samples: int
    max_new_tokens: int
    max_length: int
    seed: int
    batch: int
    chat: bool
    rule: VocabularyRule
    cache: Path | None


@dataclass(slots=True)
class _Measured:
    """What came of it."""

    texts: list[TextDrift] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    passes: dict[str, int] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)


def _loaded(reference: str, model: str, device: str, dtype: str, stage: Stage) -> tuple[Halves, Halves]:
    numbers = None if dtype == "auto" else getattr(torch, dtype)
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).partition("\n")[0]
        raise UsageError(f"--device {device}: {first}", hint="--device cpu") from error
    found = list[Halves]()
    with stage("loading") as tell:
        for at, name in enumerate((reference, model)):
            tell(at, 2)
            found.append(halves(load_causal(name, device=device, dtype=numbers)))
    return found[0], found[1]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two models, what they share, and what to do with them."""

    reference: Halves
    model: Halves
    vocabulary: int
    stop: frozenset[int]
    wanted: _Wanted
    kept: Kept | None
    stage: Stage

    def samples(self, kind: TextKind, asked: Sequence[Asked]) -> list[Passage]:
        """Prompts with responses drawn from the one or the other model; only the reference's are kept."""
        half = self.reference if kind == "reference_samples" else self.model
        kept = self.kept if half is self.reference else None
        count, longest = self.wanted.samples, self.wanted.max_new_tokens
        prompts = [one.tokens for one in asked]
        key = [prompts, count, longest, self.wanted.seed, self.vocabulary, sorted(self.stop)]
        responses = kept.responses(half, key) if kept else None
        if responses is None:
            with self.stage(f"drawing {TEXTS[kind]}") as tell:
                responses = sample_responses(
                    half,
                    prompts,
                    stop=self.stop,
                    longest=longest,
                    samples=count,
                    vocabulary=self.vocabulary,
                    seed=self.wanted.seed,
                    batch=self.wanted.batch,
                    advance=_adding(tell, len(prompts) * count * longest),
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
        with self.stage(f"reading {TEXTS[kind]}") as tell:
            found = read_passages(
                self.reference,
                self.model,
                passages,
                vocabulary=self.vocabulary,
                batch=self.wanted.batch,
                kept=None if kind == "model_samples" else self.kept,
                advance=_adding(tell, total),
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


def _measure(reference: Halves, model: Halves, wanted: _Wanted, stage: Stage) -> _Measured:
    shared = shared_vocabulary(reference, model, wanted.rule)
    writer = encoder(reference, model, chat=wanted.chat)
    longest = longest_input((reference, model), wanted.max_length)
    texts = Texts(wanted.prompts, wanted.documents, writer, longest, shared.size)
    stop = frozenset(at for at in stop_tokens(reference) | stop_tokens(model) if at < shared.size)
    kept = Kept(wanted.cache) if wanted.cache else None
    pair = _Pair(reference, model, shared.size, stop, wanted, kept, stage)
    done = _Measured()
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
    asked = texts.asked(pair.wanted.max_new_tokens) if pair.wanted.samples else []
    if asked:
        yield "reference_samples", pair.samples("reference_samples", asked)
        yield "model_samples", pair.samples("model_samples", asked)
    if fixed := texts.fixed():
        yield "fixed", fixed
    if general := texts.general():
        yield "general", general


def _chat_notes(wanted: _Wanted, writer: Encoder) -> list[str]:
    if not wanted.prompts or not writer.template:
        return []
    if writer.chat:
        return [f"prompts are wrapped in the chat template of {writer.chat}"]
    return ["there is a chat template, and prompts went in as they are: --chat applies it"]


def _weights(distances: Distances) -> dict[str, object]:
    """Distances of weights as plain values."""
    names = ("name", "layer", "module", "distance", "left", "right", "gap")
    return {
        "distance": distances.distance,
        "rank": distances.rank,
        "layers": [{"layer": one.layer, "distance": one.distance} for one in distances.layers],
        "tensors": [
            {**{name: getattr(one, name) for name in names}, "shape": list(one.shape)}
            for one in distances.tensors
        ],
        "notes": list(distances.notes),
    }


def _adding(tell: Tell, total: int) -> Callable[[int], None]:
    """Progress told in steps, out of what is told in sums."""
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        tell(done, total)

    return advance


@contextlib.contextmanager
def _progress(quiet: bool) -> Iterator[Stage]:
    """A bar a stage with the time left, on a terminal; nothing into a pipe."""
    console = stderr()
    if quiet or not console.is_terminal:
        yield lambda title: contextlib.nullcontext(lambda done, total: None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:

        @contextlib.contextmanager
        def stage(title: str) -> Iterator[Tell]:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
            bar.remove_task(task)

        yield stage
