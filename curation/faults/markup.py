"""HTML in what is to be read as text: tags, entities, and the marks of forums."""

import html
import re

from curation.faults.prose import holds, in_either, without_code
from project.records.data import Row

NAMES = (
    "abbr|article|aside|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|embed|figure|font"
    "|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|ol"
    "|option|p|pre|script|section|select|small|source|span|strike|strong|style|sub|sup|svg|table"
    "|tbody|td|textarea|tfoot|th|thead|title|tr|u|ul|video|a"
)
TAG = re.compile(rf"<(?P<end>/?)(?P<name>{NAMES})(?P<more>\s[^<>]{{0,400}})?\s?/?>", re.I)
BREAKING_TEXT = "article blockquote br dd div dl dt footer form header hr li ol p pre section"
BREAKING = frozenset(BREAKING_TEXT.split())
VOID = frozenset(("br", "hr", "img", "input", "link", "meta"))
COMMENT = re.compile(r"<!--.{0,2000}?-->|<!DOCTYPE[^>]{0,200}>|<!\[CDATA\[", re.S | re.I)
HIDDEN = re.compile(r"<(script|style)\b[^<>]{0,200}>[^<]{0,5000}</\1\s?>", re.I)
NAMED = (
    "amp|lt|gt|quot|apos|nbsp|copy|reg|trade|hellip|mdash|ndash|[lr][sd]quo|[lr]aquo|bull|middot"
)
LETTERS = (
    r"[a-zA-Z]{1,6}(?:acute|grave|circ|uml|tilde|cedil|ring|lig|slash)|euro|pound"
    r"|yen|cent|deg|sect|para|times|szlig|shy|zwnj|zwj|ensp|emsp|rarr|larr"
)
ENTITY = re.compile(rf"&(?:amp;)*(?:{NAMED}|{LETTERS}|#\d{{2,6}}|#[xX][0-9a-fA-F]{{2,5}});")
BARE = re.compile(
    r"(?<![\w&?=])&(?:nbsp|quot|amp|lt|gt)(?=[\s<&]|$)|(?<=\w)\s?#39;|(?<![\w&])quot;"
)
FORUM = re.compile(
    r"\[(?P<name>b|i|u|s|url|quote|code|img|color|size|list|spoiler|center)(?:=[^\]\n]{0,200})?\]"
    r"[^\[\n]{0,400}\[/(?P=name)\]",
    re.I,
)
WIKI = re.compile(r"\[\[(?:File|Image|Category):|</?ref\b", re.I)
# Whoever speaks of it writes it.
ABOUT = re.compile(
    r"html|\bcss\b|xml|\btags?\b|web ?(?:page|site)|\bweb\b|javascript|\bjsx?\b"
    r"|react|\bvue\b|angular"
    r"|\bsvg\b|\bdom\b|entit|markup|markdown|bbcode|escap|parser?\b|scrap|beautifulsoup|jinja|php"
    r"|code|encod|网页|标签|代码",
    re.I,
)


def markup(row: Row) -> str | None:
    return None if speaks_of_it(row) else in_either(row, markup_of)


def speaks_of_it(row: Row) -> bool:
    """Whether the row is about such marks; only looked at where there are some."""
    text = row.prompt_text
    return (
        may_hold(f"{text}\n{row.completion_text}") and ABOUT.search(TAG.sub(" ", text)) is not None
    )


def may_hold(text: str) -> bool:
    return holds(text, ("<", "&", "[/", "#39;", "quot;", "[["))


def markup_of(text: str) -> str | None:
    if not may_hold(text):
        return None
    text = without_code(text)
    if "<" in text and (has_tags(text) or COMMENT.search(text)):
        return "HTML tags"
    if ENTITY.search(text) or BARE.search(text):
        return "HTML entities"
    if FORUM.search(text) or WIKI.search(text):
        return "marks of a forum or a wiki"
    return None


def has_tags(text: str) -> bool:
    """One tag that can be nothing else, or two: `<p>` alone may be a place for a word."""
    tags = list(TAG.finditer(text))
    sure = any(
        tag["end"] or tag["name"].lower() in VOID or "=" in (tag["more"] or "") for tag in tags
    )
    return sure or len(tags) > 1


def unmarked(text: str) -> str:
    """The text that a reader of the page sees. What may be code, between backquotes, stays."""
    if not may_hold(text) or "`" in text or markup_of(text) is None:
        return text
    if "<" in text and (has_tags(text) or COMMENT.search(text)):
        text = TAG.sub(read, HIDDEN.sub(" ", COMMENT.sub("", text)))
    return ENTITY.sub(character, text)


def read(tag: re.Match[str]) -> str:
    """A new line where the page has one."""
    name = tag["name"].lower()
    if name in BREAKING or re.fullmatch(r"h[1-6]|tr|ul|table", name):
        return "\n" if tag["end"] or name in VOID else ""
    return " " if name in ("td", "th") and tag["end"] else ""


def character(entity: re.Match[str]) -> str:
    """Of an entity that was escaped again and again too. A blank is a blank."""
    name = re.sub(r"&(?:amp;)+(?=\w|#)", "&", entity[0])
    return html.unescape(name).replace("\u00a0", " ")
