"""The frame of all pages: errors, headers, assets, the page for programs, the server."""

import gzip
import hashlib
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from fastapi import FastAPI, HTTPException
from pydantic import ValidationError

from project.errors import IncumbentError, InputError
from project.files import state_of
from project.listening import listening
from registry.store import Registry
from review.frame.form_fields import (
    AddressQuery,
    given_reason,
    known_version,
    nth_page,
    page_numbers,
    written,
)
from review.frame.pages import FOLDER, asset, rendered
from review.page_server import refuse_open_address
from review.review_settings import ReviewParams
from tests.places import submit
from tests.review.conftest import Browser

# Of dist/htmx.min.js in npm's htmx.org 4.0.1.
HTMX = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"


# --- errors ---------------------------------------------------------------------------------------


def failing(app: FastAPI, error: Exception) -> None:
    """Two routes that fail with it: a page, and JSON."""

    def route() -> None:
        raise error

    app.get("/fails")(route)
    app.get("/api/fails")(route)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (InputError("no such slice", field="slice"), 400, "slice: no such slice"),
        (IncumbentError("ann may not promote"), 409, "ann may not promote"),
        (HTTPException(404, "There is no v9."), 404, "There is no v9."),
        (HTTPException(404), 404, "There is nothing at this address."),
        (ValueError("a secret of the server"), 500, "This is a fault of the server"),
    ],
)
def test_an_error_is_a_page_for_people_and_a_problem_for_programs(
    app: FastAPI, client: Browser, error: Exception, status: int, words: str
) -> None:
    failing(app, error)
    page, problem = client.get("/fails"), client.get("/api/fails")
    assert (page.status_code, problem.status_code) == (status, status)
    assert words in page.text
    assert problem.json()["detail"].startswith(words)
    assert "a secret" not in page.text + problem.text
    assert "content-security-policy" in page.headers


def test_a_wrong_parameter_is_named(app: FastAPI, client: Browser) -> None:
    @app.get("/number")
    def number(n: int) -> int:
        return n

    answer = client.get("/number?n=many")
    assert (answer.status_code, "n: is no whole number" in answer.text) == (422, True)


@pytest.mark.parametrize("path", ["/review/x", "/vote/0", "/versions/1e9", "/nights/tomorrow"])
def test_a_mistyped_address_is_none_and_a_wrong_parameter_of_the_api(
    client: Browser, path: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, "There is nothing at this address." in answer.text) == (404, True)
    assert "must be" not in answer.text


def test_a_program_is_told_which_part_of_an_address_is_wrong(client: Browser) -> None:
    answer = client.get("/api/votes/x")
    assert (answer.status_code, answer.json()["detail"][:8]) == (422, "number: ")


def test_a_fault_of_the_server_is_in_its_log(
    app: FastAPI, client: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    failing(app, ValueError("what happened"))
    client.get("/fails")
    assert "what happened" in caplog.text


# --- headers and assets ---------------------------------------------------------------------------


def test_a_page_is_never_kept_and_an_asset_as_long_as_its_bytes(client: Browser) -> None:
    assert client.get("/nowhere").headers["cache-control"] == "no-store"
    assert "immutable" in client.get(asset("review.css")).headers["cache-control"]
    assert client.get("/assets/review.css").headers["cache-control"] == "no-cache"


def test_pages_name_assets_that_are_there_and_nothing_of_other_hosts(client: Browser) -> None:
    page = client.get("/nowhere").text
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
    assert len(named) >= 4
    assert [client.get(address).status_code for address in named] == [200] * len(named)
    assert not re.search(r"https?://", page)


def test_a_large_page_is_compressed(client: Browser) -> None:
    answer = client.get("/api", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "<main" in answer.text
    assert len(gzip.compress(answer.content)) < len(answer.content)


def test_htmx_is_npms_version_4_0_1_to_the_byte() -> None:
    assert hashlib.sha256((FOLDER / "htmx-4.0.1.min.js").read_bytes()).hexdigest() == HTMX


def test_htmx_reads_our_settings_and_swaps_no_error_in(client: Browser) -> None:
    """In htmx 4 nothing is inherited, and bodies of errors are swapped in unless they are named."""
    script = (FOLDER / "htmx-4.0.1.min.js").read_text()
    page = client.get("/nowhere").text
    settings = json.loads(re.findall(r"name=\"htmx-config\" content='([^']+)'", page)[0])
    assert settings["noSwap"] == [204, 304, "4xx", "5xx"]
    assert settings["includeIndicatorCSS"] is False
    for relied_on in (
        'meta[name="htmx-config"]',
        "noSwap:[204,304]",
        "implicitInheritance:!1",
        'mode:"same-origin"',
        "htmx:response:error",
        "htmx:after:swap",
    ):
        assert relied_on in script, relied_on


def test_templates_hold_no_script_no_style_and_nothing_unescaped() -> None:
    """A browser would stop the former, and nothing the latter."""
    inline = re.compile(r"\son[a-z]+=|\sstyle=|<style|<script(?![^>]*\ssrc=)|\|\s*safe|hx-on|\bjs:")
    root = Path(__file__).parents[2] / "review"
    for template in root.rglob("templates/*.html"):
        assert not inline.search(template.read_text()), template


# --- for programs ---------------------------------------------------------------------------------


def test_the_page_for_programs_lists_what_lies_under_api(app: FastAPI, client: Browser) -> None:
    @app.get("/api/numbers/{n}", response_model=list[int])
    def numbers(n: int, most: int = 3) -> list[int]:
        """Some numbers."""
        return [n] * most

    page = client.get("/api").text
    for words in ("/api/numbers/{n}", "Some numbers.", "<code>most</code>"):
        assert words in page
    description = client.get("/api/openapi.json").json()
    assert "/api/numbers/{n}" in description["paths"]
    assert all(path.startswith("/api/") for path in description["paths"])


# --- the server -----------------------------------------------------------------------------------


def test_an_address_that_others_reach_needs_users_and_a_name() -> None:
    users = {"users": "users.yaml"}
    refuse_open_address("127.0.0.1", ReviewParams())
    refuse_open_address("::1", ReviewParams())
    with pytest.raises(InputError, match=r"review: 0\.0\.0\.0 can be reached"):
        refuse_open_address("0.0.0.0", ReviewParams(url="https://review.example.com"))
    with pytest.raises(InputError, match=r"review.url: 10\.0\.0\.5 can be reached"):
        refuse_open_address("10.0.0.5", ReviewParams.model_validate(users))
    named = ReviewParams.model_validate({**users, "url": "https://review.example.com"})
    refuse_open_address("0.0.0.0", named)


@pytest.mark.parametrize(
    "params",
    [
        {"oidc": {"discovery": "https://login.example/.well-known/x"}},
        {"users": "users.yaml", "proxy": {}},
        {"url": "review.example.com"},
        {"url": "https://review.example.com/page"},
        {"url": "https://review.example.com?page"},
        {"url": "https://ann@review.example.com"},
        {"url": "https://review.example.com:port"},
        {"url": "https://:443"},
    ],
)
def test_settings_that_let_nobody_in_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReviewParams.model_validate(params)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://review.example.com:443", "https://review.example.com"),
        ("http://review.example.com:80/", "http://review.example.com"),
        ("HTTPS://Review.Example.com/", "https://review.example.com"),
        ("https://review.example.com:8443", "https://review.example.com:8443"),
        ("https://review.example.com:80", "https://review.example.com:80"),
        ("http://[::1]:80", "http://[::1]"),
        ("", None),
    ],
)
def test_the_address_is_kept_as_browsers_write_it(url: str, origin: str | None) -> None:
    assert ReviewParams(url=url).url == origin


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(InputError, match=f"port {port} is taken"),
            listening("127.0.0.1", port, "a test"),
        ):
            pass


def started(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", "from incumbent.cli import main; main()", "review", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_an_address_serves_and_ends_when_asked(number: signal.Signals) -> None:
    Path("params.yaml").write_text("registry: {family: bank}\n")
    server = started("--port", "0")
    assert server.stdout
    address = server.stdout.readline().split()[-1]
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.status == 200
    server.send_signal(number)
    rest, _ = server.communicate(timeout=20)
    assert (server.returncode, rest.splitlines()[-1]) == (0, "ended")
    assert "Traceback" not in rest


# --- lists ----------------------------------------------------------------------------------------

# Long lists, what people type, and what an address may ask for.


class Asked(AddressQuery):
    text: str = ""
    page: int = 1


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (50, 1), (51, 2), (100, 2)])
def test_an_empty_list_has_one_page(total: int, pages: int) -> None:
    assert page_numbers(total, 1, 50) == {"total": total, "page": 1, "pages": pages}


def test_pages_follow_each_other_without_a_gap() -> None:
    assert [list(nth_page("abcde", page, 2)) for page in (1, 2, 3, 4)] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
        [],
    ]


def test_another_page_keeps_what_was_asked_for_and_an_empty_field_asks_for_nothing() -> None:
    asked = Asked(text="a&b", page=3)
    assert asked.address("/items", page=4) == "/items?text=a%26b&page=4"
    assert asked.address("/items", page=None) == "/items?text=a%26b"
    blank = Asked.model_validate({"text": " "})
    assert not blank.narrows
    assert blank.address("/items") == "/items"


def test_a_version_that_is_not_there_is_not_found(registry: Registry) -> None:
    with pytest.raises(HTTPException) as caught:
        known_version(registry, 7)
    assert caught.value.status_code == 404


def test_what_is_typed_ends_its_lines_as_files_do() -> None:
    assert written(" a\r\nb\rc ") == "a\nb\nc"
    with pytest.raises(InputError, match="NUL"):
        written("a\0b")


@pytest.mark.parametrize("text", ["", " ", "…", "--"])
def test_a_reason_has_to_say_something(text: str) -> None:
    with pytest.raises(InputError, match="a reason is needed"):
        given_reason(text)


def test_the_state_of_files_changes_when_one_of_them_does(tmp_path: Path) -> None:
    there, missing = tmp_path / "there", tmp_path / "missing"
    there.write_text("a")
    before = state_of(there, missing)
    assert state_of(there, missing) == before
    missing.write_text("")
    assert state_of(there, missing) != before


# --- markdown -------------------------------------------------------------------------------------

# Markdown of a model card as HTML: readable, and nothing in it acts.


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
