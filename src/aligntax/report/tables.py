"""How tables and words of others look on a terminal."""

from collections.abc import Collection, Iterable

from rich.markup import escape
from rich.table import Table
from rich.text import Text

__all__ = ["dim", "facts_table", "figures_table", "printable", "shown"]


def printable(text: str) -> str:
    """Text from a log made safe for a terminal: no control character, no direction override."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def shown(text: object) -> str:
    """The same where markup is read: brackets in the text are no markup."""
    return escape(printable(str(text)))


def dim(text: str) -> Text:
    """What is read last."""
    return Text(text, style="dim")


def figures_table(title: str, *columns: str, names: Collection[int] = (0,), firm: bool = False) -> Table:
    """A table of figures without lines.

    Args:
        title: above it; "" for none.
        columns: headings.
        names: numbers of the columns that hold words, to the left; the others are to the right.
        firm: whether figures never fold where it is narrow; not for columns that may hold a reason why there
            is no figure.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    if title:
        made.title, made.title_justify, made.title_style = f"\n{printable(title)}", "left", "bold"
    made.caption_justify = "left"
    for at, column in enumerate(columns):
        left = at in names
        made.add_column(
            column,
            justify="left" if left else "right",
            overflow="fold",
            no_wrap=firm and not left,
            header_style="dim",
        )
    return made


def facts_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and what they stand for, line by line."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, shown(value))
    return made
