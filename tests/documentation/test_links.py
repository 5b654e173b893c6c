"""Links of every Markdown file lead somewhere: to files and headings that are there.

GitHub shows all of them, the site only some; so this reads the files and not the site. Addresses
elsewhere are looked at for their form alone: `make docs-links` asks whether they answer.
"""

import re
import runpy
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from sphinx.util.matching import Matcher

from tests.conftest import ROOT

TEMPLATES = re.compile(r"/templates/")  # with Jinja in them
PAGES = [page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts]


def markdown_files() -> list[str]:
    """Those that git has or may get, and that are no links to others."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    files = [name for name in names if not TEMPLATES.search(name)]
    return [name for name in files if (ROOT / name).is_file() and not (ROOT / name).is_symlink()]


@cache
def tokens(file: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(file.read_text())


def links(file: Path) -> Iterator[str]:
    for token in tokens(file):
        for inner in token.children or ():
            if inner.type in ("link_open", "image"):
                yield str(inner.attrs.get("href") or inner.attrs.get("src"))


@cache
def anchors(file: Path) -> set[str]:
    """The anchors that GitHub gives to a file's headings."""
    after = zip(tokens(file), tokens(file)[1:], strict=False)
    return {slug(text) for token, text in after if token.type == "heading_open"}


def slug(heading: Token) -> str:
    shown = "".join(part.content for part in heading.children or ())
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")


def fault(file: Path, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        good = parts.scheme in ("http", "https") and parts.hostname and " " not in link
        return None if good else f"{link}: no address of the web"
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.exists() or not target.is_relative_to(ROOT):
        return f"{link}: there is no such file"
    if parts.fragment and parts.fragment not in anchors(target):
        return f"{link}: {target.name} has no such heading"
    return None


@pytest.mark.parametrize("name", markdown_files())
def test_every_link_of_a_file_leads_somewhere(name: str) -> None:
    file = ROOT / name
    assert [found for link in links(file) if (found := fault(file, link))] == []


def test_a_page_of_the_site_links_to_no_page_that_the_site_lacks() -> None:
    """It would fail the build, which only the slow tests try."""
    shown = Matcher(runpy.run_path(str(ROOT / "docs/conf.py"))["include_patterns"])
    pages = [name for name in markdown_files() if shown(name)]
    linked = {
        (name, (ROOT / name).parent.joinpath(unquote(path)).resolve().relative_to(ROOT).as_posix())
        for name in pages
        for link in links(ROOT / name)
        if (path := urlsplit(link).path).endswith(".md") and not urlsplit(link).netloc
    }
    assert len(linked) > 50
    assert [(name, target) for name, target in linked if target not in pages] == []


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("gone.md", "no such file"),
        ("../../outside.md", "no such file"),
        ("README.md#no-such-heading", "no such heading"),
        ("ftp://example.org/a", "no address of the web"),
        ("https://", "no address of the web"),
        ("README.md#your-own-data", None),
        ("docs/how-to/serve.md#adapter-slots", None),
        ("https://example.org/a#b", None),
    ],
)
def test_a_dead_link_is_found(link: str, said: str | None) -> None:
    found = fault(ROOT / "README.md", link)
    assert found is None if said is None else said in (found or "")


def test_the_site_names_every_page_once() -> None:
    """A page that stands in no toctree fails the build; one in two would have two places."""
    listed = re.findall(r"^(?!:|```|\||#)([\w./*-]+)$", (ROOT / "docs/index.md").read_text(), re.M)
    pages = {page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in PAGES}
    assert pages - {"index"} <= set(listed)
    assert len(set(listed)) == len(listed)


def test_every_page_that_is_named_anywhere_is_there() -> None:
    """In messages, comments and settings too; what is history stays as it was written."""
    command = [
        "git",
        "grep",
        "--untracked",
        "-noIE",
        r"\bdocs/[a-z/-]+\.md\b",
        "--",
        ":!CHANGELOG.md",
    ]
    named = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    assert len(named) > 50
    assert [line for line in named if not (ROOT / line.rpartition(":")[2]).is_file()] == []


# --- how much there is to read --------------------------------------------------------------------


def test_the_readme_is_read_in_five_minutes() -> None:
    assert words(ROOT / "README.md") <= 700  # the rest is in docs/


def test_the_documentation_has_at_most_32_pages_in_four_parts() -> None:
    assert len(PAGES) <= 32
    found = {page.relative_to(ROOT / "docs").parent.as_posix() for page in PAGES}
    assert found == {".", "start", "how-to", "explain", "reference"}


def test_the_documentation_has_at_most_37300_words() -> None:
    """Without docs/reference/, which is looked up and mostly generated."""
    read = [page for page in PAGES if page.parent.name != "reference"]
    assert sum(map(words, read)) <= 37_300


def words(page: Path) -> int:
    return len(page.read_text().split())
