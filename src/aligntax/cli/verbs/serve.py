"""`aligntax serve`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import LedgerAt, Quiet, call

__all__ = ["serve"]


def serve(
    logs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LOG]...",
            help="Logs to measure first; without --ledger what was measured is forgotten when it stops.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="What the logs are held to.",
            show_default="aligntax.toml beside the first, else one is proposed",
        ),
    ] = None,
    ledger: LedgerAt = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs --access.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8420,
    access: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Who may come in (TOML): [[user]] with name, role (viewer, labeller, approver), token_file "
            "or token_sha256; [proxy] with user_header, groups_header, trusted, roles; hosts; secure.",
        ),
    ] = None,
    show_text: Annotated[
        bool,
        typer.Option(
            "--show-text",
            help="Show exchanges as they are to labellers and approvers; else personal data is taken out.",
            show_default=False,
        ),
    ] = False,
    browser: Annotated[
        bool, typer.Option("--open", help="Open it in a browser.", show_default=False)
    ] = False,
    quiet: Quiet = False,
) -> None:
    """The dashboard over a ledger, and its labelling screen, as web pages that need no network."""
    call("serve", locals())
