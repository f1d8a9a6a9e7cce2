"""`aligntax prices`: its options."""

from aligntax.cli.options import call

__all__ = ["prices"]


def prices() -> None:
    """The default price table, to edit and pass to --prices."""
    call("prices", locals())
