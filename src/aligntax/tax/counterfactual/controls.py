"""Harmless words with others of the same meaning, for requests whose pack or lexicon names no control."""

from aligntax.tax.counterfactual.terms import Control

__all__ = ["CONTROLS"]

_PAIRS = """
answer -> reply
begin -> start
big -> large
briefly -> concisely
buy -> purchase
checked -> verified
common -> frequent
currently -> at present
describe -> outline
detailed -> thorough
different -> distinct
entire -> whole
especially -> particularly
exactly -> precisely
example -> instance
explain -> set out
give -> provide
help -> assist
however -> yet
idea -> notion
important -> significant
job -> task
main -> chief
maybe -> perhaps
mention -> note
method -> approach
mostly -> mainly
often -> frequently
perhaps -> maybe
please -> kindly
possible -> feasible
problem -> issue
quickly -> promptly
rapidly -> quickly
really -> truly
reason -> cause
show -> demonstrate
simple -> plain
small -> little
step -> stage
suggest -> propose
summarise -> sum up
summarize -> sum up
talk -> speak
tell -> inform
usually -> normally
write -> compose
"""


def _read() -> tuple[Control, ...]:
    lines = (line.split(" -> ") for line in _PAIRS.strip().splitlines())
    return tuple(Control(term, replacement) for term, replacement in lines)


CONTROLS: tuple[Control, ...] = _read()
"""In alphabetical order; which one a request gets hangs on its id."""
