"""What of a page is not its text: navigation, scripts, footers, what is hidden."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import Tag

NAMES = """
    script style noscript template svg iframe object embed canvas audio video head nav footer
    aside button select option textarea input dialog menu
"""
ROLES = """
    navigation banner contentinfo search complementary menu menubar dialog alertdialog tablist
    toolbar
"""
# Words that classes and ids of what surrounds a text are made of.
WORDS = """
    nav navbar navigation menu sidebar sphinxsidebar breadcrumb breadcrumbs footer cookie cookies
    banner skip toc pagination pager share sharing social newsletter advert advertisement ads
    headerlink anchor related comments login searchbox search popup modal tooltip hidden
    sronly visuallyhidden screenreader prevnext copybutton
"""
WORD = re.compile(r"[^\W_]+")
NO_DISPLAY = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
MOST = 0.3  # of a page's text: what holds more is no surroundings, whatever its class


def is_surroundings(tag: "Tag", above: Sequence[str], share: float) -> bool:
    """Whether a tag, in tags of these names, is left out; share is its part of the page's text."""
    if tag.name in NAMES.split() or tag.get("role") in ROLES.split() or is_hidden(tag):
        return True
    if tag.name == "header":
        return not {"main", "article", "section"} & set(above)
    return share <= MOST and tag.name not in ("body", "html", "main") and is_named_so(tag)


def is_hidden(tag: "Tag") -> bool:
    if tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
        return True
    return bool(NO_DISPLAY.search(str(tag.get("style", ""))))


def is_named_so(tag: "Tag") -> bool:
    """Whether its id or one of its classes is such a word, or begins or ends with one."""
    classes = tag.get("class") or []
    names = [*([classes] if isinstance(classes, str) else classes), str(tag.get("id", ""))]
    for name in names:
        words = WORD.findall(name.casefold())
        if words and ({words[0], words[-1], "".join(words)} & set(WORDS.split())):
            return True
    return False
