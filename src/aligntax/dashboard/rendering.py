"""Pages from templates: everything of others is escaped and made visible, nothing undefined passes."""

import datetime as dt
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

import aligntax.report
from aligntax.dashboard.assets import asset_url
from aligntax.dashboard.words import WORDS, said
from aligntax.report.figures import WAYS, interval_text, value_text
from aligntax.report.visible import clipped, visible

__all__ = ["NAVIGATION", "THEMES", "load_templates", "render"]

_TEMPLATES = (
    Path(__file__).parent / "templates",
    Path(aligntax.report.__file__).parent / "templates",
)
_CODE = re.compile("`([^`]+)`")
NAVIGATION: tuple[tuple[str, str], ...] = (
    ("Overview", "/"),
    ("Trend", "/trend"),
    ("Frontier", "/frontier"),
    ("Triggers", "/triggers"),
    ("Checkpoints", "/checkpoints"),
    ("Runs", "/runs"),
    ("Exchanges", "/exchanges"),
    ("Policy", "/policy"),
    ("Labelling", "/label"),
)
"""What stands at the head of every page: title and path."""
THEMES = ("auto", "light", "dark")
THEME_COOKIE = "aligntax_theme"


def render(
    request: Request,
    template: str,
    *,
    title: str,
    status: int = 200,
    **context: Any,  # noqa: ANN401 - what templates take
) -> HTMLResponse:
    """A page.

    Args:
        request: it answers; every template may read it, with `request.state.csrf` for forms and
            `request.state.user`.
        template: below `dashboard/templates`; pages extend `base.html`.
        title: of the page; its first heading too.
        status: of the answer.
        context: what the template is filled in with.
    """
    theme = request.cookies.get(THEME_COOKIE, "auto")
    shared = {
        "request": request,
        "title": title,
        "here": request.url.path,
        "query": request.url.query,
        "user": getattr(request.state, "user", None),
        "csrf": getattr(request.state, "csrf", ""),
        "theme": theme if theme in THEMES else "auto",
        "now": dt.datetime.now(dt.UTC).replace(tzinfo=None),
    }
    page = _environment().get_template(template).render(shared | context)
    return HTMLResponse(page.encode("utf-8", "replace"), status)


def load_templates(*names: str) -> None:
    """Reads templates, all without names, which the first visit of a page would do otherwise."""
    for name in names or _environment().list_templates(extensions=["html"]):
        _environment().get_template(name)


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
    )
    environment.filters |= {
        "clipped": clipped,
        "coded": _coded,
        "fraction": _fraction,
        "grouped": "{:,}".format,
        "value": value_text,
        "interval": interval_text,
        "said": said,
        "when": _when,
        "day": _day,
        "ago": _ago,
    }
    environment.globals |= {
        "asset": asset_url,
        "navigation": NAVIGATION,
        "themes": THEMES,
        "url": _url,
        "WAYS": WAYS,
        "WORDS": WORDS,
    }
    return environment


def _url(path: str, *given: Mapping[str, object], **query: object) -> str:
    """A path of ours with its query; what is empty is left out, `_` at the end of a name is cut off."""
    everything: dict[str, object] = {}
    for some in (*given, {name.removesuffix("_"): value for name, value in query.items()}):
        everything |= some
    kept = {name: value for name, value in everything.items() if value not in (None, "")}
    text = urlencode({name: _plain(value) for name, value in kept.items()}, errors="replace")
    return f"{path}?{text}" if text else path


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _coded(text: str) -> Markup:
    """Text in which `this` is set as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(visible(text)))))


def _fraction(share: float) -> str:
    """As the report words it; imported when asked for, since what measures comes with it."""
    from aligntax.report.view import fraction

    return fraction(share)


def _when(at: dt.datetime | None) -> str:
    return "unknown" if at is None else f"{at.day} {at:%b %Y, %H:%M}"


def _day(at: dt.datetime | dt.date | None) -> str:
    return "unknown" if at is None else f"{at.day} {at:%b %Y}"


def _ago(at: dt.datetime, now: dt.datetime) -> str:
    """How long ago, in the largest unit that says it well."""
    seconds = (now - at).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count >= 1:
            return f"{count:,} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
