"""What else is tried at the door: links that lead elsewhere, odd encodings, slow senders."""

import asyncio
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi import FastAPI, HTTPException
from starlette.types import Message, Receive, Scope, Send

from project import files
from project.files import rename_all
from review.frame import access_control, users_file
from review.frame.access_control import ProviderCalls, ProviderError
from review.frame.request_checks import BodySize
from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site
from tests.review.conftest import ADDRESS, Browser

ONWARD = re.compile(r'http-equiv="refresh" content="0;url=([^"]*)"')
LINK = {"Sec-Fetch-Site": "cross-site"}  # somebody followed a link on another site


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "///evil.example", "/%5Cevil.example", "/%09/evil.example"]
)
def test_a_link_to_this_server_leads_nowhere_else(app: FastAPI, path: str) -> None:
    """A page that goes on by itself goes where the link said, as browsers read it."""
    found = ONWARD.search(Browser(app).get(ADDRESS + path, headers=LINK).text)
    assert found
    assert re.fullmatch(r"/([^/\\\s].*)?", found[1])


def test_a_link_to_an_item_of_an_odd_name_leads_to_that_item(app: FastAPI) -> None:
    answer = Browser(app).get("/items/what%3F%23?before=2&against=v1", headers=LINK)
    found = ONWARD.search(answer.text)
    assert found
    assert found[1] == "/items/what%3F%23?before=2&amp;against=v1"


@pytest.mark.parametrize(
    ("charset", "token"),
    [("unicode_escape", rb"\ud800"), ("utf-7", b"+2AA-"), ("undefined", b"x"), ("idna", b"\xff")],
)
def test_a_form_in_an_odd_encoding_is_refused(client: Browser, charset: str, token: bytes) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + token + b"\r\n--b--\r\n"
    kind = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    assert client.post("/rollback", content=body, headers=kind).status_code in (400, 403)


def test_a_body_that_never_ends_to_arrive_is_given_up() -> None:
    async def reached(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("there is no body yet")

    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody sends more")

    async def told(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "headers": [(b"content-length", b"9")]}
    with pytest.raises(HTTPException) as error:
        asyncio.run(BodySize(reached, seconds=0)(scope, silent, told))
    assert error.value.status_code == 408


def test_many_sessions_of_one_person_share_one_limit(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_control, "REQUESTS_A_MINUTE", 3)
    app = create_app(site)
    answers = [Browser(app, "ann").get("/healthz").status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]


def test_who_is_not_signed_in_is_limited_by_address(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_control, "REQUESTS_A_MINUTE", 3)
    app = create_app(site)
    answers = [Browser(app).get(path).status_code for path in ("/", "/sign-in", "/api/home", "/")]
    assert answers == [303, 200, 401, 429]


def test_a_stranger_is_not_told_what_is_wrong_with_our_files(site: Site) -> None:
    users = Path("users.yaml")
    users.write_text("users: {}\n")
    params = ReviewParams(users=users)
    browser = Browser(create_app(Site(site.opened, params, site.secret, site.clock)))
    users.write_text("users: {bob.of.finance: in-the-clear}\n")
    answer = browser.post("/sign-in", data={"name": "x", "password": "y"})
    assert answer.status_code == 400
    assert "bob" not in answer.text
    assert "users.yaml" not in answer.text


def test_hashes_of_passwords_are_private_from_the_first_byte_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that is closed to others only after it has its name can be read in between."""
    modes: list[int] = []

    def watched(renames: Mapping[Path, Path]) -> None:
        modes.extend(draft.stat().st_mode & 0o077 for draft in renames)
        rename_all(renames)

    monkeypatch.setattr(files, "rename_all", watched)
    users_file.add_user(Path("users.yaml"), "ann", "correct horse")
    modes.append(Path("users.yaml").stat().st_mode & 0o077)
    assert modes == [0, 0]


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """The address of a provider that sends whoever asks on, and what it is asked then."""
    asked: list[str] = []

    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization')}")
            self.send_response(302 if self.path == "/first" else 200)
            self.send_header("Location", "/second")
            self.end_headers()
            self.wfile.write(b"" if self.path == "/first" else b"{}")

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/first", asked
        server.shutdown()


def test_a_provider_leads_to_no_address_that_was_not_checked(
    elsewhere: tuple[str, list[str]],
) -> None:
    """Such as one without TLS, whose keys anybody on the way could change."""
    address, asked = elsewhere
    with pytest.raises(ProviderError):
        asyncio.run(ProviderCalls().fetched(address))
    with pytest.raises(ProviderError):
        asyncio.run(ProviderCalls().sent(address, {}, "incumbent", "secret"))
    assert [one.partition(" ")[0] for one in asked] == ["/first", "/first"]
