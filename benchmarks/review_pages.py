"""What the pages of `incumbent review` cost at 1,000 versions and 20,000 ballots.

python -m benchmarks.review_pages [--versions 1000] [--ballots 20000] [--runs 15]

Every version was decided on, every tenth was promoted, and the newest ones are voted on. The times
are those of whole requests inside of one process, sign-in and compression included: the first one,
which fills caches, and the median of the others, on the clock and of the processor: these two part
where the machine has other work. The bytes are those over the wire.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fastapi.testclient import TestClient

from benchmarks.busy_registry import FAMILY, NOW, fill
from benchmarks.frame import arguments
from project.settings import PARAMS
from registry.store import Registry
from review.frame.access_control import AccessControl
from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site

ADDRESS = "http://127.0.0.1:8765"


def main() -> None:
    options = arguments(__doc__, versions=1000, ballots=20_000, runs=15)
    with tempfile.TemporaryDirectory() as folder, open_in(Path(folder)) as registry:
        fill(registry, options.versions, options.ballots)
        print(f"{'page':44}{'first ms':>10}{'median ms':>10}{'cpu ms':>10}{'bytes':>10}")
        browser = signed_in(registry)
        for path in pages(options.versions):
            print_row(browser, path, options.runs)


def pages(size: int) -> Iterator[str]:
    yield from (
        "/",
        "/api/home",
        "/versions",
        "/versions?text=base&promoted=no",
        "/versions?page=9",
    )
    yield from (f"/versions/{size}", f"/review/{size}", f"/versions/compare?a={size}&b={size - 1}")
    yield from ("/lineage", "/lineage?all=true", "/history", "/history?kind=vote")
    yield from ("/history?actor=nobody", "/history?kind=all&text=reason", "/verify")


def print_row(browser: TestClient, path: str, times: int) -> None:
    first, _, answer = timed(browser, path)
    taken = [timed(browser, path) for _ in range(times)]
    wall, processor = (statistics.median(run[place] for run in taken) for place in (0, 1))
    status = "" if answer == 200 else f"  status {answer}"
    size = wire_bytes(browser, path)
    print(f"{path:44}{first:>10.0f}{wall:>10.0f}{processor:>10.0f}{size:>10,}{status}")


def timed(browser: TestClient, path: str) -> tuple[float, float, int]:
    """Milliseconds on the clock and of the processor, and the status."""
    start, used = time.perf_counter(), time.process_time()
    status = browser.get(path).status_code
    return (time.perf_counter() - start) * 1000, (time.process_time() - used) * 1000, status


def wire_bytes(browser: TestClient, path: str) -> int:
    with browser.stream("GET", path) as answer:
        return sum(map(len, answer.iter_raw()))


def open_in(folder: Path) -> Registry:
    """An empty registry in a project of its own, which becomes the current folder."""
    os.chdir(folder)
    os.environ["INCUMBENT_HOME"] = str(folder / ".incumbent")
    PARAMS.write_text(f"registry: {{family: {FAMILY}}}\n")
    return Registry(folder / "registry", FAMILY, actor="benchmark", clock=lambda: NOW)


def signed_in(registry: Registry) -> TestClient:
    app = create_app(Site(registry, ReviewParams(), b"s" * 32, clock=lambda: NOW))
    gate: AccessControl = app.state.gate
    gate.requests.a_minute = 1_000_000  # haste is no fault here
    session = gate.sessions.begin("benchmark", NOW, "")
    browser = TestClient(app, ADDRESS, follow_redirects=False)
    browser.cookies.set(gate.sessions.cookie, gate.sessions.sealed(session))
    return browser


if __name__ == "__main__":
    main()
