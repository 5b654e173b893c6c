"""A dossier as one file: HTML that needs nothing else, or PDF where a browser can print it."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from project.errors import IncumbentError, InputError
from project.files import write_bytes
from project.html import render
from review.dossier.document import Dossier, Filled

TEMPLATE = Path(__file__).parent / "templates" / "file.html"
# Of Chromium's family, in the order in which they are tried; each prints a page without a screen.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 120.0  # that printing may take


def html_of(dossier: Dossier) -> str:
    """The whole dossier as one self-contained HTML page. Equal dossiers give equal bytes."""
    return render(TEMPLATE, dossier=dossier, filled=Filled)


def write_dossier(dossier: Dossier, to: Path) -> None:
    """Write the file, whole or not at all. Raises InputError as refuse_unwritable does."""
    refuse_unwritable(to)
    html = html_of(dossier)
    write_bytes(to, printed(html, browser_here()) if is_pdf(to) else html.encode())


def refuse_unwritable(to: Path) -> None:
    """Raise InputError for a name that is neither HTML nor PDF, or a PDF that nothing can print."""
    if is_pdf(to):
        browser_here()
    elif to.suffix.lower() not in (".html", ".htm"):
        raise InputError("must end in .html or .pdf", file=to, field="--to")


def is_pdf(to: Path) -> bool:
    return to.suffix.lower() == ".pdf"


def browser_here() -> str:
    """A browser that prints. Raises InputError where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise InputError(
            "a PDF is printed by Chromium or Chrome, and neither is installed: `apt install "
            "chromium`, or write HTML (--to FILE.html) and print it from any browser",
            field="--to",
        )
    return found


def printed(html: str, browser: str) -> bytes:
    """The page as PDF. Raises IncumbentError when the browser fails."""
    with tempfile.TemporaryDirectory(prefix="incumbent-dossier-") as place:
        page, paper = Path(place, "dossier.html"), Path(place, "dossier.pdf")
        page.write_text(html)
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={place}/profile",
            f"--print-to-pdf={paper}",
            # As root it has no sandbox, and says so; the page is ours and holds no script.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            page.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise IncumbentError(f"{browser} did not print the PDF: {error}") from None
        if done.returncode or not paper.exists():
            said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            raise IncumbentError(f"{browser} did not print the PDF: {said or 'no word'}")
        return paper.read_bytes()
