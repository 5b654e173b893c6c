"""Forms that would keep the page busy: each field has a limit, and the duty is asked for first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from project.records.adapters import AdapterVersion
from registry.store import Registry
from tests.places import decide, submit, win
from tests.review.conftest import Browser

LONG_LINE = "a" + " " * 19_000 + "b"
pytestmark = pytest.mark.attack


@pytest.fixture
def challenger(registry: Registry, tmp_path: Path) -> AdapterVersion:
    win(registry, "first", tmp_path)
    return decide(registry, submit(registry, "second", tmp_path))


def test_a_long_line_of_reviewers_is_refused_at_once(
    client: Browser, challenger: AdapterVersion
) -> None:
    answer = client.send_form("/review/2/votes", votes=2, reviewers=LONG_LINE, reason="mine")
    assert (answer.status_code, "line 1" in answer.text) == (400, True)


def test_who_has_not_the_duty_is_refused_before_the_form_is_read(
    client: Browser, challenger: AdapterVersion
) -> None:
    Path("roles.yaml").write_text("vote: [ann]\npromote: [bob]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    for path, fields in (
        ("/review/2/votes", {"votes": 2, "reviewers": LONG_LINE}),
        ("/review/2/reject", {}),
        ("/rollback", {"champion": 1, "to": 9}),
    ):
        answer = client.send_form(path, **fields)  # without a reason, which is asked for next
        assert (answer.status_code, "ann may not promote" in answer.text) == (409, True), path


def strings(schema: dict[str, Any], name: str, known: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """The name of each text that a schema takes, and whether it has a limit."""
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    for part in (*schema.get("anyOf", ()), *schema.get("prefixItems", ())):
        yield from strings(part, name, known)
    for field, inner in schema.get("properties", {}).items():
        yield from strings(inner, f"{name}.{field}", known)
    for below in ("items", "additionalProperties"):
        if isinstance(schema.get(below), dict):
            yield from strings(schema[below], name, known)
    if schema.get("type") == "string":
        limits = ("maxLength", "enum", "const", "pattern", "format")
        yield name, any(limit in schema for limit in limits)


def test_every_text_that_is_sent_has_a_limit(app: FastAPI) -> None:
    described = get_openapi(title="all", version="1", routes=app.routes)
    known = described["components"]["schemas"]
    found = {
        field: limited
        for path, ways in described["paths"].items()
        for body in ways.get("post", {}).get("requestBody", {}).get("content", {}).values()
        for field, limited in strings(body["schema"], path, known)
    }
    assert len(found) > 20
    assert [field for field, limited in found.items() if not limited] == []


def test_an_address_to_go_on_to_has_a_limit(client: Browser) -> None:
    form = {"name": "ann", "password": "wrong", "next": "/" * 5000}
    assert client.post("/sign-in", data=form).status_code == 422
    assert client.get("/sign-in", params={"next": "/" * 5000}).status_code == 422
