"""What in a policy contradicts something else in it, found whether or not the rest is well formed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from aligntax.policy.components import RATES, nearest
from aligntax.policy.lines import Path

__all__ = ["Contradiction", "contradictions"]

Table = Mapping[str, object]
_MISSING = "missing."
_WINDOW = "28d"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something that cannot be meant.

    Attributes:
        path: where it stands.
        cause: what is wrong.
        remedy: what to write instead.
    """

    path: Path
    cause: str
    remedy: str


def contradictions(policy: Table) -> list[Contradiction]:
    """Names given twice, people to be told who are not there, budgets that could never be held.

    Args:
        policy: as read from TOML; what has not the right form is passed over.
    """
    return [*_told_twice(policy), *_unknown_people(policy), *_budgets(policy)]


def _told_twice(policy: Table) -> Iterator[Contradiction]:
    for above, kind in (((), "use_case"), ((), "tell"), (("floor",), "hazard")):
        seen = dict[str, int]()
        for number, entry in _entries(_table(policy, *above), kind):
            name = entry.get("name")
            if isinstance(name, str) and seen.setdefault(name, number) != number:
                path = (*above, kind, number, "name")
                yield Contradiction(path, f"{name!r} is the name of another too", "give each its own")


def _unknown_people(policy: Table) -> Iterator[Contradiction]:
    known = [str(entry.get("name", "")) for _, entry in _entries(policy, "tell")]
    for path, name in _people(policy):
        if name in known:
            continue
        near = get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"add [[tell]] with name = {name!r}"
        yield Contradiction(path, f"{name!r} is not among the [[tell]] entries", remedy)


def _people(policy: Table) -> Iterator[tuple[Path, str]]:
    yield from _names(_table(policy, "floor"), ("floor",))
    for number, case in _entries(policy, "use_case"):
        yield from _names(case, ("use_case", number))
        for which, budget in _entries(case, "budget"):
            yield from _names(budget, ("use_case", number, "budget", which))


def _names(table: Table, path: Path) -> Iterator[tuple[Path, str]]:
    told = table.get("tell")
    for number, name in enumerate(told if isinstance(told, list | tuple) else ()):
        if isinstance(name, str):
            yield (*path, "tell", number), name


def _budgets(policy: Table) -> Iterator[Contradiction]:
    for number, case in _entries(policy, "use_case"):
        seen = set[str]()
        for which, budget in _entries(case, "budget"):
            path: Path = ("use_case", number, "budget", which)
            yield from _no_component(budget, path)
            yield from _no_share(budget, path)
            yield from _never_measured(budget, case, path)
            same = str([budget.get("component"), budget.get("direction"), budget.get("window", _WINDOW)])
            if same in seen:
                cause = f"{budget.get('component')!r} has another budget of this direction and window"
                yield Contradiction((*path, "component"), cause, "keep one of the two")
            seen.add(same)


def _no_component(budget: Table, path: Path) -> Iterator[Contradiction]:
    component = budget.get("component")
    if isinstance(component, str) and (near := nearest(component)):
        cause = f"nothing measures {component!r}"
        yield Contradiction((*path, "component"), cause, f"did you mean {near!r}?")


def _no_share(budget: Table, path: Path) -> Iterator[Contradiction]:
    component, limit = budget.get("component"), budget.get("limit")
    if component not in RATES or isinstance(limit, bool) or not isinstance(limit, int | float):
        return
    if not 0 <= limit <= 1:
        remedy = f"for {limit:g} % write {limit / 100:g}" if 1 < limit <= 100 else "write a share"
        yield Contradiction(
            (*path, "limit"), f"{limit:g} is no share, from 0 to 1, as {component} is", remedy
        )


def _never_measured(budget: Table, case: Table, path: Path) -> Iterator[Contradiction]:
    component = budget.get("component")
    if not isinstance(component, str) or not component.startswith(_MISSING):
        return
    flag = component.removeprefix(_MISSING)
    if component in RATES and _table(case, "counts").get(flag) != "required":
        yield Contradiction(
            (*path, "component"),
            f"{component!r} is measured only where the {flag} is required",
            f'write counts.{flag} = "required" in the use case, or leave the budget out',
        )


def _table(table: Table, *keys: str) -> Table:
    for key in keys:
        found = table.get(key)
        table = found if isinstance(found, Mapping) else {}
    return table


def _entries(table: Table, key: str) -> Iterator[tuple[int, Table]]:
    found = table.get(key)
    for number, entry in enumerate(found if isinstance(found, list | tuple) else ()):
        if isinstance(entry, Mapping):
            yield number, entry
