"""Audits of outcomes written down by hand."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.records import FLAGS
from aligntax.tax.audit import Audit, Settings
from aligntax.tax.bill import Scale, bill
from aligntax.tax.completion import completion
from aligntax.tax.judging import JUDGED
from aligntax.tax.prices import Price, PriceTable
from aligntax.tax.symptoms import symptoms
from aligntax.tax.tally import count
from aligntax.tax.verbosity import verbosity
from aligntax.traffic.read import Reading

__all__ = ["audit_of", "outcome"]

DOLLAR_A_TOKEN = PriceTable("test", False, (Price("*", 0.0, 1e6),))


def outcome(
    name: str, *flags: str, caveat: int = 0, use_case: str = "med", **columns: object
) -> dict[str, object]:
    """One exchange: a hundred tokens of a hundred characters, so that a caveat has a token a character."""
    return {
        "id": "x",
        "outcome": name,
        **{flag: flag in flags for flag in FLAGS},
        "hedge_density": 0.0,
        "answer_offset": None if name == "refused" else caveat,
        "response_chars": 100,
        "caveat_chars": caveat,
        "detector": "by hand",
        "version": "1",
        "use_case": use_case,
        "model": "m-1",
        "fallback": False,
        "tokens_in": 10,
        "tokens_out": 100,
        "tokens_estimated": False,
        **columns,
    }


def audit_of(rows: list[dict[str, object]], path: Path, *, level: float = 0.95) -> Audit:
    """The audit of these outcomes, kept at `path`."""
    pq.write_table(pa.Table.from_pylist(rows, schema=JUDGED), path)
    tally = count(path)
    scale = Scale()
    return Audit(
        measurements=[
            *completion(tally, level=level),
            *symptoms(tally, level=level),
            *verbosity(tally, level=level),
            *bill(tally, DOLLAR_A_TOKEN, scale, level=level),
        ],
        reading=Reading(files=["by hand"]),
        tally=tally,
        scale=scale,
        detector="by hand",
        detector_version="1",
        prices=DOLLAR_A_TOKEN,
        settings=Settings(level=level),
        judged=path,
        seconds=0.0,
    )
