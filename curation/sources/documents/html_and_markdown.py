"""HTML and Markdown as documents: what they say, without what surrounds it on every page.

Libraries such as trafilatura and jusText are made for articles: they give nothing for a page of a
few sentences, tear words apart at inline tags, and keep what is hidden.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from curation.sources.documents.passages import TextBlock, limited_bytes, read_text_of
from curation.sources.tables.decoding import decode
from curation.sources.tables.unpacked_file import MIB
from project.errors import InputError

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, NavigableString, Tag
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode

LARGEST = 8 * MIB  # its parts take more than a hundred times as much memory
CHARSET = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
HEAD = 4096  # bytes in which a page says its encoding
WESTERN = {"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"}  # browsers mean another one


def html_blocks(path: Path, encoding: str | None) -> list[TextBlock]:
    """The blocks of a page's main text. Raises InputError."""
    data = limited_bytes(path, LARGEST)
    text = decode(data, path, encoding or declared(data)).text
    try:
        return blocks_of_page(text)
    except TooDeepError:
        raise InputError("has tags that are nested too deep: save it as text", file=path) from None


def declared(data: bytes) -> str | None:
    """The encoding that a page says it is in; none where it is UTF-8, whatever it says."""
    try:
        data.decode()
    except UnicodeDecodeError:
        match = CHARSET.search(data, 0, HEAD)
        charset = match[1].decode().casefold() if match else None
        return "windows-1252" if charset in WESTERN else charset
    return None


def blocks_of_page(text: str) -> list[TextBlock]:
    """Headings, paragraphs, lists and tables of a page's main text. Raises TooDeepError."""
    # Imported here because most projects read no documents.
    from bs4 import BeautifulSoup, NavigableString, Tag
    from bs4.element import PreformattedString

    page = BeautifulSoup(text, "lxml")
    title = page.title.get_text(" ", strip=True) if page.title else ""
    page_text = PageText()
    for node in main_text(page).descendants:
        if isinstance(node, Tag):
            page_text.begin(node)
        elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
            page_text.say(node)
    blocks = page_text.end()
    headed = not title or not blocks or any(block.level == 1 for block in blocks)
    return blocks if headed else [TextBlock(title, level=1), *blocks]


# --- html blocks ----------------------------------------------------------------------------------

DEEPEST = 500  # tags in one another; browsers give up at about as many
ENOUGH = 200  # characters of a main part; one with less is not what its name says
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCK_NAMES = """
    address article blockquote body caption center dd details div dl dt fieldset figcaption figure
    form header hr html legend li main ol p pre section summary table tbody td tfoot th thead tr ul
"""
BLOCKS = [*BLOCK_NAMES.split(), *HEADINGS]
LISTS = ("ul", "ol")
LINE_BREAK = "\r"  # which stands in no text that was parsed
LONGEST_CELL = 1000  # characters; a table with a longer one only arranges what is in it
PILCROWS = frozenset("¶#§🔗")  # links of a heading to itself


class TooDeepError(ValueError):
    """Tags are nested deeper than any page of a person has them."""


def main_text(page: "BeautifulSoup") -> "Tag":
    """The part that says that it is the main one, else the body, else all there is; without what
    surrounds it, and with a table of data as lines of text. Raises TooDeepError.
    """
    sizes = Counter[int]()
    for node in page.descendants:
        above = list(islice(node.parents, DEEPEST))
        if len(above) == DEEPEST:
            raise TooDeepError
        if isinstance(node, str):
            sizes.update(dict.fromkeys(map(id, above), len(node.strip())))
    articles = page.find_all("article")
    named = [*page.find_all("main"), *page.find_all(attrs={"role": "main"})]
    named += articles if len(articles) == 1 else []
    root: Tag = next((part for part in named if sizes[id(part)] >= ENOUGH), page.body or page)
    total = max(sizes[id(root)], 1)
    for tag in root.find_all(True):
        if not tag.decomposed and is_surroundings(tag, sizes[id(tag)] / total):
            tag.decompose()
    for table in root.find_all("table"):
        if rows := table_rows(table):
            table.replace_with(page.new_tag("div", string=LINE_BREAK.join(rows)))
    return root


@dataclass
class PageText:
    """The blocks of a page as they are found."""

    blocks: list[TextBlock] = field(default_factory=list)
    block: "Tag | None" = None  # that the text is in which is being read
    parts: list[str] = field(default_factory=list)  # of that text
    items: list[str] = field(default_factory=list)  # of the list that is being read
    is_new_item: bool = False

    def begin(self, tag: "Tag") -> None:
        if tag.find_parent("pre"):  # which stays whole, whatever is in it
            self.parts.append("\n" if tag.name in (*BLOCKS, "br") else "")
        elif tag.name == "br":
            self.parts.append(LINE_BREAK)
        elif tag.name in BLOCKS:
            self.flush()
            self.is_new_item |= tag.name == "li"

    def say(self, text: "NavigableString") -> None:
        block = text.find_parent("pre") or text.find_parent(BLOCKS)
        if block is not self.block:
            self.flush()
            self.block = block
        self.parts.append(str(text))

    def flush(self) -> None:
        """Make a block, or an item of a list, of the text that was read."""
        raw, self.parts = "".join(self.parts), []
        above = [self.block.name, *(tag.name for tag in self.block.parents)] if self.block else []
        lines = (" ".join(line.split()) for line in raw.split(LINE_BREAK))
        text = "\n".join(filter(None, lines))
        if "pre" in above and text:
            text = "```\n" + raw.strip("\n").rstrip() + "\n```"
        level = next((HEADINGS[name] for name in above if name in HEADINGS), 0)
        if text and (level or "li" not in above):
            self.end_list()
            self.blocks.append(TextBlock(text, level=level))
        elif text:
            depth = sum(name in LISTS for name in above) - 1
            mark = "- " if self.is_new_item else "  "
            self.items.append("  " * max(depth, 0) + mark + text.replace("\n", "\n  "))
            self.is_new_item = False

    def end_list(self) -> None:
        if self.items:
            self.blocks.append(TextBlock("\n".join(self.items)))
            self.items = []

    def end(self) -> list[TextBlock]:
        self.flush()
        self.end_list()
        return self.blocks


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


def is_surroundings(tag: "Tag", share: float) -> bool:
    """Whether a tag is left out; share is its part of the page's text."""
    if tag.name in NAMES.split() or tag.get("role") in ROLES.split() or is_hidden(tag):
        return True
    if tag.name == "header":
        return tag.find_parent(["main", "article", "section"]) is None
    if tag.name == "a" and tag.get_text(strip=True) in PILCROWS:
        return True
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


# --- markdown -------------------------------------------------------------------------------------

# Markdown as documents: what it says, without front matter, addresses and pictures.

LARGEST_MARKDOWN = 2 * MIB  # its parts take several hundred times as much memory
FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(?:.*\n)*?\1[ \t]*(?:\n|\Z)")
# A paragraph that is longer is read as it stands: its marks could take for ever to pair.
LONGEST_INLINE = 20_000
MARKS = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1>|\Z)|</?[a-zA-Z][^<>]*>", re.S)
LINE_BREAKS = {"softbreak": " ", "hardbreak": "\n"}


def markdown_blocks(path: Path, encoding: str | None) -> Iterator[TextBlock]:
    """The blocks of a Markdown text, each with the line on which it begins. Raises InputError."""
    # Imported here because most projects read no documents.
    from markdown_it.tree import SyntaxTreeNode

    text = read_text_of(path, encoding, LARGEST_MARKDOWN)
    front = match.end() if (match := FRONT_MATTER.match(text)) else 0
    line = text.count("\n", 0, front) + 1
    for node in SyntaxTreeNode(parsed(text[front:])).children:
        for block in blocks_of(node):
            yield replace(block, place=line + (block.place or 0))


def parsed(text: str) -> list["Token"]:
    """Its tokens; what stands in a line is parsed where that cannot take long."""
    from markdown_it import MarkdownIt  # as in markdown_blocks
    from markdown_it.token import Token

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.disable("inline")
    references: dict[str, object] = {}
    tokens = parser.parse(text, references)
    for token in tokens:
        if token.type != "inline":
            continue
        token.children = []
        if len(token.content) <= LONGEST_INLINE:
            parser.inline.parse(token.content, parser, references, token.children)
        else:
            token.children.append(Token("text", "", 0, content=token.content))
    return tokens


def blocks_of(node: "SyntaxTreeNode") -> Iterator[TextBlock]:
    """The blocks of a node, with their lines from 0."""
    line = node.map[0] if node.map else 0
    if node.type == "heading":
        yield TextBlock(inline_text(node), line, level=int(node.tag[1:]))
    elif node.type == "blockquote":
        for child in node.children:
            yield from blocks_of(child)
    else:
        yield TextBlock(text_of(node), line)


def text_of(node: "SyntaxTreeNode") -> str:
    if node.type in ("bullet_list", "ordered_list"):
        # An item a line, what belongs to it set in below.
        first = int(node.attrs.get("start", 1))
        items = []
        for number, item in enumerate(node.children, start=first):
            mark = f"{number}. " if node.type == "ordered_list" else "- "
            text = "\n".join(filter(None, map(text_of, item.children)))
            items.append(mark + text.replace("\n", "\n" + " " * len(mark)))
        return "\n".join(items)
    if node.type == "table":
        rows = [
            [inline_text(cell) for cell in row.children] for row in node.walk() if row.type == "tr"
        ]
        return "\n".join(" | ".join(row) for row in rows if any(row))
    if node.type in ("fence", "code_block"):
        return f"```{node.info.strip()}\n{node.content.rstrip()}\n```"
    if node.type == "html_block":
        return MARKS.sub("", node.content)
    if node.type == "blockquote":
        return "\n".join(text_of(child) for child in node.children)
    return inline_text(node)


def inline_text(node: "SyntaxTreeNode") -> str:
    """What is said in a line: links by their texts, code between its marks, no pictures."""
    if node.type in LINE_BREAKS:
        return LINE_BREAKS[node.type]
    if node.type == "text":
        return node.content
    if node.type == "code_inline":
        return f"`{node.content}`"
    if node.type in ("image", "html_inline"):
        return "\n" if node.content.lower().startswith("<br") else ""
    text = "".join(map(inline_text, node.children))
    return text if node.type in ("link", "em", "strong") else text.strip()
