"""The steps there are, and where a ledger says which it is at."""

__all__ = ["HEAD", "STEPS", "VERSION_TABLE"]

VERSION_TABLE = "aligntax_version"
"""Not Alembic's own name: another program's tables may live in the same database."""
STEPS = ("0001", "0002")
HEAD = STEPS[-1]
"""Said here too, so that a ledger that is up to date is opened without importing Alembic."""
