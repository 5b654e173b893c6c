"""What is looked at on every page: who can read it, whether it fits, and what it asks for."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import ConsoleMessage, Dialog, Page, Request

SCREENSHOTS = Path(
    os.environ.get("INCUMBENT_SCREENSHOTS", Path(tempfile.gettempdir()) / "incumbent-screenshots")
)
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
ENLARGED = {"width": 640, "height": 400}  # the desktop's at 200 %
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
BAD = ("serious", "critical")
# What sticks out at the right, but for what lies in a part that can be scrolled.
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll"))
    .map(one => one.outerHTML.slice(0, 120))"""


class Watched:
    """What a page does that nobody sees: errors, dialogs, and requests that leave the server."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.seen: list[str] = []
        page.on("console", self.on_console)
        page.on("pageerror", lambda error: self.seen.append(f"script: {error}"))
        page.on("request", self.on_request)
        page.on("dialog", self.on_dialog)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.seen.append(f"console: {message.text}")

    def on_request(self, request: Request) -> None:
        if not request.url.startswith(f"{self.origin}/"):
            self.seen.append(f"a request to {request.url[:200]}")

    def on_dialog(self, dialog: Dialog) -> None:
        self.seen.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def taken(self) -> list[str]:
        """What was seen since the last time."""
        taken, self.seen = self.seen, []
        return taken


def faults(page: Page, name: str) -> Iterator[str]:
    """What is wrong with the page that is open: by day at a desk, at night on a phone, enlarged.

    Two pictures of it are kept in $INCUMBENT_SCREENSHOTS, or in the folder of temporary files.
    """
    yield from shown(page, name, "light", DESKTOP)
    yield from shown(page, name, "dark", PHONE)
    yield from too_wide(page, ENLARGED)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def shown(page: Page, name: str, scheme: Any, size: dict[str, int]) -> Iterator[str]:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    yield from too_wide(page, size)
    yield from (f"{scheme}: {found}" for found in hard_to_use(page))
    page.screenshot(path=SCREENSHOTS / f"{name}.{scheme}.png", full_page=True)


def too_wide(page: Page, size: dict[str, int]) -> Iterator[str]:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    for element in page.evaluate(TOO_WIDE)[:3]:
        yield f"sticks out at {size['width']} px: {element}"


def hard_to_use(page: Page) -> Iterator[str]:
    """What axe finds that keeps people from using the page."""
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    for found in Axe().run(page, options=options).response["violations"]:
        if found["impact"] in BAD:
            where = [node["html"][:160] for node in found["nodes"]]
            yield f"{found['id']} ({found['impact']}), {len(where)} times: {where[:3]}"
