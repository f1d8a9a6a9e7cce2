"""The labelling policy as a page and as a drawer beside the exchange."""

from functools import cache
from itertools import pairwise
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from aligntax.dashboard.labelling.people import Labeller
from aligntax.dashboard.rendering import render

__all__ = ["POLICY", "policy_html", "router"]

POLICY = Path(__file__).parent / "labelling-policy.md"
"""What docs/labelling-policy.md says, word for word, where an installed package finds it."""
_LEFT_OUT = ("From an audit to labels", "Versions")
router = APIRouter()


@router.get("/policy")
def show_policy(request: Request, user: Labeller) -> HTMLResponse:
    """All of it."""
    return render(request, "labelling/policy.html", title="Labelling policy", policy=policy_html(2))


@cache
def policy_html(heading: int) -> Markup:
    """What an annotator goes by: ours, so it is not escaped again; HTML within it would be.

    Args:
        heading: level of its sections' headings.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = _sections(markdown.parse(POLICY.read_text("utf-8")))
    _name_cells(tokens)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + heading - 2}"
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))


def _sections(tokens: list[Token]) -> list[Token]:
    """Without the page's own heading, and without what is for whoever plans the labelling."""
    kept, leaving = list[Token](), False
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            leaving = token.tag == "h1" or tokens[at + 1].content in _LEFT_OUT
        if not leaving:
            kept.append(token)
        if token.type == "heading_close" and token.tag == "h1":
            leaving = False
    return kept


def _name_cells(tokens: list[Token]) -> None:
    """Each cell says which column it is of: on a phone a row is a card, and the head is not seen."""
    names, at, heading = list[str](), 0, False
    for token, follower in pairwise(tokens):
        if token.type == "thead_open":
            names, heading = [], True
        elif token.type == "tbody_open":
            heading = False
        elif token.type == "tr_open":
            at = 0
        elif token.type == "th_open" and heading:
            names.append(follower.content)
            token.attrSet("scope", "col")
        elif token.type == "td_open":
            token.attrSet("data-of", names[at])
            at += 1
