"""Documents of models on the same prompts: compared, by stage, their safety floor, over-refusal."""

from collections.abc import Sequence

from aligntax.ledger.documents.reader import Document, Reader, entries, named, part, texts
from aligntax.ledger.documents.walk import Naming
from aligntax.ledger.models import StageModel

__all__ = ["READERS"]


def _compared_naming(document: Document) -> Naming:
    """The second model is the one a figure is of, the first its reference."""
    return Naming(
        dimensions={
            "benchmark": "benchmark",
            "convention": "convention",
            "use_case": "use_case",
            "side": "side",
        },
        nested={"second.model": "model", "first.model": "reference"},
        renamed=[
            (r"compared\.scores\.tax", "capability_tax"),
            (r"compared\.scores\.(.+)", r"score.\1"),
            (r"compared\.completion\.rates\.(.+)", r"\1"),
            (r"compared\.completion\.(.+)", r"\1"),
            (r"compared\.quality\.(.+)", r"quality.\1"),
            (r"compared\.verbosity\.log_ratio", "verbosity_tax"),
            (r"compared\.(.+)", r"\1"),
            (r"replay\.use_cases\.(.+)", r"replay.\1"),
            (r"replay\.logged\.rates\.(.+)", r"logged.\1"),
        ],
    )


def _compared_title(document: Document) -> str:
    first = [named(part(one, "first").get("model")) for one in entries(document, "compared")]
    second = [named(part(one, "second").get("model")) for one in entries(document, "compared")]
    pairs = dict.fromkeys(f"{a} against {b}" for a, b in zip(second, first, strict=True) if a and b)
    return "; ".join(pairs)


def _compared_origin(document: Document) -> dict[str, object]:
    compared = entries(document, "compared")
    sides = [part(one, side) for one in compared for side in ("first", "second")]
    judges = {named(part(one, "quality").get("judge")) for one in compared} - {None}
    return {
        "source": "; ".join(dict.fromkeys(s for one in sides if (s := named(one.get("source"))))),
        "judge": ", ".join(sorted(one for one in judges if one)) or None,
    }


_FLOOR = Naming(
    dimensions={"model": "model", "hazard": "hazard"},
    renamed=[
        ("rate", "harmful_compliance"),
        (r"(ceiling|hazards)\.bounds", "harmful_compliance.bounds"),
        (r"against\.(.+)", r"harmful_compliance.against.\1"),
        (r"labels\.(.+)", r"judge.\1"),
    ],
)


def _floor_origin(document: Document) -> dict[str, object]:
    by = named(document.get("graded_by"))
    judged = part(document, "about").get("judged") is True
    sets = [name for one in entries(document, "sets") if (name := named(one.get("name")))]
    return {"judge" if judged else "detector": by, "source": "; ".join(sets)}


def _model_title(document: Document) -> str:
    return named(document.get("model")) or ""


_OVER_REFUSAL = Naming(
    dimensions={"set": "set", "model": "model", "name": "name"},
    renamed=[
        (r"asked\.over_refusal", "over_refusal"),
        (r"asked\.topics\.refused", "over_refusal.topic"),
        (r"asked\.hazards\.refused", "over_refusal.hazard"),
        (r"asked\.(.+)", r"over_refusal.\1"),
    ],
)


def _asked_title(document: Document) -> str:
    asked = entries(document, "asked")
    pairs = (f"{one.get('model')} on {one.get('set')}" for one in asked if one.get("model"))
    return "; ".join(dict.fromkeys(pairs))


def _asked_origin(document: Document) -> dict[str, object]:
    asked = entries(document, "asked")
    detectors = {(named(one.get("detector")), named(one.get("version"))) for one in asked} - {(None, None)}
    sets = dict.fromkeys(name for one in entries(document, "sets") if (name := named(one.get("name"))))
    only = detectors.pop() if len(detectors) == 1 else (None, None)
    return {"detector": only[0], "detector_version": only[1], "source": "; ".join(sets)}


def _stages_naming(document: Document) -> Naming:
    """Steps are between neighbours, the rest since the start; a list of figures has one a step or stage."""
    names = [str(one.get("name")) for one in entries(document, "stages")]
    lists: dict[str, tuple[str, Sequence[str]]] = {
        "mean.steps": ("to", names[1:]),
        "mean.since_start": ("to", names[1:]),
        "staged.scores.means": ("stage", names),
        "staged.scores.compounding.own_items.steps": ("to", names[1:]),
    }
    rates = ("complied", "refused", "hedged", "completion_tax", "complete", "undetermined")
    lists |= {f"staged.completion.rates.{rate}": ("stage", names) for rate in rates}
    return Naming(
        dimensions={name: name for name in ("benchmark", "convention", "text", "direction", "from", "to")},
        listed=lists,
        renamed=[
            (r"mean\.steps", "stage_tax.mean"),
            (r"mean\.since_start", "capability_tax.mean"),
            (r"staged\.scores\.steps\.tax", "stage_tax"),
            (r"staged\.scores\.since_start\.tax", "capability_tax"),
            (r"staged\.scores\.compounding\.(.+)", r"capability_tax.\1"),
            (r"staged\.scores\.means", "score"),
            (r"staged\.scores\.steps\.(.+)", r"score.step.\1"),
            (r"staged\.scores\.since_start\.(.+)", r"score.\1"),
            (r"staged\.completion\.rates\.(.+)", r"\1"),
            (r"staged\.completion\.steps\.rates\.(\w+)\.(.+)", r"\1.step.\2"),
            (r"staged\.completion\.since_start\.rates\.(.+)", r"\1"),
            (r"staged\.completion\.steps\.(.+)", r"\1.step"),
            (r"staged\.completion\.since_start\.(.+)", r"\1"),
            (r"staged\.verbosity\.steps\.log_ratio", "verbosity_tax.step"),
            (r"staged\.verbosity\.since_start\.log_ratio", "verbosity_tax"),
            (r"exchange_rates\.steps\.rate", "exchange_rate.step"),
            (r"exchange_rates\.since_start\.rate", "exchange_rate"),
            (r"drift\.figures\.(.+)", r"drift.\1"),
        ],
    )


def _stages_title(document: Document) -> str:
    return " to ".join(str(one.get("name")) for one in entries(document, "stages"))


def _stages_origin(document: Document) -> dict[str, object]:
    sources = [source for one in entries(document, "stages") for source in texts(one.get("sources"))]
    return {"source": "; ".join(dict.fromkeys(sources))}


def _stages_kept(document: Document) -> list[StageModel]:
    """A stage and its model; where the files name several models, they stand together."""
    return [
        StageModel(
            name=str(one.get("name")),
            model=", ".join(texts(one.get("models"))) or str(one.get("name")),
            facts={"sources": texts(one.get("sources"))},
        )
        for one in entries(document, "stages")
    ]


def _frontier_naming(document: Document) -> Naming:
    """Volumes stand in the order of their reference points, levels each for a share of harm."""
    points = [str(at) for at, _ in enumerate(entries(document, "reference_points"), 1)]
    levels = [str(one.get("harm")) for one in entries(document, "levels")]
    return Naming(
        dimensions={name: name for name in ("method", "knob", "first", "second")},
        inner=True,  # its `method` tells how intervals were made
        listed={"methods.volumes": ("reference_point", points), "levels": ("harm", levels)},
        renamed=[
            (r"configurations\.(.+)", r"configuration.\1"),
            (r"(?:methods|pairs)\.(.+)", r"frontier.\1"),
            (r"levels\.taxes", "frontier.tax_at_harm"),
        ],
        keyed={
            "configurations.taxes": "benchmark",
            "configurations.capability": "benchmark",
            "methods.taxes": "benchmark",
            "levels.taxes": "method",
        },
    )


READERS = (
    Reader(
        schema="aligntax.comparison/2",
        naming=_compared_naming,
        title=_compared_title,
        origin=_compared_origin,
    ),
    Reader(
        schema="aligntax.floor/1", naming=lambda document: _FLOOR, title=_model_title, origin=_floor_origin
    ),
    Reader(
        schema="aligntax.over_refusal/1",
        naming=lambda document: _OVER_REFUSAL,
        title=_asked_title,
        origin=_asked_origin,
    ),
    Reader(
        schema="aligntax.stages/1",
        naming=_stages_naming,
        title=_stages_title,
        origin=_stages_origin,
        stages=_stages_kept,
    ),
    Reader(
        schema="aligntax.frontier/1",
        naming=_frontier_naming,
        title=lambda document: ", ".join(str(one.get("method")) for one in entries(document, "methods")),
    ),
)
