"""The bill as one HTML file: no script, no network, nothing of the log that is not escaped."""

import base64
import contextlib
import hashlib
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from aligntax.records.files import atomic
from aligntax.report.document import Document
from aligntax.report.figures import WAYS
from aligntax.report.view import SHOWN, View, clipped, fraction
from aligntax.report.visible import visible

__all__ = ["save_html"]

_TEMPLATES = Path(__file__).parent / "templates"


def save_html(contents: Document, path: Path) -> None:
    """Writes the report, whole or not at all.

    Args:
        contents: the document.
        path: of the file; it needs nothing beside it and opens without a network.
    """
    page = _environment().get_template("report.jinja").render(view=View(contents), style=_style(), csp=_csp())
    with atomic(path) as part:
        part.write_text(page, "utf-8")


class _Compiled(BytecodeCache):
    """Compiled templates in `__pycache__`, where Python keeps its own compiled code.

    Compiling takes ten times as long as filling in. Where the directory cannot be written to, templates
    are compiled anew each time.
    """

    def __init__(self) -> None:
        made_by = version("jinja2").encode() + Path(__file__).read_bytes()  # the code depends on both
        self._made_by = hashlib.sha256(made_by).hexdigest()[:16]

    def _path(self, bucket: Bucket) -> Path:
        return _TEMPLATES / "__pycache__" / f"{bucket.key}.{self._made_by}.jinja"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fills the bucket, if there is something for it; jinja checks it against the source."""
        with contextlib.suppress(OSError):
            bucket.bytecode_from_string(self._path(bucket).read_bytes())

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps what was compiled."""
        if not sys.dont_write_bytecode:
            with contextlib.suppress(OSError), atomic(self._path(bucket)) as part:
                part.write_bytes(bucket.bytecode_to_string())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_Compiled(),
    )
    environment.filters |= {"clipped": clipped, "fraction": fraction, "grouped": "{:,}".format}
    environment.globals |= {"shown": SHOWN, "WAYS": WAYS}
    return environment


@cache
def _style() -> Markup:
    """The style sheet: ours, so it is not escaped."""
    return Markup((_TEMPLATES / "style.css").read_text("utf-8"))


@cache
def _csp() -> str:
    """The browser is told to load nothing and to run nothing, whatever might have slipped in."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
