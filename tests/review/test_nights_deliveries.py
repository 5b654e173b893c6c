"""Whether notices reached people is shown to whoever may administer, and can be tried again."""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from monitoring.scheduling.notice_delivery import ATTEMPTS, NoticeParams, deliver
from monitoring.scheduling.outbox import depth
from registry.notices import Notice, put
from registry.storage.database import writing
from registry.store import Registry
from tests.monitoring.test_night_report import HOSTILE
from tests.review.conftest import Browser, Browsers

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def tell(registry: Registry, number: int = 1, text: str = "it drifts") -> None:
    with writing(registry.engine) as connection:
        for i in range(number):
            put(connection, Notice(key=f"n{i}", kind="drift", text=text, path="/nights"), NOW)


def give_up(registry: Registry) -> None:
    """Tried as often as it is, each time when it is due."""
    params = NoticeParams(command=("false",))
    days = count()
    while depth(registry.engine)[0]:
        at = NOW + timedelta(days=next(days))
        deliver(registry.engine, params, partial(datetime.fromtimestamp, at.timestamp(), UTC))


def test_each_try_is_shown_with_what_came_of_it(registry: Registry, client: Browser) -> None:
    tell(registry)
    give_up(registry)
    html = client.get("/deliveries").text
    assert "command: false" in html
    assert "false ended with 1: no word" in html
    assert "given up" in html
    (sent,) = client.get("/api/deliveries").json()["notices"]
    assert (sent["state"], len(sent["tries"])) == ("given up", ATTEMPTS)


def test_one_that_was_given_up_can_be_tried_again_alone_or_with_all(
    registry: Registry, client: Browser
) -> None:
    tell(registry, 3)
    give_up(registry)
    assert client.send_form("/deliveries/retry", notice=2).headers["location"] == "/deliveries"
    assert depth(registry.engine) == (1, 2)
    client.send_form("/deliveries/retry")
    assert depth(registry.engine) == (3, 0)


@pytest.mark.parametrize("path", ["/deliveries", "/api/deliveries"])
def test_whoever_may_not_administer_sees_nothing_and_revives_nothing(
    path: str, registry: Registry, browser: Browsers
) -> None:
    Path("roles.yaml").write_text("administer: [ann]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    tell(registry)
    give_up(registry)
    assert browser("ann").get(path).status_code == 200
    assert browser("bob").get(path).status_code == 403
    assert browser("bob").send_form("/deliveries/retry").status_code == 403
    assert depth(registry.engine) == (0, 1)


def test_notices_come_in_pages_and_by_state(registry: Registry, client: Browser) -> None:
    tell(registry, 51)
    first = client.get("/api/deliveries").json()
    assert (len(first["notices"]), first["older"]) == (50, 2)
    assert "/deliveries?before=2" in client.get("/deliveries").text
    assert len(client.get("/api/deliveries?before=2").json()["notices"]) == 1
    assert client.get("/api/deliveries?state=sent").json()["notices"] == []


@pytest.mark.parametrize("query", ["before=0", "before=" + "9" * 30, "state=lost", "before=%00"])
def test_what_is_no_page_is_refused(query: str, client: Browser) -> None:
    assert client.get(f"/deliveries?{query}").status_code == 422


def test_what_a_notice_says_stays_text(registry: Registry, client: Browser) -> None:
    tell(registry, text=HOSTILE)
    assert "<script>alert" not in client.get("/deliveries").text


def test_it_says_where_no_scheduler_runs(client: Browser) -> None:
    assert "start <code>incumbent drift scheduler</code>" in client.get("/deliveries").text
