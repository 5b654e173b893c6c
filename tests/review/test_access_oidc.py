"""Signing in at an OpenID provider: a real one, on a thread, that also lies when it is told to."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from httpx2 import get as visit
from joserfc.jwk import OctKey

from review.frame.access_control import ProviderError, secure
from review.page_server import create_app
from review.review_settings import OidcParams, ReviewParams
from review.site import Site
from tests.review.conftest import ADDRESS, Browser
from tests.review.oidc_provider import CLIENT, OTHER_KEY, SECRET, OidcProvider, serving_provider


@pytest.fixture
def provider(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[OidcProvider]:
    monkeypatch.setenv("INCUMBENT_OIDC_SECRET", SECRET)
    with serving_provider(lambda: site.clock().timestamp()) as found:
        yield found


def app_with(site: Site, provider: OidcProvider, claim: str = "preferred_username") -> FastAPI:
    oidc = OidcParams(discovery=provider.discovery, client_id=CLIENT, claim=claim)
    return create_app(replace(site, params=ReviewParams(oidc=oidc)))


def away(browser: Browser, to: str = "/api") -> str:
    """Follow the link of the sign-in to the provider: the address that it sends back to."""
    going = browser.get("/sign-in/oidc", params={"next": to})
    assert going.status_code == 303
    back = visit(going.headers["location"]).headers["location"]
    return back.removeprefix(ADDRESS)


def signed_in(browser: Browser) -> Response:
    return browser.get(away(browser), headers={"Sec-Fetch-Site": "cross-site"})


def test_a_person_signs_in_at_the_provider_and_comes_to_what_was_asked_for(
    site: Site, provider: OidcProvider
) -> None:
    browser = Browser(app_with(site, provider))
    assert "/sign-in/oidc?next=/api" in browser.get("/sign-in?next=/api").text
    assert 'content="0;url=/api"' in signed_in(browser).text
    assert "ann" in browser.get("/api").text


@pytest.mark.parametrize(
    ("key", "value"),
    [("discovery", "http://127.0.0.1:9/"), ("client_id", "other"), ("claim", "middle_name")],
)
def test_the_settings_say_which_provider_which_client_and_which_claim(
    site: Site, provider: OidcProvider, key: str, value: str
) -> None:
    provider.person["nickname"] = "annie"
    right = OidcParams(discovery=provider.discovery, client_id=CLIENT, claim="nickname")
    for oidc, status in ((right, 404), (right.model_copy(update={key: value}), 303)):
        app = create_app(replace(site, params=ReviewParams(oidc=oidc)))
        browser = Browser(app)
        going = browser.get("/sign-in/oidc").headers.get("location", "")
        back = visit(going).headers["location"] if going else ""
        browser.get(back.removeprefix(ADDRESS) or "/")
        assert browser.get("/nowhere").status_code == status


def test_the_cookies_say_nothing_and_the_one_for_the_way_is_gone_then(
    site: Site, provider: OidcProvider
) -> None:
    browser = Browser(app_with(site, provider))
    going = browser.get("/sign-in/oidc").headers
    assert "SameSite=lax" in going["set-cookie"]
    assert "code_challenge_method=S256" in going["location"]
    signed_in(browser)
    assert [cookie.name for cookie in browser.cookies.jar if "flow" in cookie.name] == []


def test_the_same_answer_signs_nobody_in_again(site: Site, provider: OidcProvider) -> None:
    app = app_with(site, provider)
    browser = Browser(app)
    back = away(browser)
    assert browser.get(back).status_code == 200
    assert browser.get(back).status_code == 403
    assert Browser(app).get(back).status_code == 403


def test_an_answer_to_what_another_browser_asked_is_refused(
    site: Site, provider: OidcProvider
) -> None:
    """Else an attacker's own answer would sign a victim in as the attacker."""
    app = app_with(site, provider)
    victim = Browser(app)
    away(victim)
    assert victim.get(away(Browser(app))).status_code == 403


def test_an_answer_of_another_provider_is_refused(site: Site, provider: OidcProvider) -> None:
    browser = Browser(app_with(site, provider))
    back = away(browser).partition("&iss=")[0]
    assert browser.get(f"{back}&iss=https://evil.example").status_code == 403


LIES: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"aud": "another client"},
    {"aud": [CLIENT, "another client"], "azp": "another client"},
    {"nonce": "of another sign-in"},
    {"nonce": None},
    {"exp": 1},
    {"exp": None},
    {"sub": None},
    {"iat": 4102444800},
    {"preferred_username": None},
    {"preferred_username": ""},
    {"preferred_username": "two\nlines"},
    {"preferred_username": ["ann"]},
]


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_a_token_that_does_not_hold_signs_nobody_in(
    site: Site, provider: OidcProvider, lie: dict[str, Any]
) -> None:
    provider.claims = lie
    browser = Browser(app_with(site, provider))
    assert signed_in(browser).status_code == 403
    assert browser.get("/nowhere").status_code == 303


def test_a_token_that_the_providers_key_did_not_sign_is_refused(
    site: Site, provider: OidcProvider
) -> None:
    provider.key = OTHER_KEY
    assert signed_in(Browser(app_with(site, provider))).status_code == 403


def test_a_token_that_is_signed_with_the_clients_secret_is_refused(
    site: Site, provider: OidcProvider
) -> None:
    provider.key, provider.algorithm = OctKey.import_key(SECRET * 2), "HS256"
    assert signed_in(Browser(app_with(site, provider))).status_code == 403


@pytest.mark.parametrize(("verified", "status"), [(True, 200), (False, 403), (None, 403)])
def test_an_address_is_a_name_only_where_it_was_verified(
    site: Site, provider: OidcProvider, verified: bool | None, status: int
) -> None:
    provider.person = {"email": "ann@example.com", "email_verified": verified}
    assert signed_in(Browser(app_with(site, provider, "email"))).status_code == status


def test_a_provider_that_refuses_is_quoted_as_text(site: Site, provider: OidcProvider) -> None:
    browser = Browser(app_with(site, provider))
    state = away(browser).partition("state=")[2].partition("&")[0]
    answer = browser.get(f"/sign-in/oidc/back?state={state}&error=<script>no</script>")
    assert (answer.status_code, "&lt;script&gt;no" in answer.text) == (403, True)


def test_a_provider_that_is_not_there_is_told_of(site: Site) -> None:
    nowhere = OidcProvider("http://127.0.0.1:9", lambda: 0.0)
    answer = Browser(app_with(site, nowhere)).get("/sign-in/oidc")
    assert (answer.status_code, "Try again later." in answer.text) == (502, True)


def test_a_provider_is_asked_over_https_or_on_this_machine() -> None:
    secure("https://login.example.com/x")
    secure("http://localhost:9/x")
    for address in (
        "http://login.example.com",
        "file:///etc/passwd",
        "http://127.0.0.1.evil.example",
    ):
        with pytest.raises(ProviderError):
            secure(address)
