"""How often the intervals of two models on the same items cover; writes paired.json and a part of README.md.

    python benchmarks/statistics/paired.py

A quarter of an hour on two cores.
"""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from aligntax.records import Estimate
from aligntax.stats.cluster_totals import ClusterTotals, cluster_totals
from aligntax.stats.correlation import bonett_wright_bounds, spearman, spearman_p_value
from aligntax.stats.equivalence import equivalence
from aligntax.stats.paired import mean_difference, normalised_tax, sign_flip_p_value
from aligntax.stats.predictions import t_quantile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Ends = tuple[float, float]
Trial = Iterator[tuple[str, Ends, float]]
"""Of one sample: the method, the ends of its interval, and the truth it should hold."""

Table = dict[str, dict[str, Any]]

HERE = Path(__file__).parent
LEVELS = (0.8, 0.95)
CLUSTERS = (8, 20, 50, 200)
REPLICATES = 999
REPETITIONS = {8: 600, 20: 500, 50: 400, 200: 200}
OURS = "**ours**"


def coverage(trial: Callable[[np.random.Generator, float], Trial], repetitions: int, seed: int) -> Table:
    """Per method, [coverage, median half-width] at each level; "known" is the share with an interval."""
    table: Table = {}
    for level in LEVELS:
        generator, seen = np.random.default_rng(seed), dict[str, list[tuple[bool, float]]]()
        for _ in range(repetitions):
            for method, (low, high), truth in trial(generator, level):
                held = low - 1e-12 <= truth <= high + 1e-12
                seen.setdefault(method, []).append((held, (high - low) / 2))
        for method, results in seen.items():
            held_share = float(np.mean([held for held, _ in results]))
            half = float(np.median([half for _, half in results]))
            table.setdefault(method, {})[f"{level:g}"] = [round(held_share, 3), round(half, 4)]
            table[method]["known"] = round(len(results) / repetitions, 2)
    return table


def sizes(generator: np.random.Generator, clusters: int, size: int) -> Ints:
    """Items of each cluster: geometric with mean `size`, or one each."""
    return generator.geometric(1 / size, clusters).astype(np.int64)


def right_or_wrong(
    rates: tuple[float, float], spread: float, size: int, generator: np.random.Generator, clusters: int
) -> tuple[Floats, Ints, float]:
    """Items that change for the better or the worse; clusters differ, intraclass correlation 1/(1+spread)."""
    many = sizes(generator, clusters, size)
    shares = np.array([rates[0], rates[1], 1 - sum(rates)])
    own = generator.dirichlet(np.maximum(shares, 1e-9) * spread, clusters)
    code = np.repeat(np.arange(clusters), many)
    drawn = (generator.random(len(code))[:, None] > np.cumsum(own, axis=1)[code]).sum(1)
    return np.array([1.0, -1.0, 0.0, 0.0])[drawn], code, rates[0] - rates[1]


def skewed(
    sigma: float, size: int, generator: np.random.Generator, clusters: int
) -> tuple[Floats, Ints, float]:
    """Differences around a lognormal effect of the cluster, of mean 0."""
    code = np.repeat(np.arange(clusters), sizes(generator, clusters, size))
    effect = generator.lognormal(0, sigma, clusters) - np.exp(sigma**2 / 2)
    return effect[code] + generator.normal(0, 0.5, len(code)), code, 0.0


def normal(size: int, generator: np.random.Generator, clusters: int) -> tuple[Floats, Ints, float]:
    """Normal differences around a normal effect of the cluster."""
    code = np.repeat(np.arange(clusters), sizes(generator, clusters, size))
    return generator.normal(0, 0.5, clusters)[code] + generator.normal(0, 1, len(code)), code, 0.0


def partial_credit(
    share: float, size: int, generator: np.random.Generator, clusters: int
) -> tuple[Floats, Ints, float]:
    """Few items differ, by a part of a point."""
    code = np.repeat(np.arange(clusters), sizes(generator, clusters, size))
    changed = generator.random(len(code)) < share
    return np.where(changed, generator.uniform(-0.25, 1, len(code)), 0.0), code, share * 0.375


def bootstrap_ends(
    totals: ClusterTotals, level: float, generator: np.random.Generator
) -> Iterator[tuple[str, Ends]]:
    """What we do not use: plain t, percentiles, BCa, and the bootstrap-t alone."""
    value, error = totals.ratio, totals.variance**0.5
    t, tail = t_quantile(level, totals.clusters - 1), (1 - level) / 2
    weights = np.concatenate(list(totals.replicates(REPLICATES, generator)))
    ratio, variance = totals.ratios(weights)
    ratio, variance = ratio[np.isfinite(ratio)], variance[np.isfinite(ratio)]
    yield "t", (value - t * error, value + t * error)
    low, high = np.quantile(ratio, [tail, 1 - tail])
    yield "percentiles", (low, high)
    yield "BCa", _bca(totals, ratio, tail)
    with np.errstate(divide="ignore", invalid="ignore"):
        pivots = np.nan_to_num((ratio - value) / np.sqrt(variance), posinf=3 * t, neginf=-3 * t)
    low, high = np.quantile(np.clip(pivots, -3 * t, 3 * t), [tail, 1 - tail])
    yield "bootstrap-t alone", (value - high * error, value - low * error)


def _bca(totals: ClusterTotals, ratio: Floats, tail: float) -> Ends:
    moved = (totals.over - totals.ratio * totals.under) / (totals.alike @ totals.under - totals.under)
    spread = float(moved @ moved)
    skew = float((moved**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    below = np.mean(ratio < totals.ratio) + np.mean(ratio == totals.ratio) / 2
    bias = ndtri(np.clip(below, 1 / len(ratio), 1 - 1 / len(ratio)))
    z = bias + ndtri(np.array([tail, 1 - tail]))
    low, high = np.quantile(ratio, ndtr(bias + z / np.maximum(1e-3, 1 - skew * z)))
    return float(low), float(high)


def ends_of(estimate: Estimate) -> Ends:
    """Both ends; where they are unknown, all there is."""
    if np.isnan(estimate.low):
        return -np.inf, np.inf
    return estimate.low, estimate.high


Draw = Callable[[np.random.Generator, int], tuple[Floats, Ints, float]]


def mean_trial(draw: Draw, clusters: int, generator: np.random.Generator, level: float) -> Trial:
    """The mean of paired differences."""
    values, code, truth = draw(generator, clusters)
    totals = cluster_totals(values, np.ones(len(values)), code)
    for method, ends in bootstrap_ends(totals, level, generator):
        yield method, ends, truth
    seed = int(generator.integers(2**32))
    ours = mean_difference(values, clusters=code, level=level, replicates=REPLICATES, seed=seed)
    yield OURS, ends_of(ours), truth


def tax_trial(
    scores: tuple[float, float, float],
    spread: float,
    size: int,
    clusters: int,
    generator: np.random.Generator,
    level: float,
) -> Trial:
    """A share lost of what the reference knows, where four items in five that both may solve both do."""
    reference, aligned, chance = scores
    both = 0.8 * min(reference, aligned) + 0.2 * reference * aligned
    cells = np.array([both, reference - both, aligned - both, 1 - reference - aligned + both])
    code = np.repeat(np.arange(clusters), sizes(generator, clusters, size))
    own = generator.dirichlet(cells * spread, clusters)
    cell = (generator.random(len(code))[:, None] > np.cumsum(own[:, :3], axis=1)[code]).sum(1)
    first, second = (cell < 2).astype(float), np.isin(cell, (0, 2)).astype(float)
    truth, seed = (reference - aligned) / (reference - chance), int(generator.integers(2**32))
    ours = normalised_tax(first, second, chance, clusters=code, level=level, replicates=REPLICATES, seed=seed)
    if not ours.known:
        return
    totals = cluster_totals(first - second, first - chance, code)
    for method, ends in bootstrap_ends(totals, level, generator):
        if method in ("t", "percentiles"):
            yield method, ends, truth
    yield "Fieller", _fieller(first - second, first - chance, code, level), truth
    yield OURS, ends_of(ours), truth


def _fieller(over: Floats, under: Floats, code: Ints, level: float) -> Ends:
    counts, total = np.bincount(code), under.sum()
    share = counts / counts.sum()
    a, b = ((np.bincount(code, weights=v) - share * v.sum()) / (1 - share) / total for v in (over, under))
    ratio, t = over.sum() / total, t_quantile(level, len(counts) - 1)
    room = 1 - t**2 * float(b @ b)
    if room <= 0:
        return -np.inf, np.inf
    middle = ratio - t**2 * float(a @ b)
    half = max(0.0, middle**2 - room * (ratio**2 - t**2 * float(a @ a))) ** 0.5
    return (middle - half) / room, (middle + half) / room


def rank_trial(
    rho: float, ties: bool, rows: int, truth: float, generator: np.random.Generator, level: float
) -> Trial:
    """Spearman's correlation of two normal columns."""
    x, y = _columns(rho, ties, rows, generator)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    seed = int(generator.integers(2**32))
    ours = spearman(x, y, level=level, replicates=REPLICATES, seed=seed)
    yield "Bonett-Wright", bonett_wright_bounds(ours.value, rows, level), truth
    drawn = generator.integers(rows, size=(REPLICATES, rows))
    a, b = rankdata(x[drawn], axis=1), rankdata(y[drawn], axis=1)
    a, b = a - (rows + 1) / 2, b - (rows + 1) / 2
    spread = (a * a).sum(1) * (b * b).sum(1)
    found = ((a * b).sum(1) / np.sqrt(np.where(spread > 0, spread, np.nan)))[spread > 0]
    tail = (1 - level) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    yield "percentiles", (low, high), truth
    value, scale = np.clip([ours.value], -0.99999, 0.99999)[0], np.clip(found, -0.99999, 0.99999)
    errors = np.sqrt((1 + np.append(scale, value) ** 2 / 2) / (rows - 3))
    low, high = np.quantile((np.arctanh(scale) - np.arctanh(value)) / errors[:-1], [tail, 1 - tail])
    middle = np.arctanh(value)
    yield (
        "bootstrap-t, Fisher",
        (np.tanh(middle - high * errors[-1]), np.tanh(middle - low * errors[-1])),
        truth,
    )
    yield "**BCa (ours)**", (ours.low, ours.high), truth


def _columns(rho: float, ties: bool, rows: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    x = generator.normal(size=rows)
    y = rho * x + (1 - rho**2) ** 0.5 * generator.normal(size=rows)
    return (np.round(2 * x), np.round(2 * y)) if ties else (x, y)


def errors_of_the_first_kind(clusters: int) -> dict[str, float]:
    """How often each test, at .05, finds what is not there; 400 samples each."""
    generator, found = np.random.default_rng(clusters), dict[str, list[bool]]()
    for _ in range(400):
        values, code, _ = right_or_wrong((0.1, 0.1), 2.0, 5, generator, clusters)
        p = sign_flip_p_value(values, clusters=code, replicates=1999, seed=int(generator.integers(2**32)))
        found.setdefault("sign flips, right or wrong", []).append(p <= 0.05)
        values, code, _ = normal(5, generator, clusters)
        p = sign_flip_p_value(values, clusters=code, replicates=1999, seed=int(generator.integers(2**32)))
        found.setdefault("sign flips, normal", []).append(p <= 0.05)
        rate = 0.2 + 0.05
        values, code, _ = right_or_wrong((rate, 0.2), 2.0, 5, generator, clusters)
        interval = mean_difference(values, clusters=code, level=0.9, replicates=REPLICATES)
        same = equivalence(interval, 0.05).verdict == "equivalent"
        found.setdefault("equivalence at the margin, right or wrong", []).append(same)
        values, code, _ = normal(5, generator, clusters)
        interval = mean_difference(values + 0.5, clusters=code, level=0.9, replicates=REPLICATES)
        same = equivalence(interval, 0.5).verdict == "equivalent"
        found.setdefault("equivalence at the margin, normal", []).append(same)
        x, y = _columns(0.0, True, clusters, generator)
        p = spearman_p_value(x, y, replicates=1999, seed=int(generator.integers(2**32)))
        found.setdefault("Spearman, rows in random order", []).append(p <= 0.05)
    return {name: round(float(np.mean(results)), 3) for name, results in found.items()}


Row = tuple[str, str, Callable[[np.random.Generator, float], Trial], int]
"""A row of a table: the table, its own name, what draws a sample, how many."""


def mean_rows() -> Iterator[Row]:
    """Means of paired differences."""
    draws: dict[str, Draw] = {
        "right or wrong .2/.1": partial(right_or_wrong, (0.2, 0.1), 2.0, 5),
        "right or wrong .06/.03": partial(right_or_wrong, (0.06, 0.03), 2.0, 5),
        "right or wrong .06/.03, independent": partial(right_or_wrong, (0.06, 0.03), 1e6, 5),
        "only worse .06": partial(right_or_wrong, (0.06, 0.0), 2.0, 5),
        "only worse .06, clusters of 50": partial(right_or_wrong, (0.06, 0.0), 2.0, 50),
        "normal": partial(normal, 5),
        "skewed, one each": partial(skewed, 1.0, 1),
        "skewed": partial(skewed, 1.0, 5),
        "partial credit, one in ten": partial(partial_credit, 0.1, 5),
    }
    for name, draw in draws.items():
        for clusters in CLUSTERS:
            trial = partial(mean_trial, draw, clusters)
            yield "Mean of paired differences", f"{name}; {clusters}", trial, REPETITIONS[clusters]


def tax_rows() -> Iterator[Row]:
    """Normalised taxes."""
    for scores in (
        (0.7, 0.65, 0.25),
        (0.7, 0.4, 0.25),
        (0.9, 0.89, 0.25),
        (0.5, 0.55, 0.0),
        (0.4, 0.35, 0.25),
    ):
        for clusters in (20, 50, 200):
            trial = partial(tax_trial, scores, 2.0, 5, clusters)
            name = f"{scores[0]:g} to {scores[1]:g}, chance {scores[2]:g}; {clusters}"
            yield "Normalised tax", name, trial, REPETITIONS[clusters]


def rank_rows() -> Iterator[Row]:
    """Rank correlations."""
    large = np.random.default_rng(1)
    for rho, ties in ((0.0, False), (0.5, False), (0.5, True), (0.9, False), (0.9, True)):
        truth = 6 / np.pi * float(np.arcsin(rho / 2))
        if ties:
            x, y = _columns(rho, True, 2_000_000, large)
            truth = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
        for rows in (10, 25, 32, 100):
            name = f"{rho:g}{', ties' if ties else ''}; {rows}"
            yield (
                "Spearman's correlation",
                name,
                partial(rank_trial, rho, ties, rows, truth),
                300 if rows < 100 else 200,
            )


def markdown(results: dict[str, Table], errors: dict[str, dict[str, float]]) -> str:
    """The tables: coverage at .8 and .95, and the median half-width at .95."""
    lines = []
    for title, rows in results.items():
        methods = list(next(iter(rows.values())))
        lines += [f"### {title}", "", f"| | {' | '.join(methods)} |", "| --- |" + " ---: |" * len(methods)]
        for name, found in rows.items():
            known = found[methods[-1]]["known"]
            cells = [_cell(found[method]) for method in methods]
            lines.append(f"| {name}{f' (known {known:g})' if known < 1 else ''} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["### Errors of the first kind at .05", "", "| | " + " | ".join(errors) + " |"]
    lines.append("| --- |" + " ---: |" * len(errors))
    for name in next(iter(errors.values())):
        cells = [f"{found[name]:.3f}".lstrip("0") for found in errors.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(found: dict[str, list[float]]) -> str:
    low, high = (f"{found[level][0]:.3f}".lstrip("0") for level in ("0.8", "0.95"))
    half = found["0.95"][1]
    return f"{low} {high} ({'-' if half == np.inf else f'{half:.2f}'.lstrip('0')})"


def main() -> None:
    """Runs every row, writes paired.json and its tables in README.md."""
    results: dict[str, Table] = {}
    rows = [*mean_rows(), *tax_rows(), *rank_rows()]
    with ProcessPoolExecutor() as pool:
        found = pool.map(coverage, (row[2] for row in rows), (row[3] for row in rows), range(len(rows)))
        for (title, name, *_), table in zip(rows, found, strict=True):
            results.setdefault(title, {})[name] = table
            print(f"{title}: {name}", file=sys.stderr, flush=True)
        kinds = pool.map(errors_of_the_first_kind, CLUSTERS)
        wrong = {str(clusters): errors for clusters, errors in zip(CLUSTERS, kinds, strict=True)}
    document = json.dumps({"coverage": results, "errors": wrong}, indent=1)
    (HERE / "paired.json").write_text(document.replace("Infinity", "null") + "\n", "utf-8")
    readme = HERE / "README.md"
    above, _, rest = readme.read_text("utf-8").partition("<!-- paired -->")
    below = rest.partition("<!-- /paired -->")[2]
    text = f"{above}<!-- paired -->\n\n{markdown(results, wrong)}\n<!-- /paired -->{below}"
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
