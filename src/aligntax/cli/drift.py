"""`aligntax drift`: two checkpoints over the same texts, and their weights side by side."""

from pathlib import Path
from typing import Any

from rich.console import Console

from aligntax.cli.drift_options import Options
from aligntax.cli.keeping import keep
from aligntax.cli.output import Stage, print_json, stages
from aligntax.errors import UsageError, needs
from aligntax.report.charts import save_chart
from aligntax.report.charts.drift import drift_chart
from aligntax.report.document import Document
from aligntax.report.drift import drift_document, print_drift
from aligntax.tax.best_of_n import best_of_n as best_of_n_bounds
from aligntax.tax.prompts import read_documents, read_prompts

with needs("weights"):
    from aligntax.cli.drift_passes import Measured, Wanted, measured
    from aligntax.cli.loading import check_device, loaded
    from aligntax.models.distance import Distances, weight_distances
    from aligntax.models.halves import halves

__all__ = ["Options", "measure", "run"]


def run(*, as_json: bool, chart: Path | None, quiet: bool, **given: Any) -> None:  # noqa: ANN401 - see Options
    """Measures, prints, draws; see the options of the command."""
    with stages(quiet=quiet) as stage:
        document = measure(Options(**given), stage)
    keep(document)
    if as_json:
        print_json(document)
    else:
        print_drift(document, Console(highlight=False))
    if chart:  # after what may have taken hours is printed
        save_chart(drift_chart(document), chart)


def measure(options: Options, stage: Stage) -> Document:
    """How far the model has moved from its reference, as a document.

    Args:
        options: the two, and what to run them over.
        stage: shows progress.

    Raises:
        UsageError: nothing to measure, or models that cannot be compared.
        UnreadableInput: a file or a checkpoint that cannot be read.
    """
    if not (options.prompts or options.text or options.weights):
        raise UsageError("nothing to measure", hint="--prompts FILE, --text FILE or --weights")
    bounds = [best_of_n_bounds(n) for n in options.best_of_n or []]
    passes = _over_texts(options, stage)
    distances = None
    if options.weights:
        with stage("weights", 1) as told:
            distances = weight_distances(options.reference, options.model, rank=options.rank, advance=told)
    return drift_document(
        passes.texts,
        reference=options.reference,
        model=options.model,
        settings={**_settings(options), **passes.settings},
        cut=passes.cut,
        weights=_weights(distances) if distances else None,
        bounds=bounds,
        passes=passes.passes,
        notes=[*passes.notes, *(distances.notes if distances else ())],
        level=options.level,
    )


def _over_texts(options: Options, stage: Stage) -> Measured:
    """Both models over prompts and text, if there are any."""
    prompts = read_prompts(options.prompts, group=options.group)[: options.limit] if options.prompts else []
    documents = read_documents(options.text) if options.text else []
    if not prompts and not documents:
        return Measured()
    check_device(options.device)
    pair = []
    with stage("loading", 2) as told:
        for name in (options.reference, options.model):
            pair.append(halves(loaded(name, options.device, options.dtype)))
            told(1)
    return measured(pair[0], pair[1], Wanted(prompts, documents, options), stage)


def _settings(options: Options) -> dict[str, object]:
    """What a reader needs to measure it again."""
    return {
        "prompts": options.prompts and str(options.prompts),
        "text": options.text and str(options.text),
        "samples": options.samples,
        "max_new_tokens": options.max_new_tokens,
        "max_length": options.max_length,
        "seed": options.seed,
        "group": options.group,
        "device": options.device,
        "dtype": str(options.dtype),
        "vocabulary_rule": str(options.vocab),
    }


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
