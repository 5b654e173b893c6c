"""HTML as documents: the main text of a page, without what surrounds it on every page."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curation.sources.documents.passages import TextBlock, documents_of, limited_bytes
from curation.sources.row_formats import Read
from curation.sources.tables.decoding import decode
from curation.sources.tables.unpacked_file import MIB
from project.errors import InputError

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

LARGEST = 8 * MIB  # its parts take more than a hundred times as much memory
CHARSET = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
HEAD = 4096  # bytes in which a page says its encoding
WESTERN = {"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"}  # browsers mean another one


def read_html(path: Path, *, encoding: str | None = None) -> Iterator[Read]:
    """Documents of a page, each with its number on it. Raises InputError."""
    data = limited_bytes(path, LARGEST)
    text = decode(data, path, encoding or declared(data)).text
    try:
        blocks = html_blocks(text)
    except TooDeepError:
        raise InputError("has tags that are nested too deep: save it as text", file=path) from None
    yield from documents_of(path, blocks)


def declared(data: bytes) -> str | None:
    """The encoding that a page says it is in; none where it is UTF-8, whatever it says."""
    try:
        data.decode()
    except UnicodeDecodeError:
        found = CHARSET.search(data, 0, HEAD)
        said = found[1].decode().casefold() if found else None
        return "windows-1252" if said in WESTERN else said
    return None


def html_blocks(text: str) -> list[TextBlock]:
    """Raises TooDeepError."""
    # Imported here because most projects read no documents.
    from bs4 import BeautifulSoup

    return blocks_of(BeautifulSoup(text, "lxml"))


# --- html blocks ----------------------------------------------------------------------------------

# A page as blocks: headings, paragraphs, lists and tables of its main text.

DEEPEST = 500  # tags in one another; browsers give up at about as many
ENOUGH = 200  # characters of a main part; one with less is not what its name says
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCK_NAMES = """
    address article blockquote body caption center dd details div dl dt fieldset figcaption figure
    form header hr html legend li main ol p pre section summary table tbody td tfoot th thead tr ul
"""
BLOCKS = {*BLOCK_NAMES.split(), *HEADINGS}
LISTS = ("ul", "ol")
LINE_BREAK = "\r"  # which stands in no text that was parsed
LONGEST_CELL = 1000  # characters; a table with a longer one only arranges what is in it
PILCROWS = frozenset("¶#§🔗")  # links of a heading to itself


class TooDeepError(ValueError):
    """Tags are nested deeper than any page of a person has them."""


def blocks_of(page: "BeautifulSoup") -> list[TextBlock]:
    """The blocks of a page. Raises TooDeepError."""
    sizes = text_sizes(page)
    root = main_part(page, sizes)
    found = PageText(sizes, sizes[id(root)])
    found.read(root)
    title = page.title.get_text(" ", strip=True) if page.title else ""
    if title and not any(block.level == 1 for block in found.blocks) and found.blocks:
        return [TextBlock(title, level=1), *found.blocks]
    return found.blocks


class HtmlEvent(NamedTuple):
    """A tag that begins or ends, or a text."""

    what: str  # "begin", "end", "text"
    tag: "Tag"
    text: str = ""


def steps(root: "Tag") -> Iterator[HtmlEvent]:
    """A walk through a tree that needs no recursion."""
    from bs4 import NavigableString, Tag
    from bs4.element import PreformattedString

    path = [(root, iter(root.contents))]
    while path:
        tag, rest = path[-1]
        child = next(rest, None)
        if child is None:
            path.pop()
            yield HtmlEvent("end", tag)
        elif isinstance(child, Tag):
            if len(path) > DEEPEST:
                raise TooDeepError
            path.append((child, iter(child.contents)))
            yield HtmlEvent("begin", child)
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            yield HtmlEvent("text", tag, str(child))


def text_sizes(page: "Tag") -> dict[int, int]:
    """How many characters each tag holds, by its identity. Raises TooDeepError."""
    sizes: dict[int, int] = {}
    open_sizes = [0]
    for step in steps(page):
        if step.what == "begin":
            open_sizes.append(0)
        elif step.what == "text":
            open_sizes[-1] += len(step.text.strip())
        else:
            sizes[id(step.tag)] = size = open_sizes.pop()
            if open_sizes:
                open_sizes[-1] += size
    return sizes


def main_part(page: "BeautifulSoup", sizes: dict[int, int]) -> "Tag":
    """The part that says that it is the main one; else the body, else all there is."""
    articles = page.find_all("article")
    mains = [*page.find_all("main"), *page.find_all(attrs={"role": "main"})]
    named = [*mains, *(articles if len(articles) == 1 else [])]
    body: Tag | None = page.body
    return next((part for part in named if sizes[id(part)] >= ENOUGH), body or page)


@dataclass
class PageText:
    """The blocks of a page as they are found."""

    sizes: dict[int, int]
    total: int  # characters of the page
    blocks: list[TextBlock] = field(default_factory=list)
    above: list[str] = field(default_factory=list)  # names of the tags that are open
    parts: list[str] = field(default_factory=list)  # of the text that is being read
    items: list[str] = field(default_factory=list)  # of the list that is being read
    is_new_item: bool = False

    def read(self, root: "Tag") -> None:
        left_out: Tag | None = None
        for step in steps(root):
            if left_out is not None:
                left_out = None if step.what == "end" and step.tag is left_out else left_out
            elif step.what == "text":
                self.parts.append(step.text)
            elif step.what == "end":
                self.end(step.tag)
            elif self.leaves_out(step.tag) or self.reads_whole(step.tag):
                left_out = step.tag
            else:
                self.begin(step.tag)
        self.flush()
        self.end_list()

    def leaves_out(self, tag: "Tag") -> bool:
        share = self.sizes[id(tag)] / max(self.total, 1)
        is_pilcrow = tag.name == "a" and self.sizes[id(tag)] == 1 and tag.get_text() in PILCROWS
        return is_pilcrow or is_surroundings(tag, self.above, share)

    def reads_whole(self, tag: "Tag") -> bool:
        """Read a tag at once, if it is a table of data."""
        rows = table_rows(tag) if tag.name == "table" else []
        if rows:
            self.flush()
            self.add(TextBlock("\n".join(rows)))
        return bool(rows)

    def begin(self, tag: "Tag") -> None:
        if "pre" in self.above:  # which stays whole, whatever is in it
            self.parts.append("\n" if tag.name in (*BLOCKS, "br") else "")
        elif tag.name == "br":
            self.parts.append(LINE_BREAK)
        elif tag.name in BLOCKS:
            self.flush()
            self.is_new_item |= tag.name == "li"
        self.above.append(tag.name)

    def end(self, tag: "Tag") -> None:
        if tag.name in BLOCKS and "pre" not in self.above[:-1]:
            self.flush()
        if self.above:
            self.above.pop()

    def flush(self) -> None:
        """Make a block, or an item of a list, of the text that was read."""
        raw, self.parts = "".join(self.parts), []
        text = preformatted(raw) if "pre" in self.above else flowing(raw)
        level = next((HEADINGS[name] for name in self.above if name in HEADINGS), 0)
        if not text:
            return
        if level or "li" not in self.above:
            self.add(TextBlock(text, level=level))
            return
        depth = sum(name in LISTS for name in self.above) - 1
        mark = "- " if self.is_new_item else "  "
        self.items.append("  " * max(depth, 0) + mark + text.replace("\n", "\n  "))
        self.is_new_item = False

    def add(self, block: TextBlock) -> None:
        self.end_list()
        self.blocks.append(block)

    def end_list(self) -> None:
        if self.items:
            self.blocks.append(TextBlock("\n".join(self.items)))
            self.items = []


def preformatted(raw: str) -> str:
    text = raw.strip("\n").rstrip()
    return f"```\n{text}\n```" if text.strip() else ""


def flowing(raw: str) -> str:
    lines = (" ".join(line.split()) for line in raw.split(LINE_BREAK))
    return "\n".join(filter(None, lines))


def table_rows(table: "Tag") -> list[str]:
    """A table's rows, cells apart by bars; none where it only arranges what is in it."""
    if table.find(["table", "pre", *HEADINGS]):
        return []
    rows = [row.find_all(["td", "th"], recursive=False) for row in table.find_all("tr")]
    texts = [[cell_text(cell) for cell in row] for row in rows]
    longest = max((len(text) for row in texts for text in row), default=0)
    if longest > LONGEST_CELL or max(map(len, texts), default=0) < 2:
        return []
    return [" | ".join(row) for row in texts if any(row)]


def cell_text(cell: "Tag") -> str:
    apart = " " if cell.find(["br", "p", "li", "div"]) else ""
    return " ".join(cell.get_text(apart).split())


# --- html surroundings ----------------------------------------------------------------------------

# What of a page is not its text: navigation, scripts, footers, what is hidden.

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
