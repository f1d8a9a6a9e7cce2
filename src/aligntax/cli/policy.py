"""`aligntax policy`: a policy checked and shown, and the schema of its format."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aligntax.cli.output import print_json, stderr
from aligntax.errors import AligntaxError, UnreadableInput, UnwritableOutput
from aligntax.policy.prices import price_table
from aligntax.policy.read import load_policy
from aligntax.policy.schema import policy_schema
from aligntax.report.document import Document, save_document
from aligntax.report.policy import policy_document, print_policy

__all__ = ["check", "schema"]


def check(*, files: Sequence[Path], as_json: bool) -> None:
    """Reads policies, and the price tables they name, and prints them.

    Raises:
        UnreadableInput: one has mistakes; those of all of them are told.
    """
    documents, wrong = list[Document](), list[AligntaxError]()
    for file in files:
        try:
            loaded = load_policy(file)
            price_table(loaded)
        except AligntaxError as error:
            wrong.append(error)
        else:
            documents.append(policy_document(loaded))
    if as_json and len(files) > 1:
        print_json({"schema": "aligntax.policies/1", "policies": documents})
    else:
        for document in documents:
            print_json(document) if as_json else print_policy(document, Console(highlight=False))
    if len(wrong) > 1:
        raise UnreadableInput("\n".join(str(error) for error in wrong))
    if wrong:
        raise wrong[0]


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
