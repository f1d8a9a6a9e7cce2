"""Documents of traffic: the bill, two bills compared, what sets refusals off, what alarming words cost."""

from pathlib import PurePath

from aligntax.ledger.documents.reader import Document, Reader, entries, named, part, texts
from aligntax.ledger.documents.walk import Naming

__all__ = ["READERS"]


def _bill_naming(document: Document) -> Naming:
    """Every figure says its component and slice; those corrected by labels stand beside the raw ones."""
    return Naming(dimensions={}, left=r"examples.*")


def _files_title(document: Document) -> str:
    """The first file's name, without what it was taken for, and how many more there are."""
    about = part(document, "about")
    told = texts(about.get("files")) or texts(about.get("sources"))
    files = [PurePath(one.partition(": ")[0]).name for one in told]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0]}{more}" if files else ""


def _of_bills(document: Document) -> dict[str, object]:
    bills = entries(document, "bills")
    return {
        name: one
        for name in ("detector", "detector_version")
        if len({named(bill.get(name)) for bill in bills}) == 1 and (one := named(bills[0].get(name)))
    }


_COMPARISON = Naming(dimensions={})
_TRIGGERS = Naming(
    dimensions={"term": "term", "name": "term"},
    renamed=[
        (r"vocabulary\.triggers\.(.+)", r"trigger.\1"),
        (r"vocabulary\.answered\.(.+)", r"answered.\1"),
        (r"causal\.effects\.(.+)", r"cause.\1"),
    ],
)
_COUNTERFACTUAL = Naming(
    dimensions={"model": "model", "term": "term", "slice": "slice", "name": "slice"},
    renamed=[
        (r"models\.rates\.(.+)", r"wording.\1"),
        (r"models\.effects\.(.+)", r"alarming.\1"),
        (r"models\.terms\.(.+)", r"alarming.term.\1"),
        (r"models\.(.+)", r"alarming.\1"),
    ],
)

READERS = (
    Reader(schema="aligntax.bill/1", naming=_bill_naming, title=_files_title),
    Reader(
        schema="aligntax.comparison/1",
        naming=lambda document: _COMPARISON,
        origin=_of_bills,
        title=lambda document: "two bills",
    ),
    Reader(
        schema="aligntax.triggers/1",
        naming=lambda document: _TRIGGERS,
        title=_files_title,
    ),
    Reader(schema="aligntax.counterfactual/1", naming=lambda document: _COUNTERFACTUAL),
)
