"""Chromium, and projects that it looks at. Where it is not installed the tests are skipped, but
fail where $CI is set.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.made_project import make_large, make_project
from tests.browser.served import Served, served

CHROMIUM = Path(os.environ.get("INCUMBENT_CHROMIUM", "/usr/bin/chromium"))
MISSING = f"there is no {CHROMIUM}: `apt-get install chromium`, or name one in $INCUMBENT_CHROMIUM"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP = {"width": 1280, "height": 800}

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """For this folder's tests alone: Playwright keeps an event loop as long as it runs."""
    if not CHROMIUM.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 1,000 versions."""
    return make_large(tmp_path_factory.mktemp("large") / "project")


@pytest.fixture
def project(made_once: Path, tmp_path: Path) -> Path:
    """A copy of the project for a test of its own, as its current folder."""
    return Path(shutil.copytree(made_once, tmp_path / "project"))


@pytest.fixture
def pages(project: Path) -> Iterator[Served]:
    """The project's pages."""
    with served(project) as found:
        yield found


@pytest.fixture
def context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Make a browser of somebody's own: nothing is known to it of the others."""
    opened: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        made = chromium.new_context(**({"viewport": DESKTOP} | options))  # type: ignore[arg-type]
        made.set_default_timeout(15_000)
        opened.append(made)
        return made

    yield make
    for one in opened:
        one.close()
