"""`incumbent project settings` shows every key that params.yaml may have."""

import pytest

from incumbent.verbs.upgrade import model_of, with_parts
from project.errors import InputError
from project.settings import SECTIONS
from tests.incumbent.tiny_project import printed_by


def printed(*arguments: str) -> str:
    return printed_by("project", "settings", *arguments)


def test_all_sections_are_listed_with_what_they_set() -> None:
    lines = printed().splitlines()
    for section in SECTIONS:
        assert any(line.startswith(section) and len(line.split()) > 2 for line in lines), section


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_section_is_shown(section: str) -> None:
    said = printed(section)
    for model in with_parts(model_of(section)):
        for key in model.model_fields:
            assert f"{key}: " in said


def test_a_whole_package_is_shown_too() -> None:
    assert "max_new_tokens" in printed("evaluation") and "gating" in printed("evaluation")


def test_an_unknown_section_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"no section 'trainig'; it has base, "):
        printed("trainig")
