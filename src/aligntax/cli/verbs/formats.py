"""`aligntax formats`: its options."""

from aligntax.cli.options import call

__all__ = ["formats"]


def formats() -> None:
    """The log formats aligntax reads, and how each is recognised."""
    call("formats", locals())
