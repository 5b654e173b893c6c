"""What anybody may send, drawn from the server's own description: nothing of it breaks the server.

The description is that of all routes: of /api, and of the pages and their forms too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.openapi.utils import get_openapi
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site
from tests.browser.made_project import (
    CHAMPION,
    LAST_NIGHT,
    MARKED_UP,
    WINNER,
    inside,
    make_project,
    opened,
)
from tests.review.conftest import ADDRESS, Browser

pytestmark = pytest.mark.slow
EXAMPLES = 12  # of each route, half of them against its description
# What is there, for the rest of a route to be reached; the others are drawn.
THERE: dict[str, Any] = {
    "number": WINNER,
    "a": CHAMPION,
    "b": WINNER,
    "champion": CHAMPION,
    "item": MARKED_UP,
    "kind": "label",
    "check": "no contacts",
    "day": str(LAST_NIGHT),
    "reason": "why not",
}
ABOUT_API = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def ann(tmp_path: Path) -> Iterator[Browser]:
    """Her browser, in a project where she may do everything."""
    folder = make_project(tmp_path / "project")
    with inside(folder), opened(folder) as registry:
        yield Browser(create_app(Site(registry, ReviewParams(), b"s" * 32)), "ann")


@pytest.fixture
def operations(ann: Browser) -> list[APIOperation[Any, Any, Any, Any]]:
    """Of all routes: what reads first, and what ends a review last."""
    described = get_openapi(title="all", version="1", routes=ann.app.routes)  # type: ignore[attr-defined]
    schema = schemathesis.openapi.from_dict(described)
    every = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    return sorted(every, key=lambda one: (one.method != "get", "review" in one.path))


def test_nothing_that_can_be_sent_breaks_the_server(
    ann: Browser, operations: list[APIOperation[Any, Any, Any, Any]]
) -> None:
    assert len(operations) > 50
    broken = [
        f"{operation.label}: {fault}"
        for operation in operations
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for fault in attack(ann, operation, mode)
    ]
    assert broken == []


def attack(
    ann: Browser, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode
) -> list[str]:
    """Send what the description allows, or what it does not allow; returns what went wrong."""

    @seed(18)
    @settings(
        max_examples=EXAMPLES // 2,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_there=st.booleans())
    def send(case: Case[Any], is_there: bool) -> None:
        if is_there:
            put_there(case)
        answer = ann.request(**sent(ann, case))
        checks = ABOUT_API if case.path.startswith("/api/") else []
        case.validate_response(answer, checks=[not_a_server_error, *checks])

    try:
        send()
    except Unsatisfiable:  # nothing is wrong for a route that takes nothing
        return []
    except FailureGroup as found:
        return [f"{one.title}: {one.message}" for one in found.exceptions]
    return []


def put_there(case: Case[Any]) -> None:
    form = case.body if isinstance(case.body, dict) else {}
    for place in (case.path_parameters, case.query, form):
        place.update({name: THERE[name] for name in THERE if name in place})


def sent(ann: Browser, case: Case[Any]) -> dict[str, Any]:
    """As her browser sends it: with the token of her session, in a form or in a header."""
    made = case.as_transport_kwargs(base_url=ADDRESS)
    made.pop("cookies")  # hers are those of her browser
    made["headers"] = {**made.get("headers", {}), "X-CSRF-Token": ann.csrf, "Origin": ADDRESS}
    return made
