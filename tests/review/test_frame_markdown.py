"""Markdown of a model card as HTML: readable, and nothing in it acts."""

from pathlib import Path

import pytest

from registry.store import Registry
from review.frame.pages import rendered
from tests.places import submit
from tests.review.conftest import Browser


def test_headings_come_below_the_page_and_metadata_is_left_out() -> None:
    html = rendered("---\nlicense: mit\n---\n\n# Card\n\n###### deep\n", 1)
    assert html == "<h2>Card</h2>\n<h6>deep</h6>\n"


def test_a_table_can_be_scrolled_and_has_no_style() -> None:
    html = rendered("| a | b |\n| --- | ---: |\n| x | 1 |\n", 1)
    assert 'class="scroll"' in html
    assert '<td class="number">1</td>' in html
    assert "style=" not in html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://evil.example/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "<a href='x' onclick='alert(1)'>x</a>",
        "&lt;script&gt;",
        '[x](https://a.example "\\" onmouseover=alert(1) x=\\"")',
    ],
)
def test_nothing_in_it_acts(hostile: str) -> None:
    html = rendered(f"text {hostile}\n\n{hostile}\n", 1)
    for tag in ("<script", "<img", "<a href='x'", 'href="javascript', 'href="data', '" onmouse'):
        assert tag not in html
    assert 'href="vbscript' not in html


def test_a_link_vouches_for_nothing() -> None:
    html = rendered("[x](https://a.example/y)", 1)
    assert '<a href="https://a.example/y" rel="nofollow noopener noreferrer">x</a>' in html


def test_both_pages_of_a_version_show_its_card_as_a_page(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    card, review = client.get("/versions/1/card").text, client.get("/review/1").text
    assert "<h3>Use</h3>" in card
    assert "<h4>Use</h4>" in review
    assert "---" not in card.split("<main", 1)[1].split("markdown", 1)[1][:200]
