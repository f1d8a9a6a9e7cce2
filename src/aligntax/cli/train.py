"""`aligntax detectors train`: fits the classifier and writes it with its model card."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from aligntax.cli.output import stderr
from aligntax.detectors.classifier.model import save_model
from aligntax.detectors.training.build import Score, build
from aligntax.detectors.training.card import card
from aligntax.detectors.training.examples import read_recipe

__all__ = ["run"]

_TABLES = (
    (
        ("folds", "alone"),
        "cross_validation.json",
        "Cross-validation by prompt",
        "Folds: fitted on other prompts of the set and all other sets. Alone: on other prompts of it.",
    ),
    (("left out",), "leave_one_out.json", "Leave one set out", "Nothing of the set was seen."),
)


def run(*, recipe: Path, data: Path | None, out: Path, tables: Path | None, quiet: bool) -> None:
    """Reads, fits, scores, writes weights.npz, MODEL_CARD.md and, where asked for, the tables of scores."""
    console = stderr()
    wanted = read_recipe(recipe)
    with console.status("reading", spinner="dots") as status:

        def say(step: str) -> None:
            if not quiet:
                status.update(step)
                if not console.is_terminal:
                    console.print(step, markup=False)

        built = build(wanted, data, say=say)
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "weights.npz"
    save_model(built.model, weights)
    raw = weights.read_bytes()
    text = card(built, seed=wanted.seed, sha256=hashlib.sha256(raw).hexdigest(), size=len(raw))
    (out / "MODEL_CARD.md").write_text(text, "utf-8")
    if tables:
        tables.mkdir(parents=True, exist_ok=True)
        for how, name, title, caption in _TABLES:
            rows = [_row(score) for score in built.scores if score.how in how]
            contents = {"title": f"Classifier: {title.lower()}", "caption": caption, "rows": rows}
            (tables / name).write_text(json.dumps(contents, indent=1) + "\n", "utf-8")
    if not quiet:
        _summary(built.scores)
        console.print(f"wrote {weights} ({len(raw) / 1e6:.2f} MB) and MODEL_CARD.md", markup=False)


def _summary(scores: Iterable[Score]) -> None:
    for score in scores:
        kappa = f"{score.kappa.value:.2f} ({score.kappa.low:.2f} to {score.kappa.high:.2f})"
        stderr().print(f"{score.how:9} {score.set:22} {score.head:17} kappa {kappa}", markup=False)


def _row(score: Score) -> dict[str, str]:
    return {
        "how": score.how,
        "set": score.set,
        "tells": score.head,
        "n": f"{score.n:,}",
        "share": f"{score.share:.0%}",
        "kappa": f"{score.kappa.value:.2f} ({score.kappa.low:.2f} to {score.kappa.high:.2f})",
        "sensitivity": f"{score.sensitivity:.0%}",
        "specificity": f"{score.specificity:.0%}",
    }
