"""The reference is whole when its pages are read as files, and as new as the code."""

import pytest

from docs.write_reference import GENERATED, REFERENCE, as_of_now


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_generated_is_as_the_code_has_it(name: str) -> None:
    new = (REFERENCE / name).read_text() == as_of_now(name)
    assert new, f"docs/reference/{name} is older than the code: run python -m docs.write_reference"
