"""How-tos that load no model, or start servers: each works as it stands."""

import os
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documentation.walk import walk

pytest_plugins = ["tests.servers"]

HOW_TO = ROOT / "docs/how-to"


def test_every_how_to_is_run_by_a_test() -> None:
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_how_to*.py"))
    run = set(re.findall(r'"([a-z0-9-]+)(?:\.md)?"', tests))
    assert {page.stem for page in HOW_TO.glob("*.md")} <= run


@pytest.mark.slow
@pytest.mark.parametrize("page", ["ballots", "hardware", "label-studio"])
def test_it_works_as_it_stands(page: str, warm_bin: Path, tmp_path: Path) -> None:
    walk(HOW_TO / f"{page}.md", tmp_path / "reader", warm_bin)


@pytest.mark.slow
def test_registry_and_artifacts_go_to_servers(
    postgresql: str, object_store: str, warm_bin: Path, tmp_path: Path
) -> None:
    keys = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    variables = {key: os.environ[key] for key in keys} | {
        "DATABASE": postgresql,
        "ARTIFACTS": object_store,
        "ROWS": str(tmp_path / "rows"),
    }
    walk(HOW_TO / "postgresql-s3.md", tmp_path / "reader", warm_bin, variables)
