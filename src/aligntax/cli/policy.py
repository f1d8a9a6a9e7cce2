"""`aligntax policy`: a policy checked and shown, and the schema of its format."""

from pathlib import Path

from rich.console import Console

from aligntax.cli.output import print_json, stderr
from aligntax.errors import UnwritableOutput
from aligntax.policy.prices import price_table
from aligntax.policy.read import load_policy
from aligntax.policy.schema import policy_schema
from aligntax.report.document import save_document
from aligntax.report.policy import policy_document, print_policy

__all__ = ["check", "schema"]


def check(*, file: Path, as_json: bool) -> None:
    """Reads a policy, and the price table it names, and prints it."""
    loaded = load_policy(file)
    price_table(loaded)
    document = policy_document(loaded)
    if as_json:
        print_json(document)
    else:
        print_policy(document, Console(highlight=False))


def schema(*, out: Path | None) -> None:
    """Prints the schema, or writes it to a file."""
    contents = policy_schema()
    if out is None:
        print_json(contents)
        return
    try:
        save_document(contents, out)
    except OSError as error:
        raise UnwritableOutput(f"{out}: cannot be written: {error.strerror}", hint="--out FILE") from error
    stderr().print(f"wrote {out}", markup=False)
