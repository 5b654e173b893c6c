"""The documentation site is built anew, without a network and without a warning, with pictures of
the pages as they are now; its reference has every key and every verb.
"""

import os
import re
import struct
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from docs.extension.commands_reference import commands
from docs.extension.pictures_shown import MARK
from docs.extension.setting_keys import every_key
from project.settings import SECTIONS, model_of
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.looking import faults
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

NOWHERE = "http://127.0.0.1:9"  # where nobody answers: what wants to leave this machine fails
OFFLINE = {
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE),
    "no_proxy": "127.0.0.1",
    "NO_PROXY": "127.0.0.1",
    "HF_HUB_OFFLINE": "1",
}
# A page may name other addresses in links, but a reader's browser must not load from them.
LOADED = re.compile(r'<(?:script|img|link rel="stylesheet")[^>]* (?:src|href)="(?:\w+:)?//')


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ | OFFLINE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the two commands of `make docs`."""
    if not CHROMIUM.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"there is no {CHROMIUM}")
    folder = tmp_path_factory.mktemp("site")
    run("docs.pictures", str(folder / "pictures"))
    strict = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    own = ["--conf-dir", "docs", "--define", f"pictures={folder / 'pictures'}"]
    run("sphinx", "--builder", "html", *strict, *own, ".", str(folder / "html"))
    return folder


def page(site: Path, name: str) -> str:
    return (site / "html" / f"{name}.html").read_text()


def anchors(site: Path, name: str) -> set[str]:
    return set(re.findall(r' id="([^"]+)"', page(site, name)))


def test_every_key_of_params_yaml_has_an_anchor_on_the_page_of_settings(site: Path) -> None:
    keys = {f"{name}.{key}" for name in SECTIONS for key in model_of(name).model_fields}
    assert keys <= every_key()
    assert every_key() <= anchors(site, "docs/reference/settings")


def test_a_key_stands_with_its_type_default_and_comment(site: Path) -> None:
    row = page(site, "docs/reference/settings").partition('id="evaluation.policy.alpha"')[2]
    told = re.sub(r"<[^>]+>|\s+", " ", row.partition("</tr>")[0])
    assert " ".join(unescape(told).split()).endswith(
        "alpha number > 0 < 0.5 0.05 shared by all looks of one champion"
    )


def test_every_verb_stands_on_the_page_of_commands_with_its_options(site: Path) -> None:
    found = anchors(site, "docs/reference/commands")
    for name, command in commands():
        verb = name.replace(" ", "-")
        options = [one for one in command.params if one.opts[0].startswith("--")]
        shown = {f"{verb}{one.opts[0]}" for one in options if not one.hidden}
        assert {verb, *shown} <= found


def test_code_that_names_a_key_or_a_verb_leads_to_it(site: Path) -> None:
    told = page(site, "docs/explain/drift")
    assert 'href="../reference/settings.html#monitoring.drift.false_alarms_per_year"' in told
    assert 'href="../reference/commands.html#incumbent-drift-check"' in told


def test_every_picture_that_a_page_names_is_on_it_with_what_is_seen(site: Path) -> None:
    named = [
        (file, mark[1])
        for file in (ROOT / "docs").rglob("*.md")
        for mark in MARK.finditer(file.read_text())
    ]
    assert {name for _, name in named} == {file.stem for file in (site / "pictures").iterdir()}
    for file, name in named:
        told = page(site, file.relative_to(ROOT).with_suffix("").as_posix())
        assert re.search(rf'<img alt="[^"]{{20,}}" src="[^"]*{name}\.png"', told), (file, name)


def test_no_picture_is_empty_or_endless(site: Path) -> None:
    for file in (site / "pictures").iterdir():
        width, height = struct.unpack(">II", file.read_bytes()[16:24])
        assert 1000 < width < 2000 and 300 < height < 3000, file.name


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    found = {file.name: LOADED.findall(file.read_text()) for file in site.rglob("*.html")}
    assert len(found) > 30
    assert {name: loaded for name, loaded in found.items() if loaded} == {}


def test_the_search_works_without_a_server(site: Path) -> None:
    """What it looks words up in is a script, which a browser loads from a file too."""
    index = (site / "html" / "searchindex.js").read_text()
    assert index.startswith("Search.setIndex(")
    assert "docs/explain/drift" in index
    assert 'src="searchindex.js"' in page(site, "search")


def test_pages_can_be_read_by_everybody_on_a_phone_and_at_night_too(site: Path) -> None:
    pages = ("index", "explain/security", "reference/commands", "how-to/hardware")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        shown = browser.new_page()
        for name in pages:
            shown.goto((site / "html" / "docs" / f"{name}.html").as_uri())
            assert list(faults(shown, f"docs-{name.replace('/', '-')}")) == []
        browser.close()
