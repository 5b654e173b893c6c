"""What people do on the pages, with a keyboard alone."""

from playwright.sync_api import Page

MOST_TABS = 150
FOCUS_IS_SEEN = """element => {
  const style = getComputedStyle(element);
  return style.outlineStyle !== "none" || style.boxShadow !== "none";
}"""


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press Tab, or Shift+Tab, until the focus is there, where it must be seen."""
    for _ in range(MOST_TABS):
        page.keyboard.press(key)
        focus = page.locator(":focus")
        if focus.count() and focus.evaluate("(element, s) => element.matches(s)", selector):
            assert focus.evaluate(FOCUS_IS_SEEN), f"the focus on {selector} is not seen"
            return
    raise AssertionError(f"{MOST_TABS} times {key} on {page.url} did not come to {selector}")


def press_and_go(page: Page, key: str) -> None:
    """Press a key that leads to another page."""
    with page.expect_navigation():
        page.keyboard.press(key)


def follow(page: Page, selector: str, key: str = "Tab") -> None:
    """Go to a link or a button, and press it."""
    tab_to(page, selector, key)
    press_and_go(page, "Enter")


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def is_done(page: Page) -> bool:
    return heading(page).startswith(("Done", "Nothing is left"))
