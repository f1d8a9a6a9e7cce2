"""What a mean hides: a model beyond a limit that all models together keep."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from aligntax.gate.decision import Test, decided
from aligntax.gate.figures import Figures
from aligntax.gate.result import Finding, HeldSlice

__all__ = ["hidden_by_the_mean"]


def hidden_by_the_mean(slices: Sequence[HeldSlice], head: Figures) -> Iterator[Finding]:
    """Models shown to be beyond a budget that is held, and not broken, for all of them together.

    They are no part of the verdict: whoever wrote the policy holds the mean. They are decided among
    themselves, as slices that are held are (Holm), so that models which all keep to their limits give rise
    to one in at most 1 - confidence of runs.

    Args:
        slices: that were held, decided.
        head: what was measured.
    """
    looked_at = [(one, model, test) for one in slices for model, test in _models(one, head)]
    decisions = decided([test for _, _, test in looked_at])
    for (one, model, test), decision in zip(looked_at, decisions, strict=True):
        if decision.verdict == "fail":
            yield Finding(
                name="hidden_by_the_mean",
                subject=one.use_case,
                text=f"{one.budget.component} of {model} is {_figure(one.estimate.unit, test)}; "
                'by = ["model"] in the budget holds each',
                line=one.line,
                aside=True,
            )


def _models(one: HeldSlice, head: Figures) -> Iterator[tuple[str, Test]]:
    """Tests of a budget by model, where only the mean of several is held and is not broken."""
    budget = one.budget
    if one.where or "model" in budget.by or one.decision.verdict == "fail" or one.decision.finding:
        return
    models = head.values(one.use_case, "model", budget.window)
    for model in models if len(models) > 1 else ():
        found = head.find(budget.component, one.use_case, {"model": model}, budget.window)
        if found is not None and found.bounds is not None:
            seen = found.measurement.estimate
            yield model, replace(one.decision.test, bounds=found.bounds, value=seen.value, n=seen.n)


def _figure(unit: str, test: Test) -> str:
    """A figure with its bounds, and its limit."""
    assert test.bounds is not None
    ends = (test.value, test.bounds.low(test.error), test.bounds.high(test.error), test.limit)
    value, low, high, limit = (f"{end:.1%}" if unit == "rate" else f"{end:,.4g}" for end in ends)
    return f"{value} ({low} to {high}), beyond {test.direction.replace('_', ' ')} {limit}"
