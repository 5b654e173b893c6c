"""The secret that a project signs with: made once, whole, and its owner's alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.errors import InputError
from project.files import LENGTH, secret_of

FILE = Path("state/secret")


def test_the_secret_is_made_once_and_is_its_owners_alone() -> None:
    assert secret_of(FILE) == secret_of(FILE)
    assert FILE.stat().st_mode & 0o777 == 0o600
    FILE.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        secret_of(FILE)


def test_all_who_start_at_once_have_the_same_secret() -> None:
    with ThreadPoolExecutor(16) as starts:
        found = set(starts.map(lambda _: secret_of(FILE), range(64)))
    assert [len(secret) for secret in found] == [LENGTH]
    assert list(FILE.parent.iterdir()) == [FILE]


def test_a_disk_without_links_has_a_secret_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", link)
    assert secret_of(FILE) == secret_of(FILE)
    assert list(FILE.parent.iterdir()) == [FILE]


def test_a_secret_that_is_cut_short_is_refused() -> None:
    secret_of(FILE)
    FILE.write_bytes(b"short")
    with pytest.raises(InputError, match="cut short"):
        secret_of(FILE)
