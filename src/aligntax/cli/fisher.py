"""`aligntax fisher`: which weights matter to capability, which to safety, and whether they are the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console

from aligntax.cli.fisher_texts import GROUPS, Dealt, Text, Writer, deal, read_texts
from aligntax.cli.keeping import keep
from aligntax.cli.loading import loaded
from aligntax.cli.output import Stage, print_json, stages
from aligntax.errors import UsageError
from aligntax.models.causal import Causal
from aligntax.models.fisher import DiagonalFisher, FisherSettings, fisher_of_groups
from aligntax.models.fisher_store import save_fisher
from aligntax.report.charts import save_chart
from aligntax.report.charts.fisher import fisher_chart
from aligntax.report.fisher import fisher_document, print_fisher
from aligntax.tax.importance import compare_importance
from aligntax.tax.importance_halves import Importance

__all__ = ["run"]

_FEW = 100
Places = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class _Measured:
    """Squared gradients on one data set: of each parameter, (groups, coordinates) and (groups,) traces."""

    sums: Mapping[str, npt.NDArray[np.float32]]
    traces: Mapping[str, npt.NDArray[np.float64]]
    one_at_a_time: Sequence[str]


def run(
    *,
    model: str,
    capability: Path,
    safety: Path,
    empirical: bool,
    per: str,
    draws: int,
    all_tokens: bool,
    chat: bool,
    top: float,
    max_samples: int | None,
    max_length: int,
    coordinates: int,
    level: float,
    seed: int,
    device: str,
    dtype: str,
    batch: int,
    out: Path | None,
    out_safety: Path | None,
    as_json: bool,
    chart: Path | None,
    quiet: bool,
) -> None:
    """Measures, keeps, prints, draws; see the options of the command."""
    settings = FisherSettings(
        labels="data" if empirical else "sampled",
        per="position" if per == "position" else "sequence",
        draws=draws,
        batch=batch,
        seed=seed,
    )
    files = {"capability": capability, "safety": safety}
    texts = {name: read_texts(path) for name, path in files.items()}
    kept = {"capability": _writable(out), "safety": _writable(out_safety)}
    with stages(quiet=quiet) as stage:
        causal = _loaded(model, device, str(dtype))
        writer = Writer(causal, chat=chat, longest=max_length)
        dealt = {
            name: deal(
                texts[name], path, writer, most=max_samples, all_tokens=all_tokens, seed=seed, side=side
            )
            for side, (name, path) in enumerate(files.items())
        }
        places = _places(causal, coordinates, seed)
        measured = [
            _measure(causal, dealt[name], settings, places, _Keep(kept[name], files[name]), stage, name)
            for name in files
        ]
        parameters = _parameters(causal, *measured)
        counts = dealt["capability"].texts, dealt["safety"].texts
        with stage("comparing", 0):
            overlap = compare_importance(parameters, texts=counts, top=top / 100, level=level)
    document = fisher_document(
        overlap,
        model=model,
        data={name: _data(files[name], dealt[name]) for name in files},
        settings={
            "labels": settings.labels,
            "per": settings.per,
            "draws": draws,
            "top": top / 100,
            "groups": GROUPS,
            "coordinates": coordinates,
            "all_tokens": all_tokens,
            "chat": chat,
            "longest": writer.longest,
            "seed": seed,
            "device": device,
            "dtype": str(causal.model.dtype).removeprefix("torch."),
            "level": level,
        },
        tied=_tied(causal),
        kept={name: str(path) if path else None for name, path in kept.items()},
        notes=list(_notes(writer, texts, dealt, measured[0], settings)),
    )
    if chart:
        save_chart(fisher_chart(document), chart)
    keep(document)
    if as_json:
        print_json(document)
    else:
        print_fisher(document, Console(highlight=False))


@dataclass(frozen=True, slots=True)
class _Keep:
    """Where to keep the Fisher information of a data set; None for nowhere."""

    path: Path | None
    data: Path


def _measure(
    causal: Causal,
    dealt: Dealt,
    settings: FisherSettings,
    places: Places,
    keep: _Keep,
    stage: Stage,
    title: str,
) -> _Measured:
    """The Fisher information, group by group, at the places to compare; all of it only into a file."""
    sums: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in places}
    traces: dict[str, list[float]] = {name: [] for name in places}
    total: DiagonalFisher | None = None
    alone: Sequence[str] = ()
    with stage(title, dealt.texts) as tell:
        for group in fisher_of_groups(causal, dealt.groups, settings, seen=tell):
            alone = group.one_at_a_time
            for name, place in places.items():
                sums[name].append(group.sums[name].flatten()[place].cpu().numpy())
                traces[name].append(float(group.sums[name].sum(dtype=torch.float64)))
            if keep.path:
                total = group if total is None else total.plus(group)
    if total and keep.path:
        about = {"model": causal.name, "data": str(keep.data), "labels": settings.labels, "per": settings.per}
        about |= {"draws": str(settings.draws), "seed": str(settings.seed), "tied": json.dumps(_tied(causal))}
        save_fisher(total, keep.path, about)
    return _Measured(
        {name: np.stack(found) for name, found in sums.items()},
        {name: np.array(found) for name, found in traces.items()},
        alone,
    )


def _places(causal: Causal, most: int, seed: int) -> Places:
    """At which weights of each parameter the data sets are compared: all, or `most` drawn at random."""
    generator = np.random.default_rng((seed, 2))
    found = {}
    for name, parameter in causal.model.named_parameters():
        if parameter.is_floating_point():
            size = parameter.numel()
            drawn = np.arange(size) if size <= most else np.sort(generator.choice(size, most, replace=False))
            found[name] = torch.from_numpy(drawn).to(parameter.device)
    return found


def _parameters(causal: Causal, capability: _Measured, safety: _Measured) -> list[Importance]:
    sizes = {name: parameter.numel() for name, parameter in causal.model.named_parameters()}
    return [
        Importance(
            name=name,
            size=sizes[name],
            capability=capability.sums[name],
            safety=safety.sums[name],
            capability_trace=capability.traces[name],
            safety_trace=safety.traces[name],
        )
        for name in capability.sums
    ]


def _loaded(model: str, device: str, dtype: str) -> Causal:
    causal = loaded(model, device, dtype)
    if causal.model.dtype is torch.float16:  # gradients of small size vanish in it
        causal.model.float()
    return causal


def _writable(path: Path | None) -> Path | None:
    """Refuses before an hour of work what would be refused after it."""
    if path and path.suffix != ".safetensors":
        raise UsageError(
            f"{path}: Fisher information is kept as .safetensors", hint=f"{path.stem}.safetensors"
        )
    return path


def _tied(causal: Causal) -> dict[str, list[str]]:
    """Parameters that several modules share: name -> the other names."""
    names: dict[int, list[str]] = {}
    for name, parameter in causal.model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return {first: others for first, *others in names.values() if others}


def _data(path: Path, dealt: Dealt) -> dict[str, object]:
    numbers = ("texts", "tokens", "cut", "unused", "without_response")
    return {"file": str(path), **{name: getattr(dealt, name) for name in numbers}}


def _notes(
    writer: Writer,
    texts: Mapping[str, Sequence[Text]],
    dealt: Mapping[str, Dealt],
    measured: _Measured,
    settings: FisherSettings,
) -> Iterator[str]:
    """What a reader must know to take the figures rightly."""
    if settings.labels == "data":
        yield "empirical Fisher: it holds how badly the model fits the data, as well as what matters to it"
    if settings.per == "position":
        yield "squared position by position: below the last attention that is not the Fisher information"
    for name, data in dealt.items():
        yield from (f"{name}: {note}" for note in _notes_on(data, writer.longest))
    if both := len(set(texts["capability"]) & set(texts["safety"])):
        yield f"{both:,} texts are in both files, and raise the overlap"
    if writer.unused_template:
        yield "there is a chat template, and prompts went in as they are: --chat applies it"
    if measured.one_at_a_time:
        count = len(measured.one_at_a_time)
        yield f"{count:,} parameters are of a kind that texts go through one at a time for, which is slower"


def _notes_on(data: Dealt, longest: int) -> Iterator[str]:
    if data.without_response:
        yield f"{data.without_response:,} prompts have no response; their own tokens are targets"
    if data.unused:
        yield f"{data.unused:,} texts left out, for nothing in them is to be predicted"
    if data.cut:
        yield f"{data.cut:,} texts cut at {longest:,} tokens"
    if data.texts < _FEW:
        yield f"{data.texts:,} texts are few; how much noise that leaves, halves of the same data tell"
