"""What attackers try at the door: none of it changes anything, or shows anything."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from review.frame import access_control
from review.frame.request_checks import MOST_BYTES
from review.frame.users_file import local
from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site
from tests.review.conftest import ADDRESS, Browser, Browsers

NOBODY = 303  # to the sign-in


@pytest.fixture
def writes(app: FastAPI) -> list[str]:
    """The names in which a route was reached that changes something."""
    reached: list[str] = []

    @app.post("/change")
    def change() -> None:
        reached.append("changed")

    return reached


# --- writes from elsewhere ------------------------------------------------------------------------


def test_a_form_of_a_page_of_ours_is_taken(client: Browser, writes: list[str]) -> None:
    assert client.send_form("/change").status_code == 200
    assert client.post("/change", headers={"X-CSRF-Token": client.csrf}).status_code == 200
    files = {"csrf": (None, client.csrf)}
    assert client.post("/change", files=files).status_code == 200
    assert len(writes) == 3


def test_a_write_without_a_token_is_refused(client: Browser, writes: list[str]) -> None:
    answers = [
        client.post("/change"),
        client.post("/change", data={"csrf": ""}),
        client.post("/change", data={"csrf": "wrong"}),
        client.post("/change", headers={"X-CSRF-Token": "wrong"}),
        client.post("/change", json={"csrf": client.csrf}),
        client.post(f"/change?csrf={client.csrf}"),
        client.post("/change", content=b"csrf=" + client.csrf.encode()),  # no kind of body named
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert writes == []


def test_the_token_of_another_session_is_refused(browser: Browsers, writes: list[str]) -> None:
    ann, bob = browser("ann"), browser("bob")
    bob.csrf = ann.csrf
    assert bob.send_form("/change").status_code == 403
    assert writes == []


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:8766",
        "http://localhost:8765",
        "https://127.0.0.1:8765",
        "http://127.0.0.1:8765.evil.example",
        "",
    ],
)
def test_a_write_of_another_origin_is_refused(
    client: Browser, writes: list[str], origin: str
) -> None:
    answer = client.post("/change", data={"csrf": client.csrf}, headers={"Origin": origin})
    assert (answer.status_code, writes) == (403, [])


@pytest.mark.parametrize(
    ("sender", "status"), [("same-origin", 200), ("cross-site", 403), (None, 403)]
)
def test_without_an_origin_the_browser_has_to_say_who_sends(
    client: Browser, writes: list[str], sender: str | None, status: int
) -> None:
    del client.headers["Origin"]
    headers = {"X-CSRF-Token": client.csrf, **({"Sec-Fetch-Site": sender} if sender else {})}
    assert client.post("/change", headers=headers).status_code == status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "NONSENSE"])
def test_every_method_that_is_no_reading_needs_the_token(client: Browser, method: str) -> None:
    assert client.request(method, "/api").status_code == 403


def test_nobody_can_be_signed_in_from_another_site(app: FastAPI) -> None:
    """Else a victim would vote in the attacker's name without knowing."""
    form = {"name": "mallory", "password": "x"}
    answer = Browser(app).post("/sign-in", data=form, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


# --- names of this server -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8765",
        "ann@127.0.0.1:8765",
        "127.0.0.1:8765@evil.example",
        "0.0.0.0:8765",
        "[::1",
        "127.0.0.1:port",
        "",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_not_answered(
    client: Browser, host: str
) -> None:
    answer = client.get("/nowhere", headers={"Host": host})
    assert answer.status_code == 421
    assert "ann" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:9000", "[::1]:8765", "LOCALHOST"])
def test_names_of_this_machine_are_answered_on_forwarded_ports_too(
    client: Browser, host: str
) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("url", ["https://review.example.com", "https://review.example.com:443"])
def test_the_address_in_the_settings_is_answered_and_no_other_part_of_it(
    site: Site, url: str
) -> None:
    params = ReviewParams(url=url)
    client = TestClient(create_app(Site(site.opened, params, site.secret)), ADDRESS)
    name = "review.example.com"
    hosts = {name: 200, f"{name}:443": 200, f"{name}:99": 421, "example.com": 421}
    found = {h: client.get("/healthz", headers={"Host": h}).status_code for h in hosts}
    assert found == hosts


# --- what people are called -----------------------------------------------------------------------


def test_a_name_is_text_and_nothing_else(browser: Browsers) -> None:
    page = browser("<script>alert(1)</script>").get("/nowhere").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_error_shows_what_was_sent_as_text(client: Browser) -> None:
    page = client.get("/<script>alert(1)</script>?x='\"><img src=x onerror=alert(1)>").text
    assert "<script>alert" not in page
    assert "<img" not in page


def test_no_page_may_run_a_script_of_its_own(client: Browser) -> None:
    policy = client.get("/nowhere").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


# --- bodies ---------------------------------------------------------------------------------------


def chunks() -> Iterator[bytes]:
    for _ in range(MOST_BYTES // 65536 + 2):
        yield b"x" * 65536


@pytest.mark.parametrize("body", [b"x" * (MOST_BYTES + 1), chunks])
def test_a_body_that_is_too_large_is_refused(
    client: Browser, writes: list[str], body: object
) -> None:
    content = body if isinstance(body, bytes) else chunks()
    answer = client.post("/change", content=content, headers={"X-CSRF-Token": client.csrf})
    assert (answer.status_code, writes) == (413, [])


@pytest.mark.parametrize("size", ["9" * 5000, "-1", "1e3", "0x10", "²"])
def test_a_body_that_lies_about_its_size_is_refused(client: Browser, size: str) -> None:
    headers = {"X-CSRF-Token": client.csrf, "Content-Length": size.encode()}
    answer = client.post("/change", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 413


def test_a_form_of_endless_fields_is_refused(client: Browser, writes: list[str]) -> None:
    fields = "&".join(f"f{number}=" for number in range(5000))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/change", content=fields, headers=kind)
    assert (answer.status_code, writes) == (400, [])


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../routes.py",
        "/assets/%2e%2e/routes.py",
        "/assets/..%2f..%2fserver.py",
        "/assets/%2fetc%2fpasswd",
        "/assets/..%5croutes.py",
        "/assets/review.css%00.py",
        "/assets/",
        "/assets/nowhere",
    ],
)
def test_no_path_leads_out_of_the_assets(client: Browser, path: str) -> None:
    assert client.get(path).status_code in (404, 405)


# --- cookies --------------------------------------------------------------------------------------


def test_a_forged_cookie_is_nobodys(app: FastAPI, site: Site) -> None:
    gate = app.state.gate
    good = gate.sessions.sealed(gate.sessions.begin("ann", site.clock()))
    value, mark = good.split(".")
    foreign = create_app(Site(site.opened, site.params, b"other" * 8)).state.gate.sessions
    forged = [
        f"{value}.",
        f".{mark}",
        f"{value[:-4]}AAAA.{mark}",
        foreign.sealed(foreign.begin("ann", site.clock())),
        "x" * 100_000,
    ]
    for cookie in forged:
        client = TestClient(app, ADDRESS, cookies={gate.sessions.cookie: cookie})
        assert client.get("/nowhere", follow_redirects=False).status_code == NOBODY
    client = TestClient(app, ADDRESS, cookies={gate.sessions.cookie: good})
    assert client.get("/nowhere").status_code == 404


def test_a_session_that_an_attacker_planted_is_not_the_one_that_is_signed_in(app: FastAPI) -> None:
    planted = Browser(app, "mallory")
    before = planted.cookies[app.state.gate.sessions.cookie]
    planted.send_form("/sign-out")
    planted.cookies.set(app.state.gate.sessions.cookie, before)
    planted.get(f"/sign-in?token={app.state.gate.token.text}")
    values = {cookie.value for cookie in planted.cookies.jar}
    fresh = values - {before}
    assert len(fresh) == 1
    assert app.state.gate.sessions.read(fresh.pop(), app.state.site.clock()).name == "tester"


# --- where a sign-in leads ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "evil",
        "",
    ],
)
def test_a_sign_in_leads_nowhere_else(client: Browser, address: str) -> None:
    assert local(address) == "/"
    answer = client.get("/sign-in", params={"next": address})
    assert (answer.headers["location"], "set-cookie" in answer.headers) == ("/", False)


def test_a_sign_in_leads_to_the_page_that_was_asked_for() -> None:
    assert local("/versions/compare?a=1&b=2") == "/versions/compare?a=1&b=2"


# --- haste ----------------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_to_wait_and_others_are_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_control, "REQUESTS_A_MINUTE", 3)
    app = create_app(site)
    ann, bob = Browser(app, "ann"), Browser(app, "bob")
    answers = [ann.get("/healthz") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429]
    assert answers[-1].headers["retry-after"] == "20"
    assert bob.get("/healthz").status_code == 200
