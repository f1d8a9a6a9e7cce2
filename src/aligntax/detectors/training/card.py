"""The model card that lies beside the weights."""

from aligntax.detectors.classifier.features import HEAD, TAIL
from aligntax.detectors.classifier.model import HEADS
from aligntax.detectors.classifier.words import BUCKETS
from aligntax.detectors.training.build import Built, Score

__all__ = ["card"]


def card(built: Built, *, seed: int, sha256: str, size: int) -> str:
    """Markdown: what the model is, on what it was trained, how good it is and where it fails.

    Args:
        built: the model and its scores.
        seed: of all draws.
        sha256: of the file of weights.
        size: of that file, in bytes.
    """
    settings, model = built.settings, built.model
    return f"""# Model card: the outcome classifier

Written by `aligntax detectors train`; not edited by hand.

- File: weights.npz, {size / 1e6:.2f} MB, sha256 `{sha256}`.
- Kind: logistic regressions, one a head, over {len(model.response.bucket):,} n-grams of responses and
  {len(model.prompt.bucket):,} of prompts (words and pairs of words, hashed into {BUCKETS:,} buckets,
  told apart by how early they stand), and {len(model.centre)} dense numbers (findings of phrases version
  {built.phrases}, cues).
- Settings: C = {settings.inverse_penalty:g}, n-grams in at least {settings.texts} texts, at most
  {settings.steps} steps of L-BFGS, seed {seed}.
- A response is noncompliant from a probability of {model.cuts[0]:.2f} on (95 % of the complete responses of
  left-out files stay complete), or of {model.unmarked_cut:.2f} where neither phrases nor cues found anything
  (99 %). Cuts of the other heads: {_cuts(built)}.
- Reads the first {HEAD:,} and the last {TAIL:,} characters of a response. English only: it abstains on
  other languages.

## What it was trained on

| set | rows | licence | sha256 |
|---|---|---|---|
{_sets(built)}

The project's own exchanges were written by a language model for this purpose, prompts and responses alike,
and labelled by the writer as it wrote. A second reading of 2,600 of them, by the same model, changed 114
labels; no person has labelled them. They cover kinds of requests and of responses, not the prompts of any
published set. No row of a set that is marked *measure only* was used. During development both measured sets
were looked at, scores and failures. More was written about the kinds of responses that failed on XSTest, and
about ordinary answers after reading what was said of those in AlpacaEval; cues were listed after reading
failures on both sets, features were kept or dropped with XSTest's score in sight, and the head *declines*
was added for Do-Not-Answer. Neither set is one the classifier was never held against.

{_apart(built)}

## How good it is on what it was not fitted on

*Left out*: nothing of the file was in the fit. *Folds*: other prompts of the same file were, beside all other
files. *Alone*: other prompts of the same file, and nothing else.

| how | set | tells | n | share | kappa (95 %) | sensitivity | specificity |
|---|---|---|---|---|---|---|---|
{_rows(built.scores)}

Scores of the whole cascade on sets that were only measured stand in docs/detectors.md.

## Limits

- Where responses deny a premise, what counts as an answer depends on what was asked; people disagree there,
  and so does the classifier with them.
- *Hedged* is the weakest class: the line between hedged and refused is drawn differently from set to set.
- The labels of the train sets are of one person each, or of the writer.
- It knows the wording of models from 2022 to 2026; later ones may refuse in other words.
"""


def _cuts(built: Built) -> str:
    return ", ".join(f"{head} {cut:.2f}" for head, cut in zip(HEADS[1:], built.model.cuts[1:], strict=True))


def _sets(built: Built) -> str:
    return "\n".join(
        f"| {x.name} | {len(x):,} | {x.source.licence} | `{x.sha256[:16]}` |"
        for x in (one.examples for one in built.sets)
    )


def _apart(built: Built) -> str:
    if not built.apart:
        return "Whether the project's own prompts repeat those of any measured set was not checked."
    names = " and ".join(f"{one.name} ({one.prompts:,} prompts)" for one in built.apart)
    return (
        f"None of the project's own prompts repeats a prompt of\n{names},\n"
        "whole or seven words of it in a row: training stops where one does."
    )


def _rows(scores: list[Score]) -> str:
    return "\n".join(
        f"| {s.how} | {s.set} | {s.head} | {s.n:,} | {s.share:.0%} | "
        f"{s.kappa.value:.2f} ({s.kappa.low:.2f} to {s.kappa.high:.2f}) | "
        f"{s.sensitivity:.0%} | {s.specificity:.0%} |"
        for s in scores
    )
