"""`docs`: the documentation as one page, which a browser shows without a network."""

import re
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Annotated

import typer
from jinja2 import Template
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from project.errors import InputError
from project.files import write_bytes
from project.kept_folders import users_cache

# A wheel carries the pages; in the repository these are links to docs/.
PAGES = Path(__file__).parents[1] / "pages"
TEMPLATE = Path(__file__).with_name("templates") / "docs.html"
TOCTREE = re.compile(r"^```\{toctree\}\n:caption: (.+)\n((?:[^`\n].*\n|\n)*+)```\n", re.MULTILINE)


def open_docs(
    page: Annotated[
        str | None, typer.Argument(help="The page to begin with, such as drift or how-to/serve.")
    ] = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the address, and open nothing.")
    ] = False,
) -> None:
    """Open the documentation in a browser, without a network.

    It is one page, so that the browser's own search finds a word wherever it is.

    $ incumbent docs start/decide
    """
    place = place_of(page) if page else ""
    address = put(whole_page().encode()).as_uri() + (f"#{place}" if place else "")
    typer.echo(address)
    if not only_print and not webbrowser.open(address):
        typer.echo("no browser could be opened: open this address in one", err=True)


def put(page: bytes) -> Path:
    """Where the page is, for a browser: in the user's cache, or for once where none can be kept."""
    if cache := users_cache():
        with suppress(OSError):
            write_bytes(cache / "docs.html", page)
            return (cache / "docs.html").resolve()
    file = Path(tempfile.mkdtemp()) / "docs.html"
    file.write_bytes(page)
    return file


def place_of(asked: str) -> str:
    """The name of the page that is meant. Raises InputError where none is, or several are."""
    names = ["index", *(name for _, listed in parts() for name in listed)]
    wanted = asked.removeprefix("docs/").removesuffix(".md")
    matches = [name for name in names if wanted in (name, PurePosixPath(name).name)]
    if len(matches) == 1:
        return matches[0]
    near = matches or get_close_matches(wanted, [PurePosixPath(name).name for name in names], n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
    raise InputError(f"there is no page {asked} in the documentation: {hint}")


def whole_page() -> str:
    """The first page, and all that it lists, in its order."""
    listed = [(title, [(name, title_of(name)) for name in names]) for title, names in parts()]
    bodies = [("index", shown("index"))]
    bodies += [(name, shown(name)) for _, pages in listed for name, _ in pages]
    template = Template(TEMPLATE.read_text(encoding="utf-8"), autoescape=True)
    page: str = template.render(parts=listed, pages=bodies, version=version("incumbent"))
    return page


def parts() -> Iterator[tuple[str, list[str]]]:
    """The parts, as the first page lists them, with the pages that are here."""
    for title, lines in TOCTREE.findall(text_of("index")):
        names = [line for line in lines.splitlines() if (PAGES / f"{line}.md").is_file()]
        if names:
            yield title.strip('"'), names


def text_of(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def title_of(name: str) -> str:
    return text_of(name).partition("\n")[0].removeprefix("# ")


def shown(name: str) -> Markup:
    """A page as HTML; its headings and links have their place in the whole."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(TOCTREE.sub("", text_of(name)))
    for token, text in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and text is not None and token.tag != "h1":
            token.attrSet("id", f"{name}/{slug(text)}")
        for inner in token.children or ():
            if inner.type == "link_open":
                lead(inner, name)
    return Markup(scrollable(parser.renderer.render(tokens, parser.options, {})))


def slug(heading: Token) -> str:
    """As GitHub and the site have it."""
    text = "".join(part.content for part in heading.children or ())
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def lead(link: Token, page: str) -> None:
    """A link to another page leads to its place here; one to a file that is not here, nowhere."""
    path, _, heading = str(link.attrs["href"]).partition("#")
    if re.match(r"\w+:", path):
        return
    target = normpath(str(PurePosixPath(page).parent / path)).removesuffix(".md") if path else page
    if (PAGES / f"{target}.md").is_file():
        link.attrs["href"] = f"#{target}/{heading}" if heading else f"#{target}"
    else:
        del link.attrs["href"]


def scrollable(html: str) -> str:
    """What is wider than a phone can be scrolled by itself, by keys too."""
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    return html.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')
