"""Answers whose comparison is known."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from aligntax.detectors import detector
from aligntax.records import ANSWER, Answers
from aligntax.tax.pairs.compared import Compared, Settings, compare
from aligntax.tax.pairs.differences import Precision
from aligntax.tax.pairs.matching import match

__all__ = ["answers", "compared", "scores", "settings", "worlds"]


def answers(
    model: str = "a",
    *,
    benchmark: str = "quiz",
    metric: str = "correct",
    items: Sequence[str] | None = None,
    chance: float | None = None,
    higher_is_better: bool = True,
    prompt_type: Any = None,
    conditions: Mapping[str, str] | None = None,
    **columns: Sequence[object],
) -> Answers:
    """Answers of a model; items are numbered unless they are named."""
    n = len(next(iter(columns.values())))
    given = {"item": [f"i{at}" for at in range(n)] if items is None else items, **columns}
    if "response" in columns and "length" not in columns:
        given["length"] = [None if text is None else len(str(text)) for text in columns["response"]]
    arrays = [pa.array(given.get(f.name, [None] * n), f.type, from_pandas=True) for f in ANSWER]
    return Answers(
        benchmark=benchmark,
        metric=metric if "score" in columns else "",
        model=model,
        source=f"{model}.jsonl",
        table=pa.table(arrays, schema=ANSWER),
        chance=chance,
        higher_is_better=higher_is_better,
        prompt_type=prompt_type,
        conditions=conditions or {},
    )


def settings(**chosen: Any) -> Settings:
    """What a person chose, with the detector of keywords, which is quick to make."""
    precision = Precision(level=chosen.pop("level", 0.95), seed=0)
    return Settings(precision=precision, detector=lambda: detector("phrases"), **chosen)


def compared(first: Answers, second: Answers, **chosen: Any) -> Compared:
    """One benchmark of each, compared."""
    matches, _ = match([first], [second])
    (found,) = compare(matches, settings(**chosen))
    return found


def scores(ones: int, of: int) -> list[float]:
    """So many ones, then zeros."""
    return [1.0] * ones + [0.0] * (of - ones)


Column = np.ndarray[Any, Any]


def worlds(seed: int, clusters: int, each: int) -> tuple[Column, Column, list[str]]:
    """Binary scores of A and B on items in clusters; A is right on .6, B on .55, alike within a cluster."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(0, 1, clusters)
    effects = generator.normal(0, 0.6, clusters)
    names = [f"c{c}" for c in range(clusters) for _ in range(each)]
    of_item = np.repeat(shared, each), np.repeat(effects, each)

    def right(share: float, latent: Column, spread: float) -> Column:
        noise = generator.normal(0, 1, len(latent))
        return (latent + noise < norm.ppf(share) * np.sqrt(1 + spread)).astype(float)

    return right(0.6, of_item[0], 1.0), right(0.55, of_item[0] + of_item[1], 1.36), names
