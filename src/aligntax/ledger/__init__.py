"""What was measured, labelled, decided and watched over time, in SQLite or PostgreSQL; never rewritten."""

from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.runs import Origin, Run, find_run, record_run

__all__ = ["Ledger", "Origin", "Run", "find_run", "open_ledger", "record_run"]
