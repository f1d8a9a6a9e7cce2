"""Do two kinds of data rest on the same weights? Overlap of two diagonal Fishers, against chance and noise.

Two measures, each in [0, 1], higher where the same weights matter:

    overlap       1 - 1/2 ||sqrt(F) - sqrt(H)||^2 with F and H scaled to trace 1 (Kirkpatrick et al. 2017,
                  PNAS 114:3521, appendix 4.3). For diagonal F and H it is the cosine of their square roots.
    top in common share of the top q of the weights that both have in common

Neither means anything alone, so each has two marks beside it:

    chance        its mean when the weights of each matrix are permuted within it, known in closed form, with
                  the band in which 95 % of permutations lie. It is above 0 (and above q, where several
                  matrices are taken together), since matrices differ in scale.
    ceiling       the same measure between halves of the *same* data. F is noisy, and noise alone drives two
                  estimates of one thing apart.

So that they may be compared, all are taken between halves: the texts of either data set are dealt to 2 x h
groups, a half is h of them, `overlap` is the mean over the four pairs of halves, the ceiling the geometric
mean of the two data sets'. Intervals are the delete-one-group jackknife's over the groups of both data sets,
with Student's t of groups - 1. They are of the measure *at this many texts*, and on the wide side where F is
mostly noise: the jackknife's variance errs upwards (Efron & Stein 1981, Annals of Statistics 9:586). Where
only some coordinates of a matrix were kept, the jackknife over eighths of them is added; to what is set
against chance, the variance of permutations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aligntax.errors import UsageError
from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.student import normal_quantile, student_quantile
from aligntax.tax.importance_halves import (
    FIGURES,
    Floats,
    Importance,
    Pool,
    figures,
    halves,
    jackknife,
    variance,
)

__all__ = [
    "Compared",
    "Importance",
    "Overlap",
    "Part",
    "Reading",
    "compare_importance",
    "layer_of",
    "module_of",
]

Reading = Literal["too few weights", "too few texts", "at chance", "apart", "not told apart"]
"""What the intervals allow one to say, each before the next: nothing, for want of weights; even halves of one
data set agree no more than chance; the two data sets agree no more than chance; they agree less than halves
of one; none of these."""
_NO_GRADIENT = "no weight here had a gradient"
_LEAST_TOP = 10
"""A share of fewer weights in common moves in steps of over a tenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One measure of overlap beside its marks.

    Attributes:
        value: between the data sets, halves against halves.
        chance: the same after permuting; low and high are the band of 95 % of permutations (or `level`).
        ceiling: between halves of the same data.
        gap: ceiling less value; above 0 where the data sets differ by more than noise.
        shared: (value - chance) / (ceiling - chance): 0 at chance, 1 where nothing tells the data sets apart.
        reading: what the intervals allow one to say.
    """

    value: Estimate
    chance: Estimate
    ceiling: Estimate
    gap: Estimate
    shared: Estimate
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the model.

    Attributes:
        name: "all", a layer's number, or a module's name.
        weights: how many it has.
        coordinates: at how many of them it was looked.
        capability_share: share of all capability importance (trace of F) that lies here.
        safety_share: likewise for safety.
        overlap: Fisher overlap.
        top: share of the most important weights in common.
    """

    name: str
    weights: int
    coordinates: int
    capability_share: Estimate
    safety_share: Estimate
    overlap: Compared
    top: Compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """The overlap of the whole model, of its layers and of its kinds of module, in the model's order."""

    whole: Part
    layers: Sequence[Part]
    modules: Sequence[Part]


def layer_of(name: str) -> str:
    """The layer a parameter is in: the first number in its name, else what it is called there.

    "model.layers.3.self_attn.q_proj.weight" -> "3"; "model.embed_tokens.weight" -> "embed_tokens".
    """
    return next((part for part in name.split(".") if part.isdigit()), module_of(name))


def module_of(name: str) -> str:
    """What kind of module a parameter belongs to: "q_proj", "input_layernorm", "c_attn.bias"."""
    module, _, kind = name.rpartition(".")
    last = module.rpartition(".")[2] or name
    return last if kind == "weight" else f"{last}.{kind}" if module else name


def compare_importance(
    parameters: Sequence[Importance],
    *,
    texts: tuple[int, int],
    top: float = 0.01,
    level: float = 0.95,
    seen: Callable[[str], None] = lambda part: None,
) -> Overlap:
    """Overlap of what matters to capability and to safety, over the model, by layer and by module.

    Args:
        parameters: of the whole model, in its order.
        texts: behind capability and safety.
        top: share of the weights that counts as the most important, in (0, 1).
        level: two-sided coverage of intervals, in (0, 1).
        seen: told the name of each part before it is measured.

    Raises:
        UsageError: no parameters, an odd number of groups or fewer than four, or `top` out of range.
    """
    _check(parameters, top)
    settings = _Settings(top, level, texts, _traces(parameters))

    def part(name: str, chosen: Callable[[str], bool]) -> Part:
        seen(name)
        return _part(name, [p for p in parameters if chosen(p.name)], settings)

    layers = dict.fromkeys(layer_of(p.name) for p in parameters)
    modules = dict.fromkeys(module_of(p.name) for p in parameters)
    return Overlap(
        whole=part("all", lambda name: True),
        layers=[part(layer, lambda name, layer=layer: layer_of(name) == layer) for layer in layers],  # type: ignore[misc]
        modules=[part(kind, lambda name, kind=kind: module_of(name) == kind) for kind in modules],  # type: ignore[misc]
    )


@dataclass(frozen=True, slots=True)
class _Settings:
    top: float
    level: float
    texts: tuple[int, int]
    traces: tuple[Floats, Floats]


def _part(name: str, parameters: Sequence[Importance], settings: _Settings) -> Part:
    pool = Pool(parameters)
    found, chance = figures(*(halves(sums, pool, settings.top) for sums in (pool.capability, pool.safety)))
    groups = len(pool.capability)
    half = student_quantile(settings.level, groups - 1) * np.sqrt(variance(pool, settings.top))
    few = f"the top of {pool.size:,} weights is fewer than {_LEAST_TOP}"
    reasons = ("", few if settings.top * pool.size < _LEAST_TOP else "")
    units: tuple[Unit, Unit] = ("score", "rate")
    measures = [
        _Measure(
            dict(zip(FIGURES, found[at].tolist(), strict=True)),
            dict(zip(FIGURES, half[at].tolist(), strict=True)),
            (float(chance[at, 0]), float(np.sqrt(chance[at, 1]))),
            unit=units[at],
            reason=reasons[at],
            groups=groups,
            settings=settings,
        )
        for at in (0, 1)
    ]
    own = _traces(parameters)
    capability, safety = (_share(own[at], settings.traces[at], settings, settings.texts[at]) for at in (0, 1))
    return Part(
        name=name,
        weights=pool.size,
        coordinates=len(pool.weight),
        capability_share=capability,
        safety_share=safety,
        overlap=measures[0].compared(),
        top=measures[1].compared(),
    )


@dataclass(frozen=True, slots=True)
class _Measure:
    """The figures of one measure, half the width of their intervals, and chance as mean and deviation."""

    value: Mapping[str, float]
    half: Mapping[str, float]
    chance: tuple[float, float]
    unit: Unit
    reason: str
    groups: int
    settings: _Settings

    def compared(self) -> Compared:
        reading = self._reading()
        noisy = "halves of the same data agree no more than chance" if reading == "too few texts" else ""
        return Compared(
            value=self._estimate("overlap"),
            chance=self._chance(),
            ceiling=self._estimate("ceiling"),
            gap=self._estimate("gap", least=-1.0),
            shared=self._estimate("shared", least=-np.inf, most=np.inf, reason=noisy),
            reading=reading,
        )

    def _low(self, name: str) -> float:
        return self.value[name] - self._half(name)

    def _half(self, name: str) -> float:
        """Of the interval; what is set against chance varies as permutations do, too."""
        permuted = normal_quantile(self.settings.level) * self.chance[1]
        if name == "shared":
            permuted /= max(self.value["ceiling_above"], np.finfo(float).tiny)
        against = name in ("above", "ceiling_above", "shared")
        return float(np.hypot(self.half[name], permuted)) if against else self.half[name]

    def _reading(self) -> Reading:
        if self.reason:
            return "too few weights"
        if not self._low("ceiling_above") > 0:
            return "too few texts"
        if not self._low("gap") > 0:
            return "not told apart"
        return "apart" if self._low("above") > 0 else "at chance"

    def _estimate(self, name: str, *, least: float = 0.0, most: float = 1.0, reason: str = "") -> Estimate:
        value, half = self.value[name], self._half(name)
        if reason := self.reason or reason or ("" if np.isfinite(value + half) else _NO_GRADIENT):
            return self._unknown(reason)
        ends = max(value - half, least), min(value + half, most)
        texts = sum(self.settings.texts)
        return _jackknifed(value, ends, self.unit, self.groups, texts, self.settings.level)

    def _chance(self) -> Estimate:
        mean, deviation = self.chance
        if reason := self.reason or ("" if np.isfinite(mean) else _NO_GRADIENT):
            return self._unknown(reason)
        half = normal_quantile(self.settings.level) * deviation
        return Estimate(
            value=mean,
            low=max(0.0, mean - half),
            high=min(1.0, mean + half),
            level=self.settings.level,
            n=sum(self.settings.texts),
            unit=self.unit,
            method="permuted within each matrix",
        )

    def _unknown(self, reason: str) -> Estimate:
        return unknown(reason, unit=self.unit, level=self.settings.level, n=sum(self.settings.texts))


def _traces(parameters: Sequence[Importance]) -> tuple[Floats, Floats]:
    """(groups,) traces of capability and of safety, over some parameters."""
    capability: Floats = np.sum([p.capability_trace for p in parameters], axis=0)
    safety: Floats = np.sum([p.safety_trace for p in parameters], axis=0)
    return capability, safety


def _share(part: Floats, whole: Floats, settings: _Settings, texts: int) -> Estimate:
    """Share of the trace that lies in a part, from (groups,) sums."""
    if not (whole.sum() - whole > 0).all():
        return unknown(_NO_GRADIENT, unit="rate", level=settings.level, n=texts)
    value = float(part.sum() / whole.sum())
    error = float(np.sqrt(jackknife(list((part.sum() - part) / (whole.sum() - whole)))))
    half = student_quantile(settings.level, len(part) - 1) * error
    ends = max(0.0, value - half), min(1.0, value + half)
    return _jackknifed(value, ends, "rate", len(part), texts, settings.level)


def _jackknifed(
    value: float, ends: tuple[float, float], unit: Unit, groups: int, texts: int, level: float
) -> Estimate:
    low, high = ends
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        n=texts,
        clusters=groups,
        unit=unit,
        method="jackknife over groups",
    )


def _check(parameters: Sequence[Importance], top: float) -> None:
    if not parameters:
        raise UsageError("no parameters to compare", hint="take the Fisher information first")
    groups: Mapping[int, str] = {len(s): p.name for p in parameters for s in (p.capability, p.safety)}
    if len(groups) != 1 or next(iter(groups)) < 4 or next(iter(groups)) % 2:
        raise UsageError(f"{sorted(groups)} groups of texts", hint="an even number, at least 4, everywhere")
    if not 0 < top < 1:
        raise UsageError(f"the top {top:g} of the weights", hint="a share between 0 and 1")
