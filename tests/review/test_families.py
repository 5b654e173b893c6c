"""The page of all families, and what a reviewer of one of them may see of the others."""

from datetime import date, timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from monitoring.scheduling import runs
from registry.storage.database import writing
from registry.store import Registry
from tests.review.conftest import Browser, Browsers

DAY = date(2025, 12, 31)
WORDS = "a row says 'my name is Ann'"


def failed_nights(registry: Registry, make_adapter: object, *families: str) -> None:
    for family in families:
        own = Registry(Path("registry"), family, clock=registry.clock)
        own.submit(*make_adapter(family), "made")  # type: ignore[operator]
        now = registry.clock()
        claimed = runs.claim(
            registry.engine, f"nightly {family}", DAY, "a", now, timedelta(minutes=10)
        )
        assert claimed
        with writing(registry.engine) as connection:
            runs.fail(connection, claimed, now, f"{family}: {WORDS}", None)


def shown(browser: TestClient) -> str:
    page = browser.get("/families")
    assert page.status_code == 200
    return page.text


def test_home_leads_to_the_families_where_there_are_several(
    client: Browser, registry: Registry, make_adapter: object
) -> None:
    failed_nights(registry, make_adapter, "test")
    assert "/families" not in client.get("/").text
    failed_nights(registry, make_adapter, "shop")
    assert '<a href="/families">2 families</a>' in client.get("/").text


def test_whoever_administers_sees_the_words_of_every_family(
    client: Browser, registry: Registry, make_adapter: object
) -> None:
    failed_nights(registry, make_adapter, "test", "shop")
    page = shown(client)
    assert "The night of 2025-12-31 was given up" in page
    assert "shop: a row says" in page


def test_a_reviewer_sees_how_others_stand_and_the_words_of_the_own_family_alone(
    browser: Browsers, registry: Registry, make_adapter: object
) -> None:
    Path("roles.yaml").write_text("administer: [root]\npromote: [ann]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    failed_nights(registry, make_adapter, "test", "shop")
    page = shown(browser("ann"))
    assert page.count("The night of 2025-12-31 was given up") == 2
    assert "test: a row says" in page
    assert "shop: a row says" not in page
    told = browser("ann").get("/api/families").json()
    assert [line["family"] for line in told["families"]] == ["shop", "test"]
    assert "shop: a row says" not in str(told)
