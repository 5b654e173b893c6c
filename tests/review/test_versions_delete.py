"""Deleting a version from its page: asked once more, with a reason, by who may."""

from pathlib import Path

import pytest

from project.settings import PARAMS
from registry.store import Registry
from tests.places import submit
from tests.review.conftest import Browser, Browsers


@pytest.fixture(autouse=True)
def version(registry: Registry, tmp_path: Path) -> None:
    PARAMS.write_text("registry: {family: test}\n")
    submit(registry, "a", tmp_path)


def delete(client: Browser, reason: str = "a licence ended") -> int:
    return client.send_form("/versions/1/delete", reason=reason).status_code


def test_it_is_deleted_with_who_and_why_on_a_page_that_asks_once_more(
    client: Browser, registry: Registry
) -> None:
    assert 'href="/versions/1/delete"' in client.get("/versions/1").text
    assert "Delete v1 for ever" in client.get("/versions/1/delete").text
    assert delete(client) == 303
    event = registry.newest_event(1, "delete")
    assert event is not None
    assert (event.actor, event.reason) == ("ann", "a licence ended")
    assert "was deleted already" in client.get("/versions/1/delete").text
    assert "Delete …" not in client.get("/versions/1").text


def test_without_a_reason_nothing_is_deleted(client: Browser, registry: Registry) -> None:
    assert delete(client, " .") == 400
    assert not registry.deleted(1)


def test_what_an_alias_names_is_not_deleted(client: Browser, registry: Registry) -> None:
    registry.promote(1, "now", force=True)
    page = client.get("/versions/1/delete").text
    assert "test v1 is the champion. Move the alias" in page
    assert "<textarea" not in page
    assert delete(client) == 400
    assert not registry.deleted(1)


def test_who_may_not_delete_sees_no_form_and_deletes_nothing(
    browser: Browsers, registry: Registry
) -> None:
    Path("roles.yaml").write_text("promote: [ann]\ndelete: [bob]\n")
    PARAMS.write_text("registry: {family: test, roles: roles.yaml}\n")
    ann = browser("ann")
    assert "Delete …" not in ann.get("/versions/1").text
    assert "ann may not delete: that is for bob." in ann.get("/versions/1/delete").text
    assert delete(ann) == 409
    assert not registry.deleted(1)
    assert delete(browser("bob")) == 303


def test_a_version_that_there_is_not_is_not_deleted(client: Browser) -> None:
    assert client.get("/versions/9/delete").status_code == 404
    assert client.send_form("/versions/9/delete", reason="gone").status_code == 404
