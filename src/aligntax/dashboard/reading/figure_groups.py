"""The figures of any run, whatever its kind, as tables: one a component, a row a slice."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from aligntax.records import Measurement

__all__ = ["Group", "grouped_figures"]

_MOST = 1500
"""Rows on one page; the rest is in the document."""


@dataclass(frozen=True, slots=True)
class Group:
    """Figures of one component.

    Attributes:
        component: its name.
        dimensions: what its slices are told by, in order.
        figures: in the order of the run.
    """

    component: str
    dimensions: tuple[str, ...]
    figures: list[Measurement]

    @property
    def single(self) -> bool:
        """Whether it is one figure, which needs no table of its own."""
        return len(self.figures) == 1 and not self.dimensions


def grouped_figures(figures: Sequence[Measurement]) -> tuple[list[Group], int]:
    """Figures by component, in the order components come.

    Returns:
        Groups, and how many figures were left out since a page cannot hold them.
    """
    found = defaultdict[str, list[Measurement]](list)
    for figure in figures[:_MOST]:
        found[figure.component].append(figure)
    groups = [Group(name, _dimensions(some), some) for name, some in found.items()]
    return groups, max(0, len(figures) - _MOST)


def _dimensions(figures: Sequence[Measurement]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for figure in figures for name in figure.slice))
