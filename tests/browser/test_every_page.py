"""Every page in a real browser: it can be read by everybody, it fits, and asks nobody else."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from evaluation.generation.backends.own_vllm import free_port
from review.frame.users_file import add_user
from tests.browser.looking import DESKTOP, Watched, faults
from tests.browser.made_project import (
    CHAMPION,
    DOUBTED,
    LAST_NIGHT,
    LONGEST,
    MARKED_UP,
    UNDECIDED,
    WINNER,
)
from tests.browser.served import served

pytestmark = pytest.mark.slow
PAGES = {
    "home": "/",
    "families": "/families",
    "versions": "/versions",
    "version": f"/versions/{WINNER}",
    "champion": f"/versions/{CHAMPION}",
    "version-tried": f"/versions/{DOUBTED}",
    "version-in-experiment": f"/versions/{UNDECIDED}",
    "version-was-deployed": "/versions/1",
    "card": f"/versions/{WINNER}/card",
    "delete": f"/versions/{UNDECIDED}/delete",
    "delete-refused": f"/versions/{CHAMPION}/delete",
    "compare": f"/versions/compare?a={WINNER}&b={CHAMPION}",
    "lineage": "/lineage",
    "history": "/history",
    "history-all": "/history?kind=all",
    "verify": "/verify",
    "review": f"/review/{WINNER}",
    "review-hold": f"/review/{DOUBTED}",
    "review-undecided": f"/review/{UNDECIDED}",
    "review-champion": f"/review/{CHAMPION}",
    "rows-added": f"/review/{WINNER}/rows",
    "rows-removed": f"/review/{WINNER}/rows?which=removed",
    "rollback": "/rollback",
    "vote": f"/vote/{WINNER}",
    "vote-marked": f"/vote/{WINNER}?marked=1",
    "votes": f"/votes/{WINNER}",
    "items": f"/items?version={WINNER}",
    "items-of-two": f"/items?version={DOUBTED}&against={WINNER}",
    "item-long": f"/items/{LONGEST}?version={WINNER}",
    "item-chinese": f"/items/i1?version={WINNER}",
    "item-arabic": f"/items/i2?version={WINNER}",
    "item-markup": f"/items/{MARKED_UP}?version={WINNER}",
    "item-no-space": f"/items/i4?version={WINNER}",
    "data": "/data",
    "gate": "/data/gate",
    "gate-of-version": f"/data/gate?version={WINNER}",
    "failed-rows": f"/data/gate/rows?check={quote('no contacts')}",
    "waivers": "/data/waivers",
    "labels": "/data/queue/label",
    "corrections": "/data/queue/correction",
    "synthetic": "/data/queue/synthetic",
    "regressed": f"/data/regressed?version={WINNER}",
    "nights": "/nights",
    "night": f"/nights/{LAST_NIGHT}",
    "topic": f"/nights/{LAST_NIGHT}/topics/1",
    "topic-markup": f"/nights/{LAST_NIGHT}/topics/2",
    "deliveries": "/deliveries",
    "dossier": f"/dossier/{WINNER}",
    "api": "/api",
}
LARGE_PAGES = {
    "large-home": "/",
    "large-versions": "/versions",
    "large-lineage": "/lineage",
    "large-history": "/history",
    "large-review": "/review/1000",
    "large-compare": "/versions/compare?a=1000&b=999",
}
NOT_THERE = (
    "console: Failed to load resource: the server responded with a status of 404 (Not Found)"
)
# Links that were seen on the pages, for they must lead somewhere.
LINKS = """() => [...document.querySelectorAll("a[href]")]
  .map(one => new URL(one.getAttribute("href"), location).href.split("#")[0])"""


def watched(browser: Browser, folder: Path) -> Iterator[Watched]:
    """A browser that is signed in to a project's server."""
    with served(folder) as pages, browser.new_context(viewport=DESKTOP) as context:  # type: ignore[arg-type]
        page = context.new_page()
        found = Watched(page, pages.origin)
        page.goto(pages.door)
        page.wait_for_url(f"{pages.origin}/")
        yield found


@pytest.fixture(scope="module")
def small_project(
    chromium: Browser, made_once: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("looked-at") / "project"
    yield from watched(chromium, Path(shutil.copytree(made_once, folder)))


@pytest.fixture(scope="module")
def large_project(chromium: Browser, large: Path) -> Iterator[Watched]:
    yield from watched(chromium, large)


@pytest.fixture(scope="module")
def links() -> set[str]:
    return set()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_fit_for_everybody(name: str, small_project: Watched, links: set[str]) -> None:
    check(small_project, name, PAGES[name])
    links |= set(small_project.page.evaluate(LINKS))


@pytest.mark.parametrize("name", LARGE_PAGES)
def test_a_page_of_a_thousand_versions_is_fit_for_everybody(
    name: str, large_project: Watched
) -> None:
    check(large_project, name, LARGE_PAGES[name])


def test_no_link_of_any_page_is_dead(small_project: Watched, links: set[str]) -> None:
    own = sorted(link for link in links if link.startswith(small_project.origin))
    answers = {link: small_project.page.request.get(link).status for link in own}
    assert {link: status for link, status in answers.items() if status != 200} == {}


def test_a_page_that_is_not_there_is_fit_for_everybody_too(small_project: Watched) -> None:
    answer = small_project.page.goto(f"{small_project.origin}/versions/99")
    assert answer and answer.status == 404
    assert small_project.taken() == [NOT_THERE]
    assert list(faults(small_project.page, "not-there")) == []


def test_who_is_not_signed_in_sees_a_page_that_says_how(
    chromium: Browser, small_project: Watched
) -> None:
    with chromium.new_context() as stranger:
        page = stranger.new_page()
        page.goto(f"{small_project.origin}/review/{WINNER}")
        assert "/sign-in" in page.url
        assert list(faults(page, "sign-in-token")) == []


def test_a_refused_approval_is_fit_for_everybody_and_says_what_changed(
    small_project: Watched,
) -> None:
    page, form = small_project.page, f"form[action='/review/{WINNER}/approve']"
    page.goto(f"{small_project.origin}/review/{WINNER}")
    seen_before = f"{CHAMPION - 1}"  # as a page has it that was opened before the last promotion
    page.locator(f"{form} [name=champion]").evaluate(
        "(field, champion) => { field.value = champion }", seen_before
    )
    page.fill("#approve-reason", "better")
    page.click(f"{form} button")
    assert page.locator("h1").inner_text() == "Nothing was changed"
    assert "While you looked at the page, the champion changed" in page.content()
    small_project.taken()  # the browser says that the answer is a 409
    assert list(faults(page, "refused")) == []


OIDC = "oidc: {discovery: 'https://login.example/.well-known/x', client_id: incumbent}"


@pytest.mark.parametrize(("way", "more"), [("users", "users: users.yaml"), ("oidc", OIDC)])
def test_each_way_to_sign_in_is_fit_for_everybody(
    chromium: Browser, tmp_path: Path, way: str, more: str
) -> None:
    port = free_port()
    settings = f"{{url: 'http://127.0.0.1:{port}', {more}}}"
    (tmp_path / "params.yaml").write_text(f"registry: {{family: test}}\nreview: {settings}\n")
    add_user(tmp_path / "users.yaml", "ann", "a password of ann")
    with served(tmp_path, port) as pages, chromium.new_context() as context:
        page = context.new_page()
        page.goto(pages.origin)
        assert "/sign-in" in page.url
        assert list(faults(page, f"sign-in-{way}")) == []


def check(project: Watched, name: str, path: str) -> None:
    answer = project.page.goto(project.origin + path)
    assert answer and answer.status == 200
    project.page.wait_for_load_state("networkidle")
    assert project.taken() == []
    assert list(faults(project.page, name)) == []
