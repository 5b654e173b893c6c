"""No test, and no fixture that tests share, runs in the repository's own folder."""

from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="session")
def of_session() -> Path:
    return Path.cwd()


@pytest.fixture(scope="module")
def of_module() -> Path:
    return Path.cwd()


@pytest.fixture(autouse=True)
def of_every_test() -> Path:
    return Path.cwd()


def test_no_fixture_runs_in_the_repository(
    of_session: Path, of_module: Path, of_every_test: Path
) -> None:
    for folder in (of_session, of_module, of_every_test, Path.cwd()):
        assert ROOT not in (folder, *folder.parents)
