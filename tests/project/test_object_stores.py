"""Places by URL: told from folders, and shown without what is secret."""

from pathlib import Path

import pytest

from project.object_stores import local_path, open_store, without_secrets


@pytest.mark.parametrize(
    ("place", "path"),
    (
        ("rows", Path("rows")),
        ("file:///rows", Path("/rows")),
        ("local:///rows", Path("/rows")),
        ("s3://bucket/rows", None),
    ),
)
def test_a_local_path_is_told_from_other_urls(place: str, path: Path | None) -> None:
    assert local_path(place) == path


@pytest.mark.parametrize(
    ("place", "shown"),
    (
        ("s3://ann:hunter2@host/bucket", "s3://host/bucket"),
        ("https://host/rows?token=hunter2#here", "https://host/rows"),
        ("git@host:rows.git", "host:rows.git"),
        ("/rows/a@b", "/rows/a@b"),
        ("rows", "rows"),
    ),
)
def test_what_is_shown_holds_no_secret(place: str, shown: str) -> None:
    assert without_secrets(place) == shown


def test_a_url_that_nothing_opens_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="pigeon"):
        open_store("pigeon://bucket")
