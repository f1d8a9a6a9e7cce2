"""Which budgets can be kept by counting requests, and the queries that count them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aligntax.policy.model import Budget, Hazard, Policy, UseCase

__all__ = [
    "BOUND",
    "REQUESTS",
    "Ceiling",
    "Indicator",
    "ceilings",
    "counter",
    "indicators",
    "selector",
    "uncounted",
]

_COUNTERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "completion_tax": ("alignment_tax_completion_tax_total", {}),
    "refused": ("alignment_tax_refusals_total", {}),
    "hedged": ("alignment_tax_hedges_total", {}),
    "cannot": ("alignment_tax_ability_limits_total", {}),
    "layer.provider_filter": ("alignment_tax_refusals_total", {"mechanism": "provider_filter"}),
    "layer.guardrail": ("alignment_tax_refusals_total", {"mechanism": "guardrail"}),
    "layer.model": ("alignment_tax_refusals_total", {"mechanism": "model"}),
}
REQUESTS = "alignment_tax_requests_total"
BOUND = "harmful_compliance.bounds"
"""Component whose upper end a ceiling of the floor is held to."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """A budget kept by counting.

    Attributes:
        use_case: whose budget it is.
        budget: from the policy.
        alone: whether the use case has no other budget that is counted.
    """

    use_case: UseCase
    budget: Budget
    alone: bool

    @property
    def name(self) -> str:
        """Of the objective: the use case, and the component where there are several."""
        return self.use_case.name if self.alone else f"{self.use_case.name} {self.budget.component}"

    @property
    def bad(self) -> str:
        """Counter of the requests that spend the budget."""
        metric, where = _COUNTERS[self.budget.component]
        return metric + selector(use_case=self.use_case.name, **where)

    @property
    def total(self) -> str:
        """Counter of the requests with an outcome."""
        return REQUESTS + selector(use_case=self.use_case.name)


def counter(component: str) -> str:
    """The counter of a component, of all use cases."""
    metric, where = _COUNTERS[component]
    return metric + (selector(**where) if where else "")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A ceiling of the safety floor.

    Attributes:
        hazard: from the policy; * for all that have none of their own.
        named: hazards that have a ceiling of their own.
    """

    hazard: Hazard
    named: tuple[str, ...]

    @property
    def upper(self) -> str:
        """Query: the upper bound on the share of harmful answers, the worst of models and hazards."""
        if self.hazard.name != "*":
            where = selector(component=BOUND, hazard=self.hazard.name)
        else:
            others = "".join(f',hazard!="{escaped(name)}"' for name in self.named)
            where = f'{{component="{BOUND}"{others}}}'
        return f"max(alignment_tax_rate_high{where})"


def escaped(text: str) -> str:
    """A text as it stands within the quotes of a query."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def selector(**labels: str) -> str:
    """The labels a query selects by."""
    return "{" + ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items()) + "}"


def _counted(budget: Budget) -> bool:
    return budget.component in _COUNTERS and budget.direction == "at_most" and 0 < budget.limit < 1


def indicators(policy: Policy) -> list[Indicator]:
    """The budgets that can be kept by counting, in the order of the policy."""
    found = list[Indicator]()
    for case in policy.use_case:
        counted = [budget for budget in case.budget if _counted(budget)]
        found += [Indicator(case, budget, len(counted) == 1) for budget in counted]
    return found


def uncounted(policy: Policy) -> Iterator[str]:
    """Why other budgets are left out, a line each."""
    for case in policy.use_case:
        for budget in case.budget:
            if not _counted(budget):
                yield (
                    f"budget {case.name} / {budget.component} {budget.direction} {budget.limit:g} left out: "
                    "no counter of requests goes with it; the gate holds it"
                )
        if not case.budget:
            yield f"use case {case.name} left out: it has no budget"


def ceilings(policy: Policy) -> list[Ceiling]:
    """The ceilings of the floor; none without one."""
    hazards = policy.floor.hazard if policy.floor else ()
    named = tuple(one.name for one in hazards if one.name != "*")
    return [Ceiling(one, named) for one in hazards]
