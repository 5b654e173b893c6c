"""Pictures of the pages, for the documentation: `python -m docs.pictures FOLDER`; with `phone`
behind it they are as narrow as a phone, and dark, to look at.

They are made of a bank's project with recorded answers, by the real pages in a real browser, each
time that the documentation is built: so none is older than the code. Without Chromium there are
none.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from examples.bank.recorded_bank import make_bank
from examples.bank.recorded_nights import FAMILY, situations
from monitoring import night_page
from project.files import staged_folder

CHROMIUM = Path(os.environ.get("INCUMBENT_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTH, MARGIN = 1000, 16  # of a page, and of what is shown of it, in its pixels
PHONE = 390  # the width of one
SHARP = 1.6  # pixels of the picture for one of the page
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\S*")
REPORT = f".incumbent/reports/{FAMILY}-v2.html"


@dataclass(frozen=True)
class Picture:
    """What a picture shows: a page, from one heading to the one behind the last that is shown."""

    path: str
    begins: str = ""  # empty: at the top of the page
    ends: str = ""  # empty: at its end


PICTURES = {
    "review-home": Picture("/", ends="Quality over time"),
    "challenger": Picture("/review/2", ends="What must not get worse"),
    "vote": Picture("/vote/2"),
    "dossier": Picture("/dossier/2", ends="1.2 "),
    "nights": Picture("/nights", ends="By month"),
    "gate": Picture("/data/gate"),
    "deployment": Picture("/versions/1", begins="On the traffic", ends="History"),
}


def main() -> None:
    folder = Path(sys.argv[1]).absolute()
    if not CHROMIUM.exists():
        shutil.rmtree(folder, ignore_errors=True)  # those of earlier code are none of this one
        print(f"no pictures: there is no {CHROMIUM}, and $INCUMBENT_CHROMIUM names no other")
        return
    with tempfile.TemporaryDirectory() as bank, chdir(bank), staged_folder(folder) as draft:
        os.environ |= {"INCUMBENT_HOME": f"{bank}/.incumbent", "INCUMBENT_ACTOR": "ann"}
        make_bank()
        with served() as address, pages(phone=sys.argv[2:] == ["phone"]) as page:
            take_all(page, address, draft)
            take_situations(page, draft)


@contextmanager
def served() -> Iterator[str]:
    """The project's pages, at the address that signs a browser in."""
    command = [str(Path(sys.executable).with_name("incumbent")), "review", "--no-browser"]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield next(found[0] for found in map(ADDRESS.search, server.stdout) if found)
        finally:
            server.terminate()


@contextmanager
def pages(*, phone: bool = False) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser.new_page(
            viewport={"width": PHONE if phone else WIDTH, "height": 700},
            color_scheme="dark" if phone else "light",
            device_scale_factor=SHARP,
        )
        browser.close()


def take_all(page: Page, address: str, folder: Path) -> None:
    page.goto(address)
    origin = "/".join(address.split("/")[:3])
    for name, picture in PICTURES.items():
        take(page, origin + picture.path, picture, folder / f"{name}.png")
    report = Picture(Path(REPORT).absolute().as_uri(), ends="Differences, overall")
    take(page, report.path, report, folder / "report.png")


def take_situations(page: Page, folder: Path) -> None:
    """The page that a night writes in each situation, from its top to its figures."""
    for name, (night, before) in situations(champion=1).items():
        file = folder / f"{name}.html"
        file.write_text(night_page.page(night, before, None))
        top = Picture(file.as_uri(), ends="What the signals say")
        take(page, top.path, top, folder / f"situation-{name}.png")
        file.unlink()


def take(page: Page, address: str, picture: Picture, file: Path) -> None:
    assert page.viewport_size
    page.goto(address)
    top = top_of(page, picture.begins) if picture.begins else 0
    whole: float = page.evaluate("document.body.getBoundingClientRect().height")
    end = top_of(page, picture.ends) if picture.ends else whole
    page.screenshot(
        path=file,
        full_page=True,
        clip={"x": 0, "y": top, "width": page.viewport_size["width"], "height": end - top},
    )


def top_of(page: Page, heading: str) -> float:
    box = page.locator("h2, h3").filter(has_text=heading).first.bounding_box()
    assert box, f"{page.url} has no heading {heading!r}"
    return box["y"] - MARGIN


if __name__ == "__main__":
    main()
