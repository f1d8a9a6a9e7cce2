"""What every stage of a training changed, from the level before to its own, with the change's interval."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aligntax.dashboard.charts.plot import Chart, Scale, circle, line, upward, words

__all__ = ["Stage", "waterfall_chart"]

_HEIGHT = 240
_COLUMNS: Mapping[str, str] = {
    "stage": "stage",
    "level": "level reached",
    "change": "change",
    "low": "change, low",
    "high": "change, high",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage.

    Attributes:
        name: of the stage.
        level: reached by it.
        change: what it changed, low, high; None at the start, ends nan where they are not known.
    """

    name: str
    level: float
    change: tuple[float, float, float] | None = None


def waterfall_chart(
    name: str, title: str, stages: Sequence[Stage], *, unit: str, better: int, description: str
) -> Chart:
    """The chart of one measure over the stages.

    Args:
        name: of its files.
        title: of the measure.
        stages: the start first, all with a level.
        unit: of the levels.
        better: 1 where higher is better, -1 where lower is, 0 where neither.
        description: for those who do not see it.
    """
    reached = [stage.level for stage in stages]
    ends = [
        before + end
        for before, stage in zip(reached, stages[1:], strict=False)
        for end in (stage.change or ())[1:]
    ]
    if unit == "rate":
        ends = [min(1.0, max(0.0, end)) for end in ends]
    scale = Scale.over([*reached, *ends], unit=unit, zero=unit == "rate" and min(reached) < 0.3)
    stages = [*stages, Stage(name="end", level=reached[-1])]
    wide = 100 / len(stages)
    drawn = [upward(scale)]
    for at, stage in enumerate(stages):
        middle = round(wide * (at + 0.5), 3)
        drawn.append(words(middle, 100, stage.name, dy=18, most=18))
        if stage.change is None or at == 0:
            drawn.append(_level(middle, wide, 100 - scale.at(stage.level)))
        else:
            drawn.append(_step(middle, wide, stages[at - 1].level, stage, scale, better))
        signed = stage.change is not None and at > 0
        text = _number(stage.change[0] if stage.change and signed else stage.level, unit, signed=signed)
        drawn.append(words(middle, min(_top(stages, at, scale), 92), text, "halo", dy=-8))
    return Chart(
        name=name,
        title=title,
        description=description,
        inner=Markup("").join(drawn),
        height=_HEIGHT,
        columns=_COLUMNS,
        rows=[_row(stage) for stage in stages[:-1]],
        legend={},
    )


def _level(middle: float, wide: float, y: float) -> Markup:
    return line(round(middle - 0.3 * wide, 3), y, round(middle + 0.3 * wide, 3), y, "level")


def _step(middle: float, wide: float, before: float, stage: Stage, scale: Scale, better: int) -> Markup:
    change = stage.change or (0.0, math.nan, math.nan)
    top, bottom = sorted((100 - scale.at(before), 100 - scale.at(stage.level)))
    drawn = Markup('<rect class="step" x="{}%" y="{}%" width="{}%" height="{}%"/>').format(
        round(middle - 0.28 * wide, 3), top, round(0.56 * wide, 3), max(0.4, round(bottom - top, 3))
    )
    low, high = before + change[1], before + change[2]
    if math.isfinite(low) and math.isfinite(high):
        for kind in ("under", "over"):
            drawn += line(middle, 100 - scale.at(low), middle, 100 - scale.at(high), f"change {kind}")
    told = f"{stage.name}: {_number(change[0], 'rate', signed=True)}"
    return Markup('<g class="{}">{}</g>').format(
        _way(change, better), drawn + circle(middle, top, "unseen-dot", told, radius=1)
    )


def _way(change: tuple[float, float, float], better: int) -> str:
    """Better or worse only where the interval of the change says so."""
    _, low, high = change
    if not better or not math.isfinite(low) or not math.isfinite(high) or low <= 0 <= high:
        return "either"
    return "better" if (low > 0) == (better > 0) else "worse"


def _top(stages: Sequence[Stage], at: int, scale: Scale) -> float:
    """Where the uppermost mark of a stage stands."""
    stage = stages[at]
    ends = [stage.level]
    if at and stage.change is not None:
        before = stages[at - 1].level
        ends += [before, *(before + end for end in stage.change[1:] if math.isfinite(end))]
    return 100 - scale.at(max(ends))


def _number(value: float, unit: str, *, signed: bool) -> str:
    if unit in ("rate", "share", "difference"):
        return f"{100 * value:{'+' if signed else ''}.1f}{'' if signed else '%'}"
    return f"{value:{'+' if signed else ''}.3g}"


def _row(stage: Stage) -> dict[str, object]:
    change = stage.change or (math.nan, math.nan, math.nan)
    return {
        "stage": stage.name,
        "level": stage.level,
        "change": change[0],
        "low": change[1],
        "high": change[2],
    }
