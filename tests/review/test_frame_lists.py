"""Long lists, what people type, and what an address may ask for."""

from pathlib import Path

import pytest
from fastapi import HTTPException

from project.errors import InputError
from project.files import state_of
from registry.store import Registry
from review.frame.form_fields import (
    AddressQuery,
    given_reason,
    known_version,
    nth_page,
    page_numbers,
    written,
)


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


def test_a_field_that_was_left_empty_asks_for_nothing() -> None:
    blank = Asked.model_validate({"text": " "})
    assert not blank.narrows
    assert blank.address("/items") == "/items"


def test_another_page_keeps_what_was_asked_for() -> None:
    asked = Asked(text="a&b", page=3)
    assert asked.address("/items", page=4) == "/items?text=a%26b&page=4"
    assert asked.address("/items", page=None) == "/items?text=a%26b"


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
