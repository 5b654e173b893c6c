"""Markdown as HTML that is safe to show: no HTML of its own, no pictures, no styles, and links that
vouch for nothing.
"""

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

DEEPEST = 6  # of HTML's headings
REL = "nofollow noopener noreferrer"
OPEN = '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>\n'


def rendered(text: str, under: int) -> Markup:
    """Its headings come below one of level `under`, so that the page has one outline. What stands
    in front as metadata, between two lines of dashes, is left out.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(without_metadata(text))
    for token in each(tokens):
        fit(token, under)
    parser.add_render_rule("table_open", lambda *_: OPEN)
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return Markup(parser.renderer.render(tokens, parser.options, {}))


def without_metadata(text: str) -> str:
    _, _, body = text.removeprefix("---\n").partition("\n---\n")
    return body if text.startswith("---\n") and body else text


def each(tokens: Sequence[Token]) -> list[Token]:
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def fit(token: Token, under: int) -> None:
    """Change a token so that it fits into a page of ours."""
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(DEEPEST, int(token.tag[1]) + under)}"
    if token.type == "link_open":
        token.attrSet("rel", REL)
    if "style" in token.attrs:  # how a column is aligned: the policy for browsers forbids styles
        kept: dict[str, Any] = {"class": "number"} if "right" in str(token.attrs["style"]) else {}
        token.attrs = kept
