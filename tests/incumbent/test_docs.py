"""`docs` opens all pages as one, offline, and leads to the one that is meant."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from incumbent.verbs.docs import PAGES, whole_page
from project.errors import InputError
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def html() -> str:
    return whole_page()


def test_every_page_of_the_documentation_is_there_and_is_a_link_to_it() -> None:
    carried = {path.relative_to(PAGES).as_posix(): path for path in PAGES.glob("*.md")}
    carried |= {path.relative_to(PAGES).as_posix(): path for path in PAGES.glob("*/*.md")}
    real = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert carried.keys() == real
    assert {path.resolve() for path in carried.values()} == {ROOT / "docs" / name for name in real}


def test_every_page_stands_in_the_one_page_and_each_link_leads_to_a_place(html: str) -> None:
    there = set(re.findall(r'id="([^"]+)"', html))
    pages = {path.relative_to(PAGES).with_suffix("").as_posix() for path in PAGES.glob("*/*.md")}
    assert pages <= there
    linked = {unquote(place) for place in re.findall(r'href="#([^"]*)"', html)}
    assert linked - there == set()
    assert not re.findall(r'href="(?!#|https?://)[^"]*"', html)
    assert not re.findall(r"<(?:script|img|link)\b", html)  # it loads nothing


@pytest.mark.parametrize("page", ["drift", "explain/drift", "docs/explain/drift.md"])
def test_a_page_is_found_by_any_of_its_names(page: str) -> None:
    done = CliRunner().invoke(app, ["docs", "--print", page])
    address = urlsplit(done.stdout.strip())
    assert (address.scheme, address.fragment) == ("file", "explain/drift")
    assert "<h1>How drift is told from chance</h1>" in Path(unquote(address.path)).read_text()


def test_it_opens_where_no_cache_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    done = CliRunner().invoke(app, ["docs"])
    assert opened == [done.stdout.strip()]
    assert "<h1>Incumbent</h1>" in Path(unquote(urlsplit(opened[0]).path)).read_text()


@pytest.mark.parametrize(("page", "hint"), [("drft", "did you mean drift"), ("x/y", "there are")])
def test_a_page_that_is_not_there_is_told_the_nearest(page: str, hint: str) -> None:
    done = CliRunner().invoke(app, ["docs", page])
    assert isinstance(done.exception, InputError)
    assert hint in str(done.exception)
