"""How often every interval covers what it should; writes results.json and the tables of README.md.

    python benchmarks/statistics/coverage.py ../shared/data/labelled

Six minutes on one core. The directory holds xstest_completions.jsonl, for the first table.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, unknown
from aligntax.stats.agreement import cohens_kappa, krippendorff_alpha
from aligntax.stats.comparison import difference, paired_difference, wald_paired_difference
from aligntax.stats.misclassification import rogan_gladen
from aligntax.stats.prediction_powered import (
    labelled_mean,
    prediction_powered_mean,
    textbook_prediction_powered_mean,
)
from aligntax.stats.predictions import Predictions
from aligntax.stats.stratified import stratified_mean, stratified_prediction_powered_mean
from aligntax.stats.weighted import weighted_mean, weighted_prediction_powered_mean

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Trial = Iterator[tuple[str, Estimate, float]]
"""Of one sample: the method, its estimate, and the truth it should hold."""

HERE = Path(__file__).parent
LEVELS = (0.8, 0.9, 0.95)


def coverage(
    trial: Callable[[np.random.Generator, float], Trial], repetitions: int, seed: int
) -> dict[str, Any]:
    """Per method, "coverage / mean half-width" at each level, over samples in which it was known."""
    table: dict[str, Any] = {}
    for level in LEVELS:
        generator, seen = np.random.default_rng(seed), dict[str, list[tuple[bool, float]]]()
        for _ in range(repetitions):
            for method, estimate, truth in trial(generator, level):
                if estimate.known:
                    held = estimate.low - 1e-12 <= truth <= estimate.high + 1e-12
                    seen.setdefault(method, []).append((held, (estimate.high - estimate.low) / 2))
        for method, results in seen.items():
            share, half = np.mean(np.array(results, dtype=float), axis=0)
            table.setdefault(method, {})[f"{level:g}"] = [round(float(share), 3), round(float(half), 4)]
    return table


def random_sample(
    labels: Floats, predictions: Floats, n: int, generator: np.random.Generator, level: float
) -> Trial:
    """Labels drawn from a superpopulation, predictions on 1,000 items more."""
    chosen, truth, count = generator.integers(len(labels), size=n), float(labels.mean()), 1000
    mean = generator.binomial(count, predictions.mean()) / count
    rest = Predictions(count, mean, mean * (1 - mean) * count / (count - 1))
    y, f = labels[chosen], predictions[chosen]
    yield "labels alone (Wilson)", labelled_mean(y, level=level), truth
    yield "PPI", textbook_prediction_powered_mean(y, f, rest, weight=1.0, level=level), truth
    yield "PPI++", textbook_prediction_powered_mean(y, f, rest, level=level), truth
    yield "**PPI++, smoothed, t**", prediction_powered_mean(y, f, rest, level=level), truth


def planned_sample(
    shares: Floats, rates: Floats, taken: Ints, verdicts: bool, generator: np.random.Generator, level: float
) -> Trial:
    """Strata of a population of 2,000; and a sample of as many that favours what the detector flagged."""
    size, truth = 2000, float(shares @ rates)
    strata = generator.choice(len(shares), size, p=shares)
    labels = (generator.random(size) < rates[strata]).astype(float)
    found = (generator.random(size) < np.where(labels > 0, 0.8, 0.05)).astype(float)
    if verdicts:
        found = (strata > 0).astype(float)
    members = [generator.permutation(np.flatnonzero(strata == s))[:k] for s, k in enumerate(taken)]
    at, groups = np.concatenate(members), [Predictions.of(found[strata == s]) for s in range(len(shares))]
    y, f, s = labels[at], found[at], strata[at]
    yield "strata, textbook", _textbook_strata(y, s, groups, level), truth
    yield "**strata, labels**", stratified_mean(y, s, [g.count for g in groups], level=level), truth
    yield "**strata, PPI++**", stratified_prediction_powered_mean(y, f, s, groups, level=level), truth
    finite = stratified_prediction_powered_mean(y, f, s, groups, level=level, finite=True)
    yield "**strata, PPI++, finite**", finite, float(labels.mean())
    inclusion = np.clip(taken.sum() / size * np.where(found > 0, 3.0, 0.8), 0, 1)
    drawn = generator.random(size) < inclusion
    y, f, p = labels[drawn], found[drawn], inclusion[drawn]
    yield "**weighted, labels**", weighted_mean(y, p, size, level=level), truth
    yield (
        "**weighted, PPI++**",
        weighted_prediction_powered_mean(y, f, p, Predictions.of(found), level=level),
        truth,
    )


def _textbook_strata(labels: Floats, strata: Ints, groups: list[Predictions], level: float) -> Estimate:
    """The normal interval without smoothing, as surveys teach it; strata with one label add nothing."""
    sizes = np.array([group.count for group in groups], dtype=float)
    shares, value, variance = sizes / sizes.sum(), 0.0, 0.0
    for stratum, share in enumerate(shares):
        own = labels[strata == stratum]
        value += share * float(own.mean()) if len(own) else 0.0
        variance += share**2 * float(own.var(ddof=1)) / len(own) if len(own) > 1 else 0.0
    return _normal(value, variance, len(labels), level)


def _normal(value: float, variance: float, n: int, level: float) -> Estimate:
    half = {0.8: 1.281552, 0.9: 1.644854, 0.95: 1.959964}[level] * max(0.0, variance) ** 0.5
    return Estimate(
        value=value, low=value - half, high=value + half, level=level, n=n, unit="rate", method="textbook"
    )


def two_annotators(joint: Floats, n: int, generator: np.random.Generator, level: float) -> Trial:
    """Kappa of a table drawn from the shares `joint`, against the textbook's normal interval."""
    truth = cohens_kappa(joint * 1e9).value
    table = generator.multinomial(n, joint.ravel()).reshape(joint.shape).astype(float)
    ours = cohens_kappa(table, level=level)
    if not ours.known:
        return
    shares = table / n
    rows, columns, kappa = shares.sum(1), shares.sum(0), ours.value
    expected = float(rows @ columns)
    own = float(np.diagonal(shares) @ (1 - (rows + columns) * (1 - kappa)) ** 2)
    off = (columns[:, None] + rows[None, :]) ** 2 * shares
    spread = own + (1 - kappa) ** 2 * float(off.sum() - np.trace(off))
    spread -= (kappa - expected * (1 - kappa)) ** 2
    yield "textbook", _normal(kappa, spread / ((1 - expected) ** 2 * n), n, level), truth
    yield "**Wilson on disagreement**", ours, truth


def many_annotators(
    annotators: int, prevalence: Floats, missing: float, n: int, generator: np.random.Generator, level: float
) -> Trial:
    """Alpha of annotators who follow the truth nine times in ten, against percentiles of a bootstrap."""
    kinds = len(prevalence)
    actual = generator.choice(kinds, n, p=prevalence)
    random = generator.choice(kinds, (n, annotators), p=prevalence)
    ratings = np.where(generator.random((n, annotators)) < 0.1, random, actual[:, None])
    ratings[generator.random(ratings.shape) < missing] = -1
    yield "bootstrap of units", _bootstrap_alpha(ratings, kinds, generator, level), 0.81
    yield "**Wilson on disagreement**", krippendorff_alpha(ratings, kinds, level=level), 0.81


def _bootstrap_alpha(ratings: Ints, kinds: int, generator: np.random.Generator, level: float) -> Estimate:
    units = np.stack([(ratings == k).sum(1) for k in range(kinds)], 1).astype(float)
    units = units[units.sum(1) > 1]
    many, count = units.sum(1), len(units)
    each = (many**2 - (units**2).sum(1)) / (many - 1)
    weights = generator.multinomial(count, np.full(count, 1 / count), size=1000).astype(float)
    totals = weights @ units
    unlike = (weights @ many) ** 2 - (totals**2).sum(1)
    drawn = 1 - (weights @ many - 1) * (weights @ each) / np.where(unlike > 0, unlike, np.nan)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < 500:
        return unknown("one class", unit="agreement", level=level)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    middle = float(np.median(drawn))
    return Estimate(
        value=middle, low=low, high=high, level=level, n=count, unit="agreement", method="bootstrap"
    )


def pairs(
    only_first: float, only_second: float, n: int, generator: np.random.Generator, level: float
) -> Trial:
    """The difference of two rates on the same items."""
    b, c, _ = generator.multinomial(n, [only_first, only_second, 1 - only_first - only_second]).tolist()
    yield "Wald", wald_paired_difference(b, c, n, level=level), only_first - only_second
    yield "**Bonett-Price**", paired_difference(b, c, n, level=level), only_first - only_second


def independent(first: float, second: float, n: int, generator: np.random.Generator, level: float) -> Trial:
    """The difference of two independent rates, near the ones given."""
    p, q = np.minimum(0.99, np.array([first, second]) * generator.uniform(0.8, 1.2, 2)).tolist()
    a, b = generator.binomial(n, [p, q]).tolist()
    plain = _normal((a - b) / n, (a * (n - a) + b * (n - b)) / n**3, 2 * n, level)
    yield "Wald", plain, p - q
    yield "**Newcombe**", difference(a, n, b, n, level=level), p - q


def published(
    rate: float, sensitivity: float, specificity: float, n: int, generator: np.random.Generator, level: float
) -> Trial:
    """A rate corrected by a detector's error, measured on 50 positives and 100 negatives elsewhere."""
    flagged = rate * sensitivity + (1 - rate) * (1 - specificity)
    found = int(generator.binomial(n, flagged))
    right, passed = generator.binomial(50, sensitivity) / 50, generator.binomial(100, specificity) / 100
    yield "raw (Wilson)", labelled_mean(np.arange(n) < found, level=level), rate
    yield "**Rogan-Gladen, Lee**", rogan_gladen(found, n, right, 50, passed, 100, level=level), rate


def real_labels(directory: Path) -> Iterator[tuple[str, Floats, Floats]]:
    """Human labels and string-match predictions on XSTest's safe prompts, pooled and by model."""
    with (directory / "xstest_completions.jsonl").open(encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["prompt_type"] == "benign"]
    for title, model in (("five models", None), ("gpt4", "gpt4"), ("mistralinstruct", "mistralinstruct")):
        own = [row for row in rows if model in (None, row["model"])]
        labels = np.array([row["label"] != "complete" for row in own], dtype=float)
        predicted = [row["flags"]["baseline_strmatch_label"] != "complete" for row in own]
        predictions = np.array(predicted, dtype=float)
        yield f"{title} ({labels.mean():.3f}; raw {predictions.mean():.3f})", labels, predictions


def joint(prevalence: list[float], kappa: float) -> Floats:
    """Shares of two annotators with the same prevalences and the given kappa."""
    shares = np.array(prevalence)
    table: Floats = np.outer(shares, shares) * (1 - kappa) + np.diag(shares) * kappa
    return table


Row = tuple[str, str, Callable[[np.random.Generator, float], Trial], int]
"""A row of a table: the table, its own name, what draws a sample, how many."""


def rates(directory: Path) -> Iterator[Row]:
    """One rate, from a random sample and from planned ones."""
    for name, labels, predictions in real_labels(directory):
        for n in (30, 50, 100, 200):
            yield "Random sample", f"{name}, n {n}", partial(random_sample, labels, predictions, n), 3000
    for name, shares, true, taken, verdicts in (
        ("two use cases, 30 labels", [0.7, 0.3], [0.05, 0.2], [20, 10], False),
        ("by verdict, 100 labels", [0.88, 0.04, 0.08], [0.02, 0.5, 0.9], [50, 20, 30], True),
        ("by verdict, rare, 60 labels", [0.97, 0.03], [0.005, 0.6], [30, 30], True),
        (
            "five use cases, rare, 50",
            [0.4, 0.3, 0.15, 0.1, 0.05],
            [0.01, 0.02, 0.01, 0.05, 0.1],
            [20, 15, 7, 4, 4],
            False,
        ),
        ("twelve strata of 8", [1 / 12] * 12, list(np.linspace(0.02, 0.3, 12)), [8] * 12, False),
        ("twelve, all cases in one", [1 / 12] * 12, [0.6, *[0.005] * 11], [8] * 12, False),
        (
            "strata of 2, 2, 1, 1 and 40",
            [0.3, 0.1, 0.05, 0.05, 0.5],
            [0.1, 0.3, 0.5, 0.5, 0.03],
            [2, 2, 1, 1, 40],
            False,
        ),
    ):
        sample = partial(planned_sample, np.array(shares), np.array(true), np.array(taken), verdicts)
        yield "Planned sample", name, sample, 1500


def agreements() -> Iterator[Row]:
    """Annotators against each other."""
    for prevalence, kappa, n in (
        ([0.5, 0.5], 0.8, 50),
        ([0.9, 0.1], 0.8, 50),
        ([0.9, 0.1], 0.95, 100),
        ([0.95, 0.05], 0.7, 100),
        ([0.8, 0.15, 0.05], 0.8, 50),
        ([0.5, 0.4, 0.1], 0.94, 100),
        ([0.5, 0.4, 0.1], 0.94, 300),
    ):
        classes = ", ".join(f"{p:g}" for p in prevalence)
        yield (
            "Cohen's kappa",
            f"{kappa:g}, classes {classes}, n {n}",
            partial(two_annotators, joint(prevalence, kappa), n),
            3000,
        )
    for annotators, prevalence, missing, n in (
        (2, [0.9, 0.1], 0.0, 30),
        (2, [0.9, 0.1], 0.0, 100),
        (2, [0.95, 0.05], 0.0, 60),
        (3, [0.7, 0.2, 0.1], 0.3, 60),
        (4, [0.8, 0.2], 0.3, 40),
    ):
        classes = f"{len(prevalence)} classes, rarest {min(prevalence):g}"
        name = f"{annotators} annotators, {missing:.0%} missing, {classes}, n {n}"
        yield (
            "Krippendorff's alpha (.81)",
            name,
            partial(many_annotators, annotators, np.array(prevalence), missing, n),
            500,
        )


def comparisons() -> Iterator[Row]:
    """Two rates, and a rate against a detector's error."""
    for b, c, n in ((0.02, 0.01, 50), (0.06, 0.01, 20), (0.06, 0.01, 100), (0.1, 0.1, 50), (0.3, 0.02, 250)):
        yield "Paired difference", f"{b:g} against {c:g}, n {n}", partial(pairs, b, c, n), 3000
    for p, q, n in ((0.02, 0.01, 100), (0.1, 0.05, 100), (0.6, 0.3, 250), (0.95, 0.8, 50)):
        yield "Independent difference", f"{p:g} against {q:g}, n {n}", partial(independent, p, q, n), 3000
    for rate, se, sp, n in (
        (0.1, 0.85, 0.95, 250),
        (0.02, 0.9, 0.97, 1000),
        (0.3, 0.7, 0.9, 400),
        (0.5, 0.6, 0.75, 300),
    ):
        name = f"{rate:g}, sensitivity {se:g}, specificity {sp:g}, n {n}"
        yield "Published detector error", name, partial(published, rate, se, sp, n), 3000


def markdown(results: dict[str, dict[str, Any]]) -> str:
    """The tables: coverage at each level, and the mean half-width at .95."""
    lines = []
    for title, rows in results.items():
        lines += [
            f"### {title}",
            "",
            "| | method | .8 | .9 | .95 | half-width at .95 |",
            "| --- | --- | ---: | ---: | ---: | ---: |",
        ]
        for name, methods in rows.items():
            for at, (method, levels) in enumerate(methods.items()):
                cells = [f"{levels[f'{level:g}'][0]:.3f}".lstrip("0") for level in LEVELS]
                half = f"{levels['0.95'][1]:.3f}".lstrip("0")
                lines.append(f"| {name if at == 0 else ''} | {method} | {' | '.join(cells)} | {half} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Runs every row, writes results.json and the tables of README.md."""
    results: dict[str, dict[str, Any]] = {}
    rows = (*rates(Path(sys.argv[1])), *agreements(), *comparisons())
    for seed, (title, name, trial, repetitions) in enumerate(rows):
        results.setdefault(title, {})[name] = coverage(trial, repetitions, seed)
        print(f"{title}: {name}", file=sys.stderr)
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    readme = HERE / "README.md"
    above = readme.read_text("utf-8").partition("<!-- tables -->")[0]
    readme.write_text(f"{above}<!-- tables -->\n\n{markdown(results)}", "utf-8")


if __name__ == "__main__":
    main()
