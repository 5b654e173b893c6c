"""Any two versions side by side on the dev items that both answered."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from evaluation.report.dev_items import DevItem
from registry.store import Registry
from tests.places import submit
from tests.review.conftest import Browser
from tests.review.test_items import item, keep

JUDGED = 0.8


def judged(one: DevItem) -> DevItem:
    return one.model_copy(update={"scores": one.scores.model_copy(update={"preference": JUDGED})})


@pytest.fixture
def kept(registry: Registry, tmp_path: Path) -> None:
    """v3 and v2 were each compared with v1; "d" is new at v3, and "b" was asked otherwise."""
    for name in ("one", "two", "three"):
        submit(registry, name, tmp_path)
    keep(2, [item("a", 0.5, 0.9), item("b", 0.5, 0.9), item("c", 0.5, 0.2, words=1.0)])
    other = item("b", 0.5, 0.1)
    reworded = other.model_copy(update={"row": other.row.of("else?", "x", group="b", source="t")})
    renamed = reworded.model_copy(update={"row": reworded.row.model_copy(update={"id": "b"})})
    keep(3, [judged(item("a", 0.5, 0.1)), renamed, item("c", 0.5, 0.6), item("d", 0.5, 0.7)])


def lines(client: Browser, query: str) -> Sequence[tuple[str, float, float]]:
    found = client.get(f"/api/items?{query}").json()
    return [(one["item"], one["champion"], one["challenger"]) for one in found["items"]]


@pytest.mark.usefixtures("kept")
def test_two_versions_are_compared_on_the_items_that_both_answered(client: Browser) -> None:
    assert lines(client, "version=3&against=2") == [("a", 0.9, 0.1), ("c", 0.2, 0.6)]


@pytest.mark.usefixtures("kept")
def test_an_older_version_may_stand_on_the_right(client: Browser) -> None:
    assert lines(client, "version=2&against=3") == [("c", 0.6, 0.2), ("a", 0.1, 0.9)]


@pytest.mark.usefixtures("kept")
def test_the_filters_hold_for_two_versions_too(client: Browser) -> None:
    assert lines(client, "version=3&against=2&flips=gained") == [("c", 0.2, 0.6)]
    assert lines(client, "version=3&against=2&flips=broke") == [("a", 0.9, 0.1)]


@pytest.mark.usefixtures("kept")
def test_its_own_opponent_is_compared_as_it_was_then(client: Browser) -> None:
    found = client.get("/api/items?version=3&against=1").json()
    assert "preference" in found["metrics"]
    assert found["all_items"] == 4


@pytest.mark.usefixtures("kept")
def test_there_is_no_preference_between_two_that_nobody_judged(client: Browser) -> None:
    found = client.get("/api/items?version=3&against=2&score=preference").json()
    assert (found["metrics"], found["metric"]) == (["f1"], "f1")


@pytest.mark.usefixtures("kept")
def test_the_page_names_both_and_marks_one_against_the_other(client: Browser) -> None:
    page = client.get("/items?version=3&against=2").text
    assert '<th scope="col" class="number">v2</th><th scope="col" class="number">v3</th>' in page
    assert "worse than v2" in page
    assert 'href="/items/a?against=v2"' in page
    assert 'href="/versions/compare?a=2&amp;b=3"' in page
    assert client.get("/items/a?against=v2").status_code == 200


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("version=3&against=3", "not the same"),
        ("version=3&against=99", "no dev items are kept of version 99"),
        ("version=3&against=0", "against"),
    ],
)
def test_what_cannot_be_compared_is_said(client: Browser, query: str, why: str) -> None:
    answer = client.get(f"/api/items?{query}")
    assert answer.status_code in (400, 422)
    assert why in answer.text
