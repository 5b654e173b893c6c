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

from docs.extension.commands_reference import commands
from docs.extension.pictures_shown import MARK
from docs.extension.setting_keys import every_key, parts_of_section
from project.settings import SECTIONS, model_of
from tests.browser.conftest import CHROMIUM
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
    assert every_key() - anchors(site, "docs/settings") <= parts()


def parts() -> set[str]:
    """What stands above a table, as it is no section: `evaluation.policy.suites`."""
    return {part.name for name in SECTIONS for part in parts_of_section(name)} - SECTIONS.keys()


def test_a_key_stands_with_its_type_default_and_comment(site: Path) -> None:
    row = page(site, "docs/settings").partition('id="evaluation.policy.alpha"')[2]
    told = re.sub(r"<[^>]+>|\s+", " ", row.partition("</tr>")[0])
    assert " ".join(unescape(told).split()).endswith(
        "alpha number > 0 < 0.5 0.05 shared by all looks of one champion"
    )


def test_every_verb_stands_on_the_page_of_commands_with_its_options(site: Path) -> None:
    found = anchors(site, "docs/commands")
    for name, command in commands():
        verb = name.replace(" ", "-")
        options = [one for one in command.params if one.opts[0].startswith("--")]
        shown = {f"{verb}{one.opts[0]}" for one in options if not one.hidden}
        assert {verb, *shown} <= found


def test_code_that_names_a_key_or_a_verb_leads_to_it(site: Path) -> None:
    told = page(site, "docs/drift")
    assert 'href="settings.html#monitoring.drift.false_alarms_per_year"' in told
    assert 'href="commands.html#incumbent-review"' in page(site, "docs/review")


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
    assert len(found) > 50
    assert {name: loaded for name, loaded in found.items() if loaded} == {}
