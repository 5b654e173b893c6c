"""People review a challenger in a real browser: by keyboard, without script, two at once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from project.records.events import BallotCast
from registry.ballots.casting import comment_text
from registry.ballots.standing import read_votes
from tests.browser.looking import faults
from tests.browser.made_project import PASSWORDS, TEXTS, WINNER, inside, opened, write_settings
from tests.browser.served import Served, served
from tests.browser.walking import follow, is_done, press_and_go, tab_to

pytestmark = pytest.mark.slow
VOTE, REVIEW = f"/vote/{WINNER}", f"/review/{WINNER}"
COMMENT = "1 is not a vote here, nor is 2"
WHY = "better where our customers ask most"
Browsers = Callable[..., BrowserContext]


def cast(project: Path) -> list[tuple[str, str]]:
    """Who voted on which item, for every ballot that stands."""
    with opened(project) as registry:
        standing = read_votes(registry, WINNER).ballots.values()
        return [(one.event.actor, one.detail.item) for one in standing]


def own(project: Path, reviewer: str = "ann") -> list[str]:
    return [item for actor, item in cast(project) if actor == reviewer]


def vote_on_all(page: Page, keys: str) -> int:
    """Press these keys in turn until nothing is left; returns how many votes that were."""
    votes = 0
    while not is_done(page):
        press_and_go(page, keys[votes % len(keys)])
        votes += 1
        assert votes <= 2 * len(TEXTS)
    return votes


def shown(page: Page) -> str | None:
    return page.locator('input[name="shown"]').get_attribute("value")


def test_a_whole_review_needs_no_mouse(pages: Served, project: Path, context: Browsers) -> None:
    page = context().new_page()
    page.goto(pages.door)
    page.wait_for_url(f"{pages.origin}/")
    follow(page, f'a[href="{VOTE}"]')
    vote_with_a_comment(page)
    press_and_go(page, "u")
    assert own(project) == []
    assert vote_on_all(page, "1234") == len(TEXTS)
    assert len(own(project)) == len(set(own(project))) == len(TEXTS)
    assert list(faults(page, "vote-done")) == []
    follow(page, 'main a[href="/"]')
    follow(page, f'a[href="{REVIEW}"]')
    approve(page)
    with opened(project) as registry:
        champion, promoted = registry.champion(), registry.history(kind="promote")[-1]
        assert champion and champion.number == WINNER
        assert (promoted.actor, promoted.reason) == ("ann", WHY)
        ballots = [one.told(BallotCast) for one in registry.history(kind="vote")]
        assert COMMENT in [comment_text(registry.artifacts, ballot) for ballot in ballots]


def vote_with_a_comment(page: Page) -> None:
    tab_to(page, "summary")
    page.keyboard.press("Enter")
    tab_to(page, "#comment")
    page.keyboard.type(COMMENT)
    follow(page, '[data-key="2"]', "Shift+Tab")


def approve(page: Page) -> None:
    tab_to(page, 'a[href="#decide"]')
    page.keyboard.press("Enter")
    tab_to(page, "#approve-reason")
    page.keyboard.type(WHY)
    follow(page, "form[action$=approve] button")


def test_a_vote_and_the_page_survive_a_reload_and_a_restart_of_the_server(
    project: Path, context: Browsers
) -> None:
    page = context().new_page()
    with served(project) as before:
        page.goto(before.door)
        page.wait_for_url(f"{before.origin}/")
        page.goto(before.origin + VOTE)
        press_and_go(page, "1")
        seen = shown(page)
        page.reload()
        assert shown(page) == seen
    with served(project, before.port):
        press_and_go(page, "2")  # on the page of the server that has ended
        assert f"2 of {len(TEXTS)}" in page.locator("main").inner_text()
    assert len(set(own(project))) == 2


def test_two_reviewers_at_once_each_vote_once_on_an_item_and_lose_no_vote(
    project: Path, context: Browsers
) -> None:
    with inside(project):
        write_settings("users: users.yaml")
    with served(project) as pages:
        both = {name: signed_in(context(), pages, name) for name in PASSWORDS}
        sent: Counter[str] = Counter()
        while busy := [name for name, page in both.items() if not is_done(page)]:
            sent.update(busy)
            vote_at_once([both[name] for name in busy])
    votes = cast(project)
    assert len(votes) == len(set(votes))
    assert {name: len(own(project, name)) for name in PASSWORDS} == sent
    items = [item for _, item in votes]
    assert all(items.count(f"i{number}") >= 2 for number in range(len(TEXTS)))


def vote_at_once(pages: list[Page]) -> None:
    """Each page sends a vote before any of them has its answer."""
    for page in pages:
        page.evaluate("document.body.dataset.old = 'yes'")
        page.keyboard.press("3")
    for page in pages:
        page.wait_for_selector("body:not([data-old])")


def signed_in(browser: BrowserContext, pages: Served, name: str) -> Page:
    page = browser.new_page()
    page.goto(pages.origin + VOTE)
    assert list(faults(page, "sign-in-users")) == []
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORDS[name])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(pages.origin + VOTE)
    return page


def test_without_script_a_vote_and_an_approval_work(
    pages: Served, project: Path, context: Browsers
) -> None:
    page = context(java_script_enabled=False).new_page()
    page.goto(pages.door)
    page.goto(pages.origin + VOTE)
    page.get_by_role("button", name="Left is better").click()
    page.wait_for_load_state()
    assert len(own(project)) == 1
    page.goto(pages.origin + REVIEW)
    page.locator("#approve-reason").fill("as good as it looks")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_load_state()
    with opened(project) as registry:
        champion = registry.champion()
        assert champion and champion.number == WINNER
